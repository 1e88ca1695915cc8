//! The file that the kernel command line comes from (failures 2, 3 and 4).

use super::state::{Boot, Cgroups, State, Wish};
use crate::kernel_line::{self, Dialect, Memory, first_line, lost_words, memory, with_memory};
use cluster::finding::{Finding, Severity};
use cluster::inventory::Os;
use serde_json::json;

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let subject = wish.subject(state);
    if let Some(folder) = &state.boot.unmounted {
        let message = format!(
            "the boot partition is not mounted at {folder}: which command line the kernel gets cannot be seen"
        );
        findings.push(
            Finding::warning("k3s-boot-not-mounted", subject, message)
                .fix(format!("mount the card's first partition at {folder}")),
        );
    }
    let Some((path, content)) = read_file(&state.boot) else {
        return;
    };
    let judged = Judged {
        state,
        subject,
        path,
        content,
        on: memory(first_line(content), Dialect::RaspberryPi) == Memory::On,
    };
    judged.second_line(findings);
    judged.other_files(findings);
    judged.missing(wish, findings);
    judged.regenerated(findings);
    if let Some(filter) = &state.boot.filtered {
        let message = format!(
            "config.txt names another command line under [{filter}]; {path} is what boards get that this does not apply to"
        );
        findings.push(Finding::info("k3s-kernel-line-filtered", subject, message));
    }
}

/// The file that the firmware reads.
fn read_file(boot: &Boot) -> Option<(&str, &[u8])> {
    let path = boot.read.as_deref()?;
    Some((path, boot.files.get(path)?))
}

/// Whether the kernel of this node, or of this card, has the memory control group off unless its command line says so.
pub fn wants_words(state: &State, wish: &Wish) -> bool {
    let of_kernel = |release: &String| Dialect::of(release) == Dialect::RaspberryPi;
    let releases = &state.modules.releases;
    match (&state.cgroups, releases.is_empty()) {
        (Some(Cgroups::V2(found) | Cgroups::V1(found)), _) => !found.iter().any(|c| c == "memory"),
        (Some(Cgroups::Unmounted), _) => false,
        (None, false) => releases.iter().any(of_kernel),
        (None, true) => {
            matches!(wish.os, Some(Os::RaspiOs | Os::Ubuntu))
                || ["raspbian", "ubuntu", "debian"].contains(&state.os_id.as_str())
        }
    }
}

struct Judged<'a> {
    state: &'a State,
    subject: &'a str,
    path: &'a str,
    content: &'a [u8],
    /// Whether its first line switches the memory control group on.
    on: bool,
}

impl Judged<'_> {
    /// Whether the running kernel has the memory control group, whatever any file says.
    fn effective(&self) -> bool {
        match &self.state.cgroups {
            Some(Cgroups::V2(found) | Cgroups::V1(found)) => found.iter().any(|c| c == "memory"),
            _ => false,
        }
    }

    fn second_line(&self, findings: &mut Vec<Finding>) {
        let lost = lost_words(self.content);
        if lost.is_empty() {
            return;
        }
        let shown: Vec<String> = lost
            .iter()
            .map(|w| String::from_utf8_lossy(w).into_owned())
            .collect();
        let message = format!(
            "{} has words behind its first line, where the firmware never reads: {}",
            self.path,
            shown.join(" ")
        );
        // Words that switch nothing on, and are not needed, are untidy; words that are needed are a node that does not join.
        let needed =
            !self.on && !self.effective() && shown.iter().any(|word| word.starts_with("cgroup_"));
        let severity = if needed {
            Severity::Error
        } else {
            Severity::Warning
        };
        findings.push(
            Finding::new(
                severity,
                "k3s-kernel-line-second-line",
                self.subject,
                message,
            )
            .fix(self.mend())
            .evidence(json!({"file": self.path, "lost": shown})),
        );
    }

    fn mend(&self) -> String {
        match with_memory(self.content) {
            Ok(_) => "k3s-join --apply puts them on the one line, and keeps the old file beside it"
                .to_owned(),
            Err(_) => format!(
                "put what shall be in effect on the one line of {}, and take the other lines away",
                self.path
            ),
        }
    }

    fn other_files(&self, findings: &mut Vec<Finding>) {
        if self.on || self.effective() {
            return;
        }
        for (path, content) in &self.state.boot.files {
            let on = memory(first_line(content), Dialect::RaspberryPi) == Memory::On;
            if path == self.path || !on {
                continue;
            }
            let message = format!(
                "{path} switches the memory control group on, and the firmware reads {}, which does not",
                self.path
            );
            findings.push(
                Finding::error("k3s-kernel-line-wrong-file", self.subject, message)
                    .fix(format!("put \"cgroup_memory=1 cgroup_enable=memory\" on the one line of {}, then reboot", self.path))
                    .evidence(json!({"has_the_words": path, "firmware_reads": self.path})),
            );
        }
    }

    /// What a card's file lacks. On a running node the effect is judged instead.
    fn missing(&self, wish: &Wish, findings: &mut Vec<Finding>) {
        if self.state.cgroups.is_some() && self.effective() {
            return;
        }
        if !self.on && self.state.cgroups.is_none() && wants_words(self.state, wish) {
            let message = format!(
                "{} does not switch the memory control group on, which the Raspberry Pi's kernels have off",
                self.path
            );
            findings.push(
                Finding::error("k3s-kernel-line-memory", self.subject, message)
                    .fix("k3s-join --apply appends \"cgroup_memory=1 cgroup_enable=memory\" to its one line")
                    .evidence(json!({"file": self.path, "line": String::from_utf8_lossy(first_line(self.content))})),
            );
        }
        let wanted = !self.on || !lost_words(self.content).is_empty();
        if let (true, Err(unfit)) = (wanted, with_memory(self.content)) {
            let message = format!("{} is not edited: {unfit}", self.path);
            findings.push(
                Finding::error("k3s-kernel-line-unfit", self.subject, message).fix(format!(
                    "mend {} by hand: one line, with all words that shall be in effect",
                    self.path
                )),
            );
        }
    }

    /// Debian writes the file anew with each kernel: what is only in it is gone then.
    fn regenerated(&self, findings: &mut Vec<Finding>) {
        let Some((path, words)) = &self.state.boot.regenerated else {
            return;
        };
        if !self.on || memory(first_line(words), Dialect::RaspberryPi) == Memory::On {
            return;
        }
        let message = format!(
            "raspi-firmware writes {} anew with each kernel, and {path} does not have the words for the memory control group",
            self.path
        );
        let words = kernel_line::MEMORY_WORDS.join(" ");
        findings.push(
            Finding::warning("k3s-kernel-line-regenerated", self.subject, message)
                .fix(format!("echo '{words}' | sudo tee -a {path}")),
        );
    }
}
