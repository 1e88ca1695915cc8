//! What several stacks need beside their own files.

use crate::content::{Content, File};
use crate::request::{Network, Site};
use cluster::finding::Finding;
use cluster::inventory::Band;
use serde_json::json;

/// The 2.4 GHz channels' frequencies in MHz (IEEE 802.11, 15.4.4.3): 1 to 13, and 14.
pub const FREQUENCIES_2: [u32; 14] = [
    2412, 2417, 2422, 2427, 2432, 2437, 2442, 2447, 2452, 2457, 2462, 2467, 2472, 2484,
];
/// The 20 MHz channels of the 5 GHz band in MHz: 36 to 64, 100 to 144, 149 to 165.
pub const FREQUENCIES_5: [u32; 25] = [
    5180, 5200, 5220, 5240, 5260, 5280, 5300, 5320, 5500, 5520, 5540, 5560, 5580, 5600, 5620, 5640,
    5660, 5680, 5700, 5720, 5745, 5765, 5785, 5805, 5825,
];

/// A band's frequencies.
pub fn frequencies(band: Band) -> &'static [u32] {
    match band {
        Band::Ghz2 => &FREQUENCIES_2,
        Band::Ghz5 => &FREQUENCIES_5,
    }
}

/// An error finding: this stack cannot express that.
pub fn cannot(site: Site<'_>, network: Option<&Network>, what: &str, fix: &str) -> Finding {
    let stack = site.request.stack.as_str();
    let message = match network {
        Some(network) => format!(
            "{stack} cannot express the network {}: {what}",
            network.ssid
        ),
        None => format!("{stack} cannot express this: {what}"),
    };
    let number = network.and_then(|one| site.networks.iter().position(|n| std::ptr::eq(n, one)));
    let finding = Finding::error("wifi-target-cannot", site.node, message).fix(fix);
    match number {
        Some(number) => finding.evidence(json!({"network": number, "stack": stack})),
        None => finding,
    }
}

/// The country for the kernel's radio rules, set when the module is loaded: none of the stacks' own files reaches every
/// kernel and version.
pub fn country(site: Site<'_>) -> Option<File> {
    let country = site.request.country.as_ref()?;
    let text = format!(
        "# The country whose radio rules apply, from the start on.\noptions cfg80211 ieee80211_regdom={country}\n"
    );
    Some(File::new(
        "/etc/modprobe.d/pi-wifi.conf",
        Content::plain(text),
    ))
}

/// Power save off whenever the device appears, also after its module was loaded again.
pub fn power_save(site: Site<'_>) -> File {
    let interface = &site.request.interface;
    let text = format!(
        "# Power save off whenever the radio appears: with it on, links of Raspberry Pis become slow and drop.\n\
         ACTION==\"add|move\", SUBSYSTEM==\"net\", KERNEL==\"{interface}\", RUN+=\"/usr/sbin/iw dev {interface} set power_save off\"\n"
    );
    File::new("/etc/udev/rules.d/70-pi-wifi.rules", Content::plain(text))
}

/// What keeps Ethernet and Wi-Fi in one subnet both usable: by default the kernel answers ARP requests for any of its
/// addresses on any interface, so that others learn the wrong one, and drops what comes in where its own route goes out elsewhere
/// (Documentation/networking/ip-sysctl.rst).
pub const ONE_SUBNET: [(&str, u8); 3] = [("arp_ignore", 1), ("arp_announce", 2), ("rp_filter", 2)];

/// The file with [`ONE_SUBNET`] for both interfaces.
pub fn one_subnet(site: Site<'_>) -> Option<File> {
    let ethernet = site.request.ethernet.as_ref()?;
    let mut content = Content::plain(
        "# Ethernet and Wi-Fi may be in one subnet: each answers ARP for its own address only.\n",
    );
    for interface in [ethernet, &site.request.interface] {
        // A dot in an interface's name is written as a slash here (sysctl.d(5)).
        let interface = interface.replace('.', "/");
        for (name, value) in ONE_SUBNET {
            content.line(&format!("net.ipv4.conf.{interface}.{name} = {value}"));
        }
    }
    Some(File::new("/etc/sysctl.d/90-pi-wifi.conf", content))
}
