//! pi-wifi on simulated radios in the emulated PC: access points of each kind, wrong keys, an access point that goes and comes back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::{Context, Result, ensure};
use cluster_tests::machine::{self, Answer, Card, Kind, PROGRAMS, Shared};
use cluster_tests::said::node;
use cluster_tests::{require, tools};
use serde_json::Value;
use std::time::Duration;

/// All checks in one boot, in this order: each goes on from where the one before it left the radio.
const CHECKS: &[(&str, &str)] = &[
    (
        "points",
        "start_points; iw dev wlan0 set power_save on; iw dev wlan0 get power_save",
    ),
    ("absent", "./pi-wifi --check -n --only --interface wlan9"),
    ("before", "./pi-wifi --check -n --only"),
    (
        "first",
        "network wpa2 | ./pi-wifi --apply --only --limit 120 && is_in wpa2 >&2 && iw dev wlan0 get power_save >&2 && stat -c %a /etc/wpa_supplicant/wpa_supplicant.conf >&2 && iw reg get >&2",
    ),
    ("again", "network wpa2 | ./pi-wifi --apply --only"),
    ("after", "./pi-wifi --check -n --only"),
    (
        "wpa3",
        "network wpa3 | ./pi-wifi --apply --only --limit 120 && is_in wpa3",
    ),
    (
        "mixed",
        "network mixed | ./pi-wifi --apply --only --limit 120 && is_in mixed",
    ),
    (
        "hidden",
        "network hidden | ./pi-wifi --apply --only --limit 120 && is_in hidden",
    ),
    (
        "odd",
        "network odd | ./pi-wifi --apply --only --limit 120 && is_in odd",
    ),
    (
        "back",
        "network wpa2 | ./pi-wifi --apply --only --limit 120 && is_in wpa2",
    ),
    (
        "wrong-key",
        "sha256sum /etc/wpa_supplicant/wpa_supplicant.conf >/tmp/sum; network mixed 'not the key' >/tmp/doc; ./pi-wifi --apply --only --limit 120 </tmp/doc; code=$?; soon is_in wpa2 || exit 99; sha256sum -c /tmp/sum >&2 || exit 98; exit $code",
    ),
    (
        "wrong-wpa2-key",
        "network hidden 'not the key' >/tmp/doc; ./pi-wifi --apply --only --limit 120 </tmp/doc; code=$?; soon is_in wpa2 || exit 99; exit $code",
    ),
    (
        "not-there",
        "network wpa2 | sed s/wpa2/nobody/ | sed s,/tmp/nobody.psk,/tmp/wpa2.psk, | ./pi-wifi --apply --only --limit 8; code=$?; soon is_in wpa2 || exit 99; exit $code",
    ),
    (
        "killed",
        "network wpa2 | sed s/wpa2/nobody/ | sed s,/tmp/nobody.psk,/tmp/wpa2.psk, >/tmp/doc; ./pi-wifi --apply --only --limit 100 </tmp/doc >/dev/null & id=$!; soon is_out_of wpa2; code=$?; kill -9 $id; [ $code = 0 ] || exit 97; soon is_in wpa2",
    ),
    (
        "unwritable",
        "network mixed >/tmp/doc; mount --bind /etc/wpa_supplicant /etc/wpa_supplicant; mount -o remount,ro,bind /etc/wpa_supplicant; ./pi-wifi --apply --only --limit 120 </tmp/doc; code=$?; umount /etc/wpa_supplicant; soon is_in wpa2 || exit 99; exit $code",
    ),
    (
        "busy",
        "(flock 9; network hidden | ./pi-wifi --apply --only; code=$?; is_in wpa2 || exit 99; wpa_cli list_networks >&2; exit $code) 9>>/var/lib/cluster/pi-wifi/wlan0.journal",
    ),
    (
        "other-plan",
        "network hidden | ./pi-wifi --apply --only --limit 120 && is_in hidden",
    ),
    (
        "finished",
        "network mixed | ./pi-wifi --apply --only --limit 120 && is_in mixed",
    ),
    (
        "back-again",
        "network wpa2 | ./pi-wifi --apply --only --limit 120 && is_in wpa2",
    ),
    (
        "watch",
        "./pi-wifi -n --watch --apply --seconds 70 >/tmp/events & id=$!; sleep 2; stop_point wpa2; sleep 22; start_point wpa2; soon is_in wpa2 || exit 99; grep -E 'VmHWM|VmRSS' /proc/$id/status >&2; wait $id; cat /tmp/events",
    ),
    (
        "power-save",
        "iw dev wlan0 set power_save on; iw dev wlan0 get power_save; ./pi-wifi --check -n --only | grep -c wifi-power-save-on; ./pi-wifi -n --watch --apply --seconds 2 >&2; iw dev wlan0 get power_save; stop_point wpa2; start_point wpa2; soon is_in wpa2 || exit 99; iw dev wlan0 get power_save",
    ),
    (
        "idle",
        "./pi-wifi -n --watch --seconds 40 >&2 & id=$!; sleep 5; set -- $(cat /proc/$id/stat); a=$((${14} + ${15})); sleep 30; set -- $(cat /proc/$id/stat); echo $((${14} + ${15} - a)); wait $id",
    ),
    (
        "key-changed",
        "stop_point wpa2; start_point wpa2 'another key'; ./pi-wifi -n --watch --apply --seconds 45 >/tmp/events; cat /tmp/events; stop_point wpa2; start_point wpa2",
    ),
];

