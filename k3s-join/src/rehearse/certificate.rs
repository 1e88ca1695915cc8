//! The certificate that a server shows: from its own CA, valid now, for this name and for agents' own proxy.

use super::cacerts::Bundle;
use super::tls::{Shown, roots, verify};
use super::url::Server;
use super::{Step, Stop};
use crate::check::date;
use cluster::finding::Finding;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};
use serde_json::json;
use std::time::Duration;

/// Where systems keep the certificates that they trust.
const SYSTEM: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];
/// Clocks that differ by less are no concern of certificates.
const LEEWAY_S: i64 = 60;

/// What joining would fail at, or what is worth knowing.
pub(super) fn check(
    server: &Server,
    shown: &Shown,
    bundle: &Bundle,
    now: Duration,
) -> Step<Vec<Finding>> {
    let subject = server.to_string();
    let at = UnixTime::since_unix_epoch(now);
    let Ok(name) = ServerName::try_from(server.host.as_str()) else {
        return Ok(Vec::new());
    };
    let of_bundle = roots(&bundle.pinned);
    verify(shown, of_bundle.clone(), &name, at)
        .map_err(|error| Stop::from(failed(&subject, server, &error, now)))?;
    let mut findings = Vec::new();
    let Ok(loopback) = ServerName::try_from("127.0.0.1") else {
        return Ok(findings);
    };
    if let Err(Error::InvalidCertificate(error)) = verify(shown, of_bundle, &loopback, at)
        && is_name(&error)
    {
        let message = "its certificate does not name 127.0.0.1, by which every agent reaches it through its own proxy";
        return Err(Stop::from(
            Finding::error("k3s-certificate-no-loopback", subject, message)
                .fix("on the server: rm /var/lib/rancher/k3s/server/tls/dynamic-cert.json and restart K3s, which makes a new one")
                .evidence(json!({"presented": presented(&error)})),
        ));
    }
    let trusted = system();
    if !trusted.is_empty() && verify(shown, roots(&trusted), &name, at).is_ok() {
        let message = "this system trusts the server's certificate of itself, and K3s then does not compare the hash that the token pins; here it was compared";
        findings.push(
            Finding::warning("k3s-certificate-trusted", subject, message).fix(
                "take the CA from /usr/local/share/ca-certificates where it does not belong there",
            ),
        );
    }
    Ok(findings)
}

fn system() -> Vec<CertificateDer<'static>> {
    let content = SYSTEM
        .into_iter()
        .find_map(|path| std::fs::read(path).ok())
        .unwrap_or_default();
    CertificateDer::pem_slice_iter(&content)
        .filter_map(Result::ok)
        .collect()
}

fn is_name(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    )
}

fn presented(error: &CertificateError) -> Vec<String> {
    match error {
        CertificateError::NotValidForNameContext { presented, .. } => presented.clone(),
        _ => Vec::new(),
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// What to do about a clock that a certificate does not fit.
const CLOCK: &str = "set this node's clock: timedatectl set-ntp true; where it is right, the server's was wrong when it made the certificate";
/// What to do about a certificate that has run out.
const RENEW: &str = "restart K3s on the server, which renews it; or set this node's clock";

fn failed(subject: &str, server: &Server, error: &Error, now: Duration) -> Finding {
    let invalid = |why: String| {
        Finding::error(
            "k3s-certificate-invalid",
            subject,
            format!("its certificate is not accepted: {why}"),
        )
        .fix("journalctl -u k3s on the server")
    };
    let Error::InvalidCertificate(why) = error else {
        return invalid(error.to_string());
    };
    if let Some(finding) = wrong_time(subject, why, now) {
        return finding;
    }
    match why {
        name if is_name(name) => {
            let found = presented(name);
            let message = format!(
                "its certificate does not name {}; it names {}",
                server.host,
                found.join(", ")
            );
            Finding::error("k3s-certificate-wrong-name", subject, message)
                .fix(format!("tls-san: [{}] in the server's configuration, and restart it; or give the server by a name that it has", server.host))
                .evidence(json!({"presented": found}))
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            let message = "its certificate does not come from the CA that it hands out: a proxy or load balancer between ends TLS, and nodes cannot log in through one";
            Finding::error("k3s-certificate-foreign", subject, message)
                .fix("let the proxy pass TCP through, or give the server's own address")
        }
        other => invalid(format!("{other:?}")),
    }
}

/// What speaks against the certificate at this time.
fn wrong_time(subject: &str, why: &CertificateError, now: Duration) -> Option<Finding> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let clock = format!("this node's clock says {}", date(now));
    let (id, bound, evidence, fix) = match why {
        CertificateError::NotValidYetContext { not_before, .. } => {
            let from = seconds(*not_before);
            let bound = format!("is not valid before {}", date(from));
            (
                "k3s-certificate-not-yet-valid",
                bound,
                json!({"not_before_s": from, "now_s": now}),
                CLOCK,
            )
        }
        CertificateError::NotValidYet => (
            "k3s-certificate-not-yet-valid",
            "is not valid yet".to_owned(),
            json!({"now_s": now}),
            CLOCK,
        ),
        CertificateError::ExpiredContext { not_after, .. } => {
            let until = seconds(*not_after);
            let bound = format!("was valid until {}", date(until));
            (
                "k3s-certificate-expired",
                bound,
                json!({"not_after_s": until, "now_s": now}),
                RENEW,
            )
        }
        CertificateError::Expired => (
            "k3s-certificate-expired",
            "has expired".to_owned(),
            json!({"now_s": now}),
            RENEW,
        ),
        _ => return None,
    };
    let message = format!("its certificate {bound}, and {clock}");
    Some(
        Finding::error(id, subject, message)
            .fix(fix)
            .evidence(evidence),
    )
}

/// The server's clock beside this node's.
pub(super) fn clocks(url: &str, server: i64, now: i64) -> Option<Finding> {
    let difference = server - now;
    if difference.abs() <= LEEWAY_S {
        return None;
    }
    let (amount, way) = (
        difference.abs(),
        if difference > 0 { "behind" } else { "ahead of" },
    );
    let message = format!(
        "this node's clock is {amount} s {way} the server's ({} here, {} there)",
        date(now),
        date(server)
    );
    Some(
        Finding::warning("k3s-clock-differs", url, message)
            .fix("timedatectl set-ntp true on both")
            .evidence(json!({"here_s": now, "server_s": server})),
    )
}
