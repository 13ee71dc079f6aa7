//! Currencies: three letters, a precision and a symbol (spec 20 §1).

use std::fmt;

use super::Decimal;
use crate::invalid::Invalid;

/// A currency code of three characters, lower case as it is stored. Any code is accepted; the table gives precision and symbol.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Currency(String);

impl Currency {
    /// ISO 4217's XXX, for no currency: stands where a wrong one was given while the rest is checked.
    pub fn none() -> Self {
        Self("xxx".to_owned())
    }

    /// Reads a code: three ASCII letters, in any case.
    pub fn parse(code: &str) -> Result<Self, Invalid> {
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            Ok(Self(code.to_ascii_lowercase()))
        } else {
            Err(Invalid::field("currency", "currency must be a code of three letters such as USD").with("value", code))
        }
    }

    /// The code in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Fraction digits of the minor unit: 0 jpy krw vnd clp, 3 kwd, 4 clf, else 2. Codes the reference does not list take the
    /// exponent of ISO 4217 (spec 20 §1, "better").
    pub fn precision(&self) -> u32 {
        match self.0.as_str() {
            "jpy" | "krw" | "vnd" | "clp" => 0,
            "bif" | "djf" | "gnf" | "isk" | "kmf" | "pyg" | "rwf" | "ugx" | "uyi" | "vuv" | "xaf" | "xof" | "xpf" => 0,
            "kwd" | "bhd" | "iqd" | "jod" | "lyd" | "omr" | "tnd" => 3,
            "clf" | "uyw" => 4,
            _ => 2,
        }
    }

    /// The sign that stands before an amount; the upper-case code where there is none.
    pub fn symbol(&self) -> String {
        let symbol = match self.0.as_str() {
            "jpy" => "¥",
            "cny" => "CN¥",
            "krw" => "₩",
            "vnd" => "₫",
            "clp" => "CLP$",
            "kwd" => "KD",
            "usd" => "$",
            "eur" => "€",
            "gbp" => "£",
            "aud" => "AUS",
            "inr" => "₹",
            "idr" => "Rp",
            "sgd" => "S$",
            "thb" => "฿",
            "myr" => "RM",
            "php" => "₱",
            "hkd" => "HK$",
            "nzd" => "NZ$",
            "brl" => "R$",
            "ils" => "₪",
            "mxn" => "MX$",
            "rub" => "₽",
            "twd" => "NT$",
            _ => return self.0.to_ascii_uppercase(),
        };
        symbol.to_owned()
    }

    /// Rounds an amount half away from zero to the minor unit: the only place where money loses digits.
    pub fn round(&self, amount: &Decimal) -> Decimal {
        amount.round(self.precision())
    }

    /// Symbol and unrounded amount: `$0.0004`.
    pub fn display(&self, amount: &Decimal) -> String {
        format!("{}{amount}", self.symbol())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    /// Reads a code in any case: an unchecked `JPY` would take the precision of an unknown currency.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&code).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_checked_and_lowered_when_read_from_json() {
        let read = |json: &str| serde_json::from_str::<Currency>(json).map(|currency| (currency.to_string(), currency.precision()));
        assert_eq!(read("\"JPY\"").unwrap(), ("jpy".to_owned(), 0));
        assert!(read("\"dollars\"").is_err());
    }

    #[test]
    fn precision_and_symbol_follow_the_table() {
        for (code, precision, symbol) in
            [("USD", 2, "$"), ("jpy", 0, "¥"), ("kwd", 3, "KD"), ("clf", 4, "CLF"), ("aud", 2, "AUS"), ("CNY", 2, "CN¥")]
        {
            let currency = Currency::parse(code).unwrap();
            assert_eq!((currency.precision(), currency.symbol().as_str()), (precision, symbol), "{code}");
        }
        for bad in ["", "us", "usdt", "u1d"] {
            assert!(Currency::parse(bad).is_err(), "{bad}");
        }
    }
}
