//! systemd-networkd for addresses, wpa_supplicant's unit for the radio.

use super::{common, wpa_supplicant};
use crate::content::{Content, File};
use crate::request::Site;
use cluster::finding::Finding;
use cluster::unit::escape;

/// The files of a node.
pub fn files(site: Site<'_>) -> Result<Vec<File>, Vec<Finding>> {
    let interface = &site.request.interface;
    let unit = unit(interface);
    let mut files = vec![
        File::new(supplicant_path(interface), wpa_supplicant::content(site)).private(),
        File::new(network_path("/etc", interface), network(site)),
        File::new(
            format!("/etc/systemd/system/{unit}.d/pi-wifi.conf"),
            Content::plain(
                "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestart=on-failure\nRestartSec=5\n",
            ),
        ),
    ];
    files.extend(common::country(site));
    files.push(common::power_save(site));
    files.extend(common::one_subnet(site));
    Ok(files)
}

/// networkd's file, below `/etc`, or below `/run` where a restart shall take it away; the former hides the latter.
pub(crate) fn network_path(folder: &str, interface: &str) -> String {
    format!("{folder}/systemd/network/25-pi-wifi-{interface}.network")
}

/// The file that the unit of wpa_supplicant reads.
pub fn supplicant_path(interface: &str) -> String {
    format!("/etc/wpa_supplicant/wpa_supplicant-{interface}.conf")
}

/// wpa_supplicant's unit for an interface (`systemd-escape --template=wpa_supplicant@.service`).
pub fn unit(interface: &str) -> String {
    format!("wpa_supplicant@{}.service", escape(interface))
}

pub(crate) fn network(site: Site<'_>) -> Content {
    let request = site.request;
    let metric = request.route_metric;
    let mut content = Content::plain(format!(
        "[Match]\nName={}\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nIgnoreCarrierLoss=3s\n",
        request.interface
    ));
    let Some(address) = &request.address else {
        content.text(&format!(
            "DHCP=yes\n\n[DHCPv4]\nRouteMetric={metric}\n\n[IPv6AcceptRA]\nRouteMetric={metric}\n"
        ));
        return content;
    };
    content.line(&format!("Address={address}"));
    for server in &request.dns {
        content.line(&format!("DNS={server}"));
    }
    if let Some(gateway) = request.gateway {
        content.text(&format!("\n[Route]\nGateway={gateway}\nMetric={metric}\n"));
    }
    content
}

#[cfg(test)]
mod tests {
    #[test]
    fn units_are_those_of_systemd_escape() {
        for (interface, unit) in [
            ("wlan0", "wpa_supplicant@wlan0.service"),
            ("wlan0.1", "wpa_supplicant@wlan0.1.service"),
            ("wl-a", "wpa_supplicant@wl\\x2da.service"),
            ("wl:0", "wpa_supplicant@wl:0.service"),
            (".wl", "wpa_supplicant@\\x2ewl.service"),
        ] {
            assert_eq!(super::unit(interface), unit);
        }
    }
}
