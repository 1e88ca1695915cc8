//! The verdict on a switch: holds, does not hold, or cannot be known yet.

use crate::allocation;
use crate::answer::{Case, Shed, SwitchAnswer};
use crate::demand::Load;
use crate::impact;
use crate::name::Name;
use crate::notices::Notices;
use crate::remarks;
use crate::request::Request;
use crate::supply::Supply;
use crate::watts::Milliwatts;
use cluster::finding::Finding;
use cluster::inventory::{Allocation, Role, ShedPolicy};
use serde_json::json;

/// Below this part of its budget a switch's headroom is worth a warning: the figures are not that exact.
const LITTLE: i64 = 10;

/// What is to be said of a switch.
pub fn switch(
    supply: &Supply<'_>,
    answer: &SwitchAnswer,
    request: &Request<'_>,
    notices: &mut Notices,
) {
    let Some(worst) = allocation::worst(&answer.cases) else {
        return;
    };
    if worst.fits {
        if worst.headroom_w.0 * LITTLE < worst.budget_w.0 {
            little(supply, worst, notices);
        }
    } else {
        over(supply, &answer.cases, worst, notices);
        dark(supply, &answer.shed, request, notices);
    }
    order(supply, &answer.shed, notices);
    remarks::switch(supply, notices);
}

/// What is to be said of all of them together.
pub fn cluster(request: &Request<'_>, notices: &mut Notices) {
    if !request.switches.is_empty() {
        return;
    }
    if request.cluster.hats > 0 {
        let message = format!(
            "{} nodes have a PoE HAT and the document has no switch that feeds them",
            request.cluster.hats
        );
        notices.each(
            Finding::error("poe-no-switch", "switches", message)
                .fix("describe the switch: poe-budget --example shows how"),
        );
        return;
    }
    notices.once("poe-nothing-powered", "", "switches", || {
        let message = "the document has no switch and no PoE HAT: there is nothing to carry";
        Finding::info("poe-nothing-powered", "switches", message)
    });
}

fn little(supply: &Supply<'_>, worst: &Case, notices: &mut Notices) {
    notices.once("poe-little-headroom", "", &supply.name, || {
        let message = format!(
            "{} W of {} W are left in the worst case: less than a tenth, and the figures are not that exact",
            worst.headroom_w, worst.budget_w
        );
        Finding::warning("poe-little-headroom", &*supply.name, message)
            .fix("measure at the switch (--measured)")
    });
}

/// Over budget in every case that can be true, or only in some: then it is not known yet, which is no yes either.
fn over(supply: &Supply<'_>, cases: &[Case], worst: &Case, notices: &mut Notices) {
    let holds = |allocation, budget| {
        let of = |case: &&Case| case.allocation == allocation && case.budget_w == budget;
        cases.iter().filter(of).all(|case| case.fits)
    };
    let allocations = allocation::possible(supply);
    let all = || {
        supply
            .budgets
            .iter()
            .flat_map(|b| allocations.iter().map(move |a| (*a, *b)))
    };
    if !all().any(|(allocation, budget)| holds(allocation, budget)) {
        notices.each(over_budget(supply, worst));
        return;
    }
    let differ = |verdicts: Vec<bool>| verdicts.contains(&true) && verdicts.contains(&false);
    let by_allocation = |budget: &Milliwatts| {
        differ(
            allocations
                .iter()
                .map(|allocation| holds(*allocation, *budget))
                .collect(),
        )
    };
    if supply.budgets.iter().any(by_allocation) {
        notices.each(allocation_unknown(supply, cases));
    }
    let by_budget = |allocation: &Allocation| {
        differ(
            supply
                .budgets
                .iter()
                .map(|budget| holds(*allocation, *budget))
                .collect(),
        )
    };
    if allocations.iter().any(by_budget) {
        notices.each(budget_unknown(supply, worst));
    }
}

fn told(case: &Case) -> String {
    match case.allocation {
        Allocation::Draw => format!(
            "{} draws {} of {} W",
            case.scenario.as_str(),
            case.demand_w,
            case.budget_w
        ),
        Allocation::Class => format!(
            "the classes reserve {} of {} W",
            case.demand_w, case.budget_w
        ),
    }
}

fn over_budget(supply: &Supply<'_>, worst: &Case) -> Finding {
    let message = format!("{}: {} W too much", told(worst), -worst.headroom_w);
    Finding::error("poe-over-budget", &*supply.name, message)
        .fix("take a device off, feed one by itself, or take a switch with a larger budget; try it with --remove and --budget")
        .evidence(json!(worst))
}

