//! The plan in the document: what was reviewed, and so what has to happen.

use crate::answer::NodeAnswer;
use crate::cli::Cli;
use crate::request::{Request, Wish};
use crate::state::DiskState;
use anyhow::Context;
use cluster::edge::node::host_name;
use cluster::edge::nodes::{Earlier, wished_beside_a_plan};
use cluster::finding::Finding;
use cluster::invalid::Invalid;
use cluster::inventory::Node;
use cluster::name::{FilesystemLabel, MountPoint};
use cluster::root::Root;
use cluster::run::Refusal;
use cluster::run::told::differs;
use serde_json::Value;
use std::path::Path;

/// The plan in the document for the node, or the only one for a machine that the document does not list.
pub(super) fn planned(
    earlier: &Earlier,
    chosen: Option<&Node>,
) -> anyhow::Result<Option<(String, Value)>> {
    let name = match chosen {
        Some(node) => node.name.as_str().to_owned(),
        None => {
            let root = Root::open(Path::new("/"))?;
            let host = host_name(&root).unwrap_or_default();
            match earlier.nodes.contains_key(&host) {
                true => host,
                false => "image".to_owned(),
            }
        }
    };
    let plan = earlier.plan(&name)?;
    Ok(plan.map(|plan| (name, plan)))
}

/// The request of the plan in the document, which is what was reviewed.
pub(super) fn request(cli: &Cli, name: &str, given: &Value) -> anyhow::Result<Request> {
    if cli.requests() {
        return Err(wished_beside_a_plan());
    }
    let path = format!("pi_partition.nodes.{name}.request");
    let request = given.get("request").cloned().unwrap_or_default();
    let request: Request = serde_json::from_value(request)
        .map_err(|error| Invalid::new(path.clone(), error.to_string()))?;
    checked(&path, &request)?;
    Ok(request)
}

/// The names in it are checked as those of flags and of a document's nodes are.
fn checked(path: &str, request: &Request) -> Result<(), Invalid> {
    if request.disk.is_empty() || request.disk.chars().any(char::is_control) {
        let problem = format!("expected the path of a disk, found {:?}", request.disk);
        return Err(Invalid::new(format!("{path}.disk"), problem));
    }
    for (index, wish) in request.partitions.iter().enumerate() {
        let invalid = |field: &str, problem: String| {
            Invalid::new(format!("{path}.partitions[{index}].{field}"), problem)
        };
        label(wish).map_err(|problem| invalid("label", problem))?;
        if let Some(mount) = &wish.mount {
            MountPoint::try_from(mount.clone()).map_err(|problem| invalid("mount", problem))?;
        }
    }
    Ok(())
}

fn label(wish: &Wish) -> Result<(), String> {
    let Some(label) = &wish.label else {
        return Ok(());
    };
    FilesystemLabel::try_from(label.clone())?;
    let limit = wish.filesystem.label_limit();
    match label.len() > limit {
        true => Err(format!("expected at most {limit} bytes, found {label:?}")),
        false => Ok(()),
    }
}

/// Refuses a disk that an option names beside a plan for another one.
///
/// # Errors
/// [`Refusal`] where it is another one.
pub(super) fn same_disk(cli: &Cli, request: &Request) -> anyhow::Result<()> {
    let Some(named) = &cli.disk else {
        return Ok(());
    };
    let planned = Path::new(&request.disk);
    let same = || Some(named.canonicalize().ok()? == planned.canonicalize().ok()?);
    if named == planned || same() == Some(true) {
        return Ok(());
    }
    let message = format!(
        "the plan in the document is for {}, and --disk names {}",
        request.disk,
        named.display()
    );
    let finding = Finding::error("partition-plan-differs", named.display().to_string(), message)
        .fix("leave --disk away to do what was planned; or plan for that disk, without --apply, and look at the new plan");
    Err(Refusal(finding).into())
}

/// What was reviewed is what happens: every field of the document's plan has to be as it is planned now.
pub(super) fn same(own: &NodeAnswer, given: &Value, disk: &DiskState) -> anyhow::Result<()> {
    let mut own = serde_json::to_value(own).context("describing the plan")?;
    let mut given = given.clone();
    for value in [&mut own, &mut given] {
        // What is mounted changes by itself; nothing is done by it.
        for partition in value["disk"]["partitions"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            if let Some(partition) = partition.as_object_mut() {
                partition.remove("mounted");
            }
        }
    }
    match differs("partition-plan-differs", &disk.path, &own, &given) {
        Some(finding) => Err(Refusal(finding).into()),
        None => Ok(()),
    }
}
