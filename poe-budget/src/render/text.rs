//! Text: a table with bars for each switch, 80 columns at most.

use crate::answer::{Answer, Case, Change, PortAnswer, QuestionAnswer, Side, SwitchAnswer};
use crate::watts::Milliwatts;
use cluster::edge::{Verdict, findings_text};
use cluster::finding::Severity;
use cluster::inventory::Allocation;
use cluster::name::wrap;
use std::fmt::Write;

/// The width of everything.
const COLUMNS: usize = 80;
/// The width of a bar in a switch's own table, and in the list of many switches.
const BAR: usize = 24;
const SHORT_BAR: usize = 14;
/// More switches than this get a line each.
pub(super) const IN_FULL: usize = 4;

/// The whole answer.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let answer = &verdict.answer;
    let mut out = headline(verdict);
    if let Some(question) = &answer.question {
        out.push_str(&asked(question));
    }
    if answer.switches.len() <= IN_FULL {
        for switch in &answer.switches {
            out.push_str(&in_full(switch));
        }
    } else {
        out.push_str(&in_lines(&answer.switches));
    }
    if !verdict.findings.is_empty() {
        out.push('\n');
        out.push_str(&findings_text(&verdict.findings));
    }
    out
}

/// Yes, no, or not known yet, and the worst case.
pub(super) fn headline(verdict: &Verdict<Answer>) -> String {
    let errors = || {
        verdict
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
    };
    let unknown = |id: &str| {
        let ids = [
            "poe-allocation-unknown",
            "poe-budget-unknown",
            "poe-assign-unknown",
        ];
        ids.contains(&id)
    };
    let word = match verdict.ok {
        true => "yes",
        false if errors().all(|finding| unknown(finding.id)) => "unknown",
        false => "no",
    };
    match verdict.answer.headroom_w {
        None => format!("{word}: no switch\n"),
        Some(headroom) if headroom < Milliwatts::ZERO => {
            format!("{word}: in the worst case {} W too much\n", -headroom)
        }
        Some(headroom) if verdict.ok => {
            format!("{word}: {headroom} W to spare in the worst case\n")
        }
        Some(headroom) => {
            let ids: Vec<&str> = errors().map(|finding| finding.id).collect();
            let why = match ids.as_slice() {
                [first] => (*first).to_owned(),
                [first, rest @ ..] => format!("{first} and {} more", rest.len()),
                [] => String::new(),
            };
            format!("{word}: {why}, with {headroom} W to spare in the worst case\n")
        }
    }
}

/// The two sides of a question and what lies between them.
fn asked(question: &QuestionAnswer) -> String {
    let (without, with, difference) = (&question.without, &question.with, &question.difference);
    let mut out = String::from("\n");
    list(
        &mut out,
        "asked: ",
        question.asked.iter().map(String::as_str),
    );
    let mut row = |name: &str, cells: [&str; 3]| {
        let [without, with, difference] = cells;
        let line = format!("  {name:<10}{without:>12}{with:>12}{difference:>12}");
        let _ = writeln!(out, "{}", line.trim_end());
    };
    let word = |side: &Side| if side.ok { "yes" } else { "no" };
    row("", ["without", "with", "difference"]);
    row("answer", [word(without), word(with), ""]);
    let cells = [
        watts(without.headroom_w),
        watts(with.headroom_w),
        change(difference.headroom_w),
    ];
    row("headroom", cells.each_ref().map(String::as_str));
    let (before, after) = (Some(without.demand_w), Some(with.demand_w));
    let cells = [
        watts(before),
        watts(after),
        change(Some(difference.demand_w)),
    ];
    row("demand", cells.each_ref().map(String::as_str));
    for (lead, findings) in [
        ("  new: ", &difference.new_findings),
        ("  gone: ", &difference.gone_findings),
    ] {
        if !findings.is_empty() {
            list(&mut out, lead, findings.iter().map(String::as_str));
        }
    }
    if let Some(changes) = &question.changes {
        out.push_str(&bought(changes));
    }
    for step in question.assignment.iter().flat_map(|a| &a.moves) {
        wrap(&mut out, "  ", &step.words());
    }
    out
}

/// What each single change buys.
fn bought(changes: &[Change]) -> String {
    let mut out = String::from("\n  one change buys\n");
    for change in changes {
        let lead = format!("  {:>8}  ", format!("{:+.1} W", change.gain_w.watts()));
        wrap(&mut out, &lead, &change.told());
    }
    if changes.is_empty() {
        out.push_str("  nothing: no single change raises the least headroom\n");
    }
    out
}

fn watts(watts: Option<Milliwatts>) -> String {
    watts.map_or("-".to_owned(), |watts| format!("{watts} W"))
}

