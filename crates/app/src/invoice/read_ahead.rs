//! Usage for many invoices by one question: an advance of a clock computes one invoice after the other, and to ask a distant event store
//! for each takes longer than all else. So it asks for all whose computation is planned. What was counted when it asked is what they charge;
//! what arrives meanwhile comes as late as if it had arrived after them.

use std::collections::HashMap;

use domain::invoice::{Invoice, InvoiceStatus, Purpose};
use domain::meter::{Aggregate, Meter};
use domain::scope::Scope;
use domain::subscription::Subscription;
use domain::time::Timestamp;
use streams::UsageQuery;

use crate::due_work::{DueWork, Kind};
use crate::usage::MeterRead;
use crate::{App, Result};

/// Invoices whose usage is read at once.
const INVOICES_MAX: i64 = 100;

/// Answers to questions that are about to be asked; by default none.
#[derive(Debug, Default)]
pub(crate) struct UsageAhead {
    answers: HashMap<UsageQuery, Aggregate>,
    /// The last piece of work that was looked at, in the order of due times.
    last: Option<(Timestamp, String)>,
}

impl UsageAhead {
    /// Whether a piece of work was looked at.
    pub(crate) fn covers(&self, due: &DueWork) -> bool {
        self.last.as_ref().is_some_and(|(due_at, id)| (due.due_at, &due.id) <= (*due_at, id))
    }

    /// The answers to all of these questions, or nothing: they are to be from one state.
    pub(crate) fn answers(&self, queries: &[UsageQuery]) -> Option<Vec<Aggregate>> {
        queries.iter().map(|query| self.answers.get(query).cloned()).collect()
    }
}

impl App {
    /// Reads usage for computations that are planned in an environment by an instant. Where events are counted in this process, asking for each
    /// is as quick.
    pub(crate) async fn read_usage_ahead(&self, scope: &Scope, until: Timestamp) -> Result<UsageAhead> {
        if self.shared.log.is_none() {
            return Ok(UsageAhead { last: Some((Timestamp::MAX, String::new())), ..UsageAhead::default() });
        }
        let kind = Kind::ComputeInvoice.name();
        let planned = storage::due_work::earliest_of_kind(&mut self.database(), scope, kind, until, INVOICES_MAX).await?;
        let mut queries = Vec::new();
        for piece in &planned {
            match self.usage_questions(scope, &piece.entity_id).await {
                Ok(asked) => queries.extend(asked),
                // Its computation will say so.
                Err(error) => tracing::debug!(%error, id = piece.id, "usage of an invoice is not read ahead"),
            }
        }
        let last = planned.last().map(|piece| (piece.due_at, piece.id.clone()));
        let answers = if queries.is_empty() { Vec::new() } else { self.ledgers(scope).await?.usage(scope, queries.clone()).await? };
        Ok(UsageAhead { answers: queries.into_iter().zip(answers).collect(), last })
    }

    /// What the computation of an invoice will ask of meters without buckets.
    async fn usage_questions(&self, scope: &Scope, invoice_id: &str) -> Result<Vec<UsageQuery>> {
        let invoice: Invoice = self.require(scope, invoice_id).await?;
        let is_computed = matches!(invoice.invoice_status, InvoiceStatus::Draft | InvoiceStatus::Skipped);
        let (true, Some(subscription_id), Some(period)) = (is_computed, &invoice.subscription_id, invoice.period()) else {
            return Ok(Vec::new());
        };
        let subscription: Subscription = self.require(scope, subscription_id.as_str()).await?;
        let purpose = Purpose::Issue(invoice.billing_reason);
        let wanted = self.read_charges(scope, &subscription, period, purpose, Some(&invoice.id)).await?.usage_to_read()?;
        let meters: HashMap<String, Meter> = self.get_many(scope, wanted.iter().map(|read| read.meter_id.to_string())).await?;
        let customers = self.external_ids(scope, &subscription.customer_id).await?;
        let reads = wanted.iter().filter_map(|read| Some((meters.get(read.meter_id.as_str())?, read))).flat_map(|(meter, read)| {
            // Days are asked for by their windows.
            let stretches = if read.days_in.is_some() { &[][..] } else { &read.stretches };
            let periods = std::iter::once(read.period).chain(stretches.iter().copied());
            periods.map(move |period| MeterRead { meter, period, billing_anchor: Some(subscription.billing_anchor) })
        });
        Ok(reads.filter(|read| read.buckets().is_none()).map(|read| read.query(&customers)).collect())
    }
}

#[cfg(test)]
mod tests {
    use domain::time::Period;

    use super::*;

    fn query(meter: &str) -> UsageQuery {
        let period = Period::new(Timestamp::from_micros(0), Timestamp::from_micros(1));
        UsageQuery { external_customer_ids: vec!["acme".to_owned()], meter_id: meter.into(), period }
    }

    /// Half of an answer would be of two states.
    #[test]
    fn all_questions_are_answered_or_none() {
        let ahead = UsageAhead { answers: ["a", "b"].map(|meter| (query(meter), Aggregate::default())).into(), last: None };
        assert_eq!(ahead.answers(&[query("b"), query("a")]), Some(vec![Aggregate::default(); 2]));
        assert_eq!(ahead.answers(&[query("a"), query("c")]), None);
    }

    #[test]
    fn work_is_looked_at_up_to_the_last_piece_in_the_order_of_due_times() {
        let scope = Scope { tenant_id: "t".into(), environment_id: "e".into() };
        let due = |at: i64, id: &str| DueWork {
            scope: scope.clone(),
            id: id.to_owned(),
            kind: Kind::ComputeInvoice.name().to_owned(),
            entity_id: String::new(),
            due_at: Timestamp::from_micros(at),
            attempts: 0,
            last_error: String::new(),
        };
        let ahead = UsageAhead { last: Some((Timestamp::from_micros(5), "m".to_owned())), ..UsageAhead::default() };
        let covered = [(4, "z"), (5, "a"), (5, "m"), (5, "n"), (6, "a")].map(|(at, id)| ahead.covers(&due(at, id)));
        assert_eq!(covered, [true, true, true, false, false]);
        assert!(!UsageAhead::default().covers(&due(0, "")), "nothing was looked at");
    }
}
