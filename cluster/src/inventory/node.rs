//! `nodes`: the computers, their disks and their USB sticks.

use super::disk::{Disk, Partition};
use super::k3s::NodeK3s;
use super::power::Draw;
use crate::name::{DevicePath, HostAddress, InterfaceName, Label, Line};
use crate::quantity::{PoeClass, PositiveWatts, Ratio, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A computer of the cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Node {
    /// The node's name: its host name, unique.
    pub name: Label,
    /// The board in poe-budget's catalogue, such as `raspberry-pi-4b-8gb`. Default none.
    pub model: Option<Label>,
    /// The operating system. Default: not known.
    pub os: Option<Os>,
    /// The operating system's release, such as `bookworm` or `22.04`. Default: not known.
    pub os_release: Option<Line>,
    /// What `uname -m` says: `aarch64`, `x86_64`, `armv7l`, `armv6l`. Default: not known.
    pub arch: Option<Arch>,
    /// The node's part in K3s. Default: k3s-join chooses.
    pub role: Option<Role>,
    /// The node's address with the prefix length of its network. Default: not known, by DHCP.
    pub address: Option<HostAddress>,
    /// The interface that carries `address`. Default: not known.
    pub interface: Option<InterfaceName>,
    /// The PoE HAT in poe-budget's catalogue, such as `poe-plus-hat`. Default none: not powered over Ethernet.
    pub hat: Option<Label>,
    /// Part of the power from the cable that the HAT hands to the board. Default: the catalogue's.
    pub hat_efficiency: Option<Ratio>,
    /// The most that all its USB devices together may draw, in watts. Default: the board's, where the catalogue has it.
    pub usb_limit_w: Option<PositiveWatts>,
    /// Identity: `/etc/machine-id`. `--apply` refuses a node that has another. Default: not checked.
    pub machine_id: Option<Line>,
    /// Identity: the board's serial number. `--apply` refuses a node that has another. Default: not checked.
    pub serial: Option<Line>,
    /// Identity: the hardware address of an interface. `--apply` refuses a node without it. Default: not checked.
    pub mac: Option<Line>,
    /// The disk that the system starts from.
    pub disk: Option<Disk>,
    /// Partitions that the disk shall get beyond those it has. Default none.
    #[serde(default)]
    pub partitions: Vec<Partition>,
    /// USB storage on the node. Default none.
    #[serde(default)]
    pub usb: Vec<UsbStick>,
    /// What the node draws at its Ethernet socket in watts. Default: computed from board, HAT and sticks.
    pub draw_w: Option<Box<Draw>>,
    /// What the switch was seen to give to the node in watts. Default none.
    pub measured_w: Option<Box<Draw>>,
    /// The PoE class that the node signals, 0 to 8. Default: the HAT's.
    pub class: Option<PoeClass>,
    /// What loses power together with this node. Default: its switch.
    pub power_domain: Option<Label>,
    /// Kubernetes labels. Default none.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Kubernetes taints, `key=value:Effect`. Default none.
    #[serde(default)]
    pub taints: Vec<Line>,
    /// K3s on this node, where it differs from the others'. Default none.
    pub k3s: Option<NodeK3s>,
    /// What the node was seen to be, as its own programs print it (`sfdisk --json`, `lsblk --json` …). Not written by hand.
    #[schemars(with = "Option<serde_json::Value>")]
    pub observed: Option<Box<RawValue>>,
}

/// An operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// RancherOS 1.5, configured by cloud-config below `rancher`.
    RancherOs,
    /// BurmillaOS, the maintained successor of RancherOS: the same below `burmilla`.
    BurmillaOs,
    /// Raspberry Pi OS.
    RaspiOs,
    /// Ubuntu Server.
    Ubuntu,
    /// Debian.
    Debian,
}

impl Os {
    /// Whether it is RancherOS or its successor: configured by cloud-config, without systemd.
    pub fn is_rancher(self) -> bool {
        matches!(self, Self::RancherOs | Self::BurmillaOs)
    }

    /// The document's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RancherOs => "rancheros",
            Self::BurmillaOs => "burmillaos",
            Self::RaspiOs => "raspios",
            Self::Ubuntu => "ubuntu",
            Self::Debian => "debian",
        }
    }
}

/// A processor's instruction set, as `uname -m` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// 64-bit Arm.
    #[serde(alias = "arm64")]
    Aarch64,
    /// 64-bit x86.
    #[serde(rename = "x86_64", alias = "amd64")]
    X86_64,
    /// 32-bit Arm, also of a 32-bit system on a 64-bit board.
    #[serde(alias = "armhf")]
    Armv7l,
    /// 32-bit Arm of the first Raspberry Pi and the Zero.
    Armv6l,
}

impl Arch {
    /// Whether programs have 64-bit pointers.
    pub fn is_64_bit(self) -> bool {
        matches!(self, Self::Aarch64 | Self::X86_64)
    }

    /// The word of `uname -m`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64",
            Self::X86_64 => "x86_64",
            Self::Armv7l => "armv7l",
            Self::Armv6l => "armv6l",
        }
    }
}

/// A node's part in K3s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the control plane.
    Server,
    /// Runs work only.
    Agent,
}

impl Role {
    /// The document's word, which is K3s's own too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "agent",
        }
    }
}

/// USB storage on a node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct UsbStick {
    /// The stick or disk in poe-budget's catalogue, such as `verbatim-nano-64gb`. Default none.
    pub model: Option<Label>,
    /// Its device, such as `/dev/sda`; a path below `/dev/disk/by-id` is the same after a restart.
    pub device: Option<DevicePath>,
    /// Its size in bytes. Default: read from the device.
    pub size_bytes: Option<Size>,
    /// What it is for. Default `none`.
    #[serde(default, rename = "use")]
    pub purpose: UsbUse,
}

/// What a USB stick is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsbUse {
    /// A brick of a Gluster volume.
    Brick,
    /// Nothing that a tool touches.
    #[default]
    None,
}
