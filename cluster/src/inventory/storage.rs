//! `storage`: Gluster volumes.

use crate::name::{Label, MountPoint, VolumeName};
use schemars::JsonSchema;
use serde::Deserialize;

/// Volumes on the nodes' USB sticks.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Storage {
    /// The volumes. Default none.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Whether a topology for Heketi is wanted. Default no.
    #[serde(default)]
    pub heketi: bool,
}

/// A Gluster volume.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Volume {
    /// The volume's name.
    pub name: VolumeName,
    /// How many copies of each file. Default 3.
    pub replica: Option<u8>,
    /// Whether the last brick of each set holds names only, no data. Default no.
    #[serde(default)]
    pub arbiter: bool,
    /// The nodes whose bricks it uses. Default: all with a brick.
    #[serde(default)]
    pub nodes: Vec<Label>,
    /// Where each node mounts it. Default: `/mnt/` and its name.
    pub mount: Option<MountPoint>,
    /// What gives Kubernetes its volumes. Default none.
    pub provisioner: Option<Provisioner>,
    /// When a client may write. Default `auto`.
    pub quorum: Option<QuorumType>,
    /// For `quorum: fixed`, how many bricks must be up.
    pub quorum_count: Option<u8>,
    /// Whether the servers stop their bricks when too few peers are up. Default no.
    #[serde(default)]
    pub server_quorum: bool,
    /// For `server_quorum`, percent of the peers that must be up. Default: more than half.
    pub server_quorum_ratio: Option<u8>,
}

/// What gives Kubernetes volumes from a Gluster volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provisioner {
    /// An NFS server and nfs-subdir-external-provisioner.
    Nfs,
    /// The mount on every node and local-path-provisioner's shared path.
    LocalPath,
}

/// When a client may write to a replica set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QuorumType {
    /// More than half of the bricks, or half including the first.
    Auto,
    /// A fixed number of bricks.
    Fixed,
    /// One brick is enough.
    None,
}
