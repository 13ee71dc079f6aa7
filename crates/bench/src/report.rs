//! The tables: Markdown to read, JSON to compare runs.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::invoices::{SUBSCRIPTIONS, YearOfInvoices};
use crate::load::Measured;
use crate::process::Memory;

/// One row of the ingest table.
pub(crate) struct Ingested {
    pub(crate) events: u64,
    pub(crate) measured: Measured,
    /// Of the process under load; of this one where there is none.
    pub(crate) server_processor: Option<Duration>,
    /// Of the load generator.
    pub(crate) load_processor: Option<Duration>,
}

impl Ingested {
    #[expect(clippy::cast_precision_loss, reason = "a figure for reading")]
    fn per_second(&self) -> f64 {
        self.events as f64 / self.measured.took.as_secs_f64().max(1e-9)
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for reading")]
    fn micros_per_event(&self, processor: Option<Duration>) -> Option<f64> {
        processor.map(|time| time.as_secs_f64() * 1e6 / self.events.max(1) as f64)
    }
}

/// All that was measured.
pub(crate) struct Report {
    customers: u32,
    hours: u16,
    connections: u16,
    read_connections: u16,
    customer_connections: u16,
    ingest_baselines: Vec<(&'static str, Ingested)>,
    ingests: Vec<(u64, Ingested)>,
    reads: Vec<(u64, &'static str, Measured)>,
    memories: Vec<(u64, Memory)>,
    bare_customer: Option<Measured>,
    customer: Option<Measured>,
    years_of_invoices: Vec<YearOfInvoices>,
}

impl Report {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            customers: arguments.customers,
            hours: arguments.hours,
            connections: arguments.connections,
            read_connections: arguments.read_connections,
            customer_connections: arguments.customer_connections,
            ingest_baselines: Vec::new(),
            ingests: Vec::new(),
            reads: Vec::new(),
            memories: Vec::new(),
            bare_customer: None,
            customer: None,
            years_of_invoices: Vec::new(),
        }
    }

    pub(crate) fn ingest_baseline(&mut self, what: &'static str, ingested: Ingested) {
        self.ingest_baselines.push((what, ingested));
    }

    pub(crate) fn ingest(&mut self, until: u64, ingested: Ingested) {
        self.ingests.push((until, ingested));
    }

    pub(crate) fn read(&mut self, events: u64, what: &'static str, measured: Measured) {
        self.reads.push((events, what, measured));
    }

    pub(crate) fn memory(&mut self, events: u64, memory: Memory) {
        self.memories.push((events, memory));
    }

    pub(crate) fn customer_baseline(&mut self, measured: Measured) {
        self.bare_customer = Some(measured);
    }

    pub(crate) fn customer(&mut self, measured: Measured) {
        self.customer = Some(measured);
    }

    pub(crate) fn years_of_invoices(&mut self, years: Vec<YearOfInvoices>) {
        self.years_of_invoices = years;
    }

    pub(crate) fn markdown(&self) -> String {
        [self.ingest_table(), self.read_table(), self.customer_table(), self.invoice_table(), self.memory_table()].join("\n")
    }

    /// The server's throughput against each baseline.
    fn ingest_table(&self) -> String {
        // The first stage is of the baselines' size.
        let comparable = self.ingests.first().map_or(0.0, |(_, ingested)| ingested.per_second());
        let mut text = format!(
            "### Bulk ingest: batches of 1,000, {} customers, 3 to 5 of 20 meters match, {} hours of event time, {} requests under way\n\n\
             | | events | events/s | server of it | p50 ms | p99 ms | CPU µs/event | load CPU µs/event |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|\n",
            grouped(u64::from(self.customers)),
            self.hours,
            self.connections
        );
        let mut row = |what: &str, ingested: &Ingested, ratio: String| {
            let micros = |processor| ingested.micros_per_event(processor).map_or("–".to_owned(), |micros| format!("{micros:.2}"));
            let line = format!(
                "| {what} | {} | {} | {ratio} | {:.1} | {:.1} | {} | {} |\n",
                grouped(ingested.events),
                grouped(whole(ingested.per_second())),
                ingested.measured.percentile_ms(50),
                ingested.measured.percentile_ms(99),
                micros(ingested.server_processor),
                micros(ingested.load_processor),
            );
            text.push_str(&line);
        };
        for (what, ingested) in &self.ingest_baselines {
            row(what, ingested, format!("{:.0} %", 100.0 * comparable / ingested.per_second().max(1e-9)));
        }
        for (until, ingested) in &self.ingests {
            row(&format!("**server**, durable and counted, up to {}", grouped(*until)), ingested, "–".to_owned());
        }
        text
    }

