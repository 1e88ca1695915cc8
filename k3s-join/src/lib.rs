//! What each node needs to become a K3s server or agent.
//!
//! The document's sections become one [`request`]; [`plan`] turns that into what each node gets; each of the
//! [`render`]ings writes it down. All of that is pure.

pub mod answer;
pub mod cli;
pub mod plan;
pub mod render;
pub mod request;

use answer::Answer;
use cluster::edge::Input;
use cluster::finding::Finding;

/// What the program is asked to do: one of its modes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Say what each node needs.
    #[default]
    Plan,
}

/// The answer and what was noticed.
///
/// # Errors
/// Input that is not valid.
pub fn answer(cli: &cli::Cli, input: &Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
    match cli.mode() {
        Mode::Plan => {
            let request = request::Request::read(&input.inventory);
            Ok(plan::plan(&request))
        }
    }
}