fn allocation_unknown(supply: &Supply<'_>, cases: &[Case]) -> Finding {
    let by = |allocation| {
        let of = cases.iter().filter(|case| case.allocation == allocation);
        of.min_by_key(|case| case.headroom_w)
    };
    let worst = [by(Allocation::Draw), by(Allocation::Class)];
    let told: Vec<String> = worst.iter().flatten().map(|case| told(case)).collect();
    let message = format!(
        "{}: whether it holds depends on how the switch counts a port, which is not declared",
        told.join(", ")
    );
    Finding::error("poe-allocation-unknown", &*supply.name, message)
        .fix("find out whether the switch reserves the class's power: its manual says so, or connect all devices and see whether each starts; then declare allocation as draw or class")
        .evidence(json!(worst))
}

fn budget_unknown(supply: &Supply<'_>, worst: &Case) -> Finding {
    let budgets: Vec<String> = supply
        .budgets
        .iter()
        .map(|b| b.watts().to_string())
        .collect();
    let message = format!(
        "{} W are attested for this model and it does not hold with all of them ({})",
        budgets.join(" and "),
        told(worst)
    );
    Finding::error("poe-budget-unknown", &*supply.name, message)
        .fix("read the hardware version and the PoE budget on the label below the switch and declare budget_w")
        .evidence(json!(worst))
}

/// Who is dark in the worst case and what is lost with them; policies that leave the same devices dark are told together.
fn dark(supply: &Supply<'_>, all: &[Shed], request: &Request<'_>, notices: &mut Notices) {
    let mut told: Vec<&[Name]> = Vec::new();
    for shed in all.iter().filter(|shed| !shed.dark.is_empty()) {
        if told.contains(&&*shed.dark) {
            continue;
        }
        told.push(&shed.dark);
        let alike = all.iter().filter(|other| other.dark == shed.dark);
        let policies: Vec<&str> = alike.map(|shed| shed.policy.as_str()).collect();
        let load = |name: &Name| supply.loads.iter().find(|load| load.device == *name);
        let loads: Vec<&Load> = shed.dark.iter().filter_map(load).collect();
        let lost = impact::lost(&loads, &request.cluster);
        let names: Vec<&str> = shed.dark.iter().map(|name| &**name).collect();
        let mut message = format!(
            "in the worst case {} go dark by {}",
            names.join(", "),
            policies.join(", ")
        );
        if !lost.is_empty() {
            message.push_str(&format!(": {}", lost.join("; ")));
        }
        if supply.policy == Some(ShedPolicy::Retry) {
            message
                .push_str("; the switch tries again every few seconds, so they may go on and off");
        }
        notices.each(
            Finding::warning("poe-goes-dark", &*supply.name, message)
                .evidence(json!({"policies": policies, "dark": shed.dark, "lost": lost})),
        );
    }
}

/// What is worth knowing about the order itself.
fn order(supply: &Supply<'_>, all: &[Shed], notices: &mut Notices) {
    let Some(followed) = all.first() else { return };
    let load = |shed: &Shed| {
        let first = shed.order.first()?;
        supply.loads.iter().find(|load| load.device == *first)
    };
    let key = supply.model.map_or("", |model| &model.model);
    if let Some(other) = all.iter().find(|shed| shed.order != followed.order) {
        notices.once("poe-shed-policy-unknown", key, &supply.name, || {
            let first = |shed| load(shed).map_or_else(String::new, impact::title);
            let message = format!(
                "who goes dark first is not known: {} by {}, {} by {}; shed_order follows {}",
                first(followed),
                followed.policy.as_str(),
                first(other),
                other.policy.as_str(),
                followed.policy.as_str(),
            );
            Finding::warning("poe-shed-policy-unknown", &*supply.name, message)
                .fix("plug in more than the switch carries once and watch which port goes dark, or ask the maker, and declare shed_policy; the port that is kept longest is the place for a K3s server")
        });
        return;
    }
    let server = |load: &&Load| load.role == Some(Role::Server);
    let others = supply.powered().any(|load| load.role != Some(Role::Server));
    if let Some(server) = load(followed)
        .filter(|load| server(load))
        .filter(|_| others)
    {
        notices.once("poe-server-first", "", &supply.name, || {
            let message = format!("the K3s server {} goes dark before devices that matter less", server.device);
            Finding::warning("poe-server-first", &*supply.name, message)
                .fix("move it to another port, or give its port priority 1 on the switch and in the document")
        });
    }
}
