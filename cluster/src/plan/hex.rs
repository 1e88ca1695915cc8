//! Bytes as a document holds them.

use crate::checked::inline_schema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes, written as lower-case hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex(pub Vec<u8>);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Hex> for String {
    fn from(hex: Hex) -> Self {
        hex.to_string()
    }
}

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        bytes
            .map(Self)
            .ok_or_else(|| "expected pairs of lower-case hexadecimal digits".to_owned())
    }
}

inline_schema!(Hex, {"type": "string", "pattern": "^([0-9a-f]{2})*$"});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_pairs_of_digits() {
        let read = |text: &str| Hex::try_from(text.to_owned());
        assert_eq!(read("00ff7a").unwrap().0, [0, 255, 0x7a]);
        assert!(read("").unwrap().0.is_empty());
        for bad in ["0", "0g", "FF", "é", "0 "] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(Hex(vec![0, 255]).to_string(), "00ff");
    }
}
