//! The keys of K3s's configuration file: which there are, who knows them, what they hold.
//!
//! Source: `k3s server --help` and `k3s agent --help` as the K3s manual prints them (docs.k3s.io, "k3s server", "k3s
//! agent", state of the 1.33 releases), and the hidden flags of `pkg/cli/cmds/server.go` that people use. The critical ones
//! are those of the manual's "Critical Configuration Values". K3s itself passes over an unknown key with a line in its log.

mod table;

pub use table::KEYS;

use cluster::secret::REDACTED;
use serde_json::Value;

/// The minor version of Kubernetes that the table is of.
pub const TABLE_MINOR: u32 = 33;

/// A key of the configuration file: a flag's long name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Who knows it.
    pub side: Side,
    /// What is special about it.
    pub mark: Mark,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// Text.
    Text,
    /// Permissions in octal digits, which must be text: YAML reads `0644` as the number 420.
    Octal,
    /// Texts; several are added up.
    List,
}

/// Who knows a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Servers only.
    Server,
    /// Agents only.
    Agent,
    /// Both.
    Both,
}

/// What is special about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    Plain,
    /// All servers must have the same value.
    Critical,
    /// It holds a secret, which has no place in a document; this holds it instead.
    Secret(&'static str),
    /// k3s-join writes it; this field of the document says what.
    Owned(&'static str),
}

impl Kind {
    /// What is expected, where `value` is not it.
    pub fn refuses(self, value: &Value) -> Option<&'static str> {
        let is = |good: bool, expected| (!good).then_some(expected);
        match self {
            Self::Flag => is(value.is_boolean(), "true or false"),
            Self::Number => is(value.is_u64(), "a whole number"),
            Self::Text => is(value.is_string(), "text"),
            Self::Octal => is(
                value.as_str().is_some_and(is_octal),
                "permissions as text such as \"0644\": YAML reads the bare digits as another number",
            ),
            Self::List => is(
                value.is_string()
                    || value
                        .as_array()
                        .is_some_and(|a| a.iter().all(Value::is_string)),
                "text or a list of texts",
            ),
        }
    }
}

fn is_octal(text: &str) -> bool {
    (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b))
}

impl Key {
    /// The key of this name; of `name+`, which appends, the key `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        let plain = name.strip_suffix('+');
        let key = KEYS.iter().find(|key| key.name == plain.unwrap_or(name))?;
        // Only what adds up can be appended to.
        (plain.is_none() || key.kind == Kind::List).then_some(key)
    }

    /// A value as it may be shown and written: no secret, also where it is refused for being one.
    pub fn shown(&self, value: &Value) -> Value {
        let password = self.name == "datastore-endpoint"
            && value.as_str().is_some_and(|text| text.contains('@'));
        match self.mark {
            Mark::Secret(_) => Value::from(REDACTED),
            _ if password => Value::from(REDACTED),
            _ => value.clone(),
        }
    }

    /// Whether a server or an agent knows it.
    pub fn known_to(&self, server: bool) -> bool {
        match self.side {
            Side::Both => true,
            Side::Server => server,
            Side::Agent => !server,
        }
    }
}

/// What `disable` knows (`pkg/cli/cmds/stage.go`).
pub const COMPONENTS: [&str; 6] = [
    "coredns",
    "local-storage",
    "metrics-server",
    "runtimes",
    "servicelb",
    "traefik",
];
