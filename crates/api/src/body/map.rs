//! Maps of requests: names of the client's choice, as many as are allowed.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// At most `MAX` members. Reading stops at the one beyond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map<V, const MAX: usize>(BTreeMap<String, V>);

impl<V, const MAX: usize> Map<V, MAX> {
    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members.
    pub(crate) fn into_inner(self) -> BTreeMap<String, V> {
        self.0
    }
}

impl<V, const MAX: usize> From<BTreeMap<String, V>> for Map<V, MAX> {
    /// For what a query string spells in its own way, whose length bounds it.
    fn from(members: BTreeMap<String, V>) -> Self {
        Self(members)
    }
}

impl<V, const MAX: usize> Default for Map<V, MAX> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Map<V, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor<V, const MAX: usize>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>, const MAX: usize> Visitor<'de> for MapVisitor<V, MAX> {
            type Value = Map<V, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object of at most {MAX} members")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                for _ in 0..MAX {
                    match members.next_entry()? {
                        Some((name, value)) => map.insert(name, value),
                        None => return Ok(Map(map)),
                    };
                }
                match members.next_entry::<IgnoredAny, IgnoredAny>()? {
                    Some(_) => Err(A::Error::custom(format!("an object holds more than the {MAX} members that it may"))),
                    None => Ok(Map(map)),
                }
            }
        }
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

/// Most pairs of metadata.
const PAIRS_MAX: usize = 100;
/// Longest metadata, names and values together, in bytes.
const METADATA_BYTES_MAX: usize = 64 * 1024;

/// Pairs of texts that a thing carries for its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The pairs.
    pub(crate) fn into_inner(self) -> BTreeMap<String, String> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Map::<String, PAIRS_MAX>::deserialize(deserializer)?.into_inner();
        let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > METADATA_BYTES_MAX {
            return Err(D::Error::custom(format!("metadata takes {bytes} bytes: at most {METADATA_BYTES_MAX} are kept")));
        }
        Ok(Self(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(members: usize, value_bytes: usize) -> String {
        let members: Vec<_> = (0..members).map(|number| format!(r#""n{number:04}":"{}""#, "x".repeat(value_bytes))).collect();
        format!("{{{}}}", members.join(","))
    }

    #[test]
    fn reading_stops_at_the_member_beyond() {
        let read = |json: &str| serde_json::from_str::<Map<String, 3>>(json).map(|map| map.into_inner().len()).map_err(|it| it.to_string());
        assert_eq!(read("{}"), Ok(0));
        assert_eq!(read(&object(3, 1)), Ok(3));
        assert!(read(&object(4, 1)).unwrap_err().contains("more than the 3 members"));
    }

    #[test]
    fn metadata_is_bounded_in_pairs_and_in_bytes() {
        let read = |json: &str| serde_json::from_str::<Metadata>(json).map(|it| it.into_inner().len()).map_err(|it| it.to_string());
        assert_eq!(read(&object(100, 600)), Ok(100));
        assert!(read(&object(101, 1)).unwrap_err().contains("more than the 100 members"));
        assert!(read(&object(2, METADATA_BYTES_MAX / 2)).unwrap_err().contains("at most 65536"));
    }
}
