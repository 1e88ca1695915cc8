//! What the kernel said of the radio, and what it means.

use nix::fcntl::OFlag;
use schemars::JsonSchema;
use serde::Serialize;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

/// The longest record of `/dev/kmsg` (PRINTKRB_RECORD_MAX is 1 KiB; with its header and fields it is less than this).
const RECORD: usize = 8 << 10;
/// How many of the last lines are shown.
const SHOWN: usize = 20;

/// A line of the kernel's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Line {
    /// Seconds since the machine's start.
    pub seconds: u64,
    /// The line.
    pub text: String,
    /// What it means; `null` where it is not known to mean trouble.
    pub meaning: Option<&'static str>,
}

/// What lines mean. Each is from a report of people whose Pi lost its network.
const MEANINGS: [(&[&str], &str); 9] = [
    (
        &["Direct firmware load", "failed with error -2"],
        "the firmware's file is not there: install firmware-brcm80211 (Debian, Raspberry Pi OS) or linux-firmware-raspi (Ubuntu)",
    ),
    (
        &["brcmf", "Firmware has halted or crashed"],
        "the firmware crashed: only loading the module again helps (--watch --apply does)",
    ),
    (
        &["brcmf", "-110"],
        "the firmware did not answer in time: it hangs, and loading the module again helps (--watch --apply does)",
    ),
    (
        &["brcmf", "Firmware rejected country"],
        "the firmware does not take this country: 5 GHz channels may be missing",
    ),
    (
        &["brcmf", "chanspec", "-52"],
        "the firmware does not take the channel: a bssid or frequency that it may not use, or it roams by itself (roamoff=1)",
    ),
    (
        &["failed to load regulatory.db"],
        "the kernel has no radio rules: install wireless-regdb, else only the channels that are allowed everywhere are used",
    ),
    (
        &["deauthenticated from", "Reason: 15"],
        "the access point ended the key exchange: most likely a wrong key",
    ),
    (
        &["deauthenticated from", "Reason: 2="],
        "the access point does not know this station any more: it restarted, or the key is wrong",
    ),
    (
        &["authentication with", "timed out"],
        "the access point does not answer: too far away, or it refuses this station",
    ),
];

/// Whether a line is about radios.
fn concerns(text: &str, interface: &str) -> bool {
    [
        "brcmf",
        "cfg80211",
        "ieee80211",
        "mac80211",
        "regulatory",
        interface,
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// What a line means.
pub fn meaning(text: &str) -> Option<&'static str> {
    let known = MEANINGS
        .iter()
        .find(|(words, _)| words.iter().all(|word| text.contains(word)));
    known.map(|(_, meaning)| *meaning)
}

/// A record of `/dev/kmsg`: `priority,sequence,microseconds,flags;text` (Documentation/ABI/testing/dev-kmsg).
pub fn line(record: &str) -> Option<Line> {
    let (head, text) = record.split_once(';')?;
    let microseconds: u64 = head.split(',').nth(2)?.parse().ok()?;
    let text = text.lines().next()?.to_owned();
    Some(Line {
        seconds: microseconds / 1_000_000,
        meaning: meaning(&text),
        text,
    })
}

/// The last lines about the radio; none where the log may not be read.
pub fn read(interface: &str) -> Vec<Line> {
    let opened = File::options()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open("/dev/kmsg");
    let Ok(mut log) = opened else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let mut record = vec![0; RECORD];
    loop {
        match log.read(&mut record) {
            Ok(0) => break,
            Ok(length) => {
                let text = String::from_utf8_lossy(&record[..length]);
                lines.extend(line(&text).filter(|line| concerns(&line.text, interface)));
            }
            // Records that were overwritten while they were read.
            Err(error) if matches!(error.raw_os_error(), Some(nix::libc::EPIPE)) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.split_off(lines.len().saturating_sub(SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_trouble_is_named() {
        let read = line("3,1234,5678901,-;brcmfmac: brcmf_sdio_bus_rxctl: resumed on timeout, error -110\n SUBSYSTEM=x\n").unwrap();
        assert_eq!(read.seconds, 5);
        assert!(read.meaning.unwrap().contains("did not answer"));
        assert_eq!(line("6,1,2,-;usb 1-1: new device\n").unwrap().meaning, None);
        assert_eq!(line("nonsense"), None);
        assert!(concerns("wlan0: associated", "wlan0") && !concerns("eth0: up", "wlan0"));
    }
}
