//! The picture: what is counted against each switch's budget, and what hangs on its ports.

mod ports;
mod switch;

use super::text::{IN_FULL, headline};
use crate::allocation;
use crate::answer::{Answer, Case, SwitchAnswer};
use crate::watts::Milliwatts;
use cluster::edge::Verdict;
use cluster::inventory::Allocation;
use cluster::picture::{Anchor, Area, Face, Picture, Tone, fit};

/// The width of everything, and of what stands within the margins.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 16.0;
const INNER: f64 = WIDTH - 2.0 * LEFT;
/// Where a row's bar begins and ends.
const BAR_LEFT: f64 = LEFT + 178.0;
const BAR_RIGHT: f64 = WIDTH - LEFT - 158.0;
const ROW: f64 = 24.0;
/// Below this part of its budget a switch's headroom is little.
const LITTLE: f64 = 0.1;

/// The whole answer.
pub fn svg(verdict: &Verdict<Answer>) -> String {
    let title = headline(verdict);
    let title = title.trim_end();
    let mut picture = Picture::new("poe-budget", title, &description(verdict), WIDTH);
    let mut y = 36.0;
    picture.text(
        (LEFT, y),
        Face::Heading,
        Tone::Ink,
        Anchor::Start,
        &fit(title, INNER, Face::Heading.size()),
    );
    let answer = &verdict.answer;
    y = asked(&mut picture, y, answer);
    y += 14.0;
    if answer.switches.len() <= IN_FULL {
        for switch in &answer.switches {
            y = switch::in_full(&mut picture, y, switch);
        }
    } else {
        y = in_rows(&mut picture, y, &answer.switches);
    }
    picture.findings((LEFT, y), INNER, &verdict.findings);
    picture.finish()
}

/// What was asked, and what was found for it.
fn asked(picture: &mut Picture, mut y: f64, answer: &Answer) -> f64 {
    let Some(question) = &answer.question else {
        return y;
    };
    let asked = format!("asked: {}", question.asked.join(", "));
    y = picture.paragraph((LEFT, y), INNER, Tone::Faint, &asked);
    for change in question.changes.iter().flatten() {
        let text = format!("{:+.1} W: {}", change.gain_w.watts(), change.told());
        y = picture.paragraph((LEFT, y), INNER, Tone::New, &text);
    }
    for step in question.assignment.iter().flat_map(|a| &a.moves) {
        y = picture.paragraph((LEFT, y), INNER, Tone::New, &step.words());
    }
    y
}

/// What the picture shows, for who cannot see it.
fn description(verdict: &Verdict<Answer>) -> String {
    let mut words = Vec::new();
    for switch in &verdict.answer.switches {
        let Some(worst) = allocation::worst(&switch.cases) else {
            continue;
        };
        let (name, used) = (&switch.name, switch.used_ports());
        let mut text = format!(
            "{name}: {used} of {} PoE ports in use, {} of {} W counted in the worst case ({})",
            switch.poe_ports,
            worst.demand_w,
            worst.budget_w,
            label(worst)
        );
        if let Some(shed) = switch.shed.first().filter(|shed| !shed.order.is_empty()) {
            let order: Vec<&str> = shed.order.iter().map(|name| &**name).collect();
            let policy = shed.policy.as_str();
            text.push_str(&format!("; dark first by {policy}: {}", order.join(", ")));
        }
        words.push(text);
    }
    if words.is_empty() {
        words.push("No switch.".to_owned());
    }
    words.join(". ")
}

/// What a case counts, in words.
fn label(case: &Case) -> String {
    match case.allocation {
        Allocation::Draw => format!("{}, by draw", case.scenario.as_str()),
        Allocation::Class => "reserved by class".to_owned(),
    }
}

/// A case as a bar: what is counted, and a line where the budget ends.
fn row(picture: &mut Picture, y: f64, label: &str, case: &Case, scale: Milliwatts) {
    let base = y + 15.0;
    let label = fit(label, BAR_LEFT - LEFT - 20.0, Face::Body.size());
    picture.text(
        (LEFT + 8.0, base),
        Face::Body,
        Tone::Ink,
        Anchor::Start,
        &label,
    );
    let unit = (BAR_RIGHT - BAR_LEFT) / scale.watts().max(f64::MIN_POSITIVE);
    let bar = |watts: Milliwatts| Area {
        x: BAR_LEFT,
        y: y + 4.0,
        width: watts.watts() * unit,
        height: 14.0,
    };
    let words = format!("{} of {} W", case.demand_w, case.budget_w);
    picture.fill(bar(case.budget_w), Tone::Page, "");
    picture.fill(bar(case.demand_w), tone(case), &words);
    picture.edge(bar(case.budget_w), Tone::Line, "");
    let end = BAR_LEFT + case.budget_w.watts() * unit;
    picture.line((end, y + 1.0), (end, y + 21.0), Tone::Ink);
    let words = match case.fits {
        true => words,
        false => format!("{} W too much", -case.headroom_w),
    };
    let words = fit(&words, WIDTH - LEFT - BAR_RIGHT - 14.0, Face::Body.size());
    let place = (WIDTH - LEFT - 8.0, base);
    picture.text(place, Face::Body, Tone::Ink, Anchor::End, &words);
}

fn tone(case: &Case) -> Tone {
    match case.fits {
        false => Tone::Bad,
        true if case.headroom_w.watts() < LITTLE * case.budget_w.watts() => Tone::Warning,
        true => Tone::Good,
    }
}

/// Many switches: the worst case of each.
fn in_rows(picture: &mut Picture, y: f64, switches: &[SwitchAnswer]) -> f64 {
    let worst = |switch: &SwitchAnswer| allocation::worst(&switch.cases).copied();
    let most = |case: Case| case.budget_w.max(case.demand_w);
    let scale = switches.iter().filter_map(worst).map(most).max();
    let mut at = y;
    for switch in switches {
        if let Some(case) = worst(switch) {
            row(
                picture,
                at,
                &switch.name,
                &case,
                scale.unwrap_or(Milliwatts::ZERO),
            );
            at += ROW;
        }
    }
    at + 10.0
}
