//! `pi-wifi`: one Wi-Fi description for every network stack, and a link that stays up.

use std::process::ExitCode;

fn main() -> ExitCode {
    cluster::edge::main::<pi_wifi::cli::Cli>()
}
