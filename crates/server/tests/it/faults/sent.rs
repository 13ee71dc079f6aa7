//! What the clients send, and the independent count of it: every event follows from its serial number.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// How many customers the events are spread over.
pub(crate) const CUSTOMERS: u32 = 5;
/// The name of every event.
pub(crate) const EVENT: &str = "call";

/// One event, told by its serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) serial: u32,
    /// A later copy of an acknowledged event claims other properties: it must change nothing.
    pub(crate) is_forged: bool,
}

impl Sent {
    pub(crate) fn new(serial: u32) -> Self {
        Self { serial, is_forged: false }
    }

    pub(crate) fn forged(serial: u32) -> Self {
        Self { serial, is_forged: true }
    }

    /// Megabytes, in halves, so that sums have a fraction.
    fn halves(self) -> u32 {
        self.serial * 7 % 193
    }

    fn user(self) -> u32 {
        self.serial * 11 % 61
    }

    fn customer(self) -> u32 {
        self.serial % CUSTOMERS
    }

    /// As it goes over the wire. `month` is `YYYY-MM`.
    pub(crate) fn to_json(self, month: &str) -> Value {
        let (day, hour, minute, second) = (self.serial % 28 + 1, self.serial / 28 % 24, self.serial * 13 % 60, self.serial * 29 % 60);
        let lie = u32::from(self.is_forged);
        let halves = self.halves() + lie;
        json!({
            "event_id": format!("event-{}", self.serial),
            "event_name": EVENT,
            "external_customer_id": external_id(self.customer()),
            "timestamp": format!("{month}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
            "properties": {
                "megabytes": format!("{}.{}", halves / 2, halves % 2 * 5),
                "user": format!("user-{}", self.user() + 1_000 * lie),
            },
        })
    }
}

/// The body of a bulk request.
pub(crate) fn bulk(events: &[Sent], month: &str) -> Value {
    json!({ "events": events.iter().map(|event| event.to_json(month)).collect::<Vec<_>>() })
}

/// The customer's identifier in events.
pub(crate) fn external_id(customer: u32) -> String {
    format!("customer-{customer}")
}

/// What one customer used, counted from serial numbers alone. Quantities and money are whole hundredths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) calls: i64,
    pub(crate) megabytes: i64,
    pub(crate) users: i64,
    pub(crate) events: i64,
}

/// The usage of a customer in a set of accepted serial numbers.
pub(crate) fn usage_of(customer: u32, accepted: &BTreeSet<u32>) -> Usage {
    let events = || accepted.iter().copied().map(Sent::new).filter(|event| event.customer() == customer);
    let count = i64::try_from(events().count()).expect("few events");
    let users: BTreeSet<u32> = events().map(Sent::user).collect();
    Usage {
        calls: count * 100,
        megabytes: events().map(|event| i64::from(event.halves()) * 50).sum(),
        users: i64::try_from(users.len()).expect("few users") * 100,
        events: count,
    }
}
