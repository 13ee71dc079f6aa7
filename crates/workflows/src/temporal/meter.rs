//! The SDK's own measurements, recorded with everything else of this process: workflows completed and failed by type and queue, task
//! slots in use and free, how long tasks lie on their queues. Names are the SDK's (`temporal_…`), which dashboards know; durations are
//! in seconds and say so (`…_seconds`).

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString};
use temporalio_common::telemetry::metrics::{
    CoreMeter, Counter, CounterBase, Gauge, GaugeBase, GaugeF64, GaugeF64Base, Histogram, HistogramBase, HistogramDuration,
    HistogramDurationBase, HistogramF64, HistogramF64Base, MetricAttributable, MetricAttributes, MetricParameters, NewAttributes,
    UpDownCounter, UpDownCounterBase,
};

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Hands the SDK's measurements on to the recorder of this process.
#[derive(Debug)]
pub(super) struct MetricsMeter;

impl MetricsMeter {
    pub(super) fn shared() -> Arc<dyn CoreMeter> {
        Arc::new(Self)
    }
}

/// An instrument without labels; it gets them when it is bound.
struct Instrument {
    name: String,
}

impl Instrument {
    fn new(parameters: MetricParameters) -> Arc<Self> {
        Arc::new(Self { name: parameters.name.into_owned() })
    }

    fn of_durations(parameters: MetricParameters) -> Arc<Self> {
        Arc::new(Self { name: format!("{}_seconds", parameters.name) })
    }

    fn key(&self, attributes: &MetricAttributes) -> Key {
        let labels = match attributes {
            MetricAttributes::NoOp(labels) => labels.iter().map(|(name, value)| Label::new(name.clone(), value.clone())).collect(),
            _ => Vec::new(),
        };
        Key::from_parts(self.name.clone(), labels)
    }
}

impl CoreMeter for MetricsMeter {
    // The variant that just carries its labels.
    fn new_attributes(&self, attributes: NewAttributes) -> MetricAttributes {
        MetricAttributes::NoOp(Arc::new(attributes.into()))
    }

    fn extend_attributes(&self, existing: MetricAttributes, attributes: NewAttributes) -> MetricAttributes {
        let mut labels = match existing {
            MetricAttributes::NoOp(labels) => HashMap::clone(&labels),
            _ => HashMap::new(),
        };
        labels.extend(HashMap::<String, String>::from(attributes));
        MetricAttributes::NoOp(Arc::new(labels))
    }

    fn counter(&self, parameters: MetricParameters) -> Counter {
        describe(&parameters, &parameters.name, |recorder, name, text| recorder.describe_counter(name, None, text));
        Counter::new(Instrument::new(parameters))
    }

    fn histogram(&self, parameters: MetricParameters) -> Histogram {
        describe(&parameters, &parameters.name, |recorder, name, text| recorder.describe_histogram(name, None, text));
        Histogram::new(Instrument::new(parameters))
    }

    fn histogram_f64(&self, parameters: MetricParameters) -> HistogramF64 {
        describe(&parameters, &parameters.name, |recorder, name, text| recorder.describe_histogram(name, None, text));
        HistogramF64::new(Instrument::new(parameters))
    }

    fn histogram_duration(&self, parameters: MetricParameters) -> HistogramDuration {
        let name = format!("{}_seconds", parameters.name);
        describe(&parameters, &name, |recorder, name, text| recorder.describe_histogram(name, None, text));
        HistogramDuration::new(Instrument::of_durations(parameters))
    }

    fn gauge(&self, parameters: MetricParameters) -> Gauge {
        describe(&parameters, &parameters.name, |recorder, name, text| recorder.describe_gauge(name, None, text));
        Gauge::new(Instrument::new(parameters))
    }

    fn gauge_f64(&self, parameters: MetricParameters) -> GaugeF64 {
        describe(&parameters, &parameters.name, |recorder, name, text| recorder.describe_gauge(name, None, text));
        GaugeF64::new(Instrument::new(parameters))
    }

    fn up_down_counter(&self, parameters: MetricParameters) -> UpDownCounter {
        describe(&parameters, &parameters.name, |recorder, name, text| recorder.describe_gauge(name, None, text));
        UpDownCounter::new(Instrument::new(parameters))
    }
}

/// Hands the SDK's own words on as the help of a metric.
fn describe(parameters: &MetricParameters, name: &str, describe: impl FnOnce(&dyn Recorder, KeyName, SharedString)) {
    let text = if parameters.description.is_empty() {
        format!("{name}, as the Temporal SDK counts it")
    } else {
        parameters.description.to_string()
    };
    metrics::with_recorder(|recorder| describe(recorder, KeyName::from(name.to_owned()), SharedString::from(text)));
}

/// Binds an instrument to its labels: one handle of the recorder, kept by the SDK for all values.
macro_rules! bind {
    ($($base:ident: $handle:ident($register:ident), $method:ident($value:ident: $type:ty) => $record:expr;)*) => {$(
        impl MetricAttributable<Box<dyn $base>> for Instrument {
            fn with_attributes(&self, attributes: &MetricAttributes) -> Result<Box<dyn $base>, Box<dyn Error>> {
                let key = self.key(attributes);
                Ok(Box::new(Bound::<$type, _>::new(metrics::with_recorder(|recorder| recorder.$register(&key, &METADATA)))))
            }
        }

        impl $base for Bound<$type, metrics::$handle> {
            fn $method(&self, $value: $type) {
                let record: fn(&metrics::$handle, $type) = $record;
                record(&self.handle, $value);
            }
        }
    )*};
}

/// A handle of the recorder for values of one type.
struct Bound<V, H> {
    handle: H,
    of: std::marker::PhantomData<fn(V)>,
}

impl<V, H> Bound<V, H> {
    fn new(handle: H) -> Self {
        Self { handle, of: std::marker::PhantomData }
    }
}

bind! {
    CounterBase: Counter(register_counter), adds(value: u64) => |counter, value| counter.increment(value);
    HistogramBase: Histogram(register_histogram), records(value: u64) => |histogram, value| histogram.record(precise(value));
    HistogramF64Base: Histogram(register_histogram), records(value: f64) => |histogram, value| histogram.record(value);
    HistogramDurationBase: Histogram(register_histogram), records(value: Duration) => |histogram, value| histogram.record(value);
    GaugeBase: Gauge(register_gauge), records(value: u64) => |gauge, value| gauge.set(precise(value));
    GaugeF64Base: Gauge(register_gauge), records(value: f64) => |gauge, value| gauge.set(value);
    UpDownCounterBase: Gauge(register_gauge), adds(value: i64) => |gauge, value| gauge.increment(signed(value));
}

/// Counts of slots, pollers and bytes: far below what a float holds exactly.
fn precise(value: u64) -> f64 {
    u32::try_from(value).map_or(f64::from(u32::MAX), f64::from)
}

fn signed(value: i64) -> f64 {
    let size = precise(value.unsigned_abs());
    if value < 0 { -size } else { size }
}
