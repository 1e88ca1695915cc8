//! Pure: what is wished, turned into files and into what speaks for and against it.

use crate::content::File;
use crate::key::Key;
use crate::render;
use crate::request::{Network, Request, Site};
use crate::stack::Stack;
use crate::wish::on;
use cluster::finding::Finding;
use cluster::inventory::{Inventory, Os, Role, Security, Wifi, WifiAddress};
use cluster::plan::{Action, Check, KernelCall, Plan, Step};
use serde_json::json;

/// What is noticed of the document as a whole.
pub fn remarks(inventory: &Inventory, wifi: &Wifi, interface: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if wifi.country.is_none() && !wifi.networks.is_empty() {
        let message = "no country is named: Raspberry Pi OS keeps the radio blocked without one, and channels are missing elsewhere";
        findings.push(
            Finding::warning("wifi-country-missing", "wifi", message)
                .fix("name it in the document: \"country\": \"CH\""),
        );
    }
    if wifi.networks.is_empty() {
        findings.push(Finding::info(
            "wifi-none",
            "wifi",
            "the document names no network to join",
        ));
    }
    if matches!(wifi.address, WifiAddress::Fixed(_)) && inventory.nodes.len() > 1 {
        let message = format!(
            "the fixed address would be given to {} nodes",
            inventory.nodes.len()
        );
        let fix = format!(
            "write \"address\": \"dhcp\", or give each node \"interface\": {interface:?} and its own address"
        );
        findings.push(Finding::error("wifi-address-shared", "wifi", message).fix(fix));
    }
    let servers = inventory
        .nodes
        .iter()
        .filter(|node| node.role == Some(Role::Server) && on(node, interface));
    findings.extend(servers.map(|node| {
        let message = "a K3s server whose only address is on Wi-Fi: etcd and every agent wait for a link that sleeps and drops";
        Finding::warning("wifi-server", node.name.as_str(), message)
            .fix("connect it by cable, or make another node the server")
    }));
    findings.extend(sae(wifi));
    findings
}

/// WPA3 depends on the radio's firmware.
fn sae(wifi: &Wifi) -> Option<Finding> {
    let only = wifi
        .networks
        .iter()
        .any(|n| !n.open && n.security == Security::Wpa3);
    only.then(|| {
        let message = "WPA3 alone: a Pi's radio takes it with recent firmware only, and does not connect otherwise";
        Finding::warning("wifi-sae-firmware", "wifi", message)
            .fix("look at it with `pi-wifi --check -n` on the node, or write \"security\": \"mixed\"")
    })
}

/// What is noticed of one node.
pub fn node_remarks(name: &str, request: &Request) -> Vec<Finding> {
    let mut findings = Vec::new();
    if request.os.is_some_and(Os::is_rancher) {
        findings.push(Finding::warning(
            "wifi-os-unproven",
            name,
            "proven against the schema and template of RancherOS 1.5, not on a real one; stock images are reported not to start on a Pi 4",
        ));
    }
    if request.stack == Stack::WpaSupplicant && request.address.is_some() {
        let address = request.address.as_deref().unwrap_or_default();
        let gateway = request
            .gateway
            .map_or(String::new(), |g| format!("; static routers={g}"));
        let message = "wpa_supplicant's file holds no address";
        let fix = format!(
            "add to /etc/dhcpcd.conf: interface {}; static ip_address={address}{gateway}; metric {}",
            request.interface, request.route_metric
        );
        findings.push(Finding::warning("wifi-address-elsewhere", name, message).fix(fix));
    }
    if request.stack == Stack::Netplan
        && request
            .netplan
            .is_some_and(|range| !range.some_since(crate::stack::NetplanVersion(0, 105, 0)))
    {
        findings.push(
            Finding::info(
                "wifi-netplan-boot",
                name,
                "this netplan does not set the country: the kernel gets it when its module is loaded",
            )
            .fix("restart the node once after the first apply"),
        );
    }
    findings
}

/// Interface names that mean the same to every reader: a `*` would be a pattern to some.
pub fn check_interface(name: &str, interface: &str) -> Option<Finding> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if interface.bytes().all(plain) {
        return None;
    }
    let message = format!("the interface {interface:?} is a pattern or more to some of the stacks");
    Some(Finding::error("wifi-interface", name, message).fix("name one interface, such as wlan0"))
}