fn change(watts: Option<Milliwatts>) -> String {
    match watts {
        None => "-".to_owned(),
        Some(Milliwatts::ZERO) => "none".to_owned(),
        Some(watts) => format!("{:+.1} W", watts.watts()),
    }
}

fn in_full(switch: &SwitchAnswer) -> String {
    let mut out = format!(
        "\n{}  {} of {} PoE ports in use, {}, {} V\n\n",
        cut(&switch.name, 32),
        switch.used_ports(),
        switch.poe_ports,
        switch.standard,
        switch.voltage_v.0 as f64 / 1000.0
    );
    let _ = writeln!(out, "  scenario  counted   budget    demand  headroom");
    for case in &switch.cases {
        push_line(&mut out, &case_line(case));
    }
    out.push_str("\n  watts at each port, and the voltage at the device\n");
    out.push_str(
        "  port  device          class   limit    boot    idle typical  stress   voltage\n",
    );
    for port in &switch.ports {
        push_line(&mut out, &port_line(port));
    }
    if switch.shed.iter().any(|shed| !shed.order.is_empty()) {
        out.push_str("\n  dark first, by policy\n");
        for shed in &switch.shed {
            let lead = format!("  {:<16}  ", shed.policy.as_str());
            list(&mut out, &lead, shed.order.iter().map(|name| &**name));
        }
    }
    out
}

fn case_line(case: &Case) -> String {
    let counted = match case.allocation {
        Allocation::Draw => "draw",
        Allocation::Class => "class",
    };
    format!(
        "  {:<8}  {counted:<5}  {:>7} W {:>7} W {:>7} W  {}",
        case.scenario.as_str(),
        case.budget_w,
        case.demand_w,
        case.headroom_w,
        bar(case.demand_w, case.budget_w, BAR)
    )
}

/// The part of the budget that is used; what is over it stands behind the mark.
fn bar(demand: Milliwatts, budget: Milliwatts, width: usize) -> String {
    let part = demand.watts() / budget.watts().max(f64::MIN_POSITIVE);
    if part > 1.0 {
        return format!("{}!", "#".repeat(width));
    }
    let filled = (part * width as f64).round() as usize;
    format!("{}{}", "#".repeat(filled), ".".repeat(width - filled))
}

fn port_line(port: &PortAnswer) -> String {
    let class = port
        .class
        .map_or("-".to_owned(), |class| class.get().to_string());
    let volts = port.pd_v.map_or("-".to_owned(), |volts| {
        format!("{:.1} V", volts.0 as f64 / 1000.0)
    });
    format!(
        "  {:>4}  {:<14}  {class:>5} {:>7} {:>7} {:>7} {:>7} {:>7}  {volts:>9}",
        port.port,
        cut(&port.device, 14),
        port.limit_w,
        port.pse_w.boot,
        port.pse_w.idle,
        port.pse_w.typical,
        port.pse_w.stress
    )
}

/// Many switches: a line for each, with its worst case.
fn in_lines(switches: &[SwitchAnswer]) -> String {
    let mut out = String::from("\n  switch                  ports    budget    demand  headroom\n");
    for switch in switches {
        let Some(worst) = crate::allocation::worst(&switch.cases) else {
            continue;
        };
        let line = format!(
            "  {:<20}  {:>3}/{:<3} {:>7} W {:>7} W {:>7} W  {}",
            cut(&switch.name, 20),
            switch.ports.len(),
            switch.poe_ports,
            worst.budget_w,
            worst.demand_w,
            worst.headroom_w,
            bar(worst.demand_w, worst.budget_w, SHORT_BAR)
        );
        push_line(&mut out, &line);
    }
    out
}

/// A line of a table; numbers beyond reason may not push it over the width.
fn push_line(out: &mut String, line: &str) {
    out.extend(line.chars().take(COLUMNS));
    out.push('\n');
}

/// A name in at most `width` columns.
fn cut(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    name.chars().take(width - 1).chain(['~']).collect()
}

/// Words behind `lead`, broken between words to the width and indented as `lead` is long.
fn list<'a>(out: &mut String, lead: &str, words: impl Iterator<Item = &'a str>) {
    let mut column = lead.len();
    out.push_str(lead);
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let comma = if words.peek().is_some() { "," } else { "" };
        let word = cut(word, COLUMNS - lead.len() - comma.len());
        let width = word.chars().count() + comma.len();
        if column > lead.len() && column + 1 + width > COLUMNS {
            let _ = write!(out, "\n{}", " ".repeat(lead.len()));
            column = lead.len();
        } else if column > lead.len() {
            out.push(' ');
            column += 1;
        }
        let _ = write!(out, "{word}{comma}");
        column += width;
    }
    out.push('\n');
}
