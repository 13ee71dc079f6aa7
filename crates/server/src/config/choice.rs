//! Words of which one is chosen.

use std::fmt;

use super::kind::Kind;
use super::setting::Setting;
use super::value::Value;

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $text:literal ),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[$vmeta])* $variant ),+ }

        /// The word in the configuration.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $( Self::$variant => $text ),+ })
            }
        }

        impl Setting for $name {
            const KIND: Kind = Kind::OneOf(&[$($text),+]);
            fn read(value: &Value) -> Result<Self, String> {
                match value.0.as_str() {
                    $( Some($text) => Ok(Self::$variant), )+
                    _ => Err(Self::KIND.allowed()),
                }
            }
        }
    };
}

choice! {
    /// Which role this process plays.
    Mode {
        /// Everything in one process.
        Local = "local",
        /// HTTP API only.
        Api = "api",
        /// Message consumers only.
        Consumer = "consumer",
        /// Workflows only.
        TemporalWorker = "temporal_worker",
    }
}

choice! {
    /// What becomes of fields that a request should not have.
    UnknownFields {
        /// The request is refused.
        Refuse = "refuse",
        /// They are ignored, and the answer names them.
        Ignore = "ignore",
    }
}

choice! {
    /// How much is logged.
    LogLevel {
        /// Everything.
        Trace = "trace",
        /// For debugging.
        Debug = "debug",
        /// Normal running.
        Info = "info",
        /// Only what may need attention.
        Warn = "warn",
        /// Only failures.
        Error = "error",
    }
}

choice! {
    /// How log lines look.
    LogFormat {
        /// Compact on a terminal, JSON otherwise.
        Auto = "auto",
        /// One JSON object per line.
        Json = "json",
        /// One line of text for people.
        Compact = "compact",
    }
}
