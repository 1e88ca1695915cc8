//! What is there already: `gluster volume info --xml` and `gluster pool list --xml`, and what nodes tell of themselves.

use crate::site::Site;
use crate::volume::{Brick, MOST_COPIES, Quorum, ServerQuorum, Volume};
use cluster::invalid::Invalid;
use cluster::name::VolumeName;
use roxmltree::{Document, Node};
use std::collections::BTreeMap;

/// What `gluster` printed.
#[derive(Debug, Default)]
pub struct Observed {
    /// The volumes; `None` where `volume info` was not given.
    pub volumes: Option<Vec<Found>>,
    /// The peers; `None` where `pool list` was not given.
    pub peers: Option<Vec<Peer>>,
}

/// A volume that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// `Started`, `Created`, `Stopped`.
    pub status: String,
    /// Copies, arbiters counted.
    pub replica: usize,
    /// Arbiters of a set.
    pub arbiters: usize,
    /// Whether it is of a kind that this tool does not know: dispersed or striped.
    pub other_kind: bool,
    /// Host, folder, and whether it is an arbiter.
    pub bricks: Vec<(String, String, bool)>,
    /// Options that were set.
    pub options: BTreeMap<String, String>,
}

/// A peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its identity.
    pub uuid: String,
    /// Its name; `localhost` for the one that was asked.
    pub name: String,
    /// Whether it is connected.
    pub connected: bool,
}

impl Observed {
    /// Adds what a file holds.
    ///
    /// # Errors
    /// It is not what `gluster … --xml` prints, or says that the command failed.
    pub fn read(&mut self, path: &str, text: &str) -> Result<(), Invalid> {
        let invalid = |problem: String| Invalid::new(path, problem);
        let xml = Document::parse(text)
            .map_err(|error| invalid(format!("expected XML of gluster, found none: {error}")))?;
        let root = xml.root_element();
        if root.tag_name().name() != "cliOutput" {
            return Err(invalid(format!(
                "expected <cliOutput> as `gluster volume info --xml` and `gluster pool list --xml` print, found <{}>",
                root.tag_name().name()
            )));
        }
        if text_of(root, "opRet") != "0" {
            return Err(invalid(format!(
                "the command failed there: {}",
                text_of(root, "opErrstr")
            )));
        }
        if let Some(volumes) = child(root, "volInfo").and_then(|info| child(info, "volumes")) {
            let found: Result<Vec<Found>, String> =
                children(volumes, "volume").map(volume).collect();
            self.volumes
                .get_or_insert_default()
                .extend(found.map_err(invalid)?);
        } else if let Some(peers) = child(root, "peerStatus") {
            let peers = children(peers, "peer").map(|peer| Peer {
                uuid: text_of(peer, "uuid").to_owned(),
                name: text_of(peer, "hostname").to_owned(),
                connected: text_of(peer, "connected") == "1",
            });
            self.peers.get_or_insert_default().extend(peers);
        } else {
            return Err(invalid(
                "expected <volInfo> or <peerStatus>, found neither".to_owned(),
            ));
        }
        Ok(())
    }

    /// Adds what is there and not in the document: nodes, and sticks with bricks.
    pub fn join(&self, site: &mut Site) {
        for found in self.volumes.iter().flatten() {
            if !found.other_kind {
                found.bricks_at(site);
            }
        }
        for peer in self.peers.iter().flatten() {
            if peer.name != "localhost" {
                site.node_or_new(&peer.name);
            }
        }
    }
}

fn children<'a>(node: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children()
        .filter(move |child| child.has_tag_name(name))
}

fn child<'a>(node: Node<'a, 'a>, name: &'static str) -> Option<Node<'a, 'a>> {
    children(node, name).next()
}

fn text_of<'a>(node: Node<'a, 'a>, name: &'static str) -> &'a str {
    child(node, name)
        .and_then(|child| child.text())
        .unwrap_or_default()
        .trim()
}

fn volume(xml: Node<'_, '_>) -> Result<Found, String> {
    let name: VolumeName = text_of(xml, "name").parse()?;
    let name = name.as_str().to_owned();
    let number = |field: &'static str| -> Result<usize, String> {
        let text = text_of(xml, field);
        text.parse()
            .map_err(|_| format!("volume {name:?}: expected a number in <{field}>, found {text:?}"))
    };
    let found = Found {
        status: text_of(xml, "statusStr").to_owned(),
        replica: number("replicaCount")?.max(1),
        arbiters: number("arbiterCount")?,
        other_kind: number("disperseCount")? > 0 || number("stripeCount").unwrap_or(1) > 1,
        bricks: items(xml, "bricks", "brick")
            .map(|xml| brick(&name, xml))
            .collect::<Result<_, _>>()?,
        options: items(xml, "options", "option")
            .map(|option| ["name", "value"].map(|field| text_of(option, field).to_owned()))
            .map(|[name, value]| (name, value))
            .collect(),
        name: name.clone(),
    };
    found.whole_sets()?;
    Ok(found)
}

