//! `nat-gen`: expose cluster services through the router, as a script that can be imported twice.

use std::process::ExitCode;

fn main() -> ExitCode {
    cluster::edge::main::<nat_gen::cli::Cli>()
}
