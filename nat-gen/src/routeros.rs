//! RouterOS's own words: menus, properties, quoted strings.

use crate::firewall::{Action, DIGITS, Firewall, Hook, Role, Rule};
use crate::ports::Ports;
use crate::site::Side;
use ipnet::IpNet;
use std::net::IpAddr;

/// A property and its value.
pub type Property = (&'static str, String);

impl Hook {
    /// The menu that its rules stand in.
    pub fn menu(self) -> &'static str {
        match self {
            Self::Dstnat | Self::Srcnat => "/ip firewall nat",
            Self::Forward => "/ip firewall filter",
            Self::Forward6 => "/ipv6 firewall filter",
        }
    }

    /// RouterOS's own chain.
    pub fn chain(self) -> &'static str {
        match self {
            Self::Dstnat => "dstnat",
            Self::Srcnat => "srcnat",
            Self::Forward | Self::Forward6 => "forward",
        }
    }

    /// Whether its jump has to stand before what drops.
    pub fn first(self) -> bool {
        matches!(self, Self::Forward | Self::Forward6)
    }
}

/// The names of our chains: `ng-CLUSTER-DIGEST-LETTER`.
#[derive(Debug, Clone)]
pub struct Names {
    cluster: String,
    base: String,
}

impl Names {
    /// For a cluster and a content.
    pub fn new(cluster: &str, firewall: &Firewall) -> Self {
        let digits = firewall.digest.get(..DIGITS).unwrap_or_default();
        Self {
            cluster: cluster.to_owned(),
            base: format!("ng-{cluster}-{digits}"),
        }
    }

    /// The name without its letter.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A chain's name.
    pub fn chain(&self, role: Role) -> String {
        format!("{}-{}", self.base, role.letter())
    }

    /// The scheduler's entry that undoes a change which nobody confirms.
    pub fn undo(&self) -> String {
        format!("ng-{}-undo", self.cluster)
    }

    /// The regular expression of all generations of some of our chains, and of nothing else.
    ///
    /// Each digit is written out: whether RouterOS knows `{12}` is not documented. A cluster's name holds letters, digits
    /// and `-` only, none of which means anything in an expression.
    pub fn pattern(&self, roles: &[Role]) -> String {
        let digits = "[0-9a-f]".repeat(DIGITS);
        let letters: String = roles.iter().map(|role| role.letter()).collect();
        let last = match roles {
            [_] => letters,
            _ => format!("[{letters}]"),
        };
        format!("^ng-{}-{digits}-{last}$", self.cluster)
    }

    /// Whether a chain is one of ours, of any generation: what [`Names::pattern`] says, for reading a router's state.
    pub fn owns(&self, chain: &str, roles: &[Role]) -> bool {
        let Some(rest) = chain.strip_prefix(&format!("ng-{}-", self.cluster)) else {
            return false;
        };
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let letters: Vec<u8> = roles.iter().map(|role| role.letter() as u8).collect();
        matches!(rest.as_bytes(), [digits @ .., b'-', letter]
            if digits.len() == DIGITS && digits.iter().all(|b| hex(*b)) && letters.contains(letter))
    }
}

/// The properties of a hook's jump. They never depend on the content: what changes stands behind the jump.
pub fn jump(hook: Hook, names: &Names) -> Vec<Property> {
    let mut properties = vec![
        ("chain", hook.chain().to_owned()),
        ("action", "jump".to_owned()),
        ("jump-target", names.chain(hook.entry())),
    ];
    match hook {
        Hook::Dstnat => properties.push(("dst-address-type", "local".to_owned())),
        Hook::Forward => properties.push(("connection-nat-state", "dstnat".to_owned())),
        Hook::Srcnat | Hook::Forward6 => {}
    }
    properties.push((
        "comment",
        "nat-gen: made and removed by its scripts".to_owned(),
    ));
    properties
}

/// The properties of a rule without its chain, in a fixed order. `name` says what a chain of ours is called.
pub fn rule(rule: &Rule, name: &dyn Fn(Role) -> String) -> Vec<Property> {
    let mut properties = vec![("action", action(rule.action).to_owned())];
    if let Action::Jump(role) = rule.action {
        properties.push(("jump-target", name(role)));
    }
    properties.extend(
        rule.in_side
            .iter()
            .map(|s| side(s, "in-interface-list", "in-interface")),
    );
    properties.extend(
        rule.out_side
            .iter()
            .map(|s| side(s, "out-interface-list", "out-interface")),
    );
    if rule.to_router {
        properties.push(("dst-address-type", "local".to_owned()));
    }
    properties.extend(rule.protocol.map(|p| ("protocol", p.as_str().to_owned())));
    properties.extend(rule.source.map(|net| ("src-address", source(net))));
    properties.extend(rule.destination.map(|to| ("dst-address", destination(to))));
    if !rule.ports.is_empty() {
        properties.push(("dst-port", ports(&rule.ports)));
    }
    if let Action::DstNat(to, port) = rule.action {
        properties.push(("to-addresses", to.to_string()));
        properties.extend(port.map(|port| ("to-ports", port.to_string())));
    }
    properties.push(("comment", rule.comment.clone()));
    properties
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Return => "return",
        Action::Jump(_) => "jump",
        Action::DstNat(..) => "dst-nat",
        Action::Masquerade => "masquerade",
        Action::Accept => "accept",
    }
}

fn side(side: &Side, list: &'static str, interface: &'static str) -> Property {
    match side {
        Side::List(name) => (list, name.clone()),
        Side::Interface(name) => (interface, name.clone()),
    }
}

/// RouterOS shows a single IPv4 address without its prefix length.
fn source(net: IpNet) -> String {
    match net {
        IpNet::V4(net) if net.prefix_len() == 32 => net.addr().to_string(),
        net => net.to_string(),
    }
}

/// RouterOS shows a single IPv6 address with its prefix length.
fn destination(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{address}/128"),
    }
}

/// `80,443,8000-8010`
pub fn ports(ports: &[Ports]) -> String {
    let items = ports.iter().map(|range| {
        if range.first == range.last {
            range.first.to_string()
        } else {
            format!("{}-{}", range.first, range.last)
        }
    });
    items.collect::<Vec<_>>().join(",")
}

/// Text as a quoted string.
///
/// `"`, `\` and `$` have escapes of their own. `?` opens the console's help on RouterOS 6 and its escape went away in 7.1, so it
/// is written as a byte, like all control characters and whatever is not ASCII: `\XX` with capital digits is the same in all
/// versions (RouterOS manual, "Scripting", constant escape sequences).
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    escape(&mut quoted, text);
    quoted.push('"');
    quoted
}

/// Appends text as it stands inside a quoted string.
pub fn escape(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'$' => out.extend(['\\', char::from(byte)]),
            b'?' | 0..=0x1f | 0x7f.. => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.push('\\');
                out.extend(digits.map(char::from));
            }
            _ => out.push(char::from(byte)),
        }
    }
}
