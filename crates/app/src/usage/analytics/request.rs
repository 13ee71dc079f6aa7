//! What is asked for, and how it is checked (spec 10 §11.1).

use std::collections::BTreeMap;

use domain::meter::WindowSize;
use domain::time::{Period, Timestamp};
use streams::{GroupKey, RowFilter};

use crate::usage::buckets::Cut;
use crate::{Error, Result};

/// Most groupings of a request.
const GROUPINGS_MAX: usize = 20;
/// What a grouping by a property begins with.
const PROPERTY: &str = "properties.";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct AnalyticsRequest {
    /// Whose usage; the whole tenant's without.
    pub external_customer_id: Option<String>,
    /// Only of these features; unknown ones find nothing.
    pub feature_ids: Vec<String>,
    /// Only of these meters; unknown ones find nothing.
    pub meter_ids: Vec<String>,
    /// When, by event time.
    pub period: Period,
    /// Points besides the total.
    pub window_size: Option<WindowSize>,
    /// The day on which MONTH windows begin, and MONTH buckets that no subscription bills; the 1st without.
    pub billing_anchor: Option<Timestamp>,
    /// `feature_id` and `meter_id`, which each row is anyway, `source`, `properties.NAME`.
    pub group_by: Vec<String>,
    /// Only of events from these sources.
    pub sources: Vec<String>,
    /// Only of events with these properties: each of the keys with any of its values, by the rule of meter filters.
    pub property_filters: BTreeMap<String, Vec<String>>,
    /// Lists the sources of each item.
    pub wants_sources: bool,
}

impl AnalyticsRequest {
    /// Which rows of the ledger are read, and by what they are told apart.
    pub(super) fn cut(&self) -> Result<Cut> {
        let mut by: Vec<GroupKey> = Vec::new();
        for text in &self.group_by {
            let key = match text.as_str() {
                "feature_id" | "meter_id" => continue,
                "source" => GroupKey::Source,
                other => match other.strip_prefix(PROPERTY) {
                    Some(name) if is_property_name(name) => GroupKey::Property(name.to_owned()),
                    _ => {
                        return Err(Error::field(
                            "group_by",
                            format!("group_by `{other}` is unknown: use feature_id, source or properties.NAME"),
                        ));
                    }
                },
            };
            if !by.contains(&key) {
                by.push(key);
            }
        }
        if by.len() > GROUPINGS_MAX {
            return Err(Error::field("group_by", format!("group_by names at most {GROUPINGS_MAX} things")));
        }
        let properties = self.property_filters.iter().filter(|(_, values)| !values.is_empty());
        let properties = properties.map(|(key, values)| (key.clone(), values.clone())).collect();
        Ok(Cut { filter: RowFilter { sources: self.sources.clone(), properties }, by })
    }
}

fn is_property_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(group_by: &[&str]) -> AnalyticsRequest {
        AnalyticsRequest {
            external_customer_id: None,
            feature_ids: Vec::new(),
            meter_ids: Vec::new(),
            period: Period::new(Timestamp::MIN, Timestamp::MAX),
            window_size: None,
            billing_anchor: None,
            group_by: group_by.iter().map(|text| (*text).to_owned()).collect(),
            sources: Vec::new(),
            property_filters: BTreeMap::from([("empty".to_owned(), Vec::new())]),
            wants_sources: false,
        }
    }

    #[test]
    fn groupings_are_checked_and_named_once() {
        let cut = request(&["feature_id", "properties.a.b_1", "source", "meter_id", "properties.a.b_1"]).cut().unwrap();
        assert_eq!(cut.by, [GroupKey::Property("a.b_1".into()), GroupKey::Source]);
        let whole = request(&["feature_id"]).cut().unwrap();
        assert!(whole.by.is_empty() && whole.filter == RowFilter::default(), "a filter without values filters nothing");
        for wrong in ["", "price_id", "properties.", "properties.a-b", "properties.a b", "property.a", "Source"] {
            assert!(request(&[wrong]).cut().is_err(), "{wrong}");
        }
    }
}
