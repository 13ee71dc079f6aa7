//! The contract of `Coordination`, the same for every kind.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streams::{Coordination, LocalCoordination, RateLimit};

type Any = Arc<dyn Coordination>;

const LONG: Duration = Duration::from_secs(60);

fn keys<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(String::from).to_vec()
}

fn limit(per_second: u32, burst: u32) -> RateLimit {
    RateLimit { per_second: NonZeroU32::new(per_second).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
}

/// Tries until it holds, at most ten seconds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

async fn generations_move_alone_and_never_come_back(it: Any) {
    let both = keys(["one", "two"]);
    let first = it.generations(&both).await.unwrap();
    assert_eq!(first, it.generations(&both).await.unwrap(), "nothing moved");
    let mut had = vec![first[0]];
    for _ in 0..20 {
        it.advance(&both[..1]).await.unwrap();
        let now = it.generations(&both).await.unwrap();
        assert!(!had.contains(&now[0]), "{} came back", now[0]);
        assert_eq!(now[1], first[1], "another key moved");
        had.push(now[0]);
    }
    it.advance(&both).await.unwrap();
    let last = it.generations(&keys(["two", "one", "two"])).await.unwrap();
    assert_ne!(last[0], first[1]);
    assert_eq!(last[0], last[2], "answers stand in the order of the keys");
    assert!(!had.contains(&last[1]));
    assert!(it.generations(&[]).await.unwrap().is_empty());
    it.advance(&[]).await.unwrap();
}

async fn a_bucket_gives_its_burst_and_then_its_rate(it: Any) {
    let slow = limit(1, 3);
    for _ in 0..3 {
        assert_eq!(it.take("slow", slow, 1).await.unwrap(), None);
    }
    let wait = it.take("slow", slow, 1).await.unwrap().expect("the bucket is empty");
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    let longer = it.take("slow", slow, 3).await.unwrap().unwrap();
    assert!(longer > Duration::from_secs(1) && longer <= Duration::from_secs(3), "{longer:?}");
    assert_eq!(it.take("other", slow, 3).await.unwrap(), None, "each key has its own bucket");
    // Tokens come back with time.
    let quick = limit(1_000, 1);
    assert_eq!(it.take("quick", quick, 1).await.unwrap(), None);
    until("a token comes back", async || it.take("quick", quick, 1).await.unwrap().is_none()).await;
}

async fn a_cost_above_the_burst_leaves_a_debt(it: Any) {
    let limit = limit(10, 5);
    assert_eq!(it.take("bulk", limit, 100).await.unwrap(), None, "a full bucket lets it pass");
    let wait = it.take("bulk", limit, 1).await.unwrap().expect("it is in debt");
    // (100 - 5 + 1) tokens at 10 per second.
    assert!(wait > Duration::from_secs(9) && wait <= Duration::from_millis(9_600), "{wait:?}");
    assert_eq!(it.take("untouched", limit, 5).await.unwrap(), None);
    assert!(it.take("untouched", limit, 100).await.unwrap().is_some(), "only a full bucket does");
}

async fn concurrent_takes_never_exceed_the_burst(it: Any) {
    let limit = limit(1, 10);
    let takes = (0..50).map(|_| {
        let it = it.clone();
        tokio::spawn(async move { it.take("crowd", limit, 1).await.unwrap().is_none() })
    });
    let began = Instant::now();
    let mut taken = 0;
    for take in takes.collect::<Vec<_>>() {
        taken += u64::from(take.await.unwrap());
    }
    assert!(taken >= 10 && taken <= 10 + began.elapsed().as_secs() + 1, "{taken} of 10 passed");
}

async fn a_lock_has_one_holder(it: Any) {
    let first = it.lock("job", LONG).await.unwrap().expect("nobody holds it");
    assert_eq!(first.key(), "job");
    assert!(it.lock("job", LONG).await.unwrap().is_none(), "two hold it");
    let other = it.lock("another job", LONG).await.unwrap().expect("locks are apart");
    assert!(it.extend(&first, LONG).await.unwrap());
    assert!(it.release(&first).await.unwrap());
    assert!(!it.release(&first).await.unwrap(), "released twice");
    assert!(!it.extend(&first, LONG).await.unwrap(), "extended after release");
    let second = it.lock("job", LONG).await.unwrap().expect("it was released");
    assert!(second.fence() > first.fence());
    assert!(!it.release(&first).await.unwrap(), "an old holder took it from the new one");
    assert!(it.lock("job", LONG).await.unwrap().is_none());
    assert!(it.release(&second).await.unwrap() && it.release(&other).await.unwrap());
}

async fn a_lock_runs_out_and_its_holder_is_told(it: Any) {
    let first = it.lock("short", Duration::from_millis(1)).await.unwrap().unwrap();
    let mut next = None;
    until("the lock runs out", async || {
        next = it.lock("short", LONG).await.unwrap();
        next.is_some()
    })
    .await;
    let next = next.unwrap();
    assert!(next.fence() > first.fence(), "the fence did not grow");
    assert!(!it.extend(&first, LONG).await.unwrap() && !it.release(&first).await.unwrap());
    // Shortened, it runs out sooner; the one who comes first gets it.
    assert!(it.extend(&next, Duration::from_millis(1)).await.unwrap());
    until("extending sets the time anew", async || it.lock("short", LONG).await.unwrap().is_some()).await;
}

async fn of_many_one_gets_the_lock(it: Any) {
    let tries = (0..20).map(|_| {
        let it = it.clone();
        tokio::spawn(async move { it.lock("race", LONG).await.unwrap().is_some() })
    });
    let mut winners = 0;
    for attempt in tries.collect::<Vec<_>>() {
        winners += u32::from(attempt.await.unwrap());
    }
    assert_eq!(winners, 1);
}

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod local {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(std::sync::Arc::new(super::LocalCoordination::new())).await;
            })+
        }
        #[cfg(feature = "cluster")]
        mod redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let space = super::super::servers::Space::new().await;
                super::$name(space.connect().await).await;
                space.clean().await;
            })+
        }
    };
}

contract!(
    generations_move_alone_and_never_come_back,
    a_bucket_gives_its_burst_and_then_its_rate,
    a_cost_above_the_burst_leaves_a_debt,
    concurrent_takes_never_exceed_the_burst,
    a_lock_has_one_holder,
    a_lock_runs_out_and_its_holder_is_told,
    of_many_one_gets_the_lock,
);
