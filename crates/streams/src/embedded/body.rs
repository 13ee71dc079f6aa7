//! Bodies: accepted events as they were, in chunks that are only ever appended.

use domain::event::Event;
use domain::time::Timestamp;

use super::codec::{Bytes, corrupt, put_number, put_signed, put_text};
use super::key::Number;
use crate::EventStoreError;

/// A chunk is closed at this size, bytes; a larger event has one of its own.
pub(super) const CHUNK_BYTES: usize = 8 << 10;

/// Where a body is: the chunk, and its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) chunk: u64,
    pub(super) index: u32,
}

impl Place {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        put_number(out, self.chunk);
        put_number(out, self.index);
    }

    /// As a value of `ids`.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20);
        self.put(&mut out);
        out
    }

    /// As a value of `times`: with the event's name, so that most filters need no body.
    pub(super) fn with_name(self, event_name: Number) -> Vec<u8> {
        let mut out = self.to_bytes();
        put_number(&mut out, event_name);
        out
    }

    pub(super) fn read(bytes: &mut Bytes<'_>) -> Result<Self, EventStoreError> {
        Ok(Self { chunk: bytes.number()?, index: bytes.number()? })
    }
}

/// Appends the bytes of one event.
pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    put_signed(out, event.timestamp.micros());
    put_signed(out, event.ingested_at.micros());
    for text in [&event.id, &event.name, &event.external_customer_id, &event.customer_id, &event.source, &event.properties] {
        put_text(out, text);
    }
}

/// Appends an encoded event to a chunk.
pub(super) fn put_in_chunk(chunk: &mut Vec<u8>, body: &[u8]) {
    put_number(chunk, body.len() as u128);
    chunk.extend_from_slice(body);
}

/// The event at a place of a chunk.
pub(super) fn decode(chunk: &[u8], index: u32) -> Result<Event, EventStoreError> {
    let mut bytes = Bytes(chunk);
    for _ in 0..index {
        let length = bytes.number()?;
        bytes.take(length)?;
    }
    let length = bytes.number()?;
    let mut body = Bytes(bytes.take(length)?);
    let timestamp = Timestamp::from_micros(body.i64()?);
    let ingested_at = Timestamp::from_micros(body.i64()?);
    let mut text = || body.text().map(str::to_owned);
    let event = Event {
        timestamp,
        ingested_at,
        id: text()?,
        name: text()?,
        external_customer_id: text()?,
        customer_id: text()?,
        source: text()?,
        properties: text()?,
    };
    if body.is_empty() { Ok(event) } else { Err(corrupt("an event has bytes left over")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_a_chunk() {
        let event = |id: &str| Event {
            id: id.into(),
            name: "api".into(),
            external_customer_id: "c/1".into(),
            customer_id: String::new(),
            timestamp: Timestamp::from_micros(-5),
            ingested_at: Timestamp::MAX,
            source: "grün".into(),
            properties: r#"{"n":1.50}"#.into(),
        };
        let mut chunk = Vec::new();
        for id in ["a", "b", "c"] {
            let mut body = Vec::new();
            encode(&event(id), &mut body);
            put_in_chunk(&mut chunk, &body);
        }
        assert_eq!(decode(&chunk, 0).unwrap(), event("a"));
        assert_eq!(decode(&chunk, 2).unwrap(), event("c"));
        assert!(decode(&chunk, 3).is_err());
    }
}
