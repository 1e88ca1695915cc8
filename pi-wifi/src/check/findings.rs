//! What a report says, as findings.

use super::Report;
use cluster::finding::Finding;
use serde_json::json;
use std::collections::BTreeMap;

/// What the report says, as findings.
pub fn findings(report: &Report, interface: &str) -> Vec<Finding> {
    if !report.present {
        return vec![absent(report, interface)];
    }
    let mut findings = blocked(report, interface);
    if matches!(report.country.as_deref(), None | Some("00")) {
        let message = "the kernel knows no country: channels are missing, and power is low";
        findings.push(
            Finding::warning("wifi-country-unset", interface, message)
                .fix("name the country in the document and --apply"),
        );
    }
    if report.power_save == Some(true) {
        let message = "power save is on: answers take longer, and links of Pis drop";
        findings.push(
            Finding::warning("wifi-power-save-on", interface, message).fix(format!(
                "iw dev {interface} set power_save off, or --apply, which makes it last"
            )),
        );
    }
    if report.owner.several {
        let message = "two wpa_supplicants have one interface: each ends the other's link";
        findings.push(
            Finding::error("wifi-two-supplicants", interface, message)
                .fix("stop the one that was started by hand"),
        );
    }
    findings.extend(unconnected(report, interface));
    findings.extend(kernel_trouble(report, interface));
    findings
}

fn blocked(report: &Report, interface: &str) -> Vec<Finding> {
    let blocked = report
        .rfkill
        .iter()
        .filter(|switch| switch.soft || switch.hard);
    blocked
        .map(|switch| {
            let (how, fix) = match switch.hard {
                true => ("a switch on the machine", "turn it on"),
                false => ("software", "rfkill unblock wifi, or --apply with a country"),
            };
            let message = format!("the radio {} is blocked by {how}", switch.name);
            Finding::error("wifi-rfkill", interface, message).fix(fix)
        })
        .collect()
}

fn unconnected(report: &Report, interface: &str) -> Option<Finding> {
    let (id, message) = match (&report.link, report.addresses.is_empty()) {
        (None, _) => ("wifi-not-connected", "it is in no network"),
        (Some(_), true) => (
            "wifi-no-address",
            "it is in a network and has no address there",
        ),
        (Some(_), false) => return None,
    };
    Some(Finding::warning(id, interface, message))
}

/// A warning for each kind of trouble that the kernel's log names.
fn kernel_trouble(report: &Report, interface: &str) -> Vec<Finding> {
    let trouble = report
        .kernel
        .iter()
        .filter_map(|line| Some((line, line.meaning?)));
    let mut counts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (line, meaning) in trouble {
        counts.entry(meaning).or_default().push(&line.text);
    }
    let finding = |(meaning, lines): (&str, Vec<&str>)| {
        let message = format!("the kernel said so {} times: {meaning}", lines.len());
        Finding::warning("wifi-kernel-trouble", interface, message)
            .evidence(json!({ "lines": lines }))
    };
    counts.into_iter().map(finding).collect()
}

/// What is missing where there is no interface.
pub fn absent(report: &Report, interface: &str) -> Finding {
    let (message, fix) = match report.interfaces.as_slice() {
        [] => (
            format!("there is no wireless interface, so no {interface}: no radio, or no driver or firmware for it"),
            "on a Pi: modprobe brcmfmac, and look at `dmesg | grep brcmf`; the firmware is in firmware-brcm80211 or linux-firmware-raspi".to_owned(),
        ),
        [one, ..] => (
            format!("there is no {interface}; the wireless interfaces are {}", report.interfaces.join(", ")),
            format!("give --interface {one}, or write it into the document"),
        ),
    };
    Finding::error("wifi-no-interface", interface, message).fix(fix)
}
