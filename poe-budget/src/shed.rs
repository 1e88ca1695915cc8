//! Shedding: who goes dark when the budget is exceeded, by each of the four policies that switches are known to have.

use crate::watts::Milliwatts;
use cluster::inventory::ShedPolicy;

/// The policies, the most common first: it is the one that is followed where nothing is known.
pub const POLICIES: [ShedPolicy; 4] = [
    ShedPolicy::LowestPriority,
    ShedPolicy::FirstCome,
    ShedPolicy::DenyNew,
    ShedPolicy::Retry,
];

/// A port that takes power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The port's number.
    pub port: u16,
    /// 1 is kept longest.
    pub priority: u8,
    /// What it counts against the budget.
    pub demand: Milliwatts,
}

/// The order in which ports go dark as the budget shrinks: places in `claims`, the first dark first.
///
/// - `lowest-priority` and `retry`: the lowest priority, of equals the highest port (Netgear, Aruba, MikroTik, Niveo).
/// - `first-come`: at power-on ports are served from the highest number down, and who came last goes first (Repotec).
/// - `deny-new`: ports are switched on from the lowest number up, and the one that no longer fits stays dark (Planet, the
///   Linux kernel's static budget).
pub fn order(policy: ShedPolicy, claims: &[Claim]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..claims.len()).collect();
    match policy {
        ShedPolicy::LowestPriority | ShedPolicy::Retry => {
            places.sort_by_key(|at| (std::cmp::Reverse((claims[*at].priority, claims[*at].port)),))
        }
        ShedPolicy::FirstCome => places.sort_by_key(|at| claims[*at].port),
        ShedPolicy::DenyNew => places.sort_by_key(|at| std::cmp::Reverse(claims[*at].port)),
    }
    places
}

/// The ports that are dark at this budget: places in `claims`, the first dark first. What the others claim is within it.
pub fn dark(policy: ShedPolicy, claims: &[Claim], budget: Milliwatts) -> Vec<usize> {
    let order = order(policy, claims);
    match policy {
        ShedPolicy::LowestPriority => cut(&order, claims, budget),
        ShedPolicy::Retry => {
            let mut dark = cut(&order, claims, budget);
            restore(&mut dark, claims, budget);
            dark
        }
        ShedPolicy::FirstCome | ShedPolicy::DenyNew => admit(&order, claims, budget),
    }
}

/// One after the other is switched off until the rest fits.
fn cut(order: &[usize], claims: &[Claim], budget: Milliwatts) -> Vec<usize> {
    let mut demand: Milliwatts = claims.iter().map(|claim| claim.demand).sum();
    let over = |at: &&usize| {
        let over = demand > budget;
        if over {
            demand = demand - claims[**at].demand;
        }
        over
    };
    order.iter().take_while(over).copied().collect()
}

/// Those switched off are tried again in reverse order; who fits beside the others is back.
fn restore(dark: &mut Vec<usize>, claims: &[Claim], budget: Milliwatts) {
    let off: Milliwatts = dark.iter().map(|at| claims[*at].demand).sum();
    let mut demand = claims.iter().map(|claim| claim.demand).sum::<Milliwatts>() - off;
    for place in (0..dark.len()).rev() {
        let more = claims[dark[place]].demand;
        if demand + more <= budget {
            demand = demand + more;
            dark.remove(place);
        }
    }
}

/// One after the other is switched on, the last of the order first; who does not fit stays dark.
fn admit(order: &[usize], claims: &[Claim], budget: Milliwatts) -> Vec<usize> {
    let mut demand = Milliwatts::ZERO;
    let mut dark: Vec<usize> = Vec::new();
    for at in order.iter().rev() {
        let more = claims[*at].demand;
        if demand + more <= budget {
            demand = demand + more;
        } else {
            dark.push(*at);
        }
    }
    dark.reverse();
    dark
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(all: &[(u16, u8, i64)]) -> Vec<Claim> {
        let claim = |&(port, priority, watts): &(u16, u8, i64)| Claim {
            port,
            priority,
            demand: Milliwatts(watts * 1000),
        };
        all.iter().map(claim).collect()
    }

    fn ports(places: &[usize], claims: &[Claim]) -> Vec<u16> {
        places.iter().map(|at| claims[*at].port).collect()
    }

    #[test]
    fn each_policy_has_its_order() {
        let claims = claims(&[(1, 3, 10), (2, 1, 10), (3, 2, 10), (4, 3, 10)]);
        let by = |policy| ports(&order(policy, &claims), &claims);
        assert_eq!(by(ShedPolicy::LowestPriority), [4, 1, 3, 2]);
        assert_eq!(by(ShedPolicy::Retry), [4, 1, 3, 2]);
        assert_eq!(by(ShedPolicy::FirstCome), [1, 2, 3, 4]);
        assert_eq!(by(ShedPolicy::DenyNew), [4, 3, 2, 1]);
    }

    #[test]
    fn each_policy_leaves_its_own_ports_dark() {
        // 45 W are wanted and 30 W are there; port 4 takes 5 W and fits where somebody larger does not.
        let claims = claims(&[(1, 3, 10), (2, 3, 10), (3, 3, 20), (4, 3, 5)]);
        let by = |policy| ports(&dark(policy, &claims, Milliwatts(30_000)), &claims);
        assert_eq!(by(ShedPolicy::LowestPriority), [4, 3]);
        assert_eq!(by(ShedPolicy::Retry), [3]);
        assert_eq!(by(ShedPolicy::FirstCome), [1, 2]);
        assert_eq!(by(ShedPolicy::DenyNew), [3]);
        let enough = |policy| dark(policy, &claims, Milliwatts(45_000)).is_empty();
        assert!(POLICIES.into_iter().all(enough));
    }
}
