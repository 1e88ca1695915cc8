//! `gluster-plan`: lay replicated Gluster volumes over the nodes' USB sticks and prove what they survive.

use std::process::ExitCode;

fn main() -> ExitCode {
    cluster::edge::main::<gluster_plan::cli::Cli>()
}
