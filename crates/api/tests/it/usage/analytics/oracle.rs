//! The plain formula of analytics, straight from spec 10 §§8, 11 and spec 20 §6, in rationals over all events. Nothing of the
//! implementation takes part.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};

pub(super) const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Sizes with their usual length in minutes; a week and a month are cut by the calendar.
pub(super) const SIZES: [(&str, i64); 10] = [
    ("MINUTE", 1),
    ("15MIN", 15),
    ("30MIN", 30),
    ("HOUR", 60),
    ("3HOUR", 180),
    ("6HOUR", 360),
    ("12HOUR", 720),
    ("DAY", 1440),
    ("WEEK", 10_080),
    ("MONTH", 43_200),
];

/// Days since 1970 on which months begin, from November 2024, with their lengths: as far as events go.
const MONTHS: [(i64, i64); 5] = [(20_028, 30), (20_058, 31), (20_089, 31), (20_120, 28), (20_148, 31)];

/// An event that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Microseconds since 1970.
    pub(super) at: i64,
    /// Of equal times the greater counts as newer.
    pub(super) id: String,
    /// In thousandths; what is no number is none.
    pub(super) amount: Option<i64>,
    pub(super) user: Option<u8>,
    pub(super) node: Option<u8>,
    pub(super) region: Option<&'static str>,
    pub(super) source: &'static str,
}

/// What a meter does.
#[derive(Clone, Debug)]
pub(super) struct MeterSpec {
    pub(super) kind: &'static str,
    pub(super) bucket: Option<usize>,
    pub(super) by_node: bool,
    /// In thousandths.
    pub(super) multiplier: Option<i64>,
}

/// What a price charges; amounts in thousandths.
#[derive(Clone, Debug)]
pub(super) enum PriceSpec {
    Flat { amount: i64 },
    Package { amount: i64, size: i64, up: bool },
    Tiered { volume: bool, tiers: Vec<TierSpec> },
}

/// The last tier is open, whatever its bound.
#[derive(Clone, Debug)]
pub(super) struct TierSpec {
    pub(super) up_to: i64,
    pub(super) unit: i64,
    pub(super) flat: i64,
}

/// A question.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) window: Option<usize>,
    pub(super) by_source: bool,
    pub(super) by_region: bool,
    pub(super) by_node: bool,
    pub(super) sources: Vec<&'static str>,
    pub(super) regions: Vec<&'static str>,
}

/// Where time is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    /// Of the customer's zone, which has no change of clocks in the time of the events.
    pub(super) offset_seconds: i64,
    /// Where the line begins.
    pub(super) line_start: i64,
    /// The day of the subscription's billing anchor, in UTC.
    pub(super) anchor_day: i64,
}

/// Source, region and node of a group; empty where the events have none, or where they are not told apart.
pub(super) type Group = (String, String, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) usage: BigRational,
    pub(super) events: i64,
    /// Rounded to cents.
    pub(super) cost: BigRational,
    pub(super) points: Vec<(i64, BigRational, BigRational, i64)>,
}

pub(super) fn thousandths(value: i64) -> BigRational {
    BigRational::new(value.into(), 1000.into())
}

fn whole(value: i64) -> BigRational {
    BigRational::from_integer(value.into())
}

/// Half away from zero.
pub(super) fn rounded(value: &BigRational, digits: u32) -> BigRational {
    let scale = BigRational::from_integer(BigInt::from(10).pow(digits));
    let away = (value.abs() * &scale + BigRational::new(1.into(), 2.into())).floor() / scale;
    if value.is_negative() { -away } else { away }
}

/// Spec 20 §6.1, for quantities that are not negative.
pub(super) fn cost(price: &PriceSpec, quantity: &BigRational) -> BigRational {
    if quantity.is_zero() {
        return BigRational::zero();
    }
    match price {
        PriceSpec::Flat { amount } => quantity * thousandths(*amount),
        PriceSpec::Package { amount, size, up } => {
            let packages = quantity / whole(*size);
            thousandths(*amount) * if *up { packages.ceil() } else { packages.floor() }
        }
        PriceSpec::Tiered { volume: true, tiers } => {
            let reached = tiers.iter().position(|tier| *quantity <= whole(tier.up_to));
            let tier = &tiers[reached.unwrap_or(tiers.len() - 1)];
            quantity * thousandths(tier.unit) + thousandths(tier.flat)
        }
        PriceSpec::Tiered { volume: false, tiers } => {
            let mut total = BigRational::zero();
            for (index, tier) in tiers.iter().enumerate() {
                let lower = if index == 0 { BigRational::zero() } else { whole(tiers[index - 1].up_to) };
                let upper = if index + 1 == tiers.len() { quantity.clone() } else { quantity.clone().min(whole(tier.up_to)) };
                if upper > lower {
                    total += (upper - lower) * thousandths(tier.unit) + thousandths(tier.flat);
                }
            }
            total
        }
    }
}

/// First instant of the window that holds an instant.
fn window_start(at: i64, size: usize, offset_seconds: i64, month_day: i64) -> i64 {
    let (name, minutes) = SIZES[size];
    let offset = offset_seconds * SECOND;
    let local = at + offset;
    let day = local.div_euclid(DAY);
    let start = match name {
        // The first day of 1970 was a Thursday.
        "WEEK" => (day - (day + 3).rem_euclid(7)) * DAY,
        "MONTH" => {
            MONTHS.iter().map(|(first, length)| first + month_day.min(*length) - 1).filter(|start| *start <= day).max().unwrap() * DAY
        }
        _ => local - local.rem_euclid(minutes * 60 * SECOND),
    };
    start - offset
}

