//! Invoice numbers (spec 40 §11): `INV-202501-00042`.

use chrono::Datelike;
use serde::{Deserialize, Serialize};

use crate::time::{Timestamp, Zone};

/// How the date stands in a number; the counter restarts when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberFormat {
    /// Year and month.
    YearMonth,
    /// Year, month and day.
    YearMonthDay,
    /// Short year, month and day.
    ShortYearMonthDay,
    /// Short year.
    ShortYear,
    /// Year.
    Year,
}

text_enum!(NumberFormat {
    YearMonth = "YYYYMM",
    YearMonthDay = "YYYYMMDD",
    ShortYearMonthDay = "YYMMDD",
    ShortYear = "YY",
    Year = "YYYY",
});

/// How an environment's invoices are numbered, due and finalized (setting `invoice_config`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvoiceConfig {
    /// What a number begins with.
    pub prefix: String,
    /// How the date stands in it.
    pub format: NumberFormat,
    /// The first value of a counter.
    pub start_sequence: i64,
    /// Where the date is read.
    #[serde(rename = "timezone", with = "zone_name")]
    pub zone: Zone,
    /// Between the parts; may be empty.
    pub separator: String,
    /// Digits of the counter; longer ones are not cut.
    pub suffix_length: usize,
    /// Days from the end of the period until an invoice is due.
    pub due_date_days: i64,
    /// Seconds from the last computation until a draft becomes final.
    pub finalization_delay_seconds: i64,
    /// Whether a purchase of credits counts before its invoice is paid.
    pub auto_complete_purchased_credit_transaction: bool,
}

/// A zone by its name.
mod zone_name {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::time::Zone;

    pub(super) fn serialize<S: Serializer>(zone: &Zone, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(zone)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zone, D::Error> {
        Zone::parse_or_abbreviation(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Default for InvoiceConfig {
    fn default() -> Self {
        Self {
            prefix: "INV".into(),
            format: NumberFormat::YearMonth,
            start_sequence: 1,
            zone: Zone::UTC,
            separator: "-".into(),
            suffix_length: 5,
            due_date_days: 1,
            finalization_delay_seconds: 7200,
            auto_complete_purchased_credit_transaction: false,
        }
    }
}

impl InvoiceConfig {
    /// The date part of a number made now: also the name of its counter.
    pub fn date_part(&self, now: Timestamp) -> String {
        let date = self.zone.date(now);
        let (year, month, day) = (date.year(), date.month(), date.day());
        let short = year.rem_euclid(100);
        match self.format {
            NumberFormat::YearMonth => format!("{year:04}{month:02}"),
            NumberFormat::YearMonthDay => format!("{year:04}{month:02}{day:02}"),
            NumberFormat::ShortYearMonthDay => format!("{short:02}{month:02}{day:02}"),
            NumberFormat::ShortYear => format!("{short:02}"),
            NumberFormat::Year => format!("{year:04}"),
        }
    }

    /// The number of a counter's value.
    pub fn number(&self, date_part: &str, sequence: i64) -> String {
        let Self { prefix, separator, suffix_length, .. } = self;
        format!("{prefix}{separator}{date_part}{separator}{sequence:0width$}", width = *suffix_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_the_zone_s_date() {
        let mut config = InvoiceConfig { zone: Zone::parse("Asia/Kolkata").unwrap(), ..InvoiceConfig::default() };
        let date_part = config.date_part("2026-01-31T20:00:00Z".parse().unwrap());
        assert_eq!(config.number(&date_part, 1), "INV-202602-00001");
        config.suffix_length = 2;
        assert_eq!(config.number("202602", 100), "INV-202602-100");
    }
}
