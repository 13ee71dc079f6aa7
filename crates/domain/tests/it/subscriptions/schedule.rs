//! A scheduled end that is called off: the contract is as if it had not been asked for (spec 30 §9.2).

use domain::subscription::{CancelRequest, CancellationType, InvoicePolicy, ScheduleStatus, Scheduled, Subscription, SubscriptionSchedule};
use domain::time::BillingPeriod;

use crate::support::audit;
use crate::support::contracts::{Counting, at, period, subscription};

use CancellationType::{EndOfPeriod, ScheduledDate};

const NOW: &str = "2026-01-15T10:00:00Z";

fn scheduled(contract: &mut Subscription, kind: CancellationType, cancel_at: Option<&str>) -> SubscriptionSchedule {
    let before = contract.clone();
    let request = CancelRequest { kind, cancel_at: cancel_at.map(at), invoice_policy: InvoicePolicy::Skip, reason: "moved".to_owned() };
    let effective = contract.cancel(&request, at(NOW)).unwrap();
    SubscriptionSchedule::cancellation(&before, &request, effective, audit(), &Counting::default())
}

/// Every way to ask for an end × period, count, end of the contract, notes in its metadata × how many periods turned meanwhile.
#[test]
fn a_contract_whose_end_was_called_off_goes_on_as_if_it_had_not_been_asked_for() {
    let mut tried = 0;
    for (billing_period, count) in [
        (BillingPeriod::Daily, 3),
        (BillingPeriod::Weekly, 1),
        (BillingPeriod::Monthly, 1),
        (BillingPeriod::Monthly, 2),
        (BillingPeriod::Annual, 1),
    ] {
        for end in [None, Some("2026-03-20"), Some("2027-06-01")] {
            for (kind, cancel_at) in [
                (EndOfPeriod, None),
                (ScheduledDate, Some("2026-01-16")),
                (ScheduledDate, Some("2026-03-05T07:00:00Z")),
                (ScheduledDate, Some("2027-05-09")),
            ] {
                for noted in [false, true] {
                    let mut contract = subscription(period("2026-01-01 2026-02-01"));
                    contract.billing_period = billing_period;
                    contract.billing_period_count = count;
                    contract.end_date = end.map(at);
                    contract.current_period_end = contract.period_after(contract.start_date).unwrap().end;
                    contract.current_period_end = contract.current_period_end.max(at("2026-01-16T01:00:00Z"));
                    contract.metadata.insert("plan".to_owned(), "a".to_owned());
                    if noted {
                        contract.metadata.insert("cancellation_reason".to_owned(), "an older one".to_owned());
                    }
                    let mut never = contract.clone();
                    if end.zip(cancel_at).is_some_and(|(end, cancel_at)| at(cancel_at) >= at(end)) {
                        continue;
                    }
                    let schedule = scheduled(&mut contract, kind, cancel_at);
                    for turned in 0..4 {
                        let mut called_off = contract.clone();
                        let Scheduled::Cancellation(cancellation) = &schedule.configuration;
                        called_off.take_back_cancellation(cancellation).unwrap();
                        assert_eq!(
                            called_off, never,
                            "{billing_period} x {count}, until {end:?}, {kind} {cancel_at:?}, {turned} periods later"
                        );
                        tried += 1;
                        // As long as the date has not come, both turn alike.
                        if contract.current_period_end >= schedule.scheduled_at || !never.continues_after(never.current_period_end) {
                            break;
                        }
                        contract.turn().unwrap();
                        never.turn().unwrap();
                    }
                }
            }
        }
    }
    assert!(tried > 150, "{tried}");
}

#[test]
fn only_what_is_pending_and_not_due_is_called_off() {
    let mut contract = subscription(period("2026-01-01 2026-02-01"));
    let schedule = scheduled(&mut contract, EndOfPeriod, None);
    assert_eq!((schedule.scheduled_at, schedule.schedule_status), (at("2026-02-01"), ScheduleStatus::Pending));
    let refused = |schedule: &SubscriptionSchedule, now: &str| {
        let mut called_off = schedule.clone();
        let refusal = called_off.cancel(at(now)).unwrap_err();
        assert_eq!((&called_off, schedule.can_be_cancelled(at(now))), (schedule, false), "nothing changes");
        refusal.message
    };
    assert!(refused(&schedule, "2026-02-01").contains("has come"));
    assert!(refused(&schedule, "2026-02-02").contains("has come"));
    let mut called_off = schedule.clone();
    assert!(schedule.can_be_cancelled(at("2026-01-31T23:59:59.999999Z")));
    called_off.cancel(at("2026-01-31T23:59:59.999999Z")).unwrap();
    assert_eq!((called_off.schedule_status, called_off.cancelled_at), (ScheduleStatus::Cancelled, Some(at("2026-01-31T23:59:59.999999Z"))));
    assert!(refused(&called_off, NOW).contains("is cancelled"));
    let mut executed = schedule.clone();
    executed.execute(at("2026-02-01"));
    assert_eq!((executed.schedule_status, executed.executed_at), (ScheduleStatus::Executed, Some(at("2026-02-01"))));
    assert!(refused(&executed, NOW).contains("is executed"));
}

#[test]
fn a_contract_that_has_ended_is_not_revived() {
    let mut contract = subscription(period("2026-01-01 2026-02-01"));
    let schedule = scheduled(&mut contract, EndOfPeriod, None);
    contract.turn().unwrap();
    let before = contract.clone();
    let Scheduled::Cancellation(cancellation) = &schedule.configuration;
    assert_eq!(contract.take_back_cancellation(cancellation).unwrap_err().details["status"], "cancelled");
    assert_eq!(contract, before);
}
