//! What each node needs to become a K3s server or agent.
//!
//! The document's sections become one [`request`]; [`roles`] says who is a server; [`plan`] turns that into what each node
//! gets, [`refuse`] names what speaks against it, and each of the [`render`]ings writes it down. All of that is pure. What
//! acts is [`ca`], which makes the certificate authorities, and [`secrets`], which reads the secret files.
//!
//! On a node, or on its card, [`observe`] reads what it is and [`check`] judges it, [`rehearse`] goes the way to a server as
//! far as nothing is changed by it, and [`apply`] makes the node what is planned; [`here`] joins these.

pub mod answer;
pub mod apply;
pub mod ca;
pub mod check;
pub mod cli;
pub mod here;
pub mod k3sup;
pub mod kernel_line;
pub mod keys;
pub mod observe;
pub mod plan;
pub mod platform;
pub mod ports;
pub mod refuse;
pub mod rehearse;
pub mod remove;
pub mod render;
pub mod request;
pub mod roles;
pub mod secrets;
pub mod token;
pub mod version;

use answer::Answer;
use anyhow::Context;
use ca::CaAnswer;
use cli::Cli;
use cluster::edge::node::unknown;
use cluster::edge::nodes::Earlier;
use cluster::edge::{Form, Input, Tool};
use cluster::finding::{Finding, Severity};
use cluster::name::Label;
use plan::Shared;
use request::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use token::Which;

/// This program's name, as its files and journals have it.
pub const TOOL: &str = "k3s-join";

/// What the program is asked to do: one of its modes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mode {
    /// Say what each node needs.
    #[default]
    Plan,
    /// Make the certificate authorities in this folder.
    MakeCa(PathBuf),
    /// Say how this node leaves.
    Remove(Label),
    /// Look at a node, rehearse joining, or act on it.
    Here,
}

/// The answer and what was noticed.
///
/// # Errors
/// Input that is not valid, a secret file that cannot be read, certificate authorities that cannot be written.
pub fn answer(cli: &Cli, input: &Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let mut request =
        Request::read(&input.inventory, input.document).context("reading the document")?;
    if !request.nodes().is_empty() {
        let applied = cli.node.apply && !cli.here.leave;
        let needed = applied || cli.form() == Form::Artefact;
        secrets::look(&cli.secrets, &mut request, needed)?;
    }
    match cli.mode() {
        Mode::Plan => Ok(plan::plan(&request)),
        Mode::MakeCa(folder) => make_ca(cli, request, &folder),
        Mode::Remove(node) => remove(&request, &node),
        Mode::Here => on_node(cli, &request, input),
    }
}

/// What a node is, how joining would go, or what was done there, beside what is planned for it.
fn on_node(
    cli: &Cli,
    request: &Request,
    input: &Input<'_>,
) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let (mut answer, mut findings) = match request.nodes() {
        [] => (Answer::default(), Vec::new()),
        _ => plan::plan(request),
    };
    // Advice about the cluster has its place in the plan.
    findings.retain(|finding| finding.severity != Severity::Info);
    let earlier = Earlier::of(input.document, "k3s_join")?;
    let blocked = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let (name, report, more) = here::run(cli, request, &answer, &earlier, blocked)?;
    findings.extend(more);
    answer.changed = report.changed();
    answer.pending = report.pending().unwrap_or(answer.pending);
    let own = BTreeMap::from([(name.clone(), report)]);
    let (runs, _) = runs(earlier)?.join(own, "k3s-kept-answer", &mut findings);
    for (name, run) in runs {
        answer.nodes.entry(name).or_default().run = Some(run);
    }
    answer.here = Some(name);
    Ok((answer, findings))
}

/// What came of the last run on each node: what is planned is planned anew, for all of them.
fn runs(earlier: Earlier) -> anyhow::Result<Earlier> {
    #[derive(Deserialize)]
    struct Node {
        run: Option<Box<RawValue>>,
    }
    let mut nodes = BTreeMap::new();
    for (name, raw) in earlier.nodes {
        let node: Node = serde_json::from_str(raw.get()).context("reading the document")?;
        nodes.extend(node.run.map(|run| (name, run)));
    }
    Ok(Earlier { nodes })
}

/// Makes the certificate authorities, and plans with them.
fn make_ca(
    cli: &Cli,
    mut request: Request,
    folder: &Path,
) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let server = match &cli.here.server {
        Some(server) => server.clone(),
        None => Shared::new(&request)
            .url
            .unwrap_or_else(|| "https://127.0.0.1:6443".to_owned()),
    };
    let name = request.inventory.name.as_ref();
    let name = name.map_or("k3s", |name| name.as_str());
    let made = ca::make(name, &server, now_s()?)?;
    if !ca::store(folder, &made)? {
        return Ok((Answer::default(), vec![ca_exists(folder)]));
    }
    request.ca = Some((folder.to_owned(), made.pin.clone()));
    // They are there now.
    request
        .findings
        .retain(|finding| finding.id != "k3s-ca-missing");
    let (mut answer, mut findings) = match request.nodes() {
        [] => (Answer::default(), Vec::new()),
        _ => plan::plan(&request),
    };
    findings.push(ca_made(folder));
    answer.ca = Some(CaAnswer {
        folder: folder.display().to_string(),
        server_token_prefix: made.pin.prefix(Which::Server),
        agent_token_prefix: made.pin.prefix(Which::Agent),
        files: made.files.iter().map(|(path, ..)| path.clone()).collect(),
        certificates: made.certificates,
        sha256: made.pin.0,
        server,
    });
    Ok((answer, findings))
}

/// Seconds since 1970.
fn now_s() -> anyhow::Result<i64> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("reading the clock")?;
    i64::try_from(now.as_secs()).context("reading the clock")
}

fn ca_exists(folder: &Path) -> Finding {
    let message = format!(
        "something is in {} already: certificate authorities are never written over",
        folder.display()
    );
    Finding::error("k3s-ca-exists", folder.display().to_string(), message)
        .fix("name another folder, or move that one away once no cluster needs it")
}

fn ca_made(folder: &Path) -> Finding {
    let message = "no node needs root-ca.key and intermediate-ca.key: keep them where the cluster is not; who has any of these keys, or the kubeconfig, is its administrator";
    Finding::info("k3s-ca-made", folder.display().to_string(), message)
        .fix("name the folder in k3s.ca_dir and plan again")
}

/// How a node leaves. What speaks against the cluster as a whole speaks against that too.
fn remove(request: &Request, node: &Label) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let nodes = request.nodes();
    let Some(at) = nodes.iter().position(|known| known.name == *node) else {
        let known = nodes.iter().map(|node| node.name.as_str());
        return Err(unknown(node, "--remove", known)).context("reading the arguments");
    };
    let (mut answer, mut findings) = plan::plan(request);
    findings.retain(|finding| finding.severity == Severity::Error);
    let (removal, more) = remove::removal(&Shared::new(request), at);
    findings.extend(more);
    answer.removal = Some(removal);
    Ok((answer, findings))
}
