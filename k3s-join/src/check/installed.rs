//! What of K3s is there already: units, tokens, settings (failures 8, 9, 11 and 12).

use super::state::{State, Wish};
use cluster::finding::Finding;
use serde_json::json;

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let subject = wish.subject(state);
    if let Some(server) = &wish.server {
        url(server, subject, findings);
    }
    units(state, wish, subject, findings);
    tokens(state, wish, subject, findings);
    settings(state, wish, subject, findings);
    for (path, mode) in &state.k3s.open_secrets {
        let message = format!(
            "{path} has a secret in it and mode {mode:04o}: everybody on the node can read it"
        );
        findings.push(
            Finding::warning("k3s-secret-readable", subject, message)
                .fix(format!("sudo chmod 600 {path}")),
        );
    }
}

/// The URL that an agent would try for ever (failure 9).
fn url(server: &str, subject: &str, findings: &mut Vec<Finding>) {
    if let Err(problem) = crate::rehearse::url::Server::parse(server) {
        findings.push(
            Finding::error(
                "k3s-server-url",
                subject,
                format!("the server's URL {server:?}: {problem}"),
            )
            .fix("https://ADDRESS:6443"),
        );
    }
}

fn units(state: &State, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let k3s = &state.k3s;
    for unit in &k3s.unlimited {
        let message = format!(
            "{unit} may start for ever (TimeoutStartSec=0): where the server does not answer, starting it never ends"
        );
        findings.push(
            Finding::warning("k3s-unit-without-limit", subject, message)
                .fix("k3s-join --apply puts a limit beside it (a drop-in)"),
        );
    }
    let has = |name: &str| k3s.units.iter().any(|unit| unit == name);
    let other = match wish.role {
        Some(_) if wish.server_role() => has("k3s-agent.service").then_some("k3s-agent.service"),
        Some(_) => has("k3s.service").then_some("k3s.service"),
        None if has("k3s.service") && has("k3s-agent.service") => Some("k3s-agent.service"),
        None => None,
    };
    if let Some(unit) = other {
        let message = format!(
            "{unit} is installed from before, and is not this node's part now: both would run"
        );
        let script = if unit == "k3s.service" {
            "k3s-uninstall.sh"
        } else {
            "k3s-agent-uninstall.sh"
        };
        findings.push(
            Finding::error("k3s-other-role-installed", subject, message)
                .fix(format!("k3s-join --leave --apply, or sudo {script}"))
                .evidence(json!({"units": k3s.units})),
        );
    }
    if k3s.was_server && wish.role.is_some() && !wish.server_role() {
        let data = k3s.data.join("/server or ");
        let message =
            format!("a server's data is in {data}/server, and the node shall be an agent");
        findings.push(
            Finding::warning("k3s-server-data-left", subject, message).fix(
                "keep a copy, then remove the folder: it holds a cluster's keys and datastore",
            ),
        );
    }
    version(state, wish, subject, findings);
}

fn version(state: &State, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let (Some(found), Some(wanted)) = (&state.k3s.version, &wish.version) else {
        return;
    };
    if found != wanted {
        let message = format!("K3s {found} is installed, and the document has {wanted}");
        findings.push(
            Finding::warning("k3s-version-differs", subject, message).fix(
                "upgrade servers first, one at a time and no minor version skipped, then agents",
            ),
        );
    }
}

/// A token for another cluster, found without asking the server (failures 8 and 11).
fn tokens(state: &State, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let k3s = &state.k3s;
    if let (Some(pinned), Some(found)) = (&wish.token_hash, &k3s.agent_ca_hash)
        && pinned != found
    {
        let message = "the agent's own copy of the server's CA is not the one that the token pins: it was in another cluster, or the server was installed anew";
        findings.push(
            Finding::error("k3s-agent-of-another-cluster", subject, message)
                .fix("k3s-join --leave --apply removes the old agent's data and keeps the node's password")
                .evidence(json!({"token": pinned, "agent_ca": found})),
        );
    }
    if let (Some(wanted), Some(found), true) =
        (&wish.password_sha256, &k3s.token_sha256, wish.server_role())
        && wanted != found
    {
        let message = "the server's datastore was made with another token: K3s would stop with \"bootstrap data already found and encrypted with different token\"";
        findings.push(
            Finding::error("k3s-server-token-differs", subject, message)
                .fix("take the token from /var/lib/rancher/k3s/server/token, or `k3s token rotate` on the running server"),
        );
    }
}

fn settings(state: &State, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let k3s = &state.k3s;
    let of_environment = k3s.environment.get("K3S_URL").and_then(|url| url.clone());
    let of_file = k3s.settings.get("server").and_then(|s| s.value.clone());
    let from = [
        (of_environment, "K3S_URL in the unit's environment file"),
        (of_file, "server in K3s's configuration"),
    ];
    for (found, place) in from {
        if let (Some(found), Some(wanted)) = (found, &wish.server)
            && found.trim_end_matches('/') != wanted.trim_end_matches('/')
        {
            let message = format!("{place} is {found}, and the node shall join {wanted}");
            findings.push(
                Finding::error("k3s-server-url-differs", subject, message)
                    .fix("k3s-join --apply writes it; take the old one away"),
            );
        }
    }
    if k3s.environment.contains_key("K3S_TOKEN") && wish.token_hash.is_some() {
        let message = "K3S_TOKEN is in the unit's environment file from an earlier installation, and stands beside the token file";
        findings.push(
            Finding::warning("k3s-token-in-environment", subject, message)
                .fix("take the line from /etc/systemd/system/k3s*.service.env; rotate the token where others could read it"),
        );
    }
    for (key, setting) in &k3s.settings {
        let octal = key == "write-kubeconfig-mode"
            && !setting.quoted
            && setting
                .value
                .as_deref()
                .is_some_and(|v| v.starts_with('0') && v.len() == 4);
        if octal {
            let value = setting.value.as_deref().unwrap_or_default();
            let message = format!(
                "{key}: {value} in {} is read as an octal number and handed on as a decimal one",
                setting.file
            );
            findings.push(
                Finding::error("k3s-mode-unquoted", subject, message)
                    .fix(format!("{key}: \"{value}\"")),
            );
        }
    }
}
