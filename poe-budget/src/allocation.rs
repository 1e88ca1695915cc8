//! Allocation: what counts against a switch's budget, by the devices' draw or by reservation for their class.

use crate::answer::{Case, PortAnswer};
use crate::class;
use crate::scenario::Scenario;
use crate::supply::Supply;
use crate::watts::Milliwatts;
use cluster::inventory::Allocation;

/// The ways to count that can be true for a switch.
pub fn possible(supply: &Supply<'_>) -> &'static [Allocation] {
    match supply.allocation {
        Some(Allocation::Draw) => &[Allocation::Draw],
        Some(Allocation::Class) => &[Allocation::Class],
        None => &[Allocation::Draw, Allocation::Class],
    }
}

/// What a port counts against the budget.
///
/// A reservation is the class's power at the port, and never more than the port gives.
pub fn counted(port: &PortAnswer, allocation: Allocation, scenario: Scenario) -> Milliwatts {
    match (allocation, port.class) {
        (Allocation::Draw, _) => port.pse_w.get(scenario),
        (Allocation::Class, Some(class)) => class::reserved(class).min(port.limit_w),
        (Allocation::Class, None) => Milliwatts::ZERO,
    }
}

/// Every case that can be true for a switch.
pub fn cases(supply: &Supply<'_>, ports: &[PortAnswer]) -> Vec<Case> {
    let allocations = possible(supply);
    let mut cases = Vec::with_capacity(4 * allocations.len() * supply.budgets.len());
    for allocation in allocations {
        for scenario in Scenario::ALL {
            let counted = ports
                .iter()
                .map(|port| counted(port, *allocation, scenario));
            let demand_w = counted.sum();
            cases.extend(supply.budgets.iter().map(|budget_w| Case {
                scenario,
                allocation: *allocation,
                budget_w: *budget_w,
                demand_w,
                headroom_w: *budget_w - demand_w,
                fits: demand_w <= *budget_w,
            }));
        }
    }
    cases
}

/// The case with the least headroom; of equals the last, which is stress.
pub fn worst(cases: &[Case]) -> Option<&Case> {
    cases.iter().rev().min_by_key(|case| case.headroom_w)
}