fn amount(event: &Sent) -> BigRational {
    thousandths(event.amount.unwrap_or_default().max(0))
}

/// Spec 10 §8, over `[from, to)`.
fn usage(meter: &MeterSpec, rows: &[&Sent], from: i64, to: i64) -> BigRational {
    let sum = || rows.iter().fold(BigRational::zero(), |sum, row| sum + amount(row));
    if rows.is_empty() {
        return BigRational::zero();
    }
    match meter.kind {
        "COUNT" => whole(i64::try_from(rows.len()).unwrap()),
        "SUM" => sum(),
        "SUM_WITH_MULTIPLIER" => sum() * thousandths(meter.multiplier.unwrap()),
        "AVG" => rounded(&(sum() / whole(i64::try_from(rows.len()).unwrap())), 16),
        "MAX" => rows.iter().map(|row| amount(row)).max().unwrap(),
        "LATEST" => amount(rows.iter().max_by_key(|row| (row.at, &row.id)).unwrap()),
        "COUNT_UNIQUE" => {
            let users: BTreeSet<u8> = rows.iter().filter_map(|row| row.user).collect();
            whole(i64::try_from(users.len()).unwrap())
        }
        "WEIGHTED_SUM" => {
            let area = rows.iter().fold(BigRational::zero(), |area, row| area + amount(row) * whole(to - row.at));
            rounded(&(area / whole(to - from)), 16)
        }
        other => panic!("{other}"),
    }
}

fn rows_by<'a, K: Ord>(rows: &[&'a Sent], key: impl Fn(&Sent) -> K) -> BTreeMap<K, Vec<&'a Sent>> {
    let mut groups: BTreeMap<K, Vec<&Sent>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(row);
    }
    groups
}

fn node(row: &Sent) -> String {
    row.node.map(|node| node.to_string()).unwrap_or_default()
}

/// The items of one line.
pub(super) fn items(
    events: &[Sent],
    meter: &MeterSpec,
    price: &PriceSpec,
    question: &Question,
    calendar: Calendar,
) -> BTreeMap<Group, Item> {
    let from = question.start.max(calendar.line_start);
    let rows: Vec<&Sent> = events
        .iter()
        .filter(|event| from <= event.at && event.at < question.end)
        .filter(|event| question.sources.is_empty() || question.sources.contains(&event.source))
        .filter(|event| question.regions.is_empty() || event.region.is_some_and(|region| question.regions.contains(&region)))
        .collect();
    let group = |row: &Sent| {
        let source = if question.by_source { row.source.to_owned() } else { String::new() };
        let region = if question.by_region { row.region.unwrap_or_default().to_owned() } else { String::new() };
        (source, region, if question.by_node { node(row) } else { String::new() })
    };
    let groups = rows_by(&rows, group).into_iter();
    groups.map(|(group, rows)| (group, item(&rows, meter, price, question, calendar, from))).collect()
}

fn item(rows: &[&Sent], meter: &MeterSpec, price: &PriceSpec, question: &Question, calendar: Calendar, from: i64) -> Item {
    let count = |rows: &[&Sent]| i64::try_from(rows.len()).unwrap();
    let mut points = Vec::new();
    let (total, exact) = if let Some(bucket) = meter.bucket {
        let bucket_of =
            |row: &Sent| (window_start(row.at, bucket, 0, calendar.anchor_day), if meter.by_node { node(row) } else { String::new() });
        let (mut total, mut exact) = (BigRational::zero(), BigRational::zero());
        let mut by_window: BTreeMap<i64, (BigRational, BigRational, i64)> = BTreeMap::new();
        for ((start, _), rows) in rows_by(rows, bucket_of) {
            let value = usage(meter, &rows, 0, 1);
            let charge = cost(price, &value);
            if let Some(asked) = question.window {
                let start = if asked <= bucket { start } else { window_start(start, asked, calendar.offset_seconds, 1) };
                let point = by_window.entry(start).or_insert_with(|| (BigRational::zero(), BigRational::zero(), 0));
                point.0 = if meter.kind == "MAX" { point.0.clone().max(value.clone()) } else { &point.0 + &value };
                point.1 += &charge;
                point.2 += count(&rows);
            }
            total += value;
            exact += charge;
        }
        points.extend(by_window.into_iter().map(|(start, (usage, cost, events))| (start, usage, cost, events)));
        (total, exact)
    } else {
        if let Some(asked) = question.window {
            let windows = rows_by(rows, |row| window_start(row.at, asked, calendar.offset_seconds, 1));
            for (start, rows) in windows {
                let next = next_start(start, asked, calendar.offset_seconds);
                let value = usage(meter, &rows, start.max(from), next.min(question.end));
                let charge = cost(price, &value);
                points.push((start, value, charge, count(&rows)));
            }
        }
        let total = usage(meter, rows, from, question.end);
        let exact = cost(price, &total);
        (total, exact)
    };
    Item { usage: total, events: count(rows), cost: rounded(&exact, 2), points }
}

/// First instant of the window that follows.
fn next_start(start: i64, size: usize, offset_seconds: i64) -> i64 {
    match SIZES[size] {
        // No month is shorter than 28 days or longer than 31.
        ("MONTH", _) => {
            let later = start + 32 * DAY;
            window_start(later, size, offset_seconds, 1)
        }
        (_, minutes) => start + minutes * 60 * SECOND,
    }
}
