//! Questions: what changes when a device is added or removed, the budget is another, it gets warmer, or all devices are put
//! on the ports anew; and which single change buys the most headroom.

mod add;

use crate::answer::{Answer, Difference, QuestionAnswer, Side};
use crate::assign;
use crate::catalogue::Catalogue;
use crate::demand::Load;
use crate::name::Name;
use crate::plan::plan;
use crate::request::Request;
use crate::supply::Supply;
use crate::watts::Milliwatts;
use cluster::edge::Usage;
use cluster::finding::{self, Finding, Severity};
use cluster::invalid::suggestion;
use cluster::name::Label;

/// A further device.
#[derive(Debug, Clone, PartialEq)]
pub struct Add {
    /// Its name.
    pub name: Label,
    /// Its draw at its Ethernet socket.
    pub draw: Milliwatts,
    /// The switch; `None` for the one with the most headroom among those with a free port.
    pub switch: Option<Label>,
    /// The port; `None` for the lowest free one.
    pub port: Option<u16>,
}

/// Another budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// The switch; `None` where there is only one.
    pub switch: Option<Label>,
    /// What it gives.
    pub budget: Milliwatts,
}

/// Everything that is asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Question {
    /// Devices to add.
    pub add: Vec<Add>,
    /// Devices to remove.
    pub remove: Vec<Label>,
    /// Other budgets.
    pub budget: Vec<Budget>,
    /// Another temperature around all cables in degrees Celsius.
    pub ambient_c: Option<f64>,
    /// Whether all devices are put on the ports anew.
    pub assign: bool,
    /// Whether it is asked which single change buys the most headroom.
    pub optimise: bool,
}

impl Question {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is asked, in words.
    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self
            .remove
            .iter()
            .map(|name| format!("remove {name}"))
            .collect();
        words.extend(self.budget.iter().map(|budget| match &budget.switch {
            Some(switch) => format!("budget of {switch} {} W", budget.budget.watts()),
            None => format!("budget {} W", budget.budget.watts()),
        }));
        words.extend(
            self.ambient_c
                .map(|celsius| format!("ambient {celsius} °C")),
        );
        words.extend(self.add.iter().map(Add::words));
        words.extend(
            self.optimise
                .then(|| "which change buys headroom".to_owned()),
        );
        words.extend(self.assign.then(|| "assign all devices".to_owned()));
        words
    }
}

impl Add {
    fn words(&self) -> String {
        let mut words = format!("add {} {} W", self.name, self.draw.watts());
        words.extend(self.switch.iter().map(|switch| format!(" on {switch}")));
        words.extend(self.port.map(|port| format!(" port {port}")));
        words
    }
}

/// The answer with the question's changes, and what they change.
///
/// # Errors
/// The question does not fit the document: a switch or a device that it does not have, or has already ([`Usage`]); or a node
/// that shall get a port names a model that the catalogue does not have ([`cluster::invalid::Invalid`]).
pub fn answer(
    mut request: Request<'_>,
    question: &Question,
    catalogue: &Catalogue,
) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let (before, findings_before) = plan(&request, catalogue);
    change(&mut request, question, catalogue)?;
    // Without a switch the plan says so.
    let assign = question.assign && !request.switches.is_empty();
    let assignment = assign.then(|| assign::assign(&mut request));
    let (mut answer, mut findings) = plan(&request, catalogue);
    findings.extend(assignment.as_ref().and_then(assign::remark));
    let without = side(&before, &findings_before);
    let with = side(&answer, &findings);
    answer.question = Some(QuestionAnswer {
        asked: question.words(),
        difference: Difference {
            headroom_w: with
                .headroom_w
                .zip(without.headroom_w)
                .map(|(with, without)| with - without),
            demand_w: with.demand_w - without.demand_w,
            new_findings: missing(&findings, &findings_before),
            gone_findings: missing(&findings_before, &findings),
        },
        without,
        with,
        assignment,
        changes: None,
    });
    Ok((answer, findings))
}

/// Changes what the question changes; the assignment comes after it.
fn change(
    request: &mut Request<'_>,
    question: &Question,
    catalogue: &Catalogue,
) -> anyhow::Result<()> {
    for name in &question.remove {
        remove(request, name, question.assign)?;
    }
    for budget in &question.budget {
        let supply = chosen(request, budget.switch.as_ref(), "--budget")?;
        supply.budgets = vec![budget.budget];
        // What the document or the catalogue say of the budget is no longer the question.
        supply.declared = false;
    }
    if let Some(celsius) = question.ambient_c {
        request
            .switches
            .iter_mut()
            .for_each(|supply| supply.ambient_c = celsius);
    }
    for device in &question.add {
        add::add(request, device, question.assign, catalogue)?;
    }
    if let Some(problem) = request.unplaced_problem.take().filter(|_| question.assign) {
        return Err(problem.into());
    }
    Ok(())
}

fn side(answer: &Answer, findings: &[Finding]) -> Side {
    let ports = answer.switches.iter().flat_map(|switch| &switch.ports);
    Side {
        ok: finding::ok(findings),
        headroom_w: answer.headroom_w,
        demand_w: ports.map(|port| port.pse_w.get(port.pse_w.highest())).sum(),
        shed_order: answer.shed_order.clone(),
    }
}

/// Errors and warnings of `here` that are not in `there`.
fn missing(here: &[Finding], there: &[Finding]) -> Vec<String> {
    let same = |a: &Finding, b: &Finding| a.id == b.id && a.subject == b.subject;
    let new = here.iter().filter(|finding| {
        finding.severity != Severity::Info && !there.iter().any(|other| same(finding, other))
    });
    new.map(|finding| format!("{} {}", finding.id, finding.subject))
        .collect()
}

fn remove(request: &mut Request<'_>, name: &Label, assign: bool) -> Result<(), Usage> {
    let lonely = |load: &Load| *load.device == *name.as_str();
    if assign && request.unplaced.iter().any(lonely) {
        request.unplaced.retain(|load| !lonely(load));
        return Ok(());
    }
    for supply in &mut request.switches {
        let found = supply
            .loads
            .iter()
            .position(|load| *load.device == *name.as_str());
        if let Some(place) = found {
            supply.loads.remove(place);
            return Ok(());
        }
    }
    let devices = request.switches.iter().flat_map(|supply| &supply.loads);
    let hint = suggestion(name.as_str(), devices.map(|load| &*load.device));
    Err(Usage::new(format!(
        "--remove {name}: no such device stands on a port{hint}"
    )))
}

/// The switch of that name, or the only one.
fn chosen<'a, 'c>(
    request: &'a mut Request<'c>,
    name: Option<&Label>,
    flag: &str,
) -> Result<&'a mut Supply<'c>, Usage> {
    let names: Vec<Name> = request
        .switches
        .iter()
        .map(|supply| supply.name.clone())
        .collect();
    let place = match name {
        Some(name) => names.iter().position(|known| **known == *name.as_str()),
        None if names.len() == 1 => Some(0),
        None => {
            let problem = format!(
                "{flag}: the document has {} switches; name one",
                names.len()
            );
            return Err(Usage::new(problem));
        }
    };
    let found = place.and_then(|place| request.switches.get_mut(place));
    found.ok_or_else(|| {
        let name = name.map_or("", Label::as_str);
        let hint = suggestion(name, names.iter().map(|name| &**name));
        Usage::new(format!(
            "{flag} {name}: the document has no such switch{hint}"
        ))
    })
}
