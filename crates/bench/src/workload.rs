//! The events: all figures follow from an event's number, so that nothing is kept and every run sends the same.

/// Events of one bulk request, the most the API takes.
pub(crate) const BATCH_EVENTS: u32 = 1_000;
/// Event names; each has meters of its own.
pub(crate) const NAMES: u64 = 6;
/// The sandbox's present; the period of every subscription begins here and lasts 30 days.
pub(crate) const PERIOD_START: &str = "2026-06-01T00:00:00Z";
/// The same in microseconds since 1970.
pub(crate) const PERIOD_START_MICROS: i64 = 1_780_272_000_000_000;
const HOUR_MILLIS: u64 = 3_600_000;
/// Different users per customer: what COUNT_UNIQUE counts, and what analytics group by.
const USERS: u64 = 1_000;

/// One event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Unique, in random order: 16 hexadecimal digits.
    pub(crate) id: u64,
    /// Below the number of customers.
    pub(crate) customer: u32,
    /// Since the period began.
    pub(crate) millis: u64,
    /// 1000 to 9999.
    pub(crate) tokens: u64,
    /// Below 1000.
    pub(crate) user: u64,
    /// Of its event name, below [`NAMES`].
    pub(crate) name: u64,
}

/// How many events a run sends in the end, to how many customers, and over how much event time they spread evenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) events: u64,
    pub(crate) customers: u32,
    pub(crate) hours: u16,
}

impl Workload {
    /// The event of a number below the run's events; later numbers happen later.
    pub(crate) fn sample(&self, number: u64) -> Sample {
        let random = mix(number);
        let other = mix(!number);
        Sample {
            id: random,
            customer: u32::try_from((other >> 32) % u64::from(self.customers)).unwrap_or(0),
            // Below 2^63: at most 10^8 events and 720 hours.
            millis: number * (u64::from(self.hours) * HOUR_MILLIS) / self.events.max(1),
            tokens: 1_000 + other % 9_000,
            user: (random >> 20) % USERS,
            name: (other >> 13) % NAMES,
        }
    }
}

/// SplitMix64's finalizer: a bijection, so that ids never collide.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// An event as text, its figures blank; all have the same length. What stays is of the size that events have in practice.
const TEMPLATE: &str = concat!(
    r#"{"event_id":"evt-IIIIIIIIIIIIIIII","event_name":"api_call_E","timestamp":"2026-06-DDTHH:MM:SS.mmmZ","#,
    r#""external_customer_id":"customer-CCCC","source":"gateway","properties":{"tokens":"TTTT","user":"user-UUU","#,
    r#""region":"eu-west-1","model":"large"}}"#
);

/// Bulk requests, patched in place.
pub(crate) struct BulkTemplate {
    head: String,
    id: usize,
    time: usize,
    customer: usize,
    tokens: usize,
    user: usize,
    name: usize,
}

impl BulkTemplate {
    /// For requests with the head's lines, each ended by CR LF.
    pub(crate) fn new(lines: &str) -> Self {
        let at = |mark: &str| TEMPLATE.find(mark).unwrap_or(0);
        let head = format!("POST /v1/events/bulk HTTP/1.1\r\n{lines}Content-Length: {}\r\n\r\n", body_length());
        Self { head, id: at("IIII"), time: at("DDT"), customer: at("CCCC"), tokens: at("TTTT"), user: at("UUU"), name: at("E\"") }
    }

    /// Makes the request of a batch in a buffer that may hold another batch.
    pub(crate) fn fill(&self, workload: &Workload, batch: u64, request: &mut Vec<u8>) {
        if request.is_empty() {
            request.extend_from_slice(self.head.as_bytes());
            request.extend_from_slice(b"{\"events\":[");
            request.extend_from_slice(vec![TEMPLATE; BATCH_EVENTS as usize].join(",").as_bytes());
            request.extend_from_slice(b"]}");
        }
        let events = &mut request[self.head.len() + b"{\"events\":[".len()..];
        let first = batch * u64::from(BATCH_EVENTS);
        for (number, event) in (first..).zip(events.chunks_exact_mut(TEMPLATE.len() + 1)) {
            self.patch(event, &workload.sample(number));
        }
    }

    fn patch(&self, event: &mut [u8], sample: &Sample) {
        hexadecimal(&mut event[self.id..self.id + 16], sample.id);
        decimal(&mut event[self.customer..self.customer + 4], u64::from(sample.customer));
        decimal(&mut event[self.tokens..self.tokens + 4], sample.tokens);
        decimal(&mut event[self.user..self.user + 3], sample.user);
        decimal(&mut event[self.name..=self.name], sample.name);
        // DDTHH:MM:SS.mmm
        let seconds = sample.millis / 1000;
        let time = &mut event[self.time..self.time + 15];
        decimal(&mut time[..2], 1 + seconds / 86_400);
        decimal(&mut time[3..5], seconds / 3_600 % 24);
        decimal(&mut time[6..8], seconds / 60 % 60);
        decimal(&mut time[9..11], seconds % 60);
        decimal(&mut time[12..15], sample.millis % 1_000);
    }
}

fn body_length() -> usize {
    b"{\"events\":[]}".len() + (TEMPLATE.len() + 1) * BATCH_EVENTS as usize - 1
}

/// The event name of a number below [`NAMES`].
pub(crate) fn event_name(number: u64) -> String {
    format!("api_call_{number}")
}

/// The external id of a customer.
pub(crate) fn external_id(customer: u32) -> String {
    format!("customer-{customer:04}")
}

fn decimal(to: &mut [u8], mut number: u64) {
    for digit in to.iter_mut().rev() {
        *digit = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
}

fn hexadecimal(to: &mut [u8], mut number: u64) {
    for digit in to.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_request_holds_the_batch() {
        let workload = Workload { events: 2_000, customers: 7, hours: 720 };
        let template = BulkTemplate::new("Host: x\r\n");
        let mut request = Vec::new();
        template.fill(&workload, 0, &mut request);
        template.fill(&workload, 1, &mut request);
        let text = String::from_utf8(request).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let events = body["events"].as_array().expect("events");
        assert_eq!(events.len(), 1_000);
        // Event 1000 of 2000 happens when half of the 30 days is over.
        let sample = workload.sample(1_000);
        assert_eq!(events[0]["timestamp"], "2026-06-16T00:00:00.000Z");
        assert_eq!(events[0]["event_id"], format!("evt-{:016x}", sample.id));
        assert_eq!(events[0]["external_customer_id"], external_id(sample.customer));
        assert_eq!(events[0]["event_name"], event_name(sample.name));
        assert_eq!(events[0]["properties"]["tokens"], sample.tokens.to_string());
        let last = events[999]["timestamp"].as_str().expect("a time");
        assert!(last.starts_with("2026-06-30T23:38:"), "{last}");
    }
}
