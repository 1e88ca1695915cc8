//! `nodes[].disk` and `nodes[].partitions`: what stands on a node's disk and what shall.

use crate::invalid::Invalid;
use crate::name::{DevicePath, FilesystemLabel, MountPoint};
use crate::quantity::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A disk.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Disk {
    /// The whole disk's device, such as `/dev/mmcblk0`.
    pub device: DevicePath,
    /// Its size in bytes. Default: read from the device.
    pub size_bytes: Option<Size>,
}

/// A partition that shall be there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Partition {
    /// The file system's label.
    pub label: Option<FilesystemLabel>,
    /// The file system. Default `ext4`.
    #[serde(default)]
    pub filesystem: Filesystem,
    /// The size, or `rest` for all that is free. Default `rest`.
    #[serde(default)]
    pub size: PartitionSize,
    /// Where it is mounted. Default: not mounted.
    pub mount: Option<MountPoint>,
    /// What makes the mount last over a restart. Default `auto`.
    #[serde(default)]
    pub persist: Persist,
}

impl Partition {
    /// Refuses a label that its file system cannot hold.
    pub(super) fn check(&self, path: &str) -> Result<(), Invalid> {
        let limit = self.filesystem.label_limit();
        let Some(label) = self.label.as_ref().filter(|l| l.as_str().len() > limit) else {
            return Ok(());
        };
        let name = self.filesystem.as_str();
        let problem = format!(
            "expected a label of at most {limit} bytes for filesystem {name:?}, found {:?}",
            label.as_str()
        );
        Err(Invalid::new(format!("{path}.label"), problem))
    }
}

/// A file system that can be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Filesystem {
    /// ext4; labels of at most 16 bytes.
    #[default]
    Ext4,
    /// XFS; labels of at most 12 bytes.
    Xfs,
    /// No file system: the bare partition.
    None,
}

impl Filesystem {
    /// The word in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::None => "none",
        }
    }

    /// The longest label in bytes (e2fsprogs' ext2_fs.h, xfsprogs' xfs_format.h).
    pub fn label_limit(self) -> usize {
        match self {
            Self::Ext4 => 16,
            Self::Xfs => 12,
            Self::None => 0,
        }
    }
}

/// How large a partition shall be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartitionSize {
    /// All that is free in the chosen extent.
    #[default]
    Rest,
    /// This many bytes, rounded to the alignment.
    Bytes(u64),
}

impl std::str::FromStr for PartitionSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "rest" {
            return Ok(Self::Rest);
        }
        let size: Size = text.parse().map_err(|e| format!("{e}; or \"rest\""))?;
        Ok(Self::Bytes(size.0))
    }
}

impl<'de> Deserialize<'de> for PartitionSize {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartitionSizeVisitor;
        impl serde::de::Visitor<'_> for PartitionSizeVisitor {
            type Value = PartitionSize;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"rest\", whole bytes, or text such as \"58GiB\"")
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<PartitionSize, E> {
                Ok(PartitionSize::Bytes(value))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<PartitionSize, E> {
                value.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(PartitionSizeVisitor)
    }
}

impl JsonSchema for PartitionSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PartitionSize".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let size = generator.subschema_for::<Size>();
        schemars::json_schema!({"anyOf": [{"const": "rest"}, size]})
    }
}

/// What makes a mount last over a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Persist {
    /// What fits the operating system.
    #[default]
    Auto,
    /// RancherOS and BurmillaOS: `ros config set mounts`.
    Ros,
    /// A line in `/etc/fstab`.
    Fstab,
    /// A systemd mount unit.
    Systemd,
    /// Nothing.
    None,
}
