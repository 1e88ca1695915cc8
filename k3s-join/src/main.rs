//! `k3s-join`: what each node needs to become a K3s server or agent.

use std::process::ExitCode;

fn main() -> ExitCode {
    cluster::edge::main::<k3s_join::cli::Cli>()
}
