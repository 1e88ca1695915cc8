//! Which services and ports are wanted: annotations on the service, `--select` and `--all`.

use crate::kubectl::{Annotations, PREFIX, Port};
use crate::view::Names;
use cluster::finding::Severity;
use cluster::invalid::suggestion;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What stands behind the prefix in annotations that this tool knows.
const ANNOTATIONS: [&str; 3] = ["expose", "expose-ports", "public-port"];

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `--select`.
    pub select: Vec<Select>,
    /// `--all`.
    pub all: bool,
    /// `--node`: its name and address, for NodePorts.
    pub node: Option<(String, IpAddr)>,
}

/// A service by name, and perhaps one of its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    namespace: String,
    name: String,
    port: Option<PortRef>,
}

impl FromStr for Select {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected NAMESPACE/NAME or NAMESPACE/NAME:PORT, found {text:?}");
        let (namespace, rest) = text.split_once('/').ok_or_else(expected)?;
        let (name, port) = match rest.split_once(':') {
            Some((name, port)) => (name, Some(port.parse()?)),
            None => (rest, None),
        };
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err(expected());
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)?;
        match &self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// A port of a service by its name or its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortRef {
    /// By name.
    Name(String),
    /// By number.
    Number(u16),
}

impl PortRef {
    /// How a port is called: its name where it has one.
    pub fn of(port: &Port<'_>) -> Self {
        match port.name.as_deref() {
            Some(name) if !name.is_empty() => Self::Name(name.to_owned()),
            _ => Self::Number(port.port.0),
        }
    }

    fn is(&self, port: &Port<'_>) -> bool {
        match self {
            Self::Name(name) => port.name.as_deref() == Some(name),
            Self::Number(number) => port.port.0 == *number,
        }
    }
}

impl FromStr for PortRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a port's name or number, found nothing".to_owned());
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return number(text).map(Self::Number);
        }
        Ok(Self::Name(text.to_owned()))
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

fn number(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!(
            "expected a port number from 1 to 65535, found {text:?}"
        )),
    }
}

/// What is wanted of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Whether it was asked for by name or annotation, not only by `--all`.
    explicit: bool,
    /// Whether all its ports are wanted.
    whole: bool,
    /// The ports that were named.
    ports: Vec<PortRef>,
    /// Public ports other than the service's own; without a port for the only one.
    public: Vec<(Option<PortRef>, u16)>,
}

impl Wish {
    /// How much it matters where the wish cannot be met.
    pub fn severity(&self) -> Severity {
        if self.explicit {
            Severity::Error
        } else {
            Severity::Info
        }
    }

    /// The same where it is at least a warning: what is missing may be there later, or was meant to be there.
    pub fn warning(&self) -> Severity {
        self.severity().min(Severity::Warning)
    }

    /// Whether this port is wanted.
    pub fn takes(&self, port: &Port<'_>) -> bool {
        self.whole || self.ports.iter().any(|wanted| wanted.is(port))
    }

    /// The ports that were asked for and that the service has not.
    pub fn unknown(&self, ports: &[Port<'_>]) -> Vec<String> {
        let public = self.public.iter().filter_map(|(of, _)| of.as_ref());
        let asked = self.ports.iter().chain(public);
        asked
            .filter(|asked| !ports.iter().any(|port| asked.is(port)))
            .map(PortRef::to_string)
            .collect()
    }

    /// The public port for a service's port.
    pub fn public(&self, port: &Port<'_>) -> u16 {
        let mut given = self.public.iter();
        let found = given.find(|(of, _)| of.as_ref().is_none_or(|of| of.is(port)));
        found.map_or(port.port.0, |(_, public)| *public)
    }
}

impl Selection {
    /// What is wanted of a service; `None` where nobody asked. Marks in `seen` the selections that name it.
    ///
    /// # Errors
    /// An annotation that cannot be read, in words.
    pub fn wish(
        &self,
        names: &Names<'_>,
        annotations: Option<&Annotations<'_>>,
        seen: &mut [bool],
    ) -> Result<Option<Wish>, String> {
        let own = match annotations {
            Some(annotations) => Own::read(annotations)?,
            None => Own::default(),
        };
        let mut ports = Vec::new();
        let mut whole = false;
        let mut selected = false;
        let same =
            |select: &Select| select.namespace == names.namespace && select.name == names.name;
        for (select, seen) in self
            .select
            .iter()
            .zip(seen)
            .filter(|(select, _)| same(select))
        {
            *seen = true;
            selected = true;
            whole |= select.port.is_none();
            ports.extend(select.port.clone());
        }
        let opted_in = own.expose == Some(true);
        whole |= opted_in && own.ports.is_empty();
        if !selected && !opted_in && (!self.all || own.expose == Some(false)) {
            return Ok(None);
        }
        if opted_in || !selected {
            ports.extend(own.ports);
        }
        Ok(Some(Wish {
            explicit: selected || opted_in,
            whole: whole || ports.is_empty(),
            ports,
            public: own.public,
        }))
    }
}

/// A service's own annotations.
#[derive(Debug, Default)]
struct Own {
    expose: Option<bool>,
    ports: Vec<PortRef>,
    public: Vec<(Option<PortRef>, u16)>,
}

impl Own {
    fn read(annotations: &Annotations<'_>) -> Result<Self, String> {
        if let Some((name, _)) = annotations
            .0
            .iter()
            .find(|(name, _)| !ANNOTATIONS.contains(&&**name))
        {
            let hint = suggestion(name, ANNOTATIONS);
            return Err(format!("unknown annotation {PREFIX}{name}{hint}"));
        }
        let named = |name: &str, problem: String| format!("annotation {PREFIX}{name}: {problem}");
        let expose = match annotations.get("expose") {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => {
                let problem = format!("expected \"true\" or \"false\", found {other:?}");
                return Err(named("expose", problem));
            }
        };
        let ports = annotations.get("expose-ports").unwrap_or_default();
        let public = annotations.get("public-port").unwrap_or_default();
        Ok(Self {
            expose,
            ports: list(ports, str::parse).map_err(|problem| named("expose-ports", problem))?,
            public: list(public, public_port).map_err(|problem| named("public-port", problem))?,
        })
    }
}

/// The items of a list with commas; none in empty text.
fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items = text.split(',').map(str::trim);
    items
        .filter(|_| !text.trim().is_empty())
        .map(read)
        .collect()
}

/// `8080`, or `http=8080`.
fn public_port(text: &str) -> Result<(Option<PortRef>, u16), String> {
    match text.split_once('=') {
        Some((of, public)) => Ok((Some(of.trim().parse()?), number(public.trim())?)),
        None => Ok((None, number(text)?)),
    }
}
