//! What the radio needs before a trial, each done and read back.

use super::{PATIENCE, PAUSE};
use crate::check;
use crate::nl80211::Radio;
use anyhow::Context;
use cluster::command::Command;
use cluster::finding::Finding;
use cluster::root::Root;
use cluster::run::Refusal;
use std::path::Path;
use std::thread;
use std::time::Instant;

/// The Pi's own radio.
const MODULE: &str = "brcmfmac";

/// Loads the radio's module where the system did not. Whether it was loaded.
pub(super) fn load(interface: &str) -> anyhow::Result<bool> {
    if there(interface)? {
        return Ok(false);
    }
    if !Path::new(&format!("/sys/module/{MODULE}")).exists() {
        // Without the module, or without such a radio, what is missing is said below.
        let _ = Command::new("modprobe").args([MODULE]).run();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if there(interface)? {
                return Ok(true);
            }
            thread::sleep(PAUSE);
        }
    }
    let root = Root::open(Path::new("/"))?;
    let report = check::look(&root, interface)?;
    Err(Refusal(check::absent(&report, interface)).into())
}

fn there(interface: &str) -> anyhow::Result<bool> {
    let Some(mut radio) = Radio::open()? else {
        return Ok(false);
    };
    Ok(radio.interface(interface)?.is_some())
}

/// Unblocks the radios, and reads it back.
pub(super) fn unblock(root: &Root, interface: &str) -> anyhow::Result<bool> {
    let mut did = false;
    for switch in check::rfkill(root) {
        if switch.hard {
            let message = format!(
                "the radio {} is blocked by a switch on the machine",
                switch.name
            );
            return Err(Refusal(
                Finding::error("wifi-rfkill", interface, message).fix("turn it on"),
            )
            .into());
        }
        if switch.soft {
            let path = format!("/sys/class/rfkill/{}/soft", switch.id);
            std::fs::write(&path, "0")
                .with_context(|| format!("unblocking the radio by {path}"))?;
            did = true;
        }
    }
    if check::rfkill(root).iter().any(|switch| switch.soft) {
        let message = "the radio was unblocked, and is blocked again";
        return Err(Refusal(
            Finding::error("wifi-rfkill", interface, message)
                .fix("name a country: raspi-config nonint do_wifi_country CH"),
        )
        .into());
    }
    Ok(did)
}

/// Sets the country and reads it back.
pub(super) fn set_country(
    interface: &str,
    country: &str,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<bool> {
    let mut radio = Radio::open()?.context("the kernel has no radio support")?;
    if radio.country(None)?.as_deref() == Some(country) {
        return Ok(false);
    }
    radio.request_country(country)?;
    let deadline = Instant::now() + PATIENCE / 5;
    let mut now = radio.country(None)?;
    while now.as_deref() != Some(country) && Instant::now() < deadline {
        thread::sleep(PAUSE);
        now = radio.country(None)?;
    }
    if now.as_deref() == Some(country) {
        return Ok(true);
    }
    let message = format!(
        "the country {country} was asked for, and the kernel has {}",
        now.as_deref().unwrap_or("none")
    );
    findings.push(
        Finding::warning("wifi-country-not-taken", interface, message)
            .fix("install wireless-regdb; a country that an access point names is joined with the one that is asked for"),
    );
    Ok(false)
}

/// Sets power save and reads it back.
pub fn set_power_save(
    interface: &str,
    on: bool,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<bool> {
    let mut radio = Radio::open()?.context("the kernel has no radio support")?;
    let own = radio
        .interface(interface)?
        .with_context(|| format!("there is no {interface}"))?;
    if radio.power_save(own.index)? == Some(on) {
        return Ok(false);
    }
    let set = radio.set_power_save(own.index, on);
    if set.is_err() || radio.power_save(own.index)? != Some(on) {
        let why = set
            .err()
            .map_or("it is as before".to_owned(), |error| format!("{error:#}"));
        findings.push(Finding::warning(
            "wifi-power-save-stays",
            interface,
            format!("power save could not be changed: {why}"),
        ));
        return Ok(false);
    }
    Ok(true)
}
