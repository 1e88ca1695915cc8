//! Tokens of K3s: what a secret file may hold, and the form that pins the cluster's CA.
//!
//! Source: `pkg/clientaccess/token.go`. Whatever begins with `K10` is taken apart as `K10HASH::USER:PASSWORD`, and
//! `xxxxxx.xxxxxxxxxxxxxxxx` for a bootstrap token, which only agents can use.

use cluster::command::quote;
use cluster::finding::Finding;
use cluster::secret::Secret;
use std::fmt;

/// The shortest password that passes without a warning: with 36 possible characters 20 of them are 103 bits.
const LEAST: usize = 20;

/// Which token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The servers': an administrator of the cluster, and the key to its bootstrap data.
    Server,
    /// The agents'.
    Agent,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server token",
            Self::Agent => "agent token",
        })
    }
}

impl Which {
    /// The user that a token of this kind is presented as.
    pub fn user(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "node",
        }
    }
}

/// SHA-256 of the cluster's root certificate, in hexadecimal digits: what a full token pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin(pub String);

impl Pin {
    /// What stands before a full token's password.
    pub fn prefix(&self, which: Which) -> String {
        format!("K10{}::{}:", self.0, which.user())
    }
}

/// How a password gets into a file that only its owner reads.
pub fn recipe(path: &str) -> String {
    let path = quote(path);
    format!("umask 077; head -c 32 /dev/urandom | base64 | tr -dc a-zA-Z0-9 >{path}")
}

/// What speaks against the password in a secret file. `path` is the file's name as the document has it.
pub fn faults(which: Which, path: &str, secret: &Secret) -> Vec<Finding> {
    let bytes = secret.reveal();
    let error = |id, message: String| {
        let fix = format!("put a plain password into it: {}", recipe(path));
        Finding::error(id, path, message).fix(fix)
    };
    if bytes.starts_with(b"K10") {
        let message = format!(
            "the {which} begins with K10: K3s takes it for a full token and would use only what stands behind its second colons; the file holds the password alone"
        );
        return vec![error("k3s-token-full", message)];
    }
    if is_bootstrap(bytes) {
        let message = format!(
            "the {which} has the form of a bootstrap token (six characters, a dot, sixteen): K3s takes it for one, and servers cannot join with it"
        );
        return vec![error("k3s-token-bootstrap", message)];
    }
    if !bytes.iter().all(u8::is_ascii_graphic) {
        let message = format!(
            "the {which} holds white space or a character that is not ASCII: K3s cuts white space off, and the two ends would not agree"
        );
        return vec![error("k3s-token-characters", message)];
    }
    if bytes.len() < LEAST {
        let message = format!(
            "the {which} has less than {LEAST} characters, and whoever guesses it joins the cluster"
        );
        return vec![
            Finding::warning("k3s-token-short", path, message)
                .fix("make a longer one before the cluster is born; afterwards `k3s token rotate`"),
        ];
    }
    Vec::new()
}

/// `[a-z0-9]{6}\.[a-z0-9]{16}`.
pub fn is_bootstrap(bytes: &[u8]) -> bool {
    let part = |part: &[u8]| {
        part.iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    bytes.len() == 23 && bytes[6] == b'.' && part(&bytes[..6]) && part(&bytes[7..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_k3s_takes_for_something_else_is_refused() {
        let ids = |text: &str| -> Vec<&str> {
            let found = faults(Which::Server, "f", &Secret::from(text.as_bytes().to_vec()));
            assert!(!format!("{found:?}").contains(text), "{text}");
            found.iter().map(|f| f.id).collect()
        };
        assert_eq!(ids("K10abcabcabcabcabcabcabc"), ["k3s-token-full"]);
        assert_eq!(ids("abcdef.0123456789abcdef"), ["k3s-token-bootstrap"]);
        assert_eq!(ids("abcdef.0123456789abcdeF").len(), 0);
        assert_eq!(ids("0123456789 0123456789"), ["k3s-token-characters"]);
        assert_eq!(ids("0123456789é0123456789"), ["k3s-token-characters"]);
        assert_eq!(ids("0123456789"), ["k3s-token-short"]);
        assert_eq!(ids("0123456789012345678a").len(), 0);
    }
}
