//! What meters counted: the one way in which usage lines are read, for invoices, previews, subscription usage and analytics
//! (spec 10 §§8, 10.2).

use domain::meter::{Aggregate, Meter, Window};
use domain::rating::{MeteredUsage, Quantities};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use streams::UsageQuery;

use super::buckets::Cut;
use super::raw_usage::bucket;
use crate::invoice::UsageAhead;
use crate::{App, Error, Result};

/// A meter to be read over a period.
#[derive(Clone, Debug)]
pub(crate) struct MeterRead<'a> {
    /// What counted.
    pub(crate) meter: &'a Meter,
    /// Over which time.
    pub(crate) period: Period,
    /// Where monthly buckets begin; the 1st without.
    pub(crate) billing_anchor: Option<Timestamp>,
}

impl MeterRead<'_> {
    /// The meter's buckets: always in UTC. `None` for a meter without.
    pub(crate) fn buckets(&self) -> Option<Window> {
        bucket(self.meter, self.billing_anchor)
    }

    /// The question for its usage.
    pub(crate) fn query(&self, external_customer_ids: &[String]) -> UsageQuery {
        UsageQuery { external_customer_ids: external_customer_ids.to_vec(), meter_id: self.meter.id.clone(), period: self.period }
    }
}

impl App {
    /// What meters counted for a set of customers, in the order of the reads: standard meters by one query, all from one state, bucketed ones
    /// by one more. Empty periods count nothing.
    pub(crate) async fn read_meters(
        &self,
        scope: &Scope,
        external_customer_ids: &[String],
        reads: &[MeterRead<'_>],
        ahead: &UsageAhead,
    ) -> Result<Vec<MeteredUsage>> {
        if external_customer_ids.is_empty() {
            return Err(Error::Internal("usage is read for at least one customer".into()));
        }
        let standard: Vec<&MeterRead<'_>> = reads.iter().filter(|read| read.buckets().is_none()).collect();
        let mut totals = self.read_totals(scope, external_customer_ids, &standard, ahead).await?.into_iter();
        let bucketed: Vec<&MeterRead<'_>> = reads.iter().filter(|read| read.buckets().is_some()).collect();
        let mut buckets = self.read_buckets(scope, external_customer_ids, &bucketed, &Cut::default()).await?.into_iter();
        let mut usages = Vec::with_capacity(reads.len());
        for read in reads {
            let aggregation = read.meter.aggregation.clone();
            usages.push(if read.buckets().is_some() {
                let buckets = buckets.next().unwrap_or_default();
                let events = buckets.iter().map(|bucket| bucket.events).sum();
                let values = buckets.into_iter().map(|bucket| bucket.value).collect();
                MeteredUsage { aggregation, quantities: Quantities::Apart(values), events }
            } else {
                let total = totals.next().unwrap_or_default();
                let quantity = total.usage(self.billed_as(aggregation.kind), read.period);
                MeteredUsage { aggregation, quantities: Quantities::Total(quantity), events: total.events }
            });
        }
        Ok(usages)
    }

    /// What several meters counted over the whole of their periods, by one query.
    async fn read_totals(
        &self,
        scope: &Scope,
        external_customer_ids: &[String],
        reads: &[&MeterRead<'_>],
        ahead: &UsageAhead,
    ) -> Result<Vec<Aggregate>> {
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let queries: Vec<UsageQuery> = reads.iter().map(|read| read.query(external_customer_ids)).collect();
        match ahead.answers(&queries) {
            Some(answers) => Ok(answers),
            None => Ok(self.ledgers(scope).await?.usage(scope, queries).await?),
        }
    }
}
