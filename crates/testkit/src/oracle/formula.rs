//! The plain formulas over all accepted events, in rationals, which cannot round.

use std::collections::{BTreeMap, BTreeSet};

use domain::meter::{Window, WindowSize};
use domain::time::{Period, Timestamp, Zone};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed as _, Zero as _};

use super::world::{Kind, Meter, Sent, World};

/// An exact number.
pub type Exact = BigRational;

/// What one accepted event adds to one meter.
#[derive(Clone, Debug)]
pub struct Row<'w> {
    pub(super) sent: &'w Sent,
    /// The event's id, for ties.
    pub(super) id: String,
    /// As it was sent, also below 0.
    signed: Exact,
}

fn ratio(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> Exact {
    BigRational::new(numerator.into(), denominator.into())
}

/// The nearest number of 16 fraction digits, half away from zero: what a division keeps.
fn kept(value: &Exact) -> Exact {
    let scale = ratio(BigInt::from(10).pow(16), 1);
    let away = (value.abs() * &scale + ratio(1, 2)).floor() / scale;
    if value.is_negative() { -away } else { away }
}

/// A quantity of the ledger has 15 fraction digits, cut toward zero.
fn cut(value: &Exact) -> Exact {
    let scale = ratio(BigInt::from(10).pow(15), 1);
    (value * &scale).trunc() / scale
}

/// A value that filters look for equals a text as a number when both are one, else letter by letter.
fn equals(wanted: &str, text: &str) -> bool {
    // All numbers of a world are small: doubles tell them apart.
    match (wanted.parse::<f64>(), text.parse::<f64>()) {
        (Ok(wanted), Ok(text)) => wanted == text,
        _ => wanted == text,
    }
}

impl Meter {
    fn takes(&self, sent: &Sent) -> bool {
        let holds = |wanted: &[&str], property: &str| {
            wanted.is_empty() || sent.text(property).is_some_and(|text| wanted.iter().any(|wanted| equals(wanted, text)))
        };
        holds(&self.regions, "region") && holds(&self.tiers, "tier")
    }

    /// `None` where the expression fails, so that there is no row.
    fn signed(&self, sent: &Sent) -> Option<Exact> {
        use super::world::Number::{Literal, Missing, Rubbish, Text};
        let n = ratio(sent.n.thousandths(), 1000);
        Some(match self.kind {
            Kind::Count => ratio(1, 1),
            Kind::CountUnique => ratio(i64::from(sent.user.is_some()), 1),
            Kind::SumTimes(thousandths) => cut(&(n * ratio(thousandths, 1000))),
            Kind::Expression => {
                let n = match sent.n {
                    Literal(n) | Text(n) => n,
                    Missing => 0,
                    // White space around a number is no harm here.
                    Rubbish(3) => 5_000,
                    Rubbish(_) => return None,
                };
                // n + 2 * m
                ratio(n, 1000) + ratio(2 * sent.m, 1)
            }
            _ => n,
        })
    }
}

impl World {
    /// The rows of a meter in a period, of the first copies alone.
    pub(super) fn rows(&self, meter: usize, period: Period, prefix: &str) -> Vec<Row<'_>> {
        let meter = &self.meters[meter];
        let accepted = self.events.iter().enumerate().filter(|(_, sent)| period.contains(sent.at) && meter.takes(sent));
        accepted.filter_map(|(number, sent)| Some(Row { sent, id: format!("{prefix}/{number}"), signed: meter.signed(sent)? })).collect()
    }

    pub(super) fn kind(&self, meter: usize) -> Kind {
        self.meters[meter].kind
    }
}

impl Row<'_> {
    /// What the ledger holds: never below 0.
    fn quantity(&self) -> Exact {
        self.signed.clone().max(Exact::zero())
    }

    /// The values of group keys, `source` or `properties.X`.
    pub(super) fn group(&self, by: &[&str]) -> Vec<String> {
        let value = |key: &&str| match key.strip_prefix("properties.") {
            Some(property) => self.sent.text(property).unwrap_or_default().to_owned(),
            None => self.sent.source.to_owned(),
        };
        by.iter().map(value).collect()
    }
}

