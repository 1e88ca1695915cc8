//! Reading what a node is: files below a root, and, where that is the system's own, what its kernel says.
//!
//! Nothing is changed, and no module is loaded.

mod boot;
mod host;
mod installed;
mod network;
mod probe;
mod system;

pub use network::own_addresses;
pub use probe::latencies;

use crate::check::state::{State, Wish};
use crate::platform::DATA_DIR;
use cluster::root::Root;
use std::path::Path;

/// Larger than any file that is looked at.
const LIMIT: u64 = 1 << 20;

/// What the node below `root` is.
///
/// # Errors
/// What cannot be read although it is there.
pub fn observe(root: &Root, wish: &Wish) -> anyhow::Result<State> {
    let live = root.is_system();
    let mounts = match live {
        true => cluster::run::mounts::read(root)?,
        false => Vec::new(),
    };
    let (os_id, os_version) = system::os_release(root);
    let (release, machine) = system::kernel(live);
    let k3s = installed::read(root, wish);
    let data = k3s.data.first().map_or(DATA_DIR, String::as_str);
    Ok(State {
        resources: system::resources(root, &mounts, data),
        clock: system::clock(root, &k3s.data),
        live,
        os_id,
        os_version,
        cgroups: system::cgroups(root, &mounts),
        boot: boot::read(root, &mounts),
        modules: system::modules(root, release.as_deref()),
        program_bits: system::program_bits(root),
        host: host::read(root, wish),
        network: live.then(|| network::read(root, wish)),
        remains: system::remains(root),
        release,
        machine,
        k3s,
    })
}

/// A file as text; `None` where it is not there or cannot be read.
fn text(root: &Root, path: &str) -> Option<String> {
    let bytes = root.read(Path::new(path), LIMIT).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether something is at `path`.
fn there(root: &Root, path: &str) -> bool {
    root.exists(Path::new(path)).unwrap_or(false)
}

/// The names in a folder; none where there is no such folder.
fn names(root: &Root, path: &str) -> Vec<String> {
    let names = root.names(Path::new(path)).unwrap_or_default();
    names
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .collect()
}
