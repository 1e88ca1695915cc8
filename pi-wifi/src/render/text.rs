//! The answer for people.

use crate::answer::{Answer, NodeAnswer};
use crate::request::{Request, Source};
use cluster::edge::nodes::Entry;
use cluster::edge::{Verdict, findings_text};
use cluster::inventory::Security;
use cluster::name::escape_controls;
use cluster::plan::steps_text;

/// The text of a verdict.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let mut text = String::new();
    for (name, entry) in &verdict.answer.nodes {
        match entry {
            Entry::New(node) => node_text(&mut text, name, node),
            Entry::Kept(_) => text.push_str(&format!("{name}: as in the document\n\n")),
        }
    }
    text.push_str(&findings_text(&verdict.findings));
    text
}

fn node_text(text: &mut String, name: &str, node: &NodeAnswer) {
    match &node.request {
        Some(request) => request_text(text, name, request),
        None => text.push_str(&format!("{name}: {}\n", node.interface)),
    }
    if let Some(report) = &node.check {
        text.push_str(&report.text());
    }
    for file in &node.files {
        text.push_str(&format!(
            "  {}  {}\n",
            file.mode,
            escape_controls(&file.path)
        ));
    }
    if !node.steps.is_empty() {
        text.push_str(match node.changed {
            true => "Done:\n",
            false => "Steps, with --apply:\n",
        });
        text.push_str(&steps_text(&node.steps));
    }
    text.push('\n');
}

fn request_text(text: &mut String, name: &str, request: &Request) {
    let country = request.country.as_deref().unwrap_or("no country");
    let address = request.address.as_deref().unwrap_or("DHCP");
    text.push_str(&format!(
        "{name}: {}, {}, {country}, {address}, metric {}\n",
        request.interface,
        request.stack.as_str(),
        request.route_metric
    ));
    for network in &request.networks {
        let ssid = match &network.ssid {
            Some(ssid) => escape_controls(&format!("{ssid:?}")).into_owned(),
            None => format!("0x{}", network.ssid_hex),
        };
        let (security, key) = match (&network.key, network.security) {
            (Source::Open, _) => ("open", String::new()),
            (Source::PskFile(file) | Source::PskHexFile(file), security) => {
                let word = match security {
                    Security::Wpa2 => "WPA2",
                    Security::Wpa3 => "WPA3",
                    Security::Mixed => "WPA2 or WPA3",
                };
                (word, format!(", key in {}", file.display()))
            }
        };
        let hidden = if network.hidden { ", hidden" } else { "" };
        let line = format!("  {ssid}: {security}{key}{hidden}");
        text.push_str(&format!("{}\n", escape_controls(&line)));
    }
}
