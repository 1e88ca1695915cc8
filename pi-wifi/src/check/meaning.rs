//! What each field of a report means as it is, in words.

use super::Report;
use std::collections::BTreeMap;

/// What each field means as it is.
pub(super) fn meanings(report: &Report) -> BTreeMap<&'static str, String> {
    let mut meanings = BTreeMap::new();
    let mut say = |field, text: &str| {
        meanings.insert(field, text.to_owned());
    };
    if !report.present {
        say(
            "present",
            match report.interfaces.is_empty() {
                true => "no wireless interface: no radio, no driver, or no firmware for it",
                false => "another wireless interface is there: name it with --interface",
            },
        );
        return meanings;
    }
    say("power_save", power_save(report));
    say("country", country(report));
    say("sae", sae(report));
    say("link", link(report));
    if report.driver.as_deref() == Some("brcmfmac") {
        say(
            "parameters",
            "roamoff=1 keeps the firmware from roaming by itself; feature_disable with bit 25 (0x2000000) keeps it from SAE that it cannot do",
        );
    }
    say(
        "owner",
        &format!(
            "{} configures it: changes go through that",
            report.owner.name
        ),
    );
    meanings
}

fn power_save(report: &Report) -> &'static str {
    match report.power_save {
        Some(true) => {
            "the radio sleeps between beacons: answers take up to 100 ms longer, and links of Pis drop"
        }
        Some(false) => "the radio stays awake, as a server's should",
        None => "the driver does not say",
    }
}

fn country(report: &Report) -> &'static str {
    match report.country.as_deref() {
        None | Some("00") => {
            "no country: only what is allowed everywhere, and 5 GHz mostly passive"
        }
        Some("99") => "the radio's rules fit no single country",
        Some(_) => "these rules hold",
    }
}

fn sae(report: &Report) -> &'static str {
    match report.sae {
        Some(true) => "driver and firmware can do WPA3",
        _ => "WPA3 cannot be used: write \"security\": \"wpa2\"",
    }
}

fn link(report: &Report) -> &'static str {
    match &report.link {
        Some(link) if link.signal_dbm.is_some_and(|dbm| dbm < -75) => {
            "connected, and weak: below -75 dBm packets are lost"
        }
        Some(_) => "connected",
        None => "not connected",
    }
}