    fn read_table(&self) -> String {
        let mut text = format!(
            "### Reads, {} requests under way\n\n| | events in the store | requests/s | p50 ms | p99 ms |\n|---|--:|--:|--:|--:|\n",
            self.read_connections
        );
        for (events, what, measured) in &self.reads {
            text.push_str(&format!("| {what} | {} | {} |\n", grouped(*events), rate_and_latency(measured)));
        }
        text
    }

    fn customer_table(&self) -> String {
        let rate = |measured: &Option<Measured>| measured.as_ref().map_or(0.0, Measured::per_second);
        let mut text = format!(
            "### Get customer, {} requests under way\n\n| | requests/s | p50 ms | p99 ms |\n|---|--:|--:|--:|\n",
            self.customer_connections
        );
        for (what, measured) in [("bare HTTP server", &self.bare_customer), ("**server**", &self.customer)] {
            if let Some(measured) = measured {
                text.push_str(&format!("| {what} | {} |\n", rate_and_latency(measured)));
            }
        }
        let percent = 100.0 * rate(&self.customer) / rate(&self.bare_customer).max(1e-9);
        // Writing to a string does not fail.
        let _written = writeln!(text, "| server of the bare one | {percent:.0} % | | |");
        text
    }

    /// Each year against the first.
    fn invoice_table(&self) -> String {
        let mut text = format!(
            "### Invoice run: {SUBSCRIPTIONS} subscriptions of 21 lines, month after month\n\n\
             | | invoices | invoices/s | time of the first year's |\n|---|--:|--:|--:|\n"
        );
        let first = self.years_of_invoices.first().map_or(0.0, |year| year.took.as_secs_f64());
        for (place, year) in self.years_of_invoices.iter().enumerate() {
            let ratio = year.took.as_secs_f64() / first.max(1e-9);
            // Writing to a string does not fail.
            let _written =
                writeln!(text, "| year {} | {} | {} | {ratio:.2} |", place + 1, grouped(year.invoices), grouped(whole(year.per_second())));
        }
        text
    }

    fn memory_table(&self) -> String {
        let mut text = "### Memory of the server\n\n| events | resident MiB | highest MiB |\n|--:|--:|--:|\n".to_owned();
        for (events, memory) in &self.memories {
            text.push_str(&format!("| {} | {} | {} |\n", grouped(*events), memory.resident >> 20, memory.resident_peak >> 20));
        }
        text
    }

    pub(crate) fn json(&self) -> anyhow::Result<String> {
        let ingested = |what: &str, ingested: &Ingested| {
            let mut value = measured_json(&ingested.measured);
            value["what"] = what.into();
            value["events"] = ingested.events.into();
            value["events_per_second"] = ingested.per_second().into();
            value["server_cpu_micros_per_event"] = ingested.micros_per_event(ingested.server_processor).into();
            value["load_cpu_micros_per_event"] = ingested.micros_per_event(ingested.load_processor).into();
            value
        };
        let reads = self.reads.iter().map(|(events, what, measured)| {
            let mut value = measured_json(measured);
            value["what"] = (*what).into();
            value["events_in_store"] = (*events).into();
            value
        });
        let memories = self.memories.iter().map(|(events, memory)| json!({ "events_in_store": events, "memory": memory }));
        let report = json!({
            "ingest_baselines": self.ingest_baselines.iter().map(|(what, it)| ingested(what, it)).collect::<Vec<_>>(),
            "ingest": self.ingests.iter().map(|(until, it)| ingested(&format!("up to {until}"), it)).collect::<Vec<_>>(),
            "reads": reads.collect::<Vec<_>>(),
            "get_customer": { "bare": self.bare_customer.as_ref().map(measured_json), "server": self.customer.as_ref().map(measured_json) },
            "invoices": self.years_of_invoices.iter().map(|year| json!({
                "invoices": year.invoices, "seconds": year.took.as_secs_f64(), "invoices_per_second": year.per_second(),
            })).collect::<Vec<_>>(),
            "memory": memories.collect::<Vec<_>>(),
        });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }
}

fn measured_json(measured: &Measured) -> Value {
    json!({
        "requests": measured.requests,
        "seconds": measured.took.as_secs_f64(),
        "requests_per_second": measured.per_second(),
        "p50_ms": measured.percentile_ms(50),
        "p99_ms": measured.percentile_ms(99),
        "refused": measured.refused,
    })
}

fn rate_and_latency(measured: &Measured) -> String {
    let (p50, p99) = (measured.percentile_ms(50), measured.percentile_ms(99));
    format!("{} | {p50:.2} | {p99:.2}", grouped(whole(measured.per_second())))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for reading, never negative")]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A bar on standard error; invisible where that is no terminal, or where there is no count to go by.
pub(crate) fn bar(label: &'static str, length: u64, counted: bool) -> ProgressBar {
    if !counted {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:>34} [{bar:30}] {human_pos} of {human_len}, {eta} left");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(label)
}
