//! `pi-partition`: the rest of a disk becomes a partition, without a reboot and without losing a byte.

use std::process::ExitCode;

fn main() -> ExitCode {
    cluster::edge::main::<pi_partition::cli::Cli>()
}
