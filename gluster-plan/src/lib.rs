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
pub mod site;
pub mod size;
pub mod split;
pub mod steps;
pub mod survival;
pub mod volume;
