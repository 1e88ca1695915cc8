//! The firewall that the forwardings come to: chains and rules, in the words of RouterOS, before any rendering.
//!
//! One jump leads from each of RouterOS's own chains into one of ours, with matchers that never change; everything else
//! stands in ours, whose names hold the digest of what is in them. So a change is new chains and one swap of the
//! jump, and the same content is the same name.

use crate::forward::Forward;
use crate::ports::Ports;
use crate::routeros;
use crate::rules::{Groups, entry};
use crate::site::{Side, Site};
use cluster::inventory::Protocol;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

/// The model's own version: another one makes other digests, and so other chains.
const MODEL: &str = "nat-gen 1";
/// Digits of the digest in a chain's name: 48 bits, enough to tell one's own generations apart.
pub const DIGITS: usize = 12;

/// One of RouterOS's own chains that a jump of ours stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// `/ip firewall nat`, `dstnat`: where a connection goes.
    Dstnat,
    /// `/ip firewall nat`, `srcnat`: whom it seems to come from.
    Srcnat,
    /// `/ip firewall filter`, `forward`.
    Forward,
    /// `/ipv6 firewall filter`, `forward`.
    Forward6,
}

/// One of our chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sorts out the router's own addresses, then the side that a connection comes from.
    Entry,
    /// Translates public ports.
    Public,
    /// Masquerades clients of the local network that come by the public address (hairpin NAT).
    Hairpin,
    /// Accepts translated connections.
    Accept,
    /// Accepts IPv6 connections.
    Accept6,
}

/// All chains of ours that the content comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firewall {
    /// SHA-256 of the content, in hexadecimal.
    pub digest: String,
    /// The chains that have rules.
    pub chains: BTreeMap<Role, Vec<Rule>>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// The side that the packet came in by.
    pub in_side: Option<Side>,
    /// The side that it leaves by.
    pub out_side: Option<Side>,
    /// Whether the destination is to be one of the router's own addresses, whichever they are now.
    pub to_router: bool,
    /// The protocol.
    pub protocol: Option<Protocol>,
    /// Whom it comes from.
    pub source: Option<IpNet>,
    /// Where it goes.
    pub destination: Option<IpAddr>,
    /// The destination's ports; empty for all.
    pub ports: Vec<Ports>,
    /// For people.
    pub comment: String,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Leaves our chain.
    Return,
    /// Goes on in another chain of ours.
    Jump(Role),
    /// Translates the destination; the port too where one is given.
    DstNat(Ipv4Addr, Option<u16>),
    /// Puts the router's own address in the place of the source.
    Masquerade,
    /// Lets it through.
    Accept,
}

impl Hook {
    /// All, in the order in which they are swapped: what lets in comes last.
    pub const ALL: [Self; 4] = [Self::Forward6, Self::Forward, Self::Srcnat, Self::Dstnat];

    /// Our chain that its jump leads to.
    pub fn entry(self) -> Role {
        match self {
            Self::Dstnat => Role::Entry,
            Self::Srcnat => Role::Hairpin,
            Self::Forward => Role::Accept,
            Self::Forward6 => Role::Accept6,
        }
    }

    /// Our chains behind its jump.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Dstnat => &[Role::Entry, Role::Public],
            Self::Srcnat => &[Role::Hairpin],
            Self::Forward => &[Role::Accept],
            Self::Forward6 => &[Role::Accept6],
        }
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Entry,
        Self::Public,
        Self::Hairpin,
        Self::Accept,
        Self::Accept6,
    ];

    /// The end of its chain's name.
    pub fn letter(self) -> char {
        match self {
            Self::Entry => 'd',
            Self::Public => 'p',
            Self::Hairpin => 's',
            Self::Accept => 'f',
            Self::Accept6 => '6',
        }
    }
}

impl Firewall {
    /// The firewall for forwardings that were found good.
    pub fn new(forwards: &[Forward], site: &Site) -> Self {
        let groups = Groups::new(forwards);
        let mut chains = BTreeMap::new();
        let mut add = |role, rules: Vec<Rule>| {
            if !rules.is_empty() {
                chains.insert(role, rules);
            }
        };
        let public = groups.public();
        if !public.is_empty() {
            add(Role::Entry, entry(site));
        }
        add(Role::Public, public);
        if let Some(lan) = site.lan {
            add(Role::Hairpin, groups.hairpin(lan, &site.lan_side));
        }
        if !site.default_firewall {
            add(Role::Accept, groups.accept(true, None));
        }
        add(Role::Accept6, groups.accept(false, Some(&site.wan_side)));
        let mut firewall = Self {
            digest: String::new(),
            chains,
        };
        firewall.digest = firewall.content_digest();
        firewall
    }

    /// The rules of a chain; none where there is no such chain.
    pub fn rules(&self, role: Role) -> &[Rule] {
        self.chains.get(&role).map_or(&[], Vec::as_slice)
    }

    /// Whether a hook has anything to do.
    pub fn uses(&self, hook: Hook) -> bool {
        !self.rules(hook.entry()).is_empty()
    }

    fn content_digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(MODEL);
        for (role, rules) in &self.chains {
            for rule in rules {
                hash.update([0, u8::try_from(role.letter()).unwrap_or_default()]);
                // The names of our own chains hold the digest, so here they are their letters only.
                for (property, value) in routeros::rule(rule, &|role| role.letter().to_string()) {
                    hash.update([1]);
                    hash.update(property);
                    hash.update([2]);
                    hash.update(value);
                }
            }
        }
        let mut digest = String::with_capacity(64);
        for byte in hash.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(digest, "{byte:02x}");
        }
        digest
    }
}

impl Rule {
    /// A rule that matches everything.
    pub fn new(action: Action) -> Self {
        Self {
            action,
            in_side: None,
            out_side: None,
            to_router: false,
            protocol: None,
            source: None,
            destination: None,
            ports: Vec::new(),
            comment: String::new(),
        }
    }
}

/// `tcp/80,443`: for people.
impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let protocol = self.protocol.map_or("any", Protocol::as_str);
        write!(f, "{protocol}/{}", routeros::ports(&self.ports))
    }
}
