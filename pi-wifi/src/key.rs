//! Keys of networks: what a passphrase may be, and the key that is derived from it.

use crate::ssid::{Ssid, hexadecimal};
use cluster::finding::Finding;
use cluster::secret::Secret;
use sha1::Sha1;
use std::cell::OnceCell;

/// How often the derivation turns (IEEE 802.11, annex J.4).
const ROUNDS: u32 = 4096;
/// A derived key's length in bytes.
pub const LENGTH: usize = 32;

/// The key that WPA derives from a passphrase: PBKDF2 with HMAC-SHA1 over the SSID, 4096 rounds, 32 bytes
/// (IEEE 802.11, annex J.4).
pub fn derive(passphrase: &[u8], ssid: &Ssid) -> [u8; LENGTH] {
    pbkdf2::pbkdf2_hmac_array::<Sha1, LENGTH>(passphrase, ssid.bytes(), ROUNDS)
}

/// How a network's key is known.
#[derive(Debug)]
pub enum Key {
    /// There is none, and none is needed.
    Open,
    /// Its file is not there yet, or does not hold one.
    Missing,
    /// A passphrase, and what is derived from it once somebody asks.
    Passphrase(Secret, OnceCell<Secret>),
    /// The derived key.
    Derived(Secret),
}

impl Key {
    /// From what a passphrase's file holds.
    ///
    /// # Errors
    /// An error finding that says what it has to be.
    pub fn passphrase(secret: Secret, place: &str) -> Result<Self, Box<Finding>> {
        check(secret.reveal(), place)?;
        Ok(Self::Passphrase(secret, OnceCell::new()))
    }

    /// From what a derived key's file holds.
    ///
    /// # Errors
    /// An error finding that says what it has to be.
    pub fn derived(secret: &Secret, place: &str) -> Result<Self, Box<Finding>> {
        let text = std::str::from_utf8(secret.reveal()).ok();
        match text.and_then(|text| hexadecimal(text).ok()) {
            Some(bytes) if bytes.len() == LENGTH => Ok(Self::Derived(bytes.into())),
            _ => Err(refused(
                "wifi-psk-hex",
                place,
                "the file does not hold a derived key: 64 hexadecimal digits",
                "name a file with the passphrase as psk_file instead, or derive the key with wpa_passphrase",
            )),
        }
    }

    /// The derived key.
    pub fn psk(&self, ssid: &Ssid) -> Option<&[u8]> {
        match self {
            Self::Derived(key) => Some(key.reveal()),
            Self::Passphrase(passphrase, derived) => {
                let key = derived.get_or_init(|| derive(passphrase.reveal(), ssid).to_vec().into());
                Some(key.reveal())
            }
            Self::Open | Self::Missing => None,
        }
    }

    /// The passphrase.
    pub fn phrase(&self) -> Option<&[u8]> {
        match self {
            Self::Passphrase(passphrase, _) => Some(passphrase.reveal()),
            Self::Open | Self::Missing | Self::Derived(_) => None,
        }
    }
}

/// Whether every stack takes it: 8 to 63 bytes, none of them a control character. (IEEE 802.11 says printable ASCII; UTF-8
/// works everywhere and is in use.)
fn check(passphrase: &[u8], place: &str) -> Result<(), Box<Finding>> {
    let length = passphrase.len();
    let hex = std::str::from_utf8(passphrase).is_ok_and(|text| hexadecimal(text).is_ok());
    if length == 2 * LENGTH && hex {
        return Err(refused(
            "wifi-passphrase-is-key",
            place,
            "the passphrase is 64 hexadecimal digits: that is a derived key, and wpa_supplicant refuses it as a passphrase",
            "name the file as psk_hex_file",
        ));
    }
    if !(8..=63).contains(&length) {
        return Err(refused(
            "wifi-passphrase-length",
            place,
            &format!("the passphrase has {length} bytes, and WPA allows 8 to 63"),
            "write the access point's passphrase into the file, with printf and without a trailing space",
        ));
    }
    let text = std::str::from_utf8(passphrase).ok();
    if text.is_none_or(|text| text.contains(char::is_control)) {
        return Err(refused(
            "wifi-passphrase-control",
            place,
            "the passphrase holds control characters or is not UTF-8",
            "write it again with printf; look at it with `od -c`",
        ));
    }
    Ok(())
}

fn refused(id: &'static str, place: &str, message: &str, fix: &str) -> Box<Finding> {
    Box::new(Finding::error(id, place, message).fix(fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssid::hex;

    fn psk(passphrase: &str, ssid: &str) -> String {
        hex(&derive(
            passphrase.as_bytes(),
            &Ssid::new(ssid.as_bytes().to_vec()).unwrap(),
        ))
    }

    #[test]
    fn the_vectors_of_the_standard() {
        // hostap, src/crypto/crypto_module_tests.c
        for (passphrase, ssid, expected) in [
            (
                "password",
                "IEEE",
                "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e",
            ),
            (
                "ThisIsAPassword",
                "ThisIsASSID",
                "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af",
            ),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
                "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62",
            ),
        ] {
            assert_eq!(psk(passphrase, ssid), expected);
        }
    }

    #[test]
    fn what_is_no_passphrase_is_named() {
        let id = |text: &str| {
            Key::passphrase(text.as_bytes().to_vec().into(), "x")
                .err()
                .map(|f| f.id)
        };
        assert_eq!(id("1234567"), Some("wifi-passphrase-length"));
        assert_eq!(id(&"a".repeat(64)), Some("wifi-passphrase-is-key"));
        assert_eq!(id(&"x".repeat(64)), Some("wifi-passphrase-length"));
        assert_eq!(id("1234567\t"), Some("wifi-passphrase-control"));
        assert_eq!(id(" 1234567"), None);
        assert_eq!(id("éééé"), None);
        let wrong = vec![0xff; 9].into();
        assert!(Key::passphrase(wrong, "x").is_err());
        let derived = |text: &str| Key::derived(&text.as_bytes().to_vec().into(), "x");
        assert!(derived(&"0".repeat(64)).is_ok());
        assert!(derived(&"0".repeat(63)).is_err());
        assert!(derived(&"g".repeat(64)).is_err());
    }
}
