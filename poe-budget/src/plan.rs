//! The plan: request in, answer and findings out. Nothing but its arguments goes in.

use crate::allocation;
use crate::answer::{Answer, Case, PortAnswer, Shed, SwitchAnswer};
use crate::catalogue::Catalogue;
use crate::flow;
use crate::name::Name;
use crate::notices::Notices;
use crate::request::Request;
use crate::scenario::Scenario;
use crate::shed::{self, Claim};
use crate::sources;
use crate::supply::Supply;
use crate::verdict;
use crate::watts::{Millivolts, Milliwatts};
use cluster::finding::Finding;
use cluster::inventory::{Allocation, ShedPolicy};
use std::cmp::Ordering;

/// Whether the switches carry what hangs on them, and who goes dark first.
pub fn plan(request: &Request<'_>, catalogue: &Catalogue) -> (Answer, Vec<Finding>) {
    let mut notices = request.notices.clone();
    let mut switches = Vec::with_capacity(request.switches.len());
    let mut fates = Vec::new();
    for (index, supply) in request.switches.iter().enumerate() {
        switches.push(switch(supply, index, request, &mut notices, &mut fates));
    }
    verdict::cluster(request, &mut notices);
    let answer = Answer {
        headroom_w: switches.iter().map(|switch| switch.headroom_w).min(),
        shed_order: in_order(fates),
        switches,
        question: None,
        sources: sources::of(request, catalogue),
    };
    (answer, notices.finish())
}

/// When a device goes dark: at which part of its switch's budget.
struct Fate {
    device: Name,
    /// It goes dark once the budgets have shrunk to less than this part of what they are.
    part: f64,
    switch: usize,
    rank: usize,
}

fn switch(
    supply: &Supply<'_>,
    index: usize,
    request: &Request<'_>,
    notices: &mut Notices,
    fates: &mut Vec<Fate>,
) -> SwitchAnswer {
    let loads = supply.loads.iter();
    let ports: Vec<PortAnswer> = loads
        .map(|load| flow::port(supply, load, notices))
        .collect();
    let cases = allocation::cases(supply, &ports);
    let worst = allocation::worst(&cases);
    let budget = worst.map_or(Milliwatts::ZERO, |case| case.budget_w);
    let (devices, claims): (Vec<&Name>, Vec<Claim>) = claims(supply, &ports, worst).unzip();
    let names = |places: &[usize]| places.iter().map(|at| devices[*at].clone()).collect();
    let policies = policies(supply);
    let shed = policies.iter().map(|policy| Shed {
        policy: *policy,
        order: names(&shed::order(*policy, &claims)),
        dark: names(&shed::dark(*policy, &claims, budget)),
    });
    let shed = shed.collect();
    for (rank, at, part) in fate(policies[0], &claims, budget) {
        let device = devices[at].clone();
        fates.push(Fate {
            device,
            part,
            switch: index,
            rank,
        });
    }
    let answer = SwitchAnswer {
        name: supply.name.clone(),
        poe_ports: supply.poe_ports,
        standard: supply.standard.name,
        voltage_v: Millivolts::nearest(supply.voltage_v),
        headroom_w: worst.map_or(budget, |case| case.headroom_w),
        cases,
        ports,
        shed,
    };
    verdict::switch(supply, &answer, request, notices);
    answer
}

/// The policies that can be true: the known one, else all. The first is the one that the shed order follows.
fn policies(supply: &Supply<'_>) -> &'static [ShedPolicy] {
    let known = |policy| shed::POLICIES.iter().position(|other| *other == policy);
    match supply.policy.and_then(known) {
        Some(at) => &shed::POLICIES[at..=at],
        None => &shed::POLICIES,
    }
}

/// The powered devices, and what each counts against the budget in the worst case: their own most may never come together.
fn claims<'a>(
    supply: &'a Supply<'_>,
    ports: &'a [PortAnswer],
    worst: Option<&Case>,
) -> impl Iterator<Item = (&'a Name, Claim)> {
    let (allocation, scenario) = worst.map_or((Allocation::Draw, Scenario::Stress), |case| {
        (case.allocation, case.scenario)
    });
    let powered = supply.loads.iter().zip(ports);
    powered
        .filter(|(load, _)| load.class.is_some())
        .map(move |(load, port)| {
            let demand = allocation::counted(port, allocation, scenario);
            let (port, priority) = (load.port, load.priority);
            (
                &load.device,
                Claim {
                    port,
                    priority,
                    demand,
                },
            )
        })
}

/// At which part of the budget each port goes dark: when it and all that outlast it no longer fit. (rank, place, part)
fn fate(
    policy: ShedPolicy,
    claims: &[Claim],
    budget: Milliwatts,
) -> impl Iterator<Item = (usize, usize, f64)> {
    let mut left: Milliwatts = claims.iter().map(|claim| claim.demand).sum();
    let budget = budget.watts().max(f64::MIN_POSITIVE);
    let order = shed::order(policy, claims).into_iter().enumerate();
    order.map(move |(rank, at)| {
        let part = left.watts() / budget;
        left = left - claims[at].demand;
        (rank, at, part)
    })
}

/// All powered devices, who goes dark first as all budgets shrink alike; on one switch its own order.
fn in_order(mut fates: Vec<Fate>) -> Vec<Name> {
    fates.sort_by(|a, b| {
        let earlier = b.part.partial_cmp(&a.part).unwrap_or(Ordering::Equal);
        earlier.then((a.switch, a.rank).cmp(&(b.switch, b.rank)))
    });
    fates.into_iter().map(|fate| fate.device).collect()
}
