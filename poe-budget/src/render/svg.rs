//! The picture: what is counted against each switch's budget, and what hangs on its ports.

use super::text::{IN_FULL, headline};
use crate::allocation;
use crate::answer::{Answer, Case, PortAnswer, SwitchAnswer};
use crate::shed;
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
/// Ports in a row, and the height of one.
const PORTS: usize = 4;
const PORT: Area = Area {
    x: 8.0,
    y: 0.0,
    width: (INNER - 16.0 - 24.0) / 4.0,
    height: 76.0,
};
/// More free ports than this are told as a number.
const FREE: usize = 8;
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
    if let Some(question) = &answer.question {
        y = picture.paragraph((LEFT, y), INNER, Tone::Faint, &asked(&question.asked));
        for change in question.changes.iter().flatten() {
            let text = format!("{:+.1} W: {}", change.gain_w.watts(), change.told());
            y = picture.paragraph((LEFT, y), INNER, Tone::New, &text);
        }
        for step in question.assignment.iter().flat_map(|a| &a.moves) {
            y = picture.paragraph((LEFT, y), INNER, Tone::New, &step.words());
        }
    }
    y += 14.0;
    if answer.switches.len() <= IN_FULL {
        for switch in &answer.switches {
            y = in_full(&mut picture, y, switch);
        }
    } else {
        y = in_rows(&mut picture, y, &answer.switches);
    }
    picture.findings((LEFT, y), INNER, &verdict.findings);
    picture.finish()
}

fn asked(words: &[String]) -> String {
    format!("asked: {}", words.join(", "))
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
            let policy = shed::word(shed.policy);
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

fn in_full(picture: &mut Picture, y: f64, switch: &SwitchAnswer) -> f64 {
    let cases = distinct(&switch.cases);
    let most = |case: &&Case| case.budget_w.max(case.demand_w);
    let scale = cases.iter().map(most).max().unwrap_or(Milliwatts::ZERO);
    let free: Vec<u16> = switch.free_ports().collect();
    let drawn = switch.ports.len() + if free.len() > FREE { 0 } else { free.len() };
    let rows = drawn.div_ceil(PORTS) as f64;
    let note = if free.len() > FREE { 20.0 } else { 0.0 };
    let height = 44.0 + ROW * cases.len() as f64 + 12.0 + rows * (PORT.height + 8.0) + note;
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
    at += 12.0;
    let mut places = (0..drawn).map(|place| {
        let (column, line) = ((place % PORTS) as f64, (place / PORTS) as f64);
        let x = LEFT + PORT.x + column * (PORT.width + 8.0);
        Area {
            x,
            y: at + line * (PORT.height + 8.0),
            ..PORT
        }
    });
    for (port, area) in switch.ports.iter().zip(&mut places) {
        port_box(picture, area, switch, port);
    }
    if free.len() > FREE {
        let text = format!("{} more PoE ports are free", free.len());
        let place = (LEFT + PORT.x, at + rows * (PORT.height + 8.0) + 10.0);
        picture.text(place, Face::Body, Tone::Faint, Anchor::Start, &text);
    } else {
        for (port, area) in free.iter().zip(places) {
            picture.edge(area, Tone::Line, "");
            let place = (area.x + 8.0, area.y + 20.0);
            let text = format!("{port}  free");
            picture.text(place, Face::Body, Tone::Faint, Anchor::Start, &text);
        }
    }
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

fn port_box(picture: &mut Picture, area: Area, switch: &SwitchAnswer, port: &PortAnswer) {
    let worst = switch.shed.first();
    let dark = worst.is_some_and(|shed| shed.dark.contains(&port.device));
    picture.fill(area, Tone::Page, "");
    picture.edge(area, if dark { Tone::Bad } else { Tone::Line }, "");
    let (left, inner) = (area.x + 8.0, area.width - 16.0);
    let name = format!("{}  {}", port.port, port.device);
    let name = fit(&name, inner, Face::Strong.size());
    picture.text(
        (left, area.y + 18.0),
        Face::Strong,
        Tone::Ink,
        Anchor::Start,
        &name,
    );
    let mut line = |y: f64, tone: Tone, text: &str| {
        let text = fit(text, inner, Face::Small.size());
        picture.text((left, area.y + y), Face::Small, tone, Anchor::Start, &text);
    };
    let Some(class) = port.class else {
        return line(36.0, Tone::Faint, "no power from this port");
    };
    let most = port.pse_w.get(port.pse_w.highest());
    let words = format!("{most} of {} W, class {}", port.limit_w, class.get());
    line(48.0, Tone::Ink, &words);
    let rank = worst.and_then(|shed| shed.order.iter().position(|name| *name == port.device));
    match rank {
        Some(_) if dark => line(64.0, Tone::Bad, "dark in the worst case"),
        Some(rank) => line(
            64.0,
            Tone::Faint,
            &format!("goes dark as number {}", rank + 1),
        ),
        None => {}
    }
    let limit = port.limit_w.watts().max(f64::MIN_POSITIVE);
    let bar = Area {
        x: left,
        y: area.y + 26.0,
        width: inner,
        height: 8.0,
    };
    let part = (most.watts() / limit).min(1.0);
    let tone = if most > port.limit_w {
        Tone::Bad
    } else {
        Tone::Good
    };
    picture.fill(bar, Tone::Panel, "");
    picture.fill(
        Area {
            width: inner * part,
            ..bar
        },
        tone,
        &words,
    );
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
