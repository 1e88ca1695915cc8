//! What the tools that act on a node share: which node, whether to act, and whether this is that node.

use super::Usage;
use crate::finding::Finding;
use crate::invalid::suggestion;
use crate::inventory::Node;
use crate::name::Label;
use crate::root::Root;
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Larger than any file that an identity stands in.
const LIMIT: u64 = 4096;

/// Arguments of the tools that act on a node.
#[derive(Debug, Clone, Default, Args)]
pub struct NodeArguments {
    /// The node [default: the one whose name is the host name]
    #[arg(long, value_name = "NAME")]
    pub node: Option<Label>,
    /// Do it; without this nothing is changed
    #[arg(long)]
    pub apply: bool,
    /// Read and write files below this folder instead of /; runs no command
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        hide_default_value = true
    )]
    pub sysroot: PathBuf,
}

impl NodeArguments {
    /// The root that files are read and written below.
    ///
    /// # Errors
    /// It is no folder.
    pub fn root(&self) -> anyhow::Result<Root> {
        Root::open(&self.sysroot).with_context(|| format!("opening {}", self.sysroot.display()))
    }

    /// The node of this name, or of this host's name.
    ///
    /// # Errors
    /// A node was named that the document does not have.
    pub fn choose<'a>(&self, nodes: &'a [Node], root: &Root) -> anyhow::Result<Option<&'a Node>> {
        if let Some(name) = &self.node {
            let found = named(nodes, name, "--node").context("reading the arguments")?;
            return Ok(Some(found));
        }
        let Some(host) = host_name(root) else {
            return Ok(None);
        };
        Ok(nodes.iter().find(|node| node.name.as_str() == host))
    }
}

/// The document's node of the name that an option gave.
///
/// # Errors
/// There is none.
pub fn named<'a>(nodes: &'a [Node], name: &Label, option: &str) -> Result<&'a Node, Usage> {
    let found = nodes.iter().find(|node| node.name == *name);
    let known = nodes.iter().map(|node| node.name.as_str());
    found.ok_or_else(|| unknown(name, option, known))
}

/// The error for a node that an option named and that is not among the known ones.
pub fn unknown<'a>(
    name: &Label,
    option: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Usage {
    let hint = suggestion(name.as_str(), known);
    Usage::new(format!(
        "{option} {name}: the document has no such node{hint}"
    ))
}

/// The error where whoever acts finds this machine, of the name `host`, in no node of the document.
pub fn not_a_node(host: &str) -> Usage {
    Usage::new(format!(
        "no node of the document is named like this machine ({host:?}); run it on a node, or with -n"
    ))
}

/// The host's name without its domain, in lower case.
pub fn host_name(root: &Root) -> Option<String> {
    let file = if root.is_system() {
        "/proc/sys/kernel/hostname"
    } else {
        "/etc/hostname"
    };
    let text = root.read(Path::new(file), LIMIT).ok()?;
    let text = String::from_utf8(text).ok()?;
    let name = text.trim().split('.').next()?.to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// An error for each identity that the document declares for the node and that this machine does not have.
pub fn identity(node: &Node, root: &Root) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut compare = |what: &str, declared: Option<&str>, found: &[String]| {
        let Some(declared) = declared else { return };
        if found
            .iter()
            .any(|found| found.eq_ignore_ascii_case(declared))
        {
            return;
        }
        let seen = match found {
            [] => "which it does not tell".to_owned(),
            found => format!("and it has {}", found.join(", ")),
        };
        let message = format!("this machine should have the {what} {declared}, {seen}");
        findings.push(
            Finding::error("node-identity", node.name.as_str(), message)
                .fix("run it on the right node, or correct the document")
                .evidence(json!({"declared": declared, "found": found})),
        );
    };
    let line =
        |line: &Option<crate::name::Line>| line.as_ref().map(|line| line.as_str().to_owned());
    let serial = [
        "/proc/device-tree/serial-number",
        "/sys/firmware/devicetree/base/serial-number",
    ];
    compare(
        "machine id",
        line(&node.machine_id).as_deref(),
        &read(root, &["/etc/machine-id"]),
    );
    compare(
        "serial number",
        line(&node.serial).as_deref(),
        &read(root, &serial),
    );
    compare(
        "hardware address",
        line(&node.mac).as_deref(),
        &addresses(root),
    );
    findings
}

fn read(root: &Root, paths: &[&str]) -> Vec<String> {
    paths
        .iter()
        .filter_map(|path| root.read(Path::new(path), LIMIT).ok())
        .map(|bytes| {
            String::from_utf8_lossy(&bytes)
                .trim_matches(['\0', '\n', ' '])
                .to_owned()
        })
        .collect()
}

fn addresses(root: &Root) -> Vec<String> {
    let names = root.names(Path::new("/sys/class/net")).unwrap_or_default();
    let paths: Vec<String> = names
        .iter()
        .filter_map(|name| Some(format!("/sys/class/net/{}/address", name.to_str()?)))
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    read(root, &paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn another_machine_is_not_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let etc = folder.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        std::fs::write(etc.join("machine-id"), "abc\n").unwrap();
        std::fs::write(etc.join("hostname"), "Pi1.example.org\n").unwrap();
        let root = Root::open(folder.path()).unwrap();
        assert_eq!(host_name(&root).unwrap(), "pi1");
        assert!(identity(&node(r#"{"name": "pi1"}"#), &root).is_empty());
        assert!(identity(&node(r#"{"name": "pi1", "machine_id": "ABC"}"#), &root).is_empty());
        let wrong = identity(
            &node(r#"{"name": "pi1", "machine_id": "abd", "mac": "a:b"}"#),
            &root,
        );
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].message.contains("and it has abc"));
        assert!(wrong[1].message.contains("does not tell"));
        let nodes = [node(r#"{"name": "pi2"}"#), node(r#"{"name": "pi1"}"#)];
        let mut arguments = NodeArguments::default();
        let chosen = arguments.choose(&nodes, &root).unwrap();
        assert_eq!(chosen.unwrap().name.as_str(), "pi1");
        arguments.node = Some("pi3".parse().unwrap());
        assert!(arguments.choose(&nodes, &root).is_err());
    }
}
