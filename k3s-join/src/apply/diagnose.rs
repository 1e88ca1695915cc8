//! Why K3s is not ready, from the words of its log.

use cluster::secret::REDACTED;

/// A cause that a log shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// What the log says.
    pub words: &'static str,
    /// What it means.
    pub why: &'static str,
    /// What mends it.
    pub fix: &'static str,
}

/// What K3s says where it does not join, the more telling ones first: one failure often draws others after it.
pub const CAUSES: [Cause; 17] = [
    Cause {
        words: "Node password rejected",
        why: "the server knows a node of this name with another password: this one was flashed anew",
        fix: "put /etc/rancher/node/password back, or on a server: kubectl -n kube-system delete secret NODE.node-password.k3s",
    },
    Cause {
        words: "failed to find memory cgroup",
        why: "the kernel has no memory control group",
        fix: "k3s-join --check says why; reboot after the command line was changed",
    },
    Cause {
        words: "token CA hash does not match",
        why: "the token pins another CA than the server has: the server was installed anew",
        fix: "take the token from the server's /var/lib/rancher/k3s/server/node-token",
    },
    Cause {
        words: "encrypted with different token",
        why: "the server's datastore was made with another token",
        fix: "use the token of /var/lib/rancher/k3s/server/token",
    },
    Cause {
        words: "critical configuration value mismatch",
        why: "a critical setting differs from the other servers'",
        fix: "k3s-join --rehearse names it",
    },
    Cause {
        words: "critical configuration mismatched",
        why: "a critical setting differs from the other servers'",
        fix: "k3s-join --rehearse names it",
    },
    Cause {
        words: "certificate has expired or is not yet valid",
        why: "a certificate is not valid by this node's clock",
        fix: "timedatectl set-ntp true, and start it again",
    },
    Cause {
        words: "certificate signed by unknown authority",
        why: "the server's certificate does not come from the CA that this node knows",
        fix: "k3s-join --rehearse tells which; --leave --apply removes what is left of another cluster",
    },
    Cause {
        words: "not authorized",
        why: "the server refuses the token",
        fix: "k3s-join --rehearse with the token file",
    },
    Cause {
        words: "401 Unauthorized",
        why: "the server refuses the token",
        fix: "k3s-join --rehearse with the token file",
    },
    Cause {
        words: "no default routes found",
        why: "there is no default route",
        fix: "ip route add default dev eth0 metric 4096; k3s-join --check",
    },
    Cause {
        words: "operation not supported",
        why: "the kernel has no module vxlan",
        fix: "sudo apt install linux-modules-extra-raspi, or a kernel with vxlan",
    },
    Cause {
        words: "failed to start cgroup",
        why: "the control groups are not as kubelet wants them",
        fix: "k3s-join --check",
    },
    Cause {
        words: "address already in use",
        why: "something else has one of K3s's ports",
        fix: "ss -lntup; k3s-join --check names the port",
    },
    Cause {
        words: "connection refused",
        why: "nothing listens at the server's address",
        fix: "k3s-join --rehearse; systemctl status k3s on the server",
    },
    Cause {
        words: "context deadline exceeded",
        why: "the server does not answer in time",
        fix: "k3s-join --rehearse; a firewall, or a server that is too busy",
    },
    Cause {
        words: "no space left on device",
        why: "the disk is full",
        fix: "k3s-join --check; pi-partition gives the rest of the card to a partition",
    },
];

/// The most telling cause that the log shows.
pub fn cause(log: &str) -> Option<Cause> {
    let log = log.to_ascii_lowercase();
    CAUSES
        .into_iter()
        .find(|cause| log.contains(&cause.words.to_ascii_lowercase()))
}

/// The log without secrets: those that are known, and whatever follows a token's hash.
pub fn redact(log: &str, secrets: &[Vec<u8>]) -> String {
    let mut log = log.to_owned();
    for secret in secrets {
        if let Ok(secret) = std::str::from_utf8(secret)
            && !secret.trim().is_empty()
        {
            log = log.replace(secret.trim(), REDACTED);
        }
    }
    let words = log
        .split_inclusive(char::is_whitespace)
        .map(|word| match word.find("K10") {
            Some(at) if word[at..].len() > 67 => {
                let end = word.len() - word.trim_end().len();
                format!("{}{REDACTED}{}", &word[..at], &word[word.len() - end..])
            }
            _ => word.to_owned(),
        });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_k3s_show_their_cause() {
        for (line, words) in [
            (
                "level=fatal msg=\"failed to find memory cgroup (v2)\"",
                "memory control group",
            ),
            (
                "level=error msg=\"Failed to validate connection to cluster at https://a:6443: failed to get CA certs: Get \\\"https://a:6443/cacerts\\\": dial tcp 10.0.0.1:6443: connect: connection refused\"",
                "nothing listens",
            ),
            (
                "level=error msg=\"Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag\"",
                "flashed anew",
            ),
            (
                "level=fatal msg=\"starting kubernetes: preparing server: bootstrap data already found and encrypted with different token\"",
                "datastore",
            ),
            (
                "level=error msg=\"token CA hash does not match the Cluster CA certificate hash: aa != bb\"",
                "pins another CA",
            ),
            (
                "x509: certificate has expired or is not yet valid: current time 1970-01-01T00:01:10Z is before 2024",
                "clock",
            ),
            (
                "level=fatal msg=\"no default routes found in \\\"/proc/net/route\\\" or \\\"/proc/net/ipv6_route\\\"\"",
                "default route",
            ),
            (
                "level=fatal msg=\"starting kubernetes: preparing server: failed to validate server configuration: critical configuration value mismatch between servers\"",
                "critical setting",
            ),
        ] {
            let found = cause(line).unwrap();
            assert!(found.why.contains(words), "{line}: {found:?}");
        }
        assert_eq!(
            cause("level=info msg=\"Starting k3s agent v1.33.4+k3s1\""),
            None
        );
    }

    #[test]
    fn no_secret_stays_in_a_log() {
        let token = format!("K10{}::node:hidden-pass", "a".repeat(64));
        let log = format!("with {token} and\nplain other-secret here");
        let shown = redact(&log, &[b"other-secret\n".to_vec(), b"\n".to_vec()]);
        assert_eq!(shown, format!("with {REDACTED} and\nplain {REDACTED} here"));
    }
}
