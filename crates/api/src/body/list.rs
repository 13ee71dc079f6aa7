//! Lists of requests. A request type has no other: what has no bound of its own is bounded by the length of a body alone, and of a body
//! of `{},{},…` comes memory a hundred times its length.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};

/// At most `MAX` items. Reading stops at the one beyond. A field of this type says the bound to the
/// document as well: `#[schema(value_type = Vec<T>, max_items = MAX)]`, and with it to whatever looks at requests by their schemas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct List<T, const MAX: usize>(Vec<T>);

/// Ids, names and the like.
pub(crate) type Texts = List<String, 10000>;

impl<T, const MAX: usize> List<T, MAX> {
    /// The items.
    pub(crate) fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> From<Vec<T>> for List<T, MAX> {
    /// For types that are answered as well: what is known is not bounded again.
    fn from(items: Vec<T>) -> Self {
        Self(items)
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T, const MAX: usize> DerefMut for List<T, MAX> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T, const MAX: usize> IntoIterator for List<T, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
            type Value = List<T, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX}")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while list.len() < MAX {
                    match items.next_element()? {
                        Some(item) => list.push(item),
                        None => return Ok(List(list)),
                    }
                }
                match items.next_element::<IgnoredAny>()? {
                    Some(_) => Err(A::Error::custom(format!("a list holds more than the {MAX} items that it may: split the request"))),
                    None => Ok(List(list)),
                }
            }
        }
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const MAX: usize>(json: &str) -> Result<Vec<u8>, String> {
        serde_json::from_str::<List<u8, MAX>>(json).map(|list| list.into_iter().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn reading_stops_at_the_item_beyond() {
        assert_eq!(read::<3>("[]").unwrap(), [0; 0]);
        assert_eq!(read::<3>("[1,2,3]").unwrap(), [1, 2, 3]);
        assert!(read::<3>("[1,2,3,4]").unwrap_err().contains("more than the 3 items"));
        // What follows is not even JSON.
        assert!(read::<3>("[1,2,3,4,").unwrap_err().contains("more than the 3 items"));
        assert!(read::<3>("{}").unwrap_err().contains("a list of at most 3"));
    }
}
