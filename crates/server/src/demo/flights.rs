//! The flights, in order of time.

use std::collections::BTreeSet;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, bail};
use csv::StringRecord;

const COLUMNS: [&str; 8] = ["event_id", "timestamp", "carrier", "tailnum", "origin", "dest", "distance_miles", "air_time_minutes"];

/// One departure: a row of the file.
pub(super) struct Flight(StringRecord);

impl Flight {
    pub(super) fn event_id(&self) -> &str {
        self.column(0)
    }

    /// UTC, RFC 3339, all written alike: texts sort as instants do.
    pub(super) fn timestamp(&self) -> &str {
        self.column(1)
    }

    pub(super) fn carrier(&self) -> &str {
        self.column(2)
    }

    /// Blank when unknown.
    pub(super) fn tailnum(&self) -> &str {
        self.column(3)
    }

    pub(super) fn origin(&self) -> &str {
        self.column(4)
    }

    pub(super) fn dest(&self) -> &str {
        self.column(5)
    }

    pub(super) fn distance_miles(&self) -> &str {
        self.column(6)
    }

    /// Blank when cancelled.
    pub(super) fn air_time_minutes(&self) -> &str {
        self.column(7)
    }

    fn column(&self, index: usize) -> &str {
        self.0.get(index).unwrap_or_default()
    }
}

/// The flights that are sent.
pub(super) struct Flights {
    carriers: BTreeSet<String>,
    selected: Vec<Flight>,
}

impl Flights {
    /// Every carrier of the file, also one none of whose flights is sent.
    pub(super) fn carriers(&self) -> &BTreeSet<String> {
        &self.carriers
    }

    /// In order of time, equal times by id.
    pub(super) fn selected(&self) -> &[Flight] {
        &self.selected
    }
}

/// Reads the file; takes every so-manieth flight in order of time, of these the first up to the limit.
pub(super) fn read(path: &Path, every: NonZeroUsize, limit: Option<NonZeroUsize>) -> anyhow::Result<Flights> {
    let file = File::open(path).with_context(|| {
        format!("cannot read the flights in {}: run the demo at the root of the project or name them with --data", path.display())
    })?;
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let readable = || format!("{} is not the expected CSV compressed with gzip", path.display());
    let header = reader.headers().with_context(readable)?;
    if header != COLUMNS[..] {
        bail!("{}: the columns must be {}", readable(), COLUMNS.join(","));
    }
    let mut flights = reader.into_records().map(|record| record.map(Flight)).collect::<Result<Vec<_>, _>>().with_context(readable)?;
    if flights.is_empty() {
        bail!("{} holds no flights", path.display());
    }
    let carriers = flights.iter().map(|flight| flight.carrier().to_owned()).collect();
    flights.sort_unstable_by(|a, b| (a.timestamp(), a.event_id()).cmp(&(b.timestamp(), b.event_id())));
    let selected = flights.into_iter().step_by(every.get()).take(limit.map_or(usize::MAX, NonZeroUsize::get)).collect();
    Ok(Flights { carriers, selected })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_text(text: &str, every: usize, limit: Option<usize>) -> anyhow::Result<Flights> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut gzip = flate2::write::GzEncoder::new(&file, flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).expect("written");
        gzip.finish().expect("finished");
        read(file.path(), NonZeroUsize::new(every).expect("above 0"), limit.and_then(NonZeroUsize::new))
    }

    fn ids(flights: &Flights) -> Vec<&str> {
        flights.selected().iter().map(Flight::event_id).collect()
    }

    fn text() -> String {
        let rows = "b,2013-01-02T00:00:00Z,UA,,JFK,X,1,\na,2013-01-02T00:00:00Z,AA,N1,JFK,X,1,2\nc,2013-01-01T00:00:00Z,9E,N1,JFK,X,1,2\n";
        format!("{}\n{rows}", COLUMNS.join(","))
    }

    #[test]
    fn flights_stand_in_order_of_time() {
        assert_eq!(ids(&read_text(&text(), 1, None).expect("read")), ["c", "a", "b"]);
    }

    #[test]
    fn a_selection_keeps_every_carrier() {
        let flights = read_text(&text(), 2, Some(1)).expect("read");
        assert_eq!(ids(&flights), ["c"]);
        assert_eq!(flights.carriers().len(), 3);
        assert_eq!(ids(&read_text(&text(), 2, None).expect("read")), ["c", "b"]);
    }

    #[test]
    fn what_is_not_the_file_is_refused() {
        let refused = |text: &str| format!("{:#}", read_text(text, 1, None).err().expect("refused"));
        assert!(refused("a,b\n1,2\n").contains("the columns must be event_id,"));
        assert!(refused(&COLUMNS.join(",")).ends_with("holds no flights"));
        let missing = read(Path::new("missing.csv.gz"), NonZeroUsize::MIN, None).err().expect("refused");
        assert!(format!("{missing:#}").contains("cannot read the flights in missing.csv.gz"));
    }
}
