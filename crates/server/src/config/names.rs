//! Names of earlier releases, and the closest known name for one that is unknown.

use strsim::levenshtein;

/// Sections that were renamed: older path, present path. The older name works, the present one wins.
const RENAMED: [(&str, &str); 2] =
    [("feature_usage_tracking", "meter_usage_tracking"), ("feature_usage_tracking_lazy", "meter_usage_tracking_lazy")];

/// Parts of the tree that once meant something. They are accepted and noted, so that older manifests start unchanged.
pub(super) const RETIRED: [&str; 6] = [
    "event_post_processing",
    "event_post_processing_backfill",
    "feature_usage_tracking",
    "temporal.client_name",
    "temporal.retry",
    "temporal.connection",
];

/// The older path of a key, if its section was renamed.
pub(super) fn older_path(path: &str) -> Option<String> {
    let (section, field) = path.split_once('.')?;
    let (older, _) = RENAMED.iter().find(|(_, present)| *present == section)?;
    Some(format!("{older}.{field}"))
}

/// The present path of a key that may be given by its older one.
pub(super) fn present_path(path: &str) -> Option<String> {
    let (section, field) = path.split_once('.')?;
    let (_, present) = RENAMED.iter().find(|(older, _)| *older == section)?;
    Some(format!("{present}.{field}"))
}

/// Whether a path of the file lies in a retired part.
pub(super) fn is_retired_path(path: &str) -> bool {
    RETIRED.iter().any(|part| path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Whether an environment name belongs to a retired part.
pub(super) fn is_retired_env(name: &str) -> bool {
    RETIRED
        .iter()
        .any(|part| name.strip_prefix(&super::key::env_name_of(part)).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
}

/// The known name with the fewest changes from `name`, when it is close enough to be what was meant.
pub(super) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.len() / 5).clamp(2, 8);
    known
        .map(|candidate| (levenshtein(name, candidate), candidate))
        .filter(|(count, _)| *count <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_offered() {
        let known = ["FLEXPRICE_SERVER_ADDRESS", "FLEXPRICE_KAFKA_BROKERS"];
        assert_eq!(closest("FLEXPRICE_SERVER_ADRESS", known.into_iter()), Some("FLEXPRICE_SERVER_ADDRESS"));
        assert_eq!(closest("FLEXPRICE_KAFKA_BROKER", known.into_iter()), Some("FLEXPRICE_KAFKA_BROKERS"));
        assert_eq!(closest("FLEXPRICE_SOMETHING_ELSE_ENTIRELY", known.into_iter()), None);
    }

    #[test]
    fn older_and_present_names_map_both_ways() {
        assert_eq!(older_path("meter_usage_tracking.rate_limit").as_deref(), Some("feature_usage_tracking.rate_limit"));
        assert_eq!(present_path("feature_usage_tracking.rate_limit").as_deref(), Some("meter_usage_tracking.rate_limit"));
        assert_eq!(older_path("server.address"), None);
    }

    #[test]
    fn retired_parts_are_whole_words() {
        assert!(is_retired_path("temporal.retry.initial_interval") && is_retired_path("temporal.client_name"));
        assert!(!is_retired_path("temporal.retry_more") && !is_retired_path("temporal.address"));
        assert!(is_retired_env("FLEXPRICE_EVENT_POST_PROCESSING_TOPIC"));
        assert!(!is_retired_env("FLEXPRICE_EVENT_PROCESSING_TOPIC"));
    }
}
