//! A dynamic inventory for Ansible: what an inventory script prints for `--list`, with all variables in it, so that Ansible
//! does not ask again for each host. The groups are those of k3s-ansible: `server` and `agent` below `k3s_cluster`.

use super::chosen;
use crate::answer::Answer;
use crate::platform::{Platform, os_name};
use cluster::inventory::Role;
use serde_json::{Map, Value, json};

/// The inventory. No secret is in it, and no free text either: Ansible would take `{{ … }}` in it for a template.
pub fn inventory(answer: &Answer) -> Value {
    let mut hostvars = Map::new();
    let mut groups = [Vec::new(), Vec::new()];
    for (name, node) in chosen(answer, None) {
        let mut vars = json!({
            "cluster_os": os_name(node.request.os),
            "k3s_version": node.request.version,
            "k3s_unit": node.unit,
        });
        if let Some(fields) = vars.as_object_mut() {
            if let Some(address) = node.request.address {
                fields.insert("ansible_host".to_owned(), json!(address));
            }
            // No Python there: only `raw` works, which asks for none.
            if Platform::new(node.request.os, None).is_rancher() {
                fields.insert("ansible_user".to_owned(), json!("rancher"));
            }
        }
        hostvars.insert(name.to_owned(), vars);
        groups[usize::from(node.role == Role::Agent)].push(name);
    }
    let server = answer.ha.as_ref().and_then(|ha| ha.server.clone());
    json!({
        "_meta": {"hostvars": hostvars},
        "agent": {"hosts": groups[1]},
        "k3s_cluster": {"children": ["server", "agent"], "vars": {"k3s_server_url": server}},
        "server": {"hosts": groups[0]},
    })
}
