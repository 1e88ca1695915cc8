//! Versions of K3s: `v1.33.4+k3s1`.

use std::fmt;
use std::str::FromStr;

/// A version of K3s: Kubernetes' own, and K3s's number behind it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Kubernetes' major version.
    pub major: u32,
    /// Its minor version.
    pub minor: u32,
    /// Its patch.
    pub patch: u32,
    /// A release candidate's number; a release comes after all of them.
    rc: u32,
    /// K3s's own number.
    pub k3s: u32,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| {
            format!("expected a K3s version such as \"v1.33.4+k3s1\", found {text:?}")
        })
    }
}

fn parse(text: &str) -> Option<Version> {
    let (kubernetes, k3s) = text.strip_prefix('v')?.split_once("+k3s")?;
    let (kubernetes, rc) = match kubernetes.split_once("-rc") {
        Some((kubernetes, rc)) => (kubernetes, number(rc)?),
        None => (kubernetes, u32::MAX),
    };
    let mut parts = kubernetes.split('.').map(number);
    let version = Version {
        major: parts.next()??,
        minor: parts.next()??,
        patch: parts.next()??,
        rc,
        k3s: number(k3s)?,
    };
    parts.next().is_none().then_some(version)
}

/// Digits only: `+1` and ` 1` are numbers to Rust's parser.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.rc != u32::MAX {
            write!(f, "-rc{}", self.rc)?;
        }
        write!(f, "+k3s{}", self.k3s)
    }
}

impl Version {
    /// The tag of K3s's container image: `+` has no place in one.
    pub fn image_tag(&self) -> String {
        self.to_string().replace('+', "-")
    }

    /// Whether an agent of this version is newer than a server of another. Patches may differ (Kubernetes' version skew
    /// policy).
    pub fn is_newer_minor(&self, server: &Self) -> bool {
        (self.major, self.minor) > (server.major, server.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_written_and_ordered() {
        let sorted = [
            "v1.32.9+k3s1",
            "v1.33.4-rc1+k3s1",
            "v1.33.4-rc2+k3s1",
            "v1.33.4+k3s1",
            "v1.33.4+k3s2",
            "v1.33.10+k3s1",
        ];
        let versions: Vec<Version> = sorted.iter().map(|v| v.parse().unwrap()).collect();
        assert!(versions.is_sorted());
        for (version, text) in versions.iter().zip(sorted) {
            assert_eq!(version.to_string(), text);
        }
        assert_eq!(versions[3].image_tag(), "v1.33.4-k3s1");
        assert!(!versions[5].is_newer_minor(&versions[3]));
        assert!(versions[3].is_newer_minor(&versions[0]));
        for bad in [
            "1.33.4+k3s1",
            "v1.33+k3s1",
            "v1.33.4",
            "v1.33.4+k3s",
            "v1.33.4.5+k3s1",
            "v1.+3.4+k3s1",
            "latest",
        ] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
