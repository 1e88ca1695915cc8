//! Power in whole milliwatts, so that sums and differences are exact and read well.
//!
//! No number of a document comes near the ends of the range; if one ever did, it would stop there and not come out at the other end.

use cluster::invalid::Invalid;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

/// More than any switch gives and little enough that no sum over a fleet overflows, in watts.
const MOST_W: f64 = 1e6;

/// Power in milliwatts. Written in documents as watts with up to three decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milliwatts(pub i64);

impl Milliwatts {
    /// No power.
    pub const ZERO: Self = Self(0);

    /// The nearest whole number of milliwatts.
    pub fn nearest(watts: f64) -> Self {
        Self((watts * 1000.0).round() as i64)
    }

    /// The same as watts.
    pub fn watts(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// What a document says in watts, to the nearest milliwatt.
    ///
    /// # Errors
    /// More than a million watts: a slip, and sums must not overflow.
    pub fn given(watts: f64, path: impl FnOnce() -> String) -> Result<Self, Invalid> {
        if watts <= MOST_W {
            return Ok(Self::nearest(watts));
        }
        let problem = format!("expected at most {MOST_W} watts, found {watts}");
        Err(Invalid::new(path(), problem))
    }
}

impl Add for Milliwatts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Milliwatts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Milliwatts {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Milliwatts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Milliwatts {
    /// As text for people: watts with one decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1}", self.watts()))
    }
}

/// Voltage in millivolts. Written in documents as volts with up to three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millivolts(pub i64);

impl Millivolts {
    /// The nearest whole number of millivolts.
    pub fn nearest(volts: f64) -> Self {
        Self((volts * 1000.0).round() as i64)
    }
}

macro_rules! thousandths {
    ($type:ident) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if self.0 % 1000 == 0 {
                    return serializer.serialize_i64(self.0 / 1000);
                }
                serializer.serialize_f64(self.0 as f64 / 1000.0)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "number"})
            }
        }
    };
}

thousandths!(Milliwatts);
thousandths!(Millivolts);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_show_watts_without_noise() {
        let text = |milliwatts| serde_json::to_string(&Milliwatts(milliwatts)).unwrap();
        assert_eq!(text(43_000), "43");
        assert_eq!(text(43_293), "43.293");
        assert_eq!(text(-64_100), "-64.1");
        assert_eq!(text(1), "0.001");
    }

    #[test]
    fn no_sum_comes_out_at_the_other_end() {
        let most = Milliwatts::nearest(1e300);
        assert_eq!(most + most, most);
        assert!(Milliwatts::ZERO - most - most < Milliwatts::ZERO);
        assert!(-(-most - most) > Milliwatts::ZERO);
        assert_eq!([most, most].into_iter().sum::<Milliwatts>(), most);
    }

    #[test]
    fn a_slip_of_many_digits_is_refused() {
        assert!(Milliwatts::given(1e6, String::new).is_ok());
        let refused = Milliwatts::given(1.1e6, || "here".to_owned()).unwrap_err();
        assert_eq!(refused.path, "here");
    }
}
