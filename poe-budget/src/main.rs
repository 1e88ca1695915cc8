//! `poe-budget`: can the switch carry it, and who goes dark first when it can't.

use std::process::ExitCode;

fn main() -> ExitCode {
    cluster::edge::main::<poe_budget::cli::Cli>()
}
