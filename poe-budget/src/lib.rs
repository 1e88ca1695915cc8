//! Can the switch carry it, and who goes dark first when it can't.
//!
//! The job: the document becomes a [`request::Request`] (every model found, every place checked); each device's draw becomes a
//! [`flow`] over its cable; the flows become [`allocation`] cases against each budget that can be true; the worst case is
//! [`shed`] by each policy that can be true; and the [`verdict`] says what that means. A [`question`] changes
//! the request and tells the difference. All of it is pure.

pub mod allocation;
pub mod answer;
pub mod assign;
pub mod cable;
pub mod catalogue;
pub mod class;
pub mod cli;
pub mod demand;
pub mod flow;
pub mod impact;
pub mod measured;
pub mod name;
pub mod node;
pub mod nodes;
pub mod notices;
pub mod optimise;
pub mod plan;
pub mod question;
pub mod remarks;
pub mod render;
pub mod request;
pub mod scenario;
pub mod shed;
pub mod sources;
pub mod spread;
pub mod supply;
pub mod verdict;
pub mod watts;

use answer::Answer;
use catalogue::Catalogue;
use cluster::finding::Finding;
use cluster::inventory::Inventory;
use measured::Measured;
use notices::Notices;
use question::Question;
use request::Request;

/// The whole job: the document's sections and what is asked beside them in, the answer and what was noticed out.
///
/// # Errors
/// The document is not valid ([`cluster::invalid::Invalid`]), or the question does not fit it
/// ([`cluster::edge::Usage`]).
pub fn answer(
    inventory: Inventory,
    measured: &Measured,
    question: &Question,
) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let catalogue = Catalogue::built_in()?;
    let copy = question.optimise.then(|| inventory.clone());
    let request = Request::new(inventory, measured, &catalogue)?;
    if question.is_empty() {
        return Ok(plan::plan(&request, &catalogue));
    }
    let (mut answer, findings) = question::answer(request, question, &catalogue)?;
    if let Some(mut copy) = copy {
        measured.apply(&mut copy.switches, &mut Notices::default())?;
        let changes = optimise::changes(&copy, &answer, &catalogue);
        if let Some(question) = &mut answer.question {
            question.changes = Some(changes);
        }
    }
    Ok((answer, findings))
}
