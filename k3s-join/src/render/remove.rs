//! How a node leaves, as a script for the machine where `kubectl` reaches the cluster.

use crate::remove::{Removal, RemovalStep};
use cluster::command::quote;

/// The script: it stops at the first step that fails.
pub fn script(removal: &Removal) -> String {
    let mut out = format!(
        "#!/bin/sh\n# {} leaves the cluster. Written by k3s-join {}; run where kubectl reaches the cluster.\nset -eu\n",
        removal.node,
        env!("CARGO_PKG_VERSION")
    );
    for step in &removal.steps {
        out.push_str(&format!(
            "\n# {}: {}\n{}\n",
            step.id,
            step.why,
            command(removal, step)
        ));
    }
    out
}

/// A step's command, on the node by ssh.
pub fn command(removal: &Removal, step: &RemovalStep) -> String {
    let words: Vec<String> = step.argv.iter().map(|word| quote(word)).collect();
    let words = words.join(" ");
    if step.on == "node" {
        let host = removal.address.as_deref().unwrap_or(&removal.node);
        return format!("ssh {} {}", quote(host), quote(&format!("sudo {words}")));
    }
    words
}
