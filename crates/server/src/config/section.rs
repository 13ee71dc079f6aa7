//! The one definition of a section: its struct, its rows of the key table and how it is read.

/// Defines a section.
///
/// ```text
/// section! {
///     /// Doc comment of the struct.
///     Name at "path" used {
///         field: Type = "default", "meaning";
///         field: Type = "default", "meaning" [at_least(1), planned()];
///     }
///     with { nested: NestedSection }
/// }
/// ```
/// `used` or `planned` says whether a component of this build reads it; a key may differ from its section.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $name:ident at $path:literal $status:ident {
            $( $field:ident : $ty:ty = $default:expr, $about:literal $([ $( $flag:ident ( $($arg:expr),* ) ),* ])? ; )*
        }
        $( with { $( $group:ident : $group_ty:ty ),* $(,)? } )?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $( #[doc = $about] pub $field: $ty, )*
            $($( #[doc = concat!("Keys under `", $path, ".", stringify!($group), "`.")] pub $group: $group_ty, )*)?
        }

        impl $name {
            /// Its rows of the table, nested sections last.
            pub(super) fn keys() -> Vec<&'static $crate::config::key::Key> {
                use $crate::config::key::Key;
                static KEYS: &[Key] = &[ $(
                    Key::new::<$ty>(concat!($path, ".", stringify!($field)), $default, $about).$status() $($( .$flag($($arg),*) )*)?
                ),* ];
                KEYS.iter()$($( .chain(<$group_ty>::keys()) )*)?.collect()
            }

            /// Reads it from checked settings.
            pub(super) fn read(settings: &$crate::config::settings::Settings) -> Self {
                Self {
                    $( $field: settings.read(concat!($path, ".", stringify!($field))), )*
                    $($( $group: <$group_ty>::read(settings), )*)?
                }
            }
        }
    };
}
pub(crate) use section;
