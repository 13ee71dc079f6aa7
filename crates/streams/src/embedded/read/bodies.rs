//! Reading events from their chunks; neighbours often share one.

use std::collections::VecDeque;

use domain::event::Event;
use fjall::UserValue;

use super::view::View;
use crate::EventStoreError;
use crate::embedded::body::{self, Place};
use crate::embedded::codec::corrupt;

/// Chunks a read keeps at hand.
const CHUNKS_KEPT: usize = 16;

/// Reads events by place.
pub(super) struct Bodies<'a> {
    view: &'a View,
    chunks: VecDeque<(u64, UserValue)>,
}

impl<'a> Bodies<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        Self { view, chunks: VecDeque::new() }
    }

    pub(super) fn event(&mut self, place: Place) -> Result<Event, EventStoreError> {
        if let Some((_, chunk)) = self.chunks.iter().find(|(number, _)| *number == place.chunk) {
            return body::decode(chunk, place.index);
        }
        let chunk = self.view.chunk(place.chunk)?.ok_or_else(|| corrupt("an event's chunk is missing"))?;
        let event = body::decode(&chunk, place.index)?;
        if self.chunks.len() == CHUNKS_KEPT {
            self.chunks.pop_front();
        }
        self.chunks.push_back((place.chunk, chunk));
        Ok(event)
    }
}
