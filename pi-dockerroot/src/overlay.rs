//! Compares the image chains of an overlay2 root as containers would see them: each chain is mounted read-only on both
//! sides, in a mount namespace that nobody else sees, and the two views are compared.

use crate::copy::{self, Content, Counters, Differences, Tree};
use anyhow::{Context, Result, bail, ensure};
use cluster::finding::Finding;
use cluster::root::by_descriptor;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};
use rustix::thread::UnshareFlags;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// What the chains looked like.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many chains were compared.
    pub chains: u64,
    /// How they differ.
    pub differences: Differences,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

/// A layer and those below it, the top first: names of folders in `overlay2`.
type Chain = Vec<String>;

/// Compares all chains of two roots.
///
/// # Errors
/// The layers cannot be read, or not be mounted: that needs root and overlayfs.
pub fn verify(source: &Tree, copy: &Tree, counters: &Counters) -> Result<Seen> {
    let chains = chains(source)?;
    let mut seen = Seen::default();
    if chains.is_empty() {
        let message = "it holds no overlay2 layers: there is nothing to mount";
        let subject = source.shown().display().to_string();
        seen.findings.push(Finding::warning(
            "dockerroot-tree-no-layers",
            subject,
            message,
        ));
        return Ok(seen);
    }
    std::thread::scope(|scope| {
        let mounting = scope.spawn(|| in_own_namespace(source, copy, &chains, counters));
        mounting
            .join()
            .unwrap_or_else(|_| bail!("comparing image chains: the thread ended early"))
    })
    .map(|differences| Seen {
        chains: chains.len() as u64,
        differences,
        ..seen
    })
}

/// Runs in a thread of its own, which alone moves into the new namespace.
fn in_own_namespace(
    source: &Tree,
    copy: &Tree,
    chains: &[Chain],
    counters: &Counters,
) -> Result<Differences> {
    let unsharing = "making a mount namespace";
    // SAFETY: only the namespace of this thread changes; no descriptor table is unshared, and the thread ends after it.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }.context(unsharing)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).context(unsharing)?;
    // The kernel mounts layers only from mounts that this namespace holds.
    let (source, copy) = (&source.as_mounted()?, &copy.as_mounted()?);
    let place = tempfile::tempdir().context("making a mount point")?;
    let empty = tempfile::tempdir().context("making an empty layer")?;
    let mut all = Differences::default();
    for chain in chains {
        let name = chain.first().map_or("", String::as_str);
        let mounted = |tree| view(tree, chain, place.path(), empty.path());
        let (one, other) = (mounted(source)?, mounted(copy)?);
        let found = copy::verify(&one, &other, Content::View, counters)
            .with_context(|| format!("comparing the chain of layer {name}"))?;
        all.count += found.count;
        all.named
            .extend(found.named.into_iter().map(|mut difference| {
                difference.path = format!("chain {name}: {}", difference.path);
                difference
            }));
    }
    Ok(all)
}

/// A chain as a container sees it. The mount lives as long as it is open.
fn view(tree: &Tree, chain: &Chain, place: &Path, empty: &Path) -> Result<Tree> {
    let mounting = || {
        let name = chain.first().map_or("", String::as_str);
        format!(
            "mounting the chain of layer {name} of {}",
            tree.shown().display()
        )
    };
    let layers: Vec<OwnedFd> = chain
        .iter()
        .map(|layer| open_below(tree, &["overlay2", layer, "diff"]))
        .collect::<Result<_>>()
        .with_context(mounting)?;
    // Short paths: the kernel takes one page of options, which 128 layers by their real names would not fit.
    let mut lower: Vec<String> = layers.iter().map(by_descriptor).collect();
    // A single layer is not accepted; an empty one below changes nothing.
    lower.push(empty.display().to_string());
    let options = CString::new(format!("lowerdir={}", lower.join(":")))?;
    let flags = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("overlay", place, "overlay", flags, Some(options.as_c_str())).with_context(mounting)?;
    let opened = openat(
        CWD,
        place,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    // Out of the way at once; what is open keeps it alive.
    unmount(place, UnmountFlags::DETACH).with_context(mounting)?;
    Ok(Tree::of(
        opened.with_context(mounting)?,
        tree.shown().to_owned(),
    ))
}

/// Opens a folder below a tree's top, part by part, never through a symbolic link.
fn open_below(tree: &Tree, parts: &[&str]) -> Result<OwnedFd> {
    let mut folder = tree.reopen()?;
    for part in parts {
        ensure!(
            !part.contains('/') && *part != "..",
            "a layer is named {part:?}"
        );
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        folder = openat(&folder, *part, flags, Mode::empty())
            .with_context(|| format!("opening {}", parts.join("/")))?;
    }
    Ok(folder)
}

/// A small file below a tree's top; `None` where it is not there.
fn read_below(tree: &Tree, parts: &[&str]) -> Result<Option<String>> {
    let Some((name, folders)) = parts.split_last() else {
        return Ok(None);
    };
    let folder = open_below(tree, folders)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&folder, *name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        file => file.with_context(|| format!("opening {}", parts.join("/")))?,
    };
    let mut text = String::new();
    // 128 layers with 29 bytes each are what overlay2 writes at most.
    File::from(file)
        .take(1 << 20)
        .read_to_string(&mut text)
        .with_context(|| format!("reading {}", parts.join("/")))?;
    Ok(Some(text.trim().to_owned()))
}

