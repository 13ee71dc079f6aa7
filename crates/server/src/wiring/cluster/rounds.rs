//! Rounds of waiting that many share: who asks while one is under way waits for the next together with all others.

use std::future::Future;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// The last round, and the lock that a round under way holds.
#[derive(Default)]
pub(super) struct Rounds {
    last: Mutex<Option<Round>>,
}

struct Round {
    began: Instant,
    ended: Instant,
    outcome: Result<(), String>,
}

impl Rounds {
    /// The outcome of a round that answers for everything before this call: one that succeeded and began after it, or one that failed and
    /// ended after it, for what was not reached then is not reached by somebody who wants as much or more.
    ///
    /// # Errors
    /// That of the round.
    pub(super) async fn join<F>(&self, round: impl FnOnce() -> F) -> Result<(), String>
    where
        F: Future<Output = Result<(), String>>,
    {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        match &*last {
            Some(round) if round.outcome.is_ok() && round.began >= asked => return Ok(()),
            Some(round) if round.outcome.is_err() && round.ended >= asked => return round.outcome.clone(),
            _ => {}
        }
        let began = Instant::now();
        let outcome = round().await;
        *last = Some(Round { began, ended: Instant::now(), outcome: outcome.clone() });
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Ten who ask one after the other, each a tenth of a round later; how many rounds it takes.
    async fn rounds_of_ten(outcome: Result<(), String>) -> usize {
        let (rounds, ran) = (Rounds::default(), AtomicUsize::new(0));
        let ask = async |number: u32| {
            tokio::time::sleep(Duration::from_millis(number.into())).await;
            let round = || async {
                ran.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                outcome.clone()
            };
            assert_eq!(rounds.join(round).await, outcome);
        };
        tokio::join!(ask(0), ask(1), ask(2), ask(3), ask(4), ask(5), ask(6), ask(7), ask(8), ask(9));
        ran.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_during_a_round_shares_the_next() {
        assert_eq!(rounds_of_ten(Ok(())).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_answers_all_who_asked_before_it() {
        assert_eq!(rounds_of_ten(Err("too slow".to_owned())).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_that_began_before_the_question_does_not_answer_it() {
        let (rounds, ran) = (Rounds::default(), AtomicUsize::new(0));
        let round = || async {
            ran.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        for _ in 0..3 {
            tokio::time::advance(Duration::from_millis(1)).await;
            rounds.join(round).await.expect("settled");
        }
        assert_eq!(ran.into_inner(), 3);
    }
}
