//! A script for each node that writes its files, installs K3s and starts it. Secrets are not in it: it takes them from the
//! files that stand beside it (or in `$SECRETS`).

use super::chosen;
use crate::answer::{Answer, FileAnswer, NodeAnswer};
use crate::plan::files::is_ca;
use crate::plan::steps::INSTALLER;
use cluster::command::quote;
use cluster::edge::Artefact;
use cluster::name::Label;
use std::path::PathBuf;

/// The end of a file in the script. Every line of ours is quoted text, a comment or a setting, so none is this.
const END: &str = "END_OF_FILE_BY_K3S_JOIN";

const PRELUDE: &str = r#"set -eu
umask 077
die() { echo "$0: $*" >&2; exit 1; }
no() { echo "$0: $*" >&2; exit 3; }
SECRETS=${SECRETS:-.}
# Says that a file is missing: need FILE WHAT
need() { [ -s "$1" ] || die "$2 is wanted as $1"; }
# Refuses where another file is there already: same SOURCE PATH
same() { [ ! -e "$2" ] || cmp -s "$1" "$2" || no "$2 is another: this cluster was born already"; }
# Writes standard input to a file, whole or not at all: put PATH MODE
put() {
  (umask 022 && mkdir -p "$(dirname "$1")")
  cat >"$1.new-k3s-join"
  chmod "$2" "$1.new-k3s-join"
  mv -f "$1.new-k3s-join" "$1"
}
"#;

/// The scripts.
pub fn scripts(answer: &Answer, node: Option<&Label>) -> Vec<Artefact> {
    let script = |(name, node): (&str, &NodeAnswer)| Artefact {
        path: PathBuf::from(format!("{name}.sh")),
        content: script(name, node).into_bytes(),
        mode: 0o755,
    };
    chosen(answer, node).into_iter().map(script).collect()
}

fn script(name: &str, node: &NodeAnswer) -> String {
    let role = node.role.as_str();
    let mut out = format!(
        "#!/bin/sh\n# {name} becomes a K3s {role}. Written by k3s-join {}; plan {}.\n# Run as root on {name}.\n{PRELUDE}",
        env!("CARGO_PKG_VERSION"),
        node.plan_sha256.as_deref().unwrap_or_default()
    );
    out.push_str("\n# All checks come before the first change.\n");
    checks(&mut out, name, node);
    out.push('\n');
    for file in &node.files {
        out.push_str(&write(file));
    }
    // As K3s makes it: nobody else's business.
    let authority = node.files.iter().find(|file| is_ca(&file.path));
    if let Some((data, _)) = authority.and_then(|file| file.path.split_once("/server/tls/")) {
        out.push_str(&format!("chmod 700 {}\n", quote(&format!("{data}/server"))));
    }
    finish(&mut out, node);
    out
}

fn checks(out: &mut String, name: &str, node: &NodeAnswer) {
    out.push_str("[ \"$(id -u)\" = 0 ] || die 'root is needed'\n");
    let here = quote(&format!("this is not {name}"));
    out.push_str(&format!(
        "host=$(uname -n)\n[ \"${{host%%.*}}\" = {name} ] || no {here}\n"
    ));
    if !node.kernel_command_line.add.is_empty() {
        let line = &node.kernel_command_line;
        let advice = format!(
            "the memory cgroup is off: put {} onto the one line of {}, and restart",
            line.add.join(" "),
            line.paths.join(" or ")
        );
        out.push_str(&format!(
            "grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null || [ -d /sys/fs/cgroup/memory ] ||\n  no {}\n",
            quote(&advice)
        ));
    }
    for package in &node.packages {
        let advice = quote(&format!("the package {package} is missing"));
        out.push_str(&format!(
            "dpkg -s {package} >/dev/null 2>&1 || no {advice}\n"
        ));
    }
    for file in node.files.iter().filter(|file| file.secret_file.is_some()) {
        let (source, path) = (source(file), quote(&file.path));
        let what = quote(&format!("the secret for {}", file.path));
        out.push_str(&format!("need {source} {what}\n"));
        if is_ca(&file.path) {
            out.push_str(&format!("same {source} {path}\n"));
        }
    }
    if node.unit.is_some() {
        out.push_str(&format!(
            "need ./{INSTALLER} 'the official installer (https://get.k3s.io)'\n"
        ));
    }
    for copy in &node.install.copies {
        let what = quote(&format!("{} of the release", copy.release_file));
        out.push_str(&format!("need {} {what}\n", quote(&copy.path)));
    }
}

/// Where a secret is, as a word of the script.
fn source(file: &FileAnswer) -> String {
    let path = file.secret_file.as_deref().unwrap_or_default();
    if path.starts_with('/') {
        quote(path)
    } else {
        format!("\"$SECRETS\"/{}", quote(path))
    }
}

fn write(file: &FileAnswer) -> String {
    let (path, mode) = (quote(&file.path), &file.mode);
    if file.secret_file.is_none() {
        return format!("put {path} {mode} <<'{END}'\n{}{END}\n", file.content);
    }
    let source = source(file);
    if file.prefix.is_empty() {
        return format!("put {path} {mode} <{source}\n");
    }
    // `printf` is the shell's own, so nothing of this stands in a list of processes.
    format!(
        "{{ printf '%s' {}; cat {source}; }} | put {path} {mode}\n",
        quote(&file.prefix)
    )
}

fn finish(out: &mut String, node: &NodeAnswer) {
    let Some(unit) = node.unit else {
        out.push_str("\necho 'written; RancherOS reads it at its next start'\n");
        return;
    };
    let variables: Vec<String> = node
        .install
        .variables
        .iter()
        .map(|(name, value)| format!("{name}={}", quote(value)))
        .collect();
    out.push_str(&format!(
        "\nsystemctl restart systemd-modules-load.service\nsysctl --quiet --system >/dev/null\n{} sh ./{INSTALLER}\nsystemctl daemon-reload\nsystemctl start {unit} ||\n  die 'it does not start; why: journalctl --unit {unit} --lines 50'\necho 'ready'\n",
        variables.join(" ")
    ));
}
