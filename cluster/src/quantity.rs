//! Quantities as a person writes them: sizes in bytes, watts, metres, volts, degrees, money.

use crate::checked::{checked_number, inline_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A size in bytes. Written as an integer, or as text with a decimal (`kB MB GB TB`) or binary (`KiB MiB GiB TiB`) unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Size(pub u64);

/// What each unit stands for, in bytes. `K` is accepted beside `k`; a unit without a `B` is not, because tools disagree on it.
const UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

const SIZE_EXPECTED: &str = "a size: whole bytes, or text such as \"64GB\" or \"58GiB\"";

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected {SIZE_EXPECTED}, found {text:?}");
        let digits = text.len()
            - text
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
        let (number, unit) = text.split_at(digits);
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let scale = match unit {
            "" => 1,
            _ => {
                UNITS
                    .iter()
                    .find(|(name, _)| *name == unit)
                    .ok_or_else(wrong)?
                    .1
            }
        };
        decimal_times(number, scale).map(Size).ok_or_else(wrong)
    }
}

/// `number × scale`, exactly; `None` where it is no whole number of bytes or does not fit.
fn decimal_times(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 18 || number.ends_with('.') {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let mut bytes = whole.checked_mul(scale.into())?;
    if !fraction.is_empty() {
        let part = fraction.parse::<u128>().ok()?.checked_mul(scale.into())?;
        let divisor = 10u128.pow(u32::try_from(fraction.len()).ok()?);
        // A fraction of a byte means a slip ("1.5" without a unit); fractions of a larger unit round down.
        if scale == 1 && part % divisor != 0 {
            return None;
        }
        bytes = bytes.checked_add(part / divisor)?;
    }
    u64::try_from(bytes).ok()
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SIZE_EXPECTED)
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Size, E> {
                Ok(Size(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Size, E> {
                value.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

inline_schema!(
    Size,
    {"oneOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?(B|[kKMGT]B|[KMGT]iB)?$"},
    ]}
);

/// Defines a finite number with a unit and a lower bound.
macro_rules! quantity {
    ($(#[$meta:meta])* $name:ident, $expected:literal, $minimum:expr, $schema:tt) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl TryFrom<f64> for $name {
            type Error = String;

            fn try_from(value: f64) -> Result<Self, String> {
                if value.is_finite() && $minimum(value) {
                    return Ok(Self(value));
                }
                Err(format!("expected {}, found {value}", $expected))
            }
        }

        checked_number!($name, f64, $expected, Float, visit_f64(f64), visit_u64(u64), visit_i64(i64));
        inline_schema!($name, $schema);
    };
}

quantity!(
    /// Power in watts, 0 or more.
    Watts,
    "a number of watts, 0 or more",
    |w: f64| w >= 0.0,
    {"type": "number", "minimum": 0}
);
quantity!(
    /// Power in watts, more than 0: a budget or a limit.
    PositiveWatts,
    "a number of watts above 0",
    |w: f64| w > 0.0,
    {"type": "number", "exclusiveMinimum": 0}
);
quantity!(
    /// Length in metres, 0 or more.
    Metres,
    "a length in metres, 0 or more",
    |m: f64| m >= 0.0,
    {"type": "number", "minimum": 0}
);
quantity!(
    /// Voltage in volts, more than 0.
    Volts,
    "a number of volts above 0",
    |v: f64| v > 0.0,
    {"type": "number", "exclusiveMinimum": 0}
);
quantity!(
    /// Temperature in degrees Celsius, -273.15 or more.
    Celsius,
    "a temperature in degrees Celsius",
    |t: f64| t >= -273.15,
    {"type": "number", "minimum": -273.15}
);
quantity!(
    /// A part of a whole, above 0 and at most 1: an efficiency.
    Ratio,
    "a ratio above 0 and at most 1",
    |r: f64| r > 0.0 && r <= 1.0,
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
);

/// Defines a whole number that holds only what `$check` lets through.
macro_rules! whole_number {
    ($(#[$meta:meta])* $name:ident, $inner:ty, $expected:literal, $check:expr, $schema:tt) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// The number.
            pub fn get(self) -> $inner {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = String;

            fn try_from(value: u64) -> Result<Self, String> {
                <$inner>::try_from(value)
                    .ok()
                    .filter($check)
                    .map(Self)
                    .ok_or_else(|| format!("expected {}, found {value}", $expected))
            }
        }

        checked_number!($name, u64, $expected, Unsigned, visit_u64(u64));
        inline_schema!($name, $schema);
    };
}

whole_number!(
    /// Thickness of a conductor by the American Wire Gauge, 22 to 30: what Ethernet cables are made of.
    Awg,
    u8,
    "an American Wire Gauge from 22 to 30",
    |n: &u8| (22..=30).contains(n),
    {"type": "integer", "minimum": 22, "maximum": 30}
);
whole_number!(
    /// Pairs of a cable that carry power: 2 (802.3af, at) or 4 (802.3bt).
    Pairs,
    u8,
    "2 or 4 pairs",
    |n: &u8| matches!(n, 2 | 4),
    {"enum": [2, 4]}
);
whole_number!(
    /// A Power over Ethernet class, 0 to 8.
    PoeClass,
    u8,
    "a PoE class from 0 to 8",
    |n: &u8| *n <= 8,
    {"type": "integer", "minimum": 0, "maximum": 8}
);
whole_number!(
    /// A port of a switch or of a transport protocol, 1 to 65535.
    PortNumber,
    u16,
    "a port number from 1 to 65535",
    |n: &u16| *n > 0,
    {"type": "integer", "minimum": 1, "maximum": 65535}
);

/// An amount of money in hundredths of its currency. Written as decimal text, so that no digit is lost: `"89.90"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Amount {
    /// Hundredths of the currency's unit.
    pub hundredths: u64,
}

impl TryFrom<String> for Amount {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
        if plain(whole) && plain(fraction) && fraction.len() <= 2 {
            let padded = format!("{whole}{fraction:0<2}");
            if let Ok(hundredths) = padded.parse() {
                return Ok(Self { hundredths });
            }
        }
        Err(format!(
            "expected an amount such as \"89.90\", found {text:?}"
        ))
    }
}

inline_schema!(Amount, {"type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,2})?$"});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        for (text, bytes) in [
            ("0", 0),
            ("64GB", 64_000_000_000),
            ("58GiB", 58 << 30),
            ("58 GiB", 58 << 30),
            ("1.5GB", 1_500_000_000),
            ("0.1TB", 100_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse::<Size>(), Ok(Size(bytes)), "{text}");
        }
        for text in [
            "",
            "GB",
            "-1",
            "1.5",
            "64G",
            "64gb",
            "64 gigabytes",
            "1..5GB",
            "1.GB",
            ".5GB",
            "1e9",
            "18446744073709551616",
            "99999999999TB",
            "64GB ",
            " 64GB",
            "٣GB",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text:?} was accepted");
        }
        assert_eq!(serde_json::from_str::<Size>("64").unwrap(), Size(64));
        assert!(serde_json::from_str::<Size>("64.5").is_err());
        assert!(serde_json::from_str::<Size>("-1").is_err());
    }

    #[test]
    fn quantities_are_finite_and_bounded() {
        assert_eq!(serde_json::from_str::<Watts>("0").unwrap(), Watts(0.0));
        for bad in ["-1", "-0.5", "1e999", "\"5\"", "null"] {
            assert!(serde_json::from_str::<Watts>(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<PositiveWatts>("0").is_err());
        assert!("nan".parse::<Watts>().is_err());
        assert!("inf".parse::<Watts>().is_err());
        assert!(serde_json::from_str::<Ratio>("1.01").is_err());
    }

    #[test]
    fn money_loses_no_digit() {
        let amount = |text: &str| Amount::try_from(text.to_owned()).map(|a| a.hundredths);
        assert_eq!(amount("89.90"), Ok(8990));
        assert_eq!(amount("89.9"), Ok(8990));
        assert_eq!(amount("35"), Ok(3500));
        for bad in [
            "",
            "89,90",
            "-1",
            "1.234",
            ".5",
            "1.",
            "1e3",
            "99999999999999999999",
        ] {
            assert!(amount(bad).is_err(), "{bad}");
        }
    }
}