/// The files of a node, or why there are none.
pub fn files(site: Site<'_>) -> (Vec<File>, Vec<Finding>) {
    if let Some(finding) = check_interface(site.node, &site.request.interface) {
        return (Vec::new(), vec![finding]);
    }
    match render::files(site) {
        Ok(files) => (files, Vec::new()),
        Err(findings) => (Vec::new(), findings),
    }
}

/// The networks whose key is needed now and is not there: an error for each.
pub fn missing(networks: &[Network]) -> Vec<Finding> {
    let missing = networks.iter().enumerate();
    missing
        .filter(|(_, network)| matches!(network.key, Key::Missing))
        .map(|(index, network)| {
            let message = format!(
                "the key of {} is not there, and this format holds it",
                network.ssid
            );
            Finding::error(
                "wifi-secret-needed",
                format!("wifi.networks[{index}]"),
                message,
            )
            .fix("write the file that the document names, with mode 0600")
        })
        .collect()
}

/// The steps of a node's plan: what the radio needs, the trial, what lasts, and power save.
pub fn steps(site: Site<'_>, files: &[File], limit_s: u64) -> Vec<Step> {
    let request = site.request;
    let radio = request.stack != Stack::CloudConfig;
    let mut steps = Vec::new();
    if radio {
        steps.extend(radio_steps(request, limit_s));
    }
    steps.extend(
        files
            .iter()
            .enumerate()
            .map(|(number, file)| write_step(&format!("write-{}", number + 1), file)),
    );
    if request.stack == Stack::Systemd {
        let unit = render::systemd::unit(&request.interface);
        let why = "the radio's program starts with the system";
        steps.push(Step::enable_unit("enable", why, &unit));
        let why = "who gives the radio its address starts with the system";
        let networkd = "systemd-networkd.service";
        steps.push(Step::enable_unit("enable-networkd", why, networkd));
    }
    if radio {
        steps.push(power_save_step(&request.interface));
    }
    steps
}

/// What the radio needs, and the trial.
fn radio_steps(request: &Request, limit_s: u64) -> Vec<Step> {
    let why = "a radio that software blocked hears nothing; Raspberry Pi OS blocks it until a country is named";
    let mut steps = vec![kernel(
        "unblock",
        why,
        KernelCall::RadioUnblock,
        Check::RadioUnblocked,
    )];
    if let Some(country) = &request.country {
        let why = "the kernel answers before it has done so and says nothing of a country that it does not know, so it is read back";
        let call = KernelCall::RadioCountry {
            country: country.clone(),
        };
        let check = Check::RadioCountry {
            country: country.clone(),
        };
        steps.push(kernel("country", why, call, check));
    }
    let why = "the networks are given to the interface's owner at run time only; a second process takes that back when this one, or the connection that it was started from, ends";
    let networks = request.networks.iter();
    let check = Check::RadioConnected {
        interface: request.interface.clone(),
        ssids_hex: networks.map(|n| n.ssid_hex.clone()).collect(),
    };
    steps.push(Step::new("try", why, Action::WaitFor { limit_s }, check).harmless());
    steps
}

fn power_save_step(interface: &str) -> Step {
    let call = |enabled| KernelCall::RadioPowerSave {
        interface: interface.to_owned(),
        enabled,
    };
    let check = Check::RadioPowerSave {
        interface: interface.to_owned(),
        enabled: false,
    };
    let why = "with power save on, answers take longer and links of Pis drop; the files keep it off when the device returns";
    kernel("power-save", why, call(false), check).undo(Action::Kernel(call(true)))
}

fn kernel(id: &str, why: &str, call: KernelCall, check: Check) -> Step {
    Step::new(id, why, Action::Kernel(call), check).harmless()
}

/// A step that writes a file. The content is shown without its secrets, and so is its hash.
pub fn write_step(id: &str, file: &File) -> Step {
    let why = match file.content.is_secret() {
        true => "made permanent after the network was there; root alone may read it",
        false => "lasts over a restart",
    };
    let action = Action::WriteFile {
        path: file.path.clone(),
        content: file.content.shown(),
        mode: file.mode,
    };
    let check = Check::File {
        path: file.path.clone(),
        sha256: file.content.shown_sha256(),
    };
    Step::new(id, why, action, check)
}

/// The plan with its hashes. The state is what decides which steps there are: the stack and the interface.
pub fn plan(request: &Request, steps: Vec<Step>) -> Plan {
    Plan {
        tool: "pi-wifi".to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        request: serde_json::to_value(request).unwrap_or_default(),
        state: json!({"interface": request.interface, "stack": request.stack}),
        steps,
    }
}
