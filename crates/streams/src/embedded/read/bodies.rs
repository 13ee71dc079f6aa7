//! Reading events from their chunks; neighbours often share one.

use std::collections::VecDeque;

use domain::event::Event;
use fjall::UserValue;

use super::view::View;
use crate::EventStoreError;
use crate::embedded::body::{Body, Place};
use crate::embedded::codec::corrupt;

/// Bytes of chunks that a read keeps at hand, beside the last one, which may be larger.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// Reads events by place.
pub(super) struct Bodies<'a> {
    view: &'a View,
    chunks: VecDeque<(u64, UserValue)>,
    kept_bytes: usize,
}

impl<'a> Bodies<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        Self { view, chunks: VecDeque::new(), kept_bytes: 0 }
    }

    pub(super) fn event(&mut self, place: Place) -> Result<Event, EventStoreError> {
        Ok(self.body(place)?.to_event())
    }

    pub(super) fn body(&mut self, place: Place) -> Result<Body<'_>, EventStoreError> {
        let kept = match self.chunks.iter().position(|(number, _)| *number == place.chunk) {
            Some(kept) => kept,
            None => {
                let chunk = self.view.chunk(place.chunk)?.ok_or_else(|| corrupt("an event's chunk is missing"))?;
                while self.kept_bytes > KEPT_BYTES_MAX
                    && let Some((_, oldest)) = self.chunks.pop_front()
                {
                    self.kept_bytes -= oldest.len();
                }
                self.kept_bytes += chunk.len();
                self.chunks.push_back((place.chunk, chunk));
                self.chunks.len() - 1
            }
        };
        Body::in_chunk(&self.chunks[kept].1, place.index)
    }
}
