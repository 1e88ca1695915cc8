//! `pi-dockerroot`: move a container data root to another file system, whole, verified.

use std::process::ExitCode;

fn main() -> ExitCode {
    cluster::edge::main::<pi_dockerroot::cli::Cli>()
}
