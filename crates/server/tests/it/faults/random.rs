//! Chance that can be repeated: each test prints its seed, and takes one from the environment.

use std::hash::{BuildHasher, Hasher, RandomState};

use rand::SeedableRng;
use rand::rngs::StdRng;

/// Runs a test again as it ran before.
const SEED_VARIABLE: &str = "FLEXPRICE_TEST_SEED";

/// Chance from the seed that is given, or from a new one; a failing test shows it.
pub(crate) fn seeded(test: &str) -> StdRng {
    let given = std::env::var(SEED_VARIABLE).ok();
    let seed = match &given {
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE} must be a whole number")),
        None => RandomState::new().build_hasher().finish(),
    };
    eprintln!("{test}: {SEED_VARIABLE}={seed}");
    StdRng::seed_from_u64(seed)
}
