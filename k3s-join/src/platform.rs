//! What differs between operating systems: paths, the kernel command line, packages.
//!
//! Raspberry Pi OS mounts its boot partition at `/boot` up to bullseye and at `/boot/firmware` since bookworm (no link is
//! left since trixie); Ubuntu at `/boot/firmware`, since 25.10 with the files in `current/`. Debian on a Pi writes the line
//! anew with each kernel from `/etc/default/raspi-extra-cmdline`. The Pi's own kernels (Raspberry Pi OS, Ubuntu, RancherOS)
//! start with the memory cgroup off (`cgroup_disable=memory` from the firmware's device tree) and have a word of their own
//! to switch it on; Debian's kernel has it on, and does not know the word.

use cluster::inventory::Os;
use schemars::JsonSchema;
use serde::Serialize;

/// K3s's folder for what a person configures.
pub const ETC: &str = "/etc/rancher/k3s";
/// K3s's folder for what it keeps.
pub const DATA_DIR: &str = "/var/lib/rancher/k3s";

/// An operating system and its release, as far as they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// The system, where it is known.
    pub os: Option<Os>,
    /// The release as a number that grows (12, 2204), where it is known.
    pub release: Option<u32>,
}

/// Words that the kernel's command line needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KernelCommandLine {
    /// The file, where more than one stands here the first that is there.
    pub paths: Vec<&'static str>,
    /// The words, which all stand on the file's one line. None: the kernel needs none.
    pub add: Vec<&'static str>,
}

/// Names of Debian's releases, which Raspberry Pi OS shares.
const DEBIAN: [(&str, u32); 6] = [
    ("buster", 10),
    ("bullseye", 11),
    ("bookworm", 12),
    ("trixie", 13),
    ("forky", 14),
    ("duke", 15),
];

/// Names of Ubuntu's releases with long support, and those between that the manual names.
const UBUNTU: [(&str, u32); 9] = [
    ("focal", 2004),
    ("jammy", 2204),
    ("kinetic", 2210),
    ("lunar", 2304),
    ("mantic", 2310),
    ("noble", 2404),
    ("oracular", 2410),
    ("plucky", 2504),
    ("questing", 2510),
];

impl Platform {
    /// From the document's words. A release that is not known counts as none.
    pub fn new(os: Option<Os>, release: Option<&str>) -> Self {
        let release = release.and_then(|text| match os? {
            Os::RaspiOs | Os::Debian => named(&DEBIAN, text).or_else(|| text.parse().ok()),
            Os::Ubuntu => named(&UBUNTU, text).or_else(|| year_month(text)),
            Os::RancherOs | Os::BurmillaOs => None,
        });
        Self { os, release }
    }

    /// Whether it is RancherOS or its successor: no systemd, configured by cloud-config.
    pub fn is_rancher(self) -> bool {
        self.os.is_some_and(Os::is_rancher)
    }

    /// What the kernel's command line needs, and where it stands.
    pub fn kernel_command_line(self) -> KernelCommandLine {
        // Older kernels of the Pi want both words, newer ones take the second alone and pass over the first.
        let both = vec!["cgroup_memory=1", "cgroup_enable=memory"];
        let (old, new) = ("/boot/cmdline.txt", "/boot/firmware/cmdline.txt");
        let current = "/boot/firmware/current/cmdline.txt";
        let (paths, add) = match (self.os, self.release) {
            (Some(Os::RaspiOs), Some(release)) if release <= 11 => (vec![old], both),
            (Some(Os::RaspiOs), Some(_)) => (vec![new], both),
            // On bookworm `/boot/cmdline.txt` is a note that the file has moved.
            (Some(Os::RaspiOs), None) => (vec![new, old], both),
            (Some(Os::Ubuntu), Some(release)) if release < 2510 => (vec![new], both),
            (Some(Os::Ubuntu), _) => (vec![current, new], both),
            (Some(Os::RancherOs | Os::BurmillaOs), _) => (vec![old], both),
            (Some(Os::Debian), _) => (vec!["/etc/default/raspi-extra-cmdline"], Vec::new()),
            (None, _) => (vec![current, new, old], Vec::new()),
        };
        KernelCommandLine { paths, add }
    }

    /// Packages that K3s needs beyond itself: the VXLAN module, which Ubuntu kept apart from its Pi kernel from 20.10 to
    /// 23.10 (K3s manual, "Raspberry Pi").
    pub fn packages(self) -> Vec<&'static str> {
        match (self.os, self.release) {
            (Some(Os::Ubuntu), Some(2010..=2310)) => vec!["linux-modules-extra-raspi"],
            _ => Vec::new(),
        }
    }
}

fn named(names: &[(&str, u32)], text: &str) -> Option<u32> {
    names
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, release)| *release)
}

/// `22.04` as 2204.
fn year_month(text: &str) -> Option<u32> {
    let (year, month) = text.split_once('.')?;
    let (year, month): (u32, u32) = (year.parse().ok()?, month.get(..2)?.parse().ok()?);
    Some(year * 100 + month)
}

/// The word for an operating system.
pub fn os_name(os: Option<Os>) -> &'static str {
    os.map_or("unknown", Os::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_lines_file_moves_with_the_release() {
        let place = |os, release| Platform::new(Some(os), release).kernel_command_line().paths;
        let (old, new) = ("/boot/cmdline.txt", "/boot/firmware/cmdline.txt");
        let current = "/boot/firmware/current/cmdline.txt";
        for (os, release, expected) in [
            (Os::RaspiOs, Some("buster"), vec![old]),
            (Os::RaspiOs, Some("bullseye"), vec![old]),
            (Os::RaspiOs, Some("11"), vec![old]),
            (Os::RaspiOs, Some("bookworm"), vec![new]),
            (Os::RaspiOs, Some("trixie"), vec![new]),
            (Os::RaspiOs, None, vec![new, old]),
            (Os::RaspiOs, Some("sid"), vec![new, old]),
            (Os::Ubuntu, Some("20.04"), vec![new]),
            (Os::Ubuntu, Some("24.04.2"), vec![new]),
            (Os::Ubuntu, Some("noble"), vec![new]),
            (Os::Ubuntu, Some("25.10"), vec![current, new]),
            (Os::Ubuntu, None, vec![current, new]),
            (Os::RancherOs, None, vec![old]),
        ] {
            assert_eq!(place(os, release), expected, "{os:?} {release:?}");
        }
        let debian = Platform::new(Some(Os::Debian), Some("12")).kernel_command_line();
        assert!(debian.add.is_empty());
    }

    #[test]
    fn the_vxlan_module_was_a_package_of_its_own_for_a_while() {
        let packages = |release| {
            Platform::new(Some(Os::Ubuntu), Some(release))
                .packages()
                .len()
        };
        let found: Vec<usize> = ["20.04", "20.10", "22.04", "jammy", "23.10", "24.04"]
            .into_iter()
            .map(packages)
            .collect();
        assert_eq!(found, [0, 1, 1, 1, 1, 0]);
        assert!(Platform::new(Some(Os::RaspiOs), None).packages().is_empty());
    }
}
