//! Random meters, events and questions.

use domain::meter::WindowSize;
use domain::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// When the subscription of a world begins; New York changes its clocks on 9 March, Berlin on the 30th.
pub(super) const START: &str = "2025-03-01T00:00:00Z";
/// When its first period ends.
const END: &str = "2025-04-01T00:00:00Z";

/// How a meter of a world aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Count,
    Sum,
    /// Times this many thousandths.
    SumTimes(i64),
    Avg,
    Max,
    Latest,
    CountUnique,
    WeightedSum,
    SumPer(WindowSize),
    MaxPer(WindowSize),
    /// For each node by itself.
    MaxPerByNode(WindowSize),
    /// `n + 2 * m` in CEL.
    Expression,
}

/// A meter.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    pub(super) kind: Kind,
    /// Values of `region` that count; all when empty.
    pub(super) regions: Vec<&'static str>,
    /// Values of `tier` that count; all when empty.
    pub(super) tiers: Vec<&'static str>,
}

/// A number property as it is sent.
#[derive(Clone, Debug)]
pub(super) enum Number {
    /// In thousandths, as a JSON number.
    Literal(i64),
    /// In thousandths, as a string.
    Text(i64),
    /// Something that is no number.
    Rubbish(usize),
    Missing,
}

/// An event as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) n: Number,
    /// A whole number, 0 to 9; absent when 0.
    pub(super) m: i64,
    pub(super) region: Option<&'static str>,
    /// JSON, with the text it stands for.
    pub(super) tier: Option<(&'static str, &'static str)>,
    /// JSON, with the text it stands for.
    pub(super) user: Option<(&'static str, &'static str)>,
    pub(super) node: Option<&'static str>,
    pub(super) source: &'static str,
    /// Copies that follow, each of which says something else.
    pub(super) copies: usize,
}

/// One customer with what it did and how that is metered.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) meters: Vec<Meter>,
    pub(super) events: Vec<Sent>,
    /// Of the customer.
    pub(super) zone: &'static str,
}

/// What is asked of every path.
#[derive(Clone, Debug)]
pub struct Question {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) size: WindowSize,
    /// Analytics by these besides.
    pub(super) by: Vec<&'static str>,
    /// Analytics of these values of `region` only.
    pub(super) regions: Vec<&'static str>,
    /// Analytics of these sources only.
    pub(super) sources: Vec<&'static str>,
}

