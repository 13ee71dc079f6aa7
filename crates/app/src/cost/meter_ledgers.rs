//! Which ledger counts a meter that cost sheets price. One that nothing else uses is counted with costs, so that neither holds the other up;
//! with the first price of another kind it goes back to billing (ADR 0016).
//!
//! A meter moves in two steps. First both ledgers count it. Once both have read all that was measured without that, what the new one lacks is
//! carried over, and the old one stops.

use storage::meter_ledgers::{self, CountedIn, MeterLedger};
use streams::Ledger;

use crate::coherence::Topic;
use crate::{App, Error, Result};

/// What is to be done with a listed meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing: it is where it belongs.
    Stay,
    /// It is counted so from now on.
    Count(CountedIn),
    /// What the second lacks comes over from the first; then it is counted there alone.
    CarryOver(Ledger, Ledger, CountedIn),
}

/// The next step of a meter.
const fn step(counted_in: CountedIn, is_for_costs_alone: bool) -> Step {
    match (counted_in, is_for_costs_alone) {
        (CountedIn::Usage, false) | (CountedIn::Costs, true) => Step::Stay,
        (CountedIn::Usage, true) => Step::Count(CountedIn::ToCosts),
        (CountedIn::Costs, false) => Step::Count(CountedIn::ToUsage),
        // Whatever it is read from has all of it: it turns back at once.
        (CountedIn::ToCosts, false) => Step::Count(CountedIn::Usage),
        (CountedIn::ToUsage, true) => Step::Count(CountedIn::Costs),
        (CountedIn::ToCosts, true) => Step::CarryOver(Ledger::Usage, Ledger::Costs, CountedIn::Costs),
        (CountedIn::ToUsage, false) => Step::CarryOver(Ledger::Costs, Ledger::Usage, CountedIn::Usage),
    }
}

impl App {
    /// Moves meters to the ledgers where they belong; returns how many are on their way still. To be called again and again by whoever runs
    /// the consumers of costs. Nothing moves while either ledger is behind.
    pub async fn move_meters(&self) -> Result<usize> {
        let (Some(log), Some(_)) = (&self.shared.log, &self.shared.costs) else { return Ok(0) };
        for meter in meter_ledgers::all(&mut self.database()).await? {
            if let Step::Count(to) = step(meter.counted_in, meter.is_for_costs_alone) {
                self.count_meter_in(&meter, to).await?;
            }
        }
        let all = meter_ledgers::all(&mut self.database()).await?;
        let carried = all.iter().filter_map(|meter| match step(meter.counted_in, meter.is_for_costs_alone) {
            Step::CarryOver(from, to, then) => Some((meter, from, to, then)),
            Step::Stay | Step::Count(_) => None,
        });
        let carried: Vec<_> = carried.collect();
        if carried.is_empty() {
            return Ok(0);
        }
        // After both began to count these: what was measured before is among what is read now.
        let read_up_to = log.settle_both().await?;
        let store = self.shared.log_store.as_deref().ok_or_else(|| Error::Internal("the event store takes no events from a log".into()))?;
        let on_their_way = carried.len();
        for (done, (meter, from, to, then)) in carried.into_iter().enumerate() {
            let MeterLedger { scope, meter_id, .. } = meter;
            if let Err(error) = store.carry_over(scope, meter_id, from, to, &read_up_to).await {
                tracing::warn!(%error, meter_id = %meter_id, "a meter was not carried over; it is tried again");
                return Ok(on_their_way - done);
            }
            self.count_meter_in(meter, then).await?;
        }
        Ok(0)
    }

    /// Says where a meter is counted from now on, unless that has changed since it was found.
    async fn count_meter_in(&self, found: &MeterLedger, to: CountedIn) -> Result<()> {
        let MeterLedger { scope, meter_id, counted_in, .. } = found;
        let mut work = self.database().begin().await?;
        if meter_ledgers::held(&mut work, scope, meter_id).await? != Some(*counted_in) {
            return Ok(());
        }
        meter_ledgers::set(&mut work, scope, meter_id, to).await?;
        self.commit_change(work, &[Topic::Meters(scope.clone())]).await?;
        tracing::info!(meter_id = %meter_id, environment_id = %scope.environment_id, from = ?counted_in, ?to, "a meter changes its ledger");
        self.reload_meters(scope).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From anywhere it comes to where it belongs, and is read from a ledger that has all of it on every step of the way.
    #[test]
    fn a_meter_comes_to_where_it_belongs() {
        use CountedIn::{Costs, ToCosts, ToUsage, Usage};
        for (is_for_costs_alone, home) in [(true, Costs), (false, Usage)] {
            for start in [Usage, ToCosts, Costs, ToUsage] {
                let mut way = vec![start];
                loop {
                    let at = way[way.len() - 1];
                    match step(at, is_for_costs_alone) {
                        Step::Stay => break assert_eq!(at, home),
                        Step::Count(to) => {
                            let is_read_from_costs = |at| matches!(at, Costs | ToUsage);
                            assert_eq!(is_read_from_costs(at), is_read_from_costs(to), "nothing has been carried over: {at:?} to {to:?}");
                            way.push(to);
                        }
                        Step::CarryOver(_, to, then) => {
                            assert_eq!(then, if to == Ledger::Costs { Costs } else { Usage });
                            way.push(then);
                        }
                    }
                    assert!(way.len() <= 4, "{way:?}");
                }
            }
        }
    }
}
