//! Lay replicated Gluster volumes over the nodes' USB sticks and prove what they survive.
//!
//! The job: the document becomes a [`site`] of nodes, sticks and power domains; each volume's bricks are [`place`]d on it, or
//! taken over as they were [`observed`]; the [`oracle`] tries every combination of losses, [`cuts`] and [`split`] prove what
//! holds for all of them; [`steps`] and [`change`] say how it is made; the [`render`]ings write it down. All of it is pure.

pub mod answer;
pub mod change;
pub mod cli;
pub mod compare;
pub mod cuts;
pub(crate) mod draft;
pub(crate) mod finish;
pub mod gluster;
pub mod node;
pub mod observed;
pub mod oracle;
pub mod place;
pub mod plan;
pub mod refuse;
pub mod remarks;
pub mod render;
pub mod reported;
pub mod request;
pub mod site;
pub mod size;
pub mod split;
pub mod steps;
pub mod survival;
pub mod volume;

use answer::Answer;
use anyhow::Context;
use cluster::edge::Input;
use cluster::finding::{Finding, used_and_no};
use cluster::inventory::Inventory;
use request::Request;
use serde::Deserialize;
use site::Site;

/// poe-budget's answer, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct PoeBudget {
    /// Devices, those first that go dark first.
    #[serde(default)]
    shed_order: Vec<String>,
}

/// The nodes, sticks and power domains of the document, in the order in which poe-budget says that nodes go dark; and the
/// warning where that answer is a "no".
///
/// # Errors
/// poe-budget's answer cannot be read.
pub fn site(input: &Input<'_>) -> anyhow::Result<(Site, Option<Finding>)> {
    let budget: Option<PoeBudget> = input
        .document
        .answer("poe_budget")
        .context("reading poe-budget's answer")?;
    let shed_order = budget.unwrap_or_default().shed_order;
    let site = Site::read(&input.inventory, &shed_order);
    if shed_order.is_empty() {
        return Ok((site, None));
    }
    let warning = used_and_no(input.document, "poe_budget", "gluster-answer-not-ok");
    Ok((site, warning))
}

/// The whole job: a site and what is asked of it in, the answer and what was noticed out.
pub fn answer(inventory: &Inventory, site: Site, request: &Request) -> (Answer, Vec<Finding>) {
    plan::plan(site, inventory, request)
}
