//! Bodies: accepted events as they were, in chunks that are only ever appended.

use domain::event::Event;
use domain::time::Timestamp;

use super::codec::{Bytes, corrupt, put_bytes, put_number, put_signed, put_text};
use crate::{EventStoreError, ScannedEvent};

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
    put_bytes(chunk, body);
}

/// An event as it lies in its chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    pub(super) timestamp: Timestamp,
    ingested_at: Timestamp,
    id: &'a str,
    name: &'a str,
    pub(super) external_customer_id: &'a str,
    customer_id: &'a str,
    pub(super) source: &'a str,
    pub(super) properties: &'a str,
}

impl<'a> Body<'a> {
    /// Of the bytes of one event.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, EventStoreError> {
        let mut bytes = Bytes(bytes);
        let body = Self {
            timestamp: Timestamp::from_micros(bytes.i64()?),
            ingested_at: Timestamp::from_micros(bytes.i64()?),
            id: bytes.text()?,
            name: bytes.text()?,
            external_customer_id: bytes.text()?,
            customer_id: bytes.text()?,
            source: bytes.text()?,
            properties: bytes.text()?,
        };
        if bytes.is_empty() { Ok(body) } else { Err(corrupt("an event has bytes left over")) }
    }

    /// The event at a place of a chunk.
    pub(super) fn in_chunk(chunk: &'a [u8], index: u32) -> Result<Self, EventStoreError> {
        let mut bytes = Bytes(chunk);
        for _ in 0..index {
            bytes.bytes()?;
        }
        Self::decode(bytes.bytes()?)
    }

    pub(super) fn to_scanned(self) -> ScannedEvent {
        ScannedEvent { id: self.id.to_owned(), timestamp: self.timestamp, properties: self.properties.to_owned() }
    }

    pub(super) fn to_event(self) -> Event {
        Event {
            id: self.id.to_owned(),
            name: self.name.to_owned(),
            external_customer_id: self.external_customer_id.to_owned(),
            customer_id: self.customer_id.to_owned(),
            timestamp: self.timestamp,
            ingested_at: self.ingested_at,
            source: self.source.to_owned(),
            properties: self.properties.to_owned(),
        }
    }
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
        assert_eq!(Body::in_chunk(&chunk, 0).unwrap().to_event(), event("a"));
        assert_eq!(Body::in_chunk(&chunk, 2).unwrap().to_event(), event("c"));
        assert!(Body::in_chunk(&chunk, 3).is_err());
    }
}
