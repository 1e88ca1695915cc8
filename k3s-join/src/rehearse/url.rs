//! A server's URL, and the addresses that its host leads to.

use anyhow::bail;
use cluster::command::{Command, CommandErrorKind};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Server {
    /// From `https://HOST:PORT`. The port has to be there: K3s would take 443, where nothing of it listens.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("https://") else {
            return Err("expected https://HOST:6443; K3s takes no other scheme".to_owned());
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@', '\\'])
            || rest.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            return Err("expected https://HOST:6443 and nothing behind it".to_owned());
        }
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        if host.is_empty() {
            return Err("there is no host in it".to_owned());
        }
        let Some(port) = port else {
            return Err(
                "there is no port in it, so K3s would try 443 for ever; a server has 6443"
                    .to_owned(),
            );
        };
        match port.parse() {
            Ok(port) if port > 0 => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(format!("{port:?} is no port")),
        }
    }

    /// The addresses that the host leads to.
    ///
    /// An address is itself. A name goes to the system's own resolver (`getent`), which is ended at the limit, and where
    /// there is none to `/etc/hosts`: this program may be linked statically, and then its own resolver knows neither
    /// mDNS nor what else the system has set up.
    ///
    /// # Errors
    /// It leads to none, in words.
    pub fn addresses(&self, limit: Duration) -> anyhow::Result<Vec<IpAddr>> {
        if let Ok(address) = self.host.parse() {
            return Ok(vec![address]);
        }
        let name = &self.host;
        match Command::new("getent")
            .args(["ahosts", name])
            .limit(limit)
            .run()
        {
            Ok(out) => {
                let text = String::from_utf8_lossy(&out).into_owned();
                let mut found: Vec<IpAddr> = Vec::new();
                for address in text
                    .lines()
                    .filter_map(|line| line.split_whitespace().next()?.parse().ok())
                {
                    if !found.contains(&address) {
                        found.push(address);
                    }
                }
                Ok(found)
            }
            Err(error) if matches!(error.kind, CommandErrorKind::NotFound) => {
                let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
                match in_hosts(&hosts, name) {
                    Some(address) => Ok(vec![address]),
                    None => bail!(
                        "it is not in /etc/hosts, and there is no getent to ask the system's resolver"
                    ),
                }
            }
            Err(error) if matches!(error.kind, CommandErrorKind::TimedOut(_)) => {
                bail!(
                    "the resolver did not answer within {} s",
                    limit.as_secs_f64()
                )
            }
            Err(_) => bail!("the system's resolver does not know it"),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "https://[{}]:{}", self.host, self.port),
            false => write!(f, "https://{}:{}", self.host, self.port),
        }
    }
}

/// The address of a name in the text of `/etc/hosts`.
pub fn in_hosts(hosts: &str, name: &str) -> Option<IpAddr> {
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words
            .any(|word| word.eq_ignore_ascii_case(name))
            .then_some(address)
    })
}
