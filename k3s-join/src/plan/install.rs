//! How K3s gets onto a node: by the official installer, from copied files, or as a container.

use super::{Shared, config};
use crate::answer::{Copy, Install};
use crate::request::Request;
use cluster::inventory::K3sInstall;
use std::collections::BTreeMap;

/// For the node at `at`.
pub fn install(shared: &Shared<'_>, at: usize) -> Install {
    let node = &shared.request.nodes()[at];
    if Request::platform(node).is_rancher() {
        return Install {
            by: "container",
            variables: BTreeMap::new(),
            copies: Vec::new(),
        };
    }
    let role = shared.parts[at].role.as_str();
    // Everything else stands in the configuration file: what the installer is given as K3S_… it would write into another.
    let mut variables = BTreeMap::from([
        ("INSTALL_K3S_EXEC", role.to_owned()),
        ("INSTALL_K3S_SKIP_START", "true".to_owned()),
    ]);
    let airgap = shared.request.k3s.install == Some(K3sInstall::Airgap);
    if airgap {
        variables.insert("INSTALL_K3S_SKIP_DOWNLOAD", "true".to_owned());
    } else if let Some(version) = shared.request.version_on(at) {
        variables.insert("INSTALL_K3S_VERSION", version.to_string());
    }
    Install {
        by: if airgap { "airgap" } else { "installer" },
        variables,
        copies: if airgap {
            copies(shared, at)
        } else {
            Vec::new()
        },
    }
}

/// K3s manual, "Air-Gap Install": the program and the images of the same release.
fn copies(shared: &Shared<'_>, at: usize) -> Vec<Copy> {
    let images = "k3s-airgap-images-arm64.tar.zst";
    vec![
        Copy {
            release_file: "k3s-arm64",
            path: "/usr/local/bin/k3s".to_owned(),
            mode: "0755".to_owned(),
        },
        Copy {
            release_file: images,
            path: format!("{}/agent/images/{images}", config::data_dir(shared, at)),
            mode: "0644".to_owned(),
        },
    ]
}