/// What a list of a volume holds.
fn items<'a>(
    volume: Node<'a, 'a>,
    list: &'static str,
    item: &'static str,
) -> impl Iterator<Item = Node<'a, 'a>> {
    child(volume, list)
        .into_iter()
        .flat_map(move |list| children(list, item))
}

fn brick(volume: &str, xml: Node<'_, '_>) -> Result<(String, String, bool), String> {
    let place = text_of(xml, "name");
    let (host, path) = place
        .split_once(':')
        .filter(|(host, path)| is_host(host) && is_folder(path))
        .ok_or_else(|| {
            format!("volume {volume:?}: expected a brick such as \"pi1:/srv/gluster/sda/gv0\", found {place:?}")
        })?;
    let arbiter = text_of(xml, "isArbiter") == "1";
    Ok((host.to_owned(), path.to_owned(), arbiter))
}

/// A host's name or address. It ends up in commands.
fn is_host(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(good)
}

fn is_folder(text: &str) -> bool {
    text.starts_with('/') && !text.contains(char::is_control)
}

impl Found {
    /// Whether its bricks make whole sets, of no more copies than can be tried.
    fn whole_sets(&self) -> Result<(), String> {
        let (name, copies, bricks) = (&self.name, self.replica, self.bricks.len());
        if copies > MOST_COPIES {
            return Err(format!(
                "volume {name:?}: expected at most {MOST_COPIES} copies, found {copies}"
            ));
        }
        if bricks == 0 || !bricks.is_multiple_of(copies) {
            return Err(format!(
                "volume {name:?}: expected a multiple of {copies} bricks, found {bricks}"
            ));
        }
        Ok(())
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u8> {
        let text = self.option(name)?;
        text.trim_end_matches('%').trim().parse().ok()
    }

    /// Whether its servers stop their bricks where too few peers are up.
    pub fn server_quorum(&self) -> bool {
        self.option("cluster.server-quorum-type") == Some("server")
    }

    /// The pool's ratio for server quorums, which every volume shows; `None` for more than half.
    pub fn ratio(&self) -> Option<u8> {
        self.number("cluster.server-quorum-ratio")
    }

    /// Its bricks in this place; nodes and sticks that the document does not know are added.
    fn bricks_at(&self, site: &mut Site) -> Vec<Brick> {
        let bricks = self.bricks.iter().map(|(host, path, arbiter)| {
            let node = site.node_or_new(host);
            Brick {
                stick: site.stick_at(node, path),
                path: path.clone(),
                arbiter: *arbiter,
            }
        });
        bricks.collect()
    }

    /// As a volume of this place, with the rules that are in force; nodes and sticks that the document does not know are
    /// added.
    pub fn adopt(&self, site: &mut Site) -> Volume {
        let bricks = self.bricks_at(site);
        let count = self.number("cluster.quorum-count");
        let quorum = match self.option("cluster.quorum-type") {
            Some("auto") => Quorum::Auto,
            Some("fixed") => Quorum::Fixed(count.unwrap_or(0)),
            Some("none") => Quorum::None,
            // What is in force where nothing is set, whatever `volume get` shows.
            _ if self.replica > 2 => Quorum::Auto,
            _ => Quorum::None,
        };
        let server = self.server_quorum().then(|| ServerQuorum {
            ratio: self.ratio(),
        });
        Volume {
            name: self.name.clone(),
            replica: self.replica,
            arbiter: self.arbiters > 0,
            sets: bricks.chunks(self.replica).map(<[Brick]>::to_vec).collect(),
            quorum,
            server,
            mount: format!("/mnt/{}", self.name),
            provisioner: None,
            adopted: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bricks: &[String]) -> Result<(), Invalid> {
        let count = bricks.len();
        let bricks: String = bricks
            .iter()
            .map(|brick| format!("<brick><name>{brick}</name></brick>"))
            .collect();
        let text = format!(
            "<cliOutput><opRet>0</opRet><volInfo><volumes><volume><name>{name}</name>\
             <replicaCount>{count}</replicaCount><arbiterCount>0</arbiterCount><disperseCount>0</disperseCount>\
             <bricks>{bricks}</bricks></volume></volumes></volInfo></cliOutput>"
        );
        Observed::default().read("info.xml", &text)
    }

    #[test]
    fn more_copies_than_can_be_tried_are_refused() {
        let copies = |count: usize| {
            let bricks = (0..count).map(|number| format!("pi{number}:/srv/b"));
            read("gv0", &bricks.collect::<Vec<_>>())
        };
        assert_eq!(copies(16), Ok(()));
        for count in [17, 32, 33, 64] {
            assert!(copies(count).unwrap_err().problem.contains("at most 16"));
        }
    }

    #[test]
    fn names_that_gluster_never_gives_are_refused() {
        assert_eq!(read("gv0", &["nas.lan:/srv/a b".to_owned()]), Ok(()));
        for (name, brick) in [
            ("gv 0", "pi1:/srv/b"),
            ("-x", "pi1:/srv/b"),
            ("gv0", "-x:/srv/b"),
            ("gv0", "pi1 :/srv/b"),
            ("gv0", "pi1:/srv/&#10;b"),
        ] {
            assert!(read(name, &[brick.to_owned()]).is_err(), "{name} {brick}");
        }
    }
}
