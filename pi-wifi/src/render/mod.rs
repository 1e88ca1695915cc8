//! One file for each stack, and for each form of output that is not a stack's own.

pub mod cloud_config;
pub mod common;
pub mod netplan;
pub mod networkmanager;
pub mod sh;
pub mod systemd;
pub mod text;
pub mod wpa_supplicant;

use crate::content::File;
use crate::request::Site;
use crate::stack::Stack;
use cluster::finding::Finding;

/// The files of a node for its stack, or what the stack cannot express.
///
/// # Errors
/// An error finding for each thing that cannot be expressed; it names the stack.
pub fn files(site: Site<'_>) -> Result<Vec<File>, Vec<Finding>> {
    match site.request.stack {
        Stack::WpaSupplicant => wpa_supplicant::files(site),
        Stack::CloudConfig => cloud_config::files(site),
        Stack::Netplan => netplan::files(site),
        Stack::NetworkManager => networkmanager::files(site),
        Stack::Systemd => systemd::files(site),
    }
}
