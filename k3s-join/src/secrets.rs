//! The secret files: whether they are there and what they hold is looked at while planning, and what stands in them goes
//! into artefacts only.

use crate::answer::FileAnswer;
use crate::ca;
use crate::request::Request;
use crate::token::{self, Which};
use anyhow::{Context, bail};
use cluster::command::quote;
use cluster::finding::{Finding, Severity};
use cluster::secret::Secrets;
use std::path::Path;

/// Looks at the tokens and the certificate authorities. `needed` says that they are to go out now.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn look(secrets: &Secrets, request: &mut Request, needed: bool) -> anyhow::Result<()> {
    let mut findings = Vec::new();
    let files = [
        (Which::Server, request.token_file()),
        (Which::Agent, request.agent_token_file()),
    ];
    let mut found = Vec::new();
    for (which, file) in files {
        let shown = secrets.path(&file).display().to_string();
        match secrets.read(&file, &mut findings)? {
            Some(secret) => {
                findings.extend(token::faults(which, &shown, &secret));
                found.push(secret);
            }
            None => findings.push(missing_token(which, &shown)),
        }
    }
    if let [server, agent] = found.as_slice()
        && server == agent
    {
        findings.push(
            Finding::warning(
                "k3s-tokens-equal",
                request.agent_token_file().display().to_string(),
                "agents have the servers' token: whoever reads it on an agent is the cluster's administrator",
            )
            .fix("put another password into it before the cluster is born"),
        );
    }
    if let Some(folder) = request.k3s.ca_dir.clone() {
        match ca::pin(&secrets.path(&folder))? {
            Some(pin) => request.ca = Some((folder, pin)),
            None => findings.push(missing_ca(&secrets.path(&folder), needed)),
        }
    }
    request.findings.extend(findings);
    Ok(())
}

fn missing_token(which: Which, file: &str) -> Finding {
    Finding::warning(
        "k3s-token-missing",
        file,
        format!("the {which} is not there yet"),
    )
    .fix(token::recipe(file))
}

/// Without its hash the tokens would go out unpinned, and a server that is started without it makes its own for good: so no
/// artefact is made without it, and no node.
fn missing_ca(folder: &Path, needed: bool) -> Finding {
    let severity = if needed {
        Severity::Error
    } else {
        Severity::Warning
    };
    let message = "the certificate authorities are not there yet, so the tokens cannot pin them";
    let folder = folder.display().to_string();
    Finding::new(severity, "k3s-ca-missing", &folder, message)
        .fix(format!("k3s-join -n --make-ca {}", quote(&folder)))
}

/// A file's content as it goes onto the node.
///
/// # Errors
/// A secret file is not there, or cannot be read.
pub fn content(secrets: &Secrets, file: &FileAnswer) -> anyhow::Result<Vec<u8>> {
    let Some(path) = &file.secret_file else {
        return Ok(file.content.clone().into_bytes());
    };
    // Who else can read the file was said while planning.
    let Some(secret) = secrets.read(Path::new(path), &mut Vec::new())? else {
        bail!(
            "reading the secret file {}: it is not there",
            secrets.path(Path::new(path)).display()
        );
    };
    let mut content = file.prefix.clone().into_bytes();
    content.extend_from_slice(secret.reveal());
    content.push(b'\n');
    Ok(content)
}

/// A file's permissions as a number.
///
/// # Errors
/// They are not octal digits.
pub fn mode(file: &FileAnswer) -> anyhow::Result<u32> {
    u32::from_str_radix(&file.mode, 8)
        .with_context(|| format!("reading the permissions of {}", file.path))
}