const RUBBISH: [&str; 8] = [r#""x""#, "true", "null", r#"" 5""#, "[1]", r#"{"a":1}"#, r#""0x10""#, r#""1_000""#];
const TIERS: [(&str, &str); 6] = [("2", "2"), (r#""2""#, "2"), (r#""2.0""#, "2.0"), ("2.0", "2"), ("3", "3"), (r#""gold""#, "gold")];
const USERS: [(&str, &str); 7] =
    [(r#""u-7""#, "u-7"), ("42", "42"), (r#""42""#, "42"), ("42.0", "42"), (r#""42.0""#, "42.0"), ("true", "true"), ("null", "<nil>")];

impl Number {
    /// In thousandths; 0 for what is no number.
    pub(super) fn thousandths(&self) -> i64 {
        match self {
            Self::Literal(n) | Self::Text(n) => *n,
            Self::Rubbish(_) | Self::Missing => 0,
        }
    }

    fn json(&self) -> Option<String> {
        let digits = |n: i64| {
            let sign = if n < 0 { "-" } else { "" };
            let n = n.abs();
            if n % 1000 == 0 { format!("{sign}{}", n / 1000) } else { format!("{sign}{}.{:03}", n / 1000, n % 1000) }
        };
        match self {
            Self::Literal(n) => Some(digits(*n)),
            Self::Text(n) => Some(format!("\"{}\"", digits(*n))),
            Self::Rubbish(index) => Some(RUBBISH[index % RUBBISH.len()].to_owned()),
            Self::Missing => None,
        }
    }
}

impl Sent {
    /// The property's text, as filters and groups see it.
    pub(super) fn text(&self, property: &str) -> Option<&'static str> {
        match property {
            "region" => self.region,
            "tier" => self.tier.map(|(_, text)| text),
            "user" => self.user.map(|(_, text)| text),
            "node" => self.node,
            _ => None,
        }
    }

    fn properties(&self) -> Value {
        let mut properties = Map::new();
        let mut put = |key: &str, json: Option<String>| {
            if let Some(json) = json {
                properties.insert(key.to_owned(), serde_json::from_str(&json).expect("JSON"));
            }
        };
        put("n", self.n.json());
        put("m", (self.m != 0).then(|| self.m.to_string()));
        put("tier", self.tier.map(|(json, _)| json.to_owned()));
        put("user", self.user.map(|(json, _)| json.to_owned()));
        for (key, text) in [("region", self.region), ("node", self.node)] {
            put(key, text.map(|text| format!("\"{text}\"")));
        }
        Value::Object(properties)
    }
}

impl World {
    /// Its events as requests of at most 400: a copy of the same request or a later one says another time, number and name of a node.
    pub(super) fn requests(&self, prefix: &str, event_name: &str, customer: &str) -> Vec<Value> {
        let event = |number: usize, sent: &Sent| {
            json!({
                "event_id": format!("{prefix}/{number}"), "event_name": event_name, "external_customer_id": customer,
                "timestamp": sent.at.to_string(), "source": sent.source, "properties": sent.properties(),
            })
        };
        let (mut firsts, mut copies) = (Vec::new(), Vec::new());
        for (number, sent) in self.events.iter().enumerate() {
            firsts.push(event(number, sent));
            for copy in 0..sent.copies {
                let forged = Sent {
                    at: sent.at.plus_seconds(86_400 * (i64::try_from(copy).unwrap_or(0) * 3 - 1)),
                    n: Number::Literal(999_000),
                    node: Some("forged"),
                    ..sent.clone()
                };
                let into = if copy == 0 { &mut firsts } else { &mut copies };
                into.push(event(number, &forged));
            }
        }
        firsts.append(&mut copies);
        firsts.chunks(400).map(|events| json!({ "events": events })).collect()
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("`{text}` is no instant: {error}"))
}

/// Around bounds of months, days, hours and changes of clocks, and anywhere between.
fn timestamp() -> impl Strategy<Value = Timestamp> {
    const BOUNDS: [&str; 6] = [START, END, "2025-03-09T07:00:00Z", "2025-03-14T18:30:00Z", "2025-03-30T01:00:00Z", "2025-03-10T04:00:00Z"];
    let near = (select(&BOUNDS[..]), prop_oneof![Just(0), -2_i64..3, -7_200_000_000..7_200_000_000_i64])
        .prop_map(|(bound, micros)| instant(bound).plus_micros(micros));
    let anywhere = (-5 * 86_400..40 * 86_400_i64).prop_map(|seconds| instant(START).plus_seconds(seconds));
    prop_oneof![2 => near, 3 => anywhere]
}

fn meter() -> impl Strategy<Value = Meter> {
    let bucket = || select(&[WindowSize::Minutes15, WindowSize::Hour, WindowSize::Hours6, WindowSize::Day, WindowSize::Week][..]);
    let kind = prop_oneof![
        1 => select(&[Kind::Count, Kind::Avg, Kind::Max, Kind::Latest, Kind::CountUnique, Kind::WeightedSum, Kind::Expression][..]),
        1 => Just(Kind::Sum),
        1 => (1_i64..5_000).prop_map(Kind::SumTimes),
        1 => bucket().prop_map(Kind::SumPer),
        1 => bucket().prop_map(Kind::MaxPer),
        1 => bucket().prop_map(Kind::MaxPerByNode),
    ];
    let regions = prop_oneof![3 => Just(vec![]), 1 => Just(vec!["eu"]), 1 => Just(vec!["eu", "us"])];
    let tiers = prop_oneof![4 => Just(vec![]), 1 => Just(vec!["2"]), 1 => Just(vec!["gold", "2.00"])];
    (prop_oneof![1 => Just(Kind::Count), 6 => kind], regions, tiers).prop_map(|(kind, regions, tiers)| Meter { kind, regions, tiers })
}

fn sent() -> impl Strategy<Value = Sent> {
    let n = prop_oneof![
        4 => (-20_000_i64..1_000_000).prop_map(Number::Literal),
        3 => (-20_000_i64..1_000_000).prop_map(Number::Text),
        2 => (0_i64..9).prop_map(|n| Number::Literal(n * 1_000)),
        1 => (0..RUBBISH.len()).prop_map(Number::Rubbish),
        1 => Just(Number::Missing),
    ];
    let texts = (
        option::weighted(0.8, select(&["eu", "us", "EU"][..])),
        option::weighted(0.7, select(&TIERS[..])),
        option::weighted(0.8, select(&USERS[..])),
        option::weighted(0.8, select(&["a", "b", "c"][..])),
        select(&["", "web", "batch"][..]),
    );
    let copies = prop_oneof![4 => Just(0_usize), 1 => 1_usize..3];
    (timestamp(), n, 0_i64..10, texts, copies).prop_map(|(at, n, m, (region, tier, user, node, source), copies)| Sent {
        at,
        n,
        m,
        region,
        tier,
        user,
        node,
        source,
        copies,
    })
}

/// A world of up to `events_max` events.
pub fn world(events_max: usize) -> impl Strategy<Value = World> {
    let zone = select(&["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"][..]);
    (vec(meter(), 1..5), vec(sent(), 0..events_max), zone).prop_map(|(meters, events, zone)| World { meters, events, zone })
}

/// A question.
pub fn question() -> impl Strategy<Value = Question> {
    let whole = (Just(instant(START)), Just(instant(END)));
    let any = (timestamp(), timestamp()).prop_map(|(one, two)| (one.min(two), one.max(two)));
    let sizes: Vec<WindowSize> = WindowSize::ALL.iter().copied().filter(|size| *size != WindowSize::Minute).collect();
    let by = prop_oneof![
        2 => Just(vec![]),
        1 => select(vec![vec!["source"], vec!["properties.region"], vec!["properties.tier", "source"], vec!["properties.user"]]),
    ];
    let regions = prop_oneof![3 => Just(vec![]), 1 => Just(vec!["eu"]), 1 => Just(vec!["us", "EU"])];
    let sources = prop_oneof![3 => Just(vec![]), 1 => Just(vec!["web"])];
    (prop_oneof![1 => whole, 3 => any], select(sizes), by, regions, sources)
        .prop_map(|((start, end), size, by, regions, sources)| Question { start, end, size, by, regions, sources })
}
