//! A group's events in the order of time, for lists of a whole scope: cut into stretches of time so that a list reads few that it does not
//! want, and so that neighbours share an entry of the store.

use super::hours::NewEvent;
use super::names::At;
use crate::embedded::key::{self, RUN_ROWS_MAX};
use crate::embedded::ledger::{self, Head};
use crate::embedded::span::Stretch;

/// Writes the events of a group.
pub(super) fn write_timeline(at: &mut At<'_>, group: u64, events: &[NewEvent<'_>]) {
    let mut by_time: Vec<&NewEvent<'_>> = events.iter().collect();
    by_time.sort_unstable_by_key(|event| (event.scope, event.timestamp, event.id));
    let mut timeline = Timeline { at, group, value: Vec::new() };
    for of_hour in by_time.chunk_by(|one, two| one.scope == two.scope && same(Stretch::Hour, one, two)) {
        timeline.divide(Stretch::Hour, of_hour);
    }
}

struct Timeline<'t, 'a> {
    at: &'t mut At<'a>,
    group: u64,
    value: Vec<u8>,
}

impl Timeline<'_, '_> {
    /// Writes the events of one stretch of a scope together if they are few, else those of the shorter ones by themselves.
    fn divide(&mut self, stretch: Stretch, events: &[&NewEvent<'_>]) {
        match stretch.shorter() {
            Some(shorter) if events.len() > RUN_ROWS_MAX => {
                for part in events.chunk_by(|one, two| same(shorter, one, two)) {
                    self.divide(shorter, part);
                }
            }
            _ => self.write(stretch, events),
        }
    }

    fn write(&mut self, mut stretch: Stretch, events: &[&NewEvent<'_>]) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        while let Some(shorter) = stretch.shorter()
            && same(shorter, first, last)
        {
            stretch = shorter;
        }
        let start = stretch.around(first.timestamp).start;
        for (number, part) in (0..).zip(events.chunks(RUN_ROWS_MAX)) {
            self.value.clear();
            for NewEvent { timestamp, id, name, place, kind, .. } in part {
                let head = Head { timestamp: *timestamp, event_id: id, event_name: *name, place: *place, kind: *kind };
                ledger::encode(&mut self.value, &head, [].iter());
            }
            let key = key::time(first.scope, stretch, start, self.group, number);
            self.at.batch.insert(&self.at.engine.times, key, self.value.as_slice());
        }
    }
}

fn same(stretch: Stretch, one: &NewEvent<'_>, two: &NewEvent<'_>) -> bool {
    stretch.around(one.timestamp).contains(two.timestamp)
}
