//! The name of a network: 1 to 32 bytes, which need not be text.

use base64ct::{Base64, Base64Unpadded, Encoding};
use cluster::inventory::WifiNetwork;
use std::fmt;

/// The longest SSID (IEEE 802.11, 9.4.2.2).
const LONGEST: usize = 32;

/// An SSID.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssid(Vec<u8>);

impl Ssid {
    /// From its bytes.
    ///
    /// # Errors
    /// There are none, or more than 32.
    pub fn new(bytes: Vec<u8>) -> Result<Self, String> {
        if (1..=LONGEST).contains(&bytes.len()) {
            return Ok(Self(bytes));
        }
        Err(format!(
            "expected an SSID of 1 to {LONGEST} bytes, found {}",
            bytes.len()
        ))
    }

    /// From the one of the three fields that is there; with the field's name.
    ///
    /// # Errors
    /// None or several are there, or it is none.
    pub fn of(network: &WifiNetwork) -> Result<Self, (&'static str, String)> {
        let fields = [
            ("ssid", &network.ssid),
            ("ssid_hex", &network.ssid_hex),
            ("ssid_base64", &network.ssid_base64),
        ];
        let mut given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let (name, value) = given.next().ok_or_else(|| {
            let problem = "expected one of ssid, ssid_hex and ssid_base64, found none";
            ("", problem.to_owned())
        })?;
        if let Some((other, _)) = given.next() {
            return Err((other, format!("expected one name, found {name} too")));
        }
        let bytes = match name {
            "ssid_hex" => hexadecimal(value),
            "ssid_base64" => base64(value),
            _ => Ok(value.as_bytes().to_vec()),
        };
        bytes.and_then(Self::new).map_err(|problem| (name, problem))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes as hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// As text, where it is UTF-8 without control characters.
    pub fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.0).ok()?;
        (!text.contains(char::is_control)).then_some(text)
    }

    /// A short name for files and identifiers: letters, digits, `-` and `_` as they are, anything else by its digits.
    pub fn label(&self) -> String {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        match self.0.iter().all(plain) {
            true => String::from_utf8_lossy(&self.0).into_owned(),
            false => format!("hex-{}", self.hex()),
        }
    }
}

/// For people: text between quotes, or digits.
impl fmt::Display for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => write!(f, "{text:?}"),
            None => write!(f, "0x{}", self.hex()),
        }
    }
}

impl fmt::Debug for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal digits in either case.
///
/// # Errors
/// It is something else.
pub fn hexadecimal(text: &str) -> Result<Vec<u8>, String> {
    let bytes = text.as_bytes();
    let wrong = || "expected pairs of hexadecimal digits".to_owned();
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    bytes
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(wrong)
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    Base64::decode_vec(text)
        .or_else(|_| Base64Unpadded::decode_vec(text))
        .map_err(|_| "expected base64 (RFC 4648)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssid(json: &str) -> Result<Ssid, (&'static str, String)> {
        Ssid::of(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_three_forms_name_the_same_bytes() {
        let text = ssid(r#"{"ssid": "é#"}"#).unwrap();
        assert_eq!(text.hex(), "c3a923");
        assert_eq!(ssid(r#"{"ssid_hex": "C3a923"}"#).unwrap(), text);
        assert_eq!(ssid(r#"{"ssid_base64": "w6kj"}"#).unwrap(), text);
        assert_eq!(
            ssid(r#"{"ssid_base64": "AP8="}"#).unwrap().bytes(),
            [0, 255]
        );
        assert_eq!(
            ssid(r#"{"ssid_base64": "AP8"}"#).unwrap().to_string(),
            "0x00ff"
        );
        assert_eq!(text.label(), "hex-c3a923");
        assert_eq!(ssid(r#"{"ssid": "a-b_1"}"#).unwrap().label(), "a-b_1");
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_field() {
        for (json, field) in [
            ("{}", ""),
            (r#"{"ssid": ""}"#, "ssid"),
            (r#"{"ssid": "a", "ssid_hex": "61"}"#, "ssid_hex"),
            (r#"{"ssid_hex": "6"}"#, "ssid_hex"),
            (r#"{"ssid_hex": "+1"}"#, "ssid_hex"),
            (r#"{"ssid_base64": "*"}"#, "ssid_base64"),
            (r#"{"ssid": "ééééééééééééééééé"}"#, "ssid"),
        ] {
            assert_eq!(ssid(json).unwrap_err().0, field, "{json}");
        }
    }
}