/// The names in a folder below a tree's top; none where it is not there.
fn names_below(tree: &Tree, parts: &[&str]) -> Result<Vec<String>> {
    let path = parts.iter().collect::<PathBuf>();
    if !exists_below(tree, parts)? {
        return Ok(Vec::new());
    }
    let folder = open_below(tree, parts)?;
    let listing = rustix::fs::Dir::read_from(&folder)
        .with_context(|| format!("reading {}", path.display()))?;
    let mut names = Vec::new();
    for entry in listing {
        let entry = entry.with_context(|| format!("reading {}", path.display()))?;
        names.extend(plain(entry.file_name()));
    }
    names.sort();
    Ok(names)
}

fn plain(name: &CStr) -> Option<String> {
    let name = name.to_str().ok()?;
    (name != "." && name != "..").then(|| name.to_owned())
}

fn exists_below(tree: &Tree, parts: &[&str]) -> Result<bool> {
    match open_below(tree, parts) {
        Ok(_) => Ok(true),
        Err(error) if error.root_cause().downcast_ref() == Some(&Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The chains that a container could be made of: each image's top layer, each container's, and each layer that no other
/// stands on.
fn chains(tree: &Tree) -> Result<Vec<Chain>> {
    let mut below: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut shortened = BTreeMap::new();
    for id in names_below(tree, &["overlay2"])? {
        if id == "l"
            || id == "backingFsBlockDev"
            || !exists_below(tree, &["overlay2", &id, "diff"])?
        {
            continue;
        }
        if let Some(link) = read_below(tree, &["overlay2", &id, "link"])? {
            shortened.insert(format!("l/{link}"), id.clone());
        }
        let lower = read_below(tree, &["overlay2", &id, "lower"])?.unwrap_or_default();
        let lower = lower.split(':').filter(|part| !part.is_empty());
        below.insert(id, lower.map(str::to_owned).collect());
    }
    let mut resolved = BTreeMap::new();
    for (id, lower) in &below {
        let lower = lower.iter().map(|short| {
            let layer = shortened.get(short).cloned();
            layer.with_context(|| format!("layer {id} stands on {short}, which is not there"))
        });
        resolved.insert(id.clone(), lower.collect::<Result<Vec<_>>>()?);
    }
    let stood_on: BTreeSet<&String> = resolved.values().flatten().collect();
    let images = image_layers(tree)?;
    let tops = resolved
        .iter()
        .filter(|(id, _)| images.contains(*id) || !stood_on.contains(id));
    Ok(tops
        .map(|(id, lower)| {
            std::iter::once(id.clone())
                .chain(lower.iter().cloned())
                .collect()
        })
        .collect())
}

/// The layers that are some image's top, by Docker's layer database: image → chain of diffs → layer.
fn image_layers(tree: &Tree) -> Result<BTreeSet<String>> {
    let database = ["image", "overlay2", "layerdb", "sha256"];
    let mut by_diff = BTreeMap::new();
    for chain in names_below(tree, &database)? {
        let read = |name: &str| read_below(tree, &[&database[..], &[&chain, name]].concat());
        let (Some(diff), Some(layer)) = (read("diff")?, read("cache-id")?) else {
            continue;
        };
        let parent = read("parent")?.unwrap_or_default();
        by_diff.insert((parent, diff), (format!("sha256:{chain}"), layer));
    }
    let images = ["image", "overlay2", "imagedb", "content", "sha256"];
    let mut tops = BTreeSet::new();
    for image in names_below(tree, &images)? {
        let text = read_below(tree, &[&images[..], &[&image]].concat())?.unwrap_or_default();
        let config: serde_json::Value = serde_json::from_str(&text)
            .with_context(|| format!("reading the configuration of image {image}"))?;
        let diffs = config["rootfs"]["diff_ids"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut chain = String::new();
        let mut top = None;
        for diff in diffs {
            let key = (chain, diff.as_str().unwrap_or_default().to_owned());
            let Some((next, layer)) = by_diff.get(&key) else {
                bail!(
                    "image {image} needs the layer {}, which is not there",
                    key.1
                );
            };
            (chain, top) = (next.clone(), Some(layer.clone()));
        }
        tops.extend(top);
    }
    Ok(tops)
}
