//! `expand=a,b.c`: what a client wants embedded (spec 60 §4.5).

use std::collections::BTreeMap;

use app::Error;
use domain::invalid::Invalid;

use crate::error::{ApiError, ApiResult};

/// What is embedded, by name, with what is embedded in that.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Expand(BTreeMap<String, Vec<String>>);

/// What may be embedded: a name with the names below it.
pub(crate) type Allowed = &'static [(&'static str, &'static [&'static str])];

impl Expand {
    /// Reads a comma-separated list and refuses what the entity does not allow. Two quirks are kept: `x.y.z` embeds y and z in x, and
    /// a second entry with the same first name replaces the former.
    pub(crate) fn parse(text: Option<&str>, allowed: Allowed) -> ApiResult<Self> {
        let mut expand = BTreeMap::new();
        for entry in text.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let mut names = entry.split('.').map(str::to_owned);
            let Some(root) = names.next() else { continue };
            let nested: Vec<String> = names.collect();
            let refuse = |name: &str| {
                let roots: Vec<_> = allowed.iter().map(|(name, _)| *name).collect();
                let message = format!("`{name}` cannot be expanded here: use {}", roots.join(", "));
                ApiError(Error::Invalid(Invalid::input(message).with("field", name)))
            };
            let Some((_, below)) = allowed.iter().find(|(name, _)| *name == root) else { return Err(refuse(&root)) };
            if let Some(wrong) = nested.iter().find(|name| !below.contains(&name.as_str())) {
                return Err(refuse(wrong));
            }
            expand.insert(root, nested);
        }
        Ok(Self(expand))
    }

    /// Whether a name is embedded.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a name is embedded in another.
    pub(crate) fn has_in(&self, root: &str, name: &str) -> bool {
        self.0.get(root).is_some_and(|nested| nested.iter().any(|known| known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Allowed = &[("prices", &["meters", "priceunit"]), ("meters", &[])];

    /// Spec 60 §21 no. 6.
    #[test]
    fn the_quirks_of_the_published_parser_are_kept() {
        let last_wins = Expand::parse(Some("prices.meters, prices.priceunit"), PLAN).unwrap();
        assert!(last_wins.has_in("prices", "priceunit") && !last_wins.has_in("prices", "meters"));
        let both = Expand::parse(Some("prices.meters.priceunit"), PLAN).unwrap();
        assert!(both.has_in("prices", "priceunit") && both.has_in("prices", "meters"));
        assert!(Expand::parse(Some("customer"), PLAN).is_err());
    }
}
