//! Configuration: defaults in code, then a YAML file, then the environment, then the command line.
//!
//! Every key is defined once, in [`sections`]: from there come the struct a component reads, the check of its values,
//! the reference `docs/configuration.md` and `config.example.yaml`. The environment is read by walking the known keys and
//! looking each name up, never by splitting names, since underscores are part of keys.
//!
//! [`load()`] reads, [`check()`] then says whether this build may start with what was read.

mod access;
mod choice;
mod dotenv;
mod duration;
mod effective;
mod environment;
mod file;
mod key;
mod kind;
mod listen_address;
mod load;
mod names;
mod problem;
mod reference;
mod secret;
mod section;
pub mod sections;
mod setting;
mod settings;
mod source;
mod validate;
mod value;

pub use access::{ApiKey, ApiKeys, EnvironmentAccess};
pub use choice::{LogFormat, LogLevel, Mode, UnknownFields};
pub use effective::{Show, show_json, show_text};
pub use key::{Key, MASK, Status};
pub use kind::Kind;
pub use listen_address::ListenAddress;
pub use load::{Inputs, Loaded, Override, load};
pub use problem::{Problem, Problems};
pub use reference::{example_yaml, reference_markdown};
pub use secret::{Secret, SecretObject};
pub use sections::Config;
pub use setting::Setting;
pub use settings::{Entry, Settings};
pub use source::Source;
pub use validate::check;
pub use value::Value;
