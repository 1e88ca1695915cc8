//! What is said of an assignment: the way that was found, and why there is none.

use crate::answer::AssignmentAnswer;
use crate::request::Request;
use crate::scenario::Scenario;
use crate::spread::{self, Bin, COUNTS, Item, NO_LIMIT, Proof};
use crate::supply::Supply;
use crate::watts::Milliwatts;
use cluster::finding::Finding;
use cluster::inventory::Allocation;
use serde_json::json;

/// So many open questions are told.
const TOLD: usize = 4;

/// What the document leaves open and an assignment depends on, in words.
pub(super) fn open(request: &Request<'_>) -> Vec<String> {
    request.switches.iter().flat_map(open_of).collect()
}

fn open_of(supply: &Supply<'_>) -> impl Iterator<Item = String> {
    let name = &supply.name;
    let counts = match supply.allocation {
        None => Some(format!("how {name} counts its ports")),
        Some(Allocation::Draw | Allocation::Class) => None,
    };
    let budgets = (supply.budgets.len() > 1).then(|| {
        let watts = supply.budgets.iter().map(|b| b.watts().to_string());
        let watts: Vec<String> = watts.collect();
        format!("which budget {name} has ({} W)", watts.join(" or "))
    });
    let standard = supply
        .standard_assumed
        .then(|| format!("which standard {name} has"));
    [counts, budgets, standard].into_iter().flatten()
}

/// Why there is no way, as a clause.
pub(super) fn reason(
    proof: &Proof,
    devices: &[&str],
    (bins, items): (&[Bin], &[Item]),
    at_most: bool,
) -> String {
    let count = devices.len();
    match proof {
        Proof::Slots => {
            let ports: usize = bins.iter().map(|bin| bin.slots).sum();
            format!("{count} devices take power, and the switches have {ports} PoE ports for them")
        }
        Proof::Item(at) => not_carried(devices[*at], &items[*at], bins),
        Proof::Total {
            count,
            needed,
            there,
        } => {
            let needed = Milliwatts(*needed);
            let how = match Scenario::ALL.get(*count) {
                Some(scenario) => format!("draw {needed} W together in {}", scenario.as_str()),
                None => format!("have {needed} W reserved for their classes"),
            };
            let most = if at_most { "at most " } else { "" };
            let there = Milliwatts(*there);
            format!("the devices {how}, and the switches give {most}{there} W together")
        }
        Proof::Search(short) => none_fits(&ways(bins.len(), count), *short),
    }
}

/// One device for which no switch has a port.
fn not_carried(name: &str, item: &Item, bins: &[Bin]) -> String {
    let counts_in = |bin: &Bin| {
        let demand = item.demands[bin.kind]?;
        let matters = (0..COUNTS).filter(|count| bin.room[*count] < NO_LIMIT);
        matters.map(|count| demand[count]).max()
    };
    match bins.iter().filter_map(counts_in).min() {
        Some(watts) => {
            let watts = Milliwatts(watts);
            format!("{name} alone counts {watts} W, and no switch has that and a port for it")
        }
        None => format!("no switch has a port that carries {name}"),
    }
}

/// In how many ways so many devices can be spread.
fn ways(switches: usize, devices: usize) -> String {
    let many = u32::try_from(devices).ok();
    let number = many.and_then(|many| (switches as u64).checked_pow(many));
    number.map_or_else(|| format!("{switches}^{devices}"), |ways| ways.to_string())
}

fn none_fits(ways: &str, short: Option<i64>) -> String {
    match short {
        Some(short) => format!(
            "of all {ways} ways to spread the devices over the switches none fits: each leaves a switch at least {} W short",
            Milliwatts(short)
        ),
        None => format!(
            "of all {ways} ways to spread the devices over the switches none gives each a port that carries it"
        ),
    }
}

pub(super) fn impossible(reason: &str) -> Finding {
    let message = format!("there is no way to put every device on a port: {reason}");
    Finding::error("poe-assign-impossible", "switches", message)
        .fix("take a switch with more ports or watts, or feed a device by itself: --optimise tells what helps most")
        .evidence(json!({ "proof": reason }))
}

/// There is a way if what is open turns out well, and none if it turns out badly.
pub(super) fn unknown(open: &[String], at_best: i64, reason: &str) -> Finding {
    let told: Vec<&str> = open.iter().take(TOLD).map(String::as_str).collect();
    let more = match open.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more of the kind"),
    };
    let at_best = Milliwatts(at_best);
    let message = format!(
        "whether there is a way to put every device on a port depends on {}{more}, which is not declared: at best one leaves {at_best} W on the fullest switch, at worst there is none, because {reason}",
        told.join(", ")
    );
    Finding::error("poe-assign-unknown", "switches", message)
        .fix("read it on the label below the switch and in its manual, declare allocation, budget_w or standard, and ask again")
        .evidence(json!({ "open": open, "at_best_w": at_best }))
}

pub(super) fn not_found(devices: usize) -> Finding {
    let message = format!(
        "no way was found to put {devices} devices on a port; with more than {} devices or switches that does not prove that there is none",
        spread::EXACT
    );
    Finding::error("poe-assign-not-found", "switches", message)
        .fix("leave more room, or assign a part of the switches at a time")
}

/// The remark on what was found.
pub(super) fn remark(answer: &AssignmentAnswer) -> Option<Finding> {
    let (headroom, bound) = (answer.headroom_w?, answer.at_most_w?);
    let moves = match answer.moves.len() {
        0 => "every device stays where it is".to_owned(),
        1 => "1 device moves".to_owned(),
        many => format!("{many} devices move"),
    };
    let best = match answer.exact {
        true => "no other way leaves more, and none that leaves as much moves fewer".to_owned(),
        false => format!("another way leaves at most {} W more", bound - headroom),
    };
    let message = format!("{moves}, and {headroom} W are left on the fullest switch; {best}");
    Some(Finding::info("poe-assigned", "switches", message))
}