static PC: Shared = Shared::new(|| {
    let card = Card::new(Kind::Pc).make()?;
    let mut boot = card
        .boot("wifi")
        .limit(Duration::from_secs(1800))
        .file(machine::program(Kind::Pc, "pi-wifi")?)
        .file(tools::top().join("tests/wifi/radios.sh"));
    for (name, script) in CHECKS {
        boot = boot.check(name, &format!("#!/bin/bash\n. ./radios.sh\n{script}\n"));
    }
    boot.run()
});

fn pc() -> Result<Option<&'static Answer>> {
    if !require(PROGRAMS)? {
        return Ok(None);
    }
    PC.answer().map(Some)
}

/// A check's answer of the tool, where it ended with this code.
fn answer(pc: &Answer, name: &str, code: i32) -> Result<Value> {
    let check = pc.check(name)?;
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    let text = String::from_utf8_lossy(&check.stdout).into_owned();
    ensure!(
        check.status == code,
        "{name}: {}: {said}\n{text}",
        check.status
    );
    let end = text.rfind('}').context("no answer")?;
    serde_json::from_str(&text[..=end]).with_context(|| format!("{name}: {text}"))
}

fn events(pc: &Answer, name: &str) -> Result<Vec<Value>> {
    let text = pc.check(name)?.success()?;
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

fn position(events: &[Value], event: &str, from: usize) -> Result<usize> {
    let found = events[from..].iter().position(|e| e["event"] == event);
    found
        .map(|at| at + from)
        .with_context(|| format!("no {event} in {events:#?}"))
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn the_first_network_is_joined_and_made_to_last() -> Result<()> {
    let Some(pc) = pc()? else { return Ok(()) };
    ensure!(
        pc.check("points")?.success()?.contains("on"),
        "power save is on to begin with"
    );
    let absent = answer(pc, "absent", 3)?;
    ensure!(
        absent["findings"][0]["id"] == "wifi-no-interface",
        "{absent}"
    );
    let before = answer(pc, "before", 0)?;
    let check = &node(&before)["check"];
    ensure!(
        check["present"] == true && check["power_save"] == true && check["link"].is_null(),
        "{check}"
    );
    ensure!(
        check["owner"]["name"] == "nobody" && check["sae"] == true,
        "{check}"
    );
    let first = answer(pc, "first", 0)?;
    ensure!(
        first["changed"] == true && first["pending"] == false,
        "{first}"
    );
    let said = String::from_utf8(pc.check("first")?.stderr)?;
    ensure!(
        said.contains("Power save: off") && said.contains("\n600\n") && said.contains("country CH"),
        "{said}"
    );
    let again = answer(pc, "again", 0)?;
    ensure!(again["changed"] == false, "{again}");
    let after = answer(pc, "after", 0)?;
    let check = &node(&after)["check"];
    ensure!(
        check["link"]["ssid"] == "wpa2" && check["power_save"] == false && check["country"] == "CH",
        "{check}"
    );
    ensure!(
        check["addresses"][0]
            .as_str()
            .is_some_and(|a| a.starts_with("192.168.51.")),
        "{check}"
    );
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn each_kind_of_access_point_is_joined() -> Result<()> {
    let Some(pc) = pc()? else { return Ok(()) };
    for name in ["wpa3", "mixed", "hidden", "odd", "back"] {
        let answer = answer(pc, name, 0)?;
        ensure!(answer["changed"] == true, "{name}: {answer}");
        ensure!(
            !answer.to_string().contains("right key"),
            "a secret is in the output: {answer}"
        );
    }
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn what_does_not_connect_leaves_the_old_link() -> Result<()> {
    let Some(pc) = pc()? else { return Ok(()) };
    for (name, id) in [
        ("wrong-key", "wifi-wrong-key"),
        ("wrong-wpa2-key", "wifi-wrong-key"),
        ("not-there", "wifi-not-found"),
    ] {
        let answer = answer(pc, name, 3)?;
        let finding = &answer["findings"][0];
        ensure!(finding["id"] == id, "{name}: {finding}");
        ensure!(
            finding["evidence"]["former_link_is_back"] == true,
            "{name}: {finding}"
        );
        ensure!(answer["changed"] == false, "{name}: {answer}");
    }
    for name in ["wrong-key", "wrong-wpa2-key"] {
        let answer = answer(pc, name, 3)?;
        let seconds = answer["findings"][0]["evidence"]["seconds"].as_u64();
        ensure!(
            seconds.is_some_and(|s| s <= 20),
            "{name}: named after {seconds:?} s"
        );
    }
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn a_trial_whose_program_is_killed_is_taken_back() -> Result<()> {
    let Some(pc) = pc()? else { return Ok(()) };
    pc.check("killed")?.success().map(drop)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn what_cannot_be_made_to_last_is_taken_back() -> Result<()> {
    let Some(pc) = pc()? else { return Ok(()) };
    let check = pc.check("unwritable")?;
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    ensure!(
        check.status == 1 && said.contains("Read-only file system"),
        "{}: {said}",
        check.status
    );
    // Refused before the radio is touched.
    let busy = answer(pc, "busy", 3)?;
    ensure!(
        busy["findings"][0]["id"] == "journal-busy" && busy["changed"] == false,
        "{busy}"
    );
    // The journal that it left is of a plan that changed nothing, so another one goes on.
    for name in ["other-plan", "finished", "back-again"] {
        let answer = answer(pc, name, 0)?;
        ensure!(answer["changed"] == true, "{name}: {answer}");
    }
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn an_access_point_that_goes_and_comes_back_is_seen_and_joined() -> Result<()> {
    let Some(pc) = pc()? else { return Ok(()) };
    let events = events(pc, "watch")?;
    let first = position(&events, "connected", 0)?;
    let lost = position(&events, "disconnected", first)?;
    let again = position(&events, "connected", lost)?;
    let action = position(&events, "action", lost)?;
    ensure!(
        action < again && events[action]["action"] == "reassociate",
        "{events:#?}"
    );
    ensure!(events[again]["counts"]["reassociate"] == 1, "{events:#?}");
    let said = String::from_utf8(pc.check("idle")?.stdout)?;
    // Ticks of 10 ms in 30 seconds.
    let ticks: u64 = said.trim().parse().context(said.clone())?;
    ensure!(ticks <= 3, "{ticks} ticks in 30 s of calm");
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn power_save_is_turned_off_and_stays_off() -> Result<()> {
    let Some(pc) = pc()? else { return Ok(()) };
    let text = pc.check("power-save")?.success()?;
    ensure!(
        text == "Power save: on\n1\nPower save: off\nPower save: off\n",
        "{text}"
    );
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn nothing_is_tried_on_a_wrong_key() -> Result<()> {
    let Some(pc) = pc()? else { return Ok(()) };
    let events = events(pc, "key-changed")?;
    let wrong = position(&events, "wrong-key", 0)?;
    ensure!(
        events[wrong + 1..]
            .iter()
            .all(|event| event["event"] != "action"),
        "{events:#?}"
    );
    Ok(())
}