/// The usage of rows that were all read from one period.
pub(super) fn usage(kind: Kind, rows: &[Row<'_>], period: Period) -> Exact {
    total(kind, rows, period, |row| row.quantity())
}

/// The same by the raw-log reads: single values may be below 0, the result is not.
pub(super) fn raw_usage(kind: Kind, rows: &[Row<'_>], period: Period) -> Exact {
    total(kind, rows, period, |row| row.signed.clone()).max(Exact::zero())
}

fn total(kind: Kind, rows: &[Row<'_>], period: Period, quantity: fn(&Row<'_>) -> Exact) -> Exact {
    let sum = |rows: &[Row<'_>]| rows.iter().map(quantity).fold(Exact::zero(), |total, quantity| total + quantity);
    let most = |rows: &[Row<'_>]| rows.iter().map(quantity).max().unwrap_or_else(Exact::zero);
    match kind {
        Kind::Count => ratio(rows.len(), 1),
        Kind::Sum | Kind::SumTimes(_) | Kind::Expression | Kind::SumPer(_) => sum(rows),
        Kind::Avg if rows.is_empty() => Exact::zero(),
        Kind::Avg => kept(&(sum(rows) / ratio(rows.len(), 1))),
        Kind::Max => most(rows),
        Kind::Latest => rows.iter().max_by_key(|row| (row.sent.at, row.id.clone())).map_or_else(Exact::zero, quantity),
        Kind::CountUnique => {
            let users: BTreeSet<_> = rows.iter().filter_map(|row| row.sent.text("user")).collect();
            ratio(users.len(), 1)
        }
        Kind::WeightedSum => {
            let length = period.end.micros() - period.start.micros();
            if length <= 0 {
                return Exact::zero();
            }
            let weighted = rows.iter().map(|row| quantity(row) * ratio(period.end.micros() - row.sent.at.micros(), length));
            kept(&weighted.fold(Exact::zero(), |total, quantity| total + quantity))
        }
        Kind::MaxPer(size) => per_window(rows, Window::new(size, Zone::UTC)).into_values().map(|rows| most(&rows)).sum(),
        Kind::MaxPerByNode(size) => {
            let buckets = per_window(rows, Window::new(size, Zone::UTC)).into_values();
            buckets.flat_map(|rows| by_node(rows).into_values()).map(|rows| most(&rows)).sum()
        }
    }
}

fn by_node(rows: Vec<Row<'_>>) -> BTreeMap<String, Vec<Row<'_>>> {
    let mut nodes: BTreeMap<String, Vec<Row<'_>>> = BTreeMap::new();
    for row in rows {
        nodes.entry(row.group(&["properties.node"]).concat()).or_default().push(row);
    }
    nodes
}

/// Rows by the beginning of their window.
pub(super) fn per_window<'w>(rows: &[Row<'w>], window: Window) -> BTreeMap<Timestamp, Vec<Row<'w>>> {
    let mut windows: BTreeMap<Timestamp, Vec<Row<'w>>> = BTreeMap::new();
    for row in rows {
        windows.entry(window.around(row.sent.at).start).or_default().push(row.clone());
    }
    windows
}

impl Kind {
    /// The buckets of a bucketed meter.
    pub(super) fn bucket(self) -> Option<WindowSize> {
        match self {
            Self::SumPer(size) | Self::MaxPer(size) | Self::MaxPerByNode(size) => Some(size),
            _ => None,
        }
    }

    /// Whether the usages of windows add up to the usage of the whole.
    pub(super) fn adds_up(self) -> bool {
        matches!(self, Self::Count | Self::Sum | Self::SumTimes(_) | Self::Expression | Self::SumPer(_))
    }
}
