//! File descriptors: each connection takes one, each open table of the stores another, and a process that has none left can neither
//! accept nor write.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process may have open where the system sets no limit.
const UNLIMITED: u64 = 1 << 20;

/// Raises the limit of this process to what the system allows it, and returns what was got.
pub fn raise() -> u64 {
    let found = getrlimit(Resource::Nofile);
    let most = found.maximum.unwrap_or(UNLIMITED);
    if found.current.is_some_and(|current| current < most)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: found.maximum })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED)
}

/// How many connections may be open: as many as are asked for, and at most half of the descriptors. The other half is for the stores, and
/// for connections that are being closed.
#[must_use]
pub fn connections_max(asked: usize, descriptors: u64) -> usize {
    let half = usize::try_from(descriptors / 2).unwrap_or(usize::MAX);
    asked.min(half).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_the_descriptors_to_others() {
        for (asked, descriptors, most) in [(4_096, 1_048_576, 4_096), (4_096, 1_024, 512), (100, 1_024, 100), (4_096, 1, 1)] {
            assert_eq!(connections_max(asked, descriptors), most, "{asked} of {descriptors}");
        }
    }

    #[test]
    fn the_limit_is_as_high_as_the_system_lets_it_be() {
        let got = raise();
        assert_eq!(Some(got), getrlimit(Resource::Nofile).maximum.or(Some(UNLIMITED)));
    }
}
