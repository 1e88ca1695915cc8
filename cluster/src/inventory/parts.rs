//! `parts`: the parts list.

use crate::name::Line;
use crate::quantity::Amount;
use schemars::JsonSchema;
use serde::Deserialize;

/// A line of the parts list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Part {
    /// What it is.
    pub part: Line,
    /// How many. Default 1.
    pub quantity: Option<u32>,
    /// What one costs. Default: not known.
    pub unit_cost: Option<UnitCost>,
    /// Anything worth knowing. Default none.
    pub note: Option<Line>,
}

/// What one piece costs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct UnitCost {
    /// The amount as decimal text, such as `89.90`.
    pub amount: Amount,
    /// The currency: three letters (ISO 4217).
    pub currency: Line,
}
