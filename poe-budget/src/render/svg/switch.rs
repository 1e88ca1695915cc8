//! A switch in full: its cases as bars, and its ports.

use super::{INNER, LEFT, ROW, WIDTH, label, ports, row};
use crate::answer::{Case, SwitchAnswer};
use crate::watts::Milliwatts;
use cluster::inventory::Allocation;
use cluster::picture::{Anchor, Area, Face, Picture, Tone, fit};

/// Everything of a switch: its cases, and what stands on its ports.
pub(super) fn in_full(picture: &mut Picture, y: f64, switch: &SwitchAnswer) -> f64 {
    let cases = distinct(&switch.cases);
    let most = |case: &&Case| case.budget_w.max(case.demand_w);
    let scale = cases.iter().map(most).max().unwrap_or(Milliwatts::ZERO);
    let ports = ports::height(switch);
    let height = 44.0 + ROW * cases.len() as f64 + 12.0 + ports;
    let panel = Area {
        x: LEFT,
        y,
        width: INNER,
        height,
    };
    picture.fill(panel, Tone::Panel, "");
    heading(picture, y + 24.0, switch);
    let mut at = y + 38.0;
    for case in cases {
        row(picture, at, &label(case), case, scale);
        at += ROW;
    }
    ports::ports(picture, at + 12.0, switch);
    y + height + 14.0
}

fn heading(picture: &mut Picture, y: f64, switch: &SwitchAnswer) {
    let name = fit(&switch.name, INNER / 2.0, Face::Strong.size());
    picture.text(
        (LEFT + 8.0, y),
        Face::Strong,
        Tone::Ink,
        Anchor::Start,
        &name,
    );
    let facts = format!(
        "{} of {} PoE ports in use, {}, {} V",
        switch.used_ports(),
        switch.poe_ports,
        switch.standard,
        switch.voltage_v.0 as f64 / 1000.0
    );
    let place = (WIDTH - LEFT - 8.0, y);
    picture.text(place, Face::Body, Tone::Faint, Anchor::End, &facts);
}

/// The cases, those that say the same once: a class reserves as much in every scenario.
fn distinct(cases: &[Case]) -> Vec<&Case> {
    let mut distinct: Vec<&Case> = Vec::new();
    for case in cases {
        let same = |other: &&Case| {
            case.allocation == Allocation::Class
                && (other.allocation, other.budget_w) == (case.allocation, case.budget_w)
        };
        if !distinct.iter().any(same) {
            distinct.push(case);
        }
    }
    distinct
}
