//! `--rehearse` against stand-ins for servers: each way of failing is named, and nothing but read-only paths is asked for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod standin;

use cluster::inventory::Role;
use cluster_tests::program::{Outcome, Program};
use cluster_tests::ran;
use k3s_join::rehearse::cacerts::Bundle;
use k3s_join::rehearse::ports::Peer;
use k3s_join::rehearse::token::Token;
use k3s_join::rehearse::url::Server;
use k3s_join::rehearse::{born, http};
use proptest::prelude::*;
use serde_json::Value;
use standin::{Ca, MARKER, Reply, Standin, k3s, run, settings};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct-horse-battery-staple";

/// A rehearsal's outcome.
struct Rehearsed {
    outcome: Outcome,
    answer: Value,
}

impl Rehearsed {
    fn run(arguments: &[&str], token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all: Vec<String> = ["-n", "--only", "--rehearse"].map(str::to_owned).to_vec();
        all.extend(arguments.iter().map(|a| (*a).to_owned()));
        if let Some(token) = token {
            let file: PathBuf = folder.path().join("token");
            std::fs::write(&file, format!("{token}\n")).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .unwrap();
            all.extend(["--token-file".to_owned(), file.display().to_string()]);
        }
        let outcome = Program::new(env!("CARGO_BIN_EXE_k3s-join"))
            .args(&all)
            .run()
            .unwrap();
        let shown = format!("{}{}", outcome.text(), outcome.stderr);
        for secret in [PASSWORD, MARKER] {
            assert!(!shown.contains(secret), "a secret is shown: {shown}");
        }
        let answer = outcome.json().unwrap();
        Self { outcome, answer }
    }

    fn against(server: &Standin, token: &str) -> Self {
        Self::run(&["--server", &server.url(), "--limit", "1"], Some(token))
    }

    /// The findings' ids, errors only.
    fn errors(&self) -> Vec<&str> {
        let findings = self.answer["findings"].as_array().unwrap();
        let errors = findings.iter().filter(|f| f["severity"] == "error");
        errors.map(|f| f["id"].as_str().unwrap()).collect()
    }

    fn steps(&self) -> Vec<String> {
        let ran = ran(&self.answer);
        let steps = ran["rehearsal"]["steps"].as_array().unwrap();
        let named = steps.iter().filter(|step| step["result"] != "skipped");
        named
            .map(|step| {
                format!(
                    "{} {}",
                    step["step"].as_str().unwrap(),
                    step["result"].as_str().unwrap()
                )
            })
            .collect()
    }

    fn fails_with(&self, id: &str, step: &str) {
        assert_eq!(
            (self.outcome.code, self.errors()),
            (Some(3), vec![id]),
            "{}",
            self.answer
        );
        assert_eq!(self.steps().last().unwrap(), &format!("{step} failed"));
        let findings = self.answer["findings"].as_array().unwrap();
        assert!(findings[0]["fix"].is_string(), "no remedy: {}", self.answer);
    }
}

fn only_read(server: &Standin) {
    for asked in server.asked() {
        let good =
            ["GET /ping", "GET /cacerts", "GET /v1-k3s/config+auth"].contains(&asked.as_str());
        assert!(good, "it asked for {asked}");
    }
}

/// The hash as `sha256sum` computes it.
fn sha256sum(bytes: &[u8]) -> String {
    run("sha256sum", &["-"], bytes)[..64].to_owned()
}

fn full(hash: &str, password: &str) -> String {
    format!("K10{hash}::server:{password}")
}

/// A server as it should be, and its token.
fn good() -> (Standin, String) {
    let ca = Ca::root("k3s-server-ca");
    let leaf = ca.server(&["127.0.0.1", "kubernetes"], 2026);
    let token = full(&sha256sum(ca.pem.as_bytes()), PASSWORD);
    (
        Standin::tls(&leaf, &[], k3s(ca.pem, PASSWORD, settings())),
        token,
    )
}

#[test]
fn a_good_server_passes_every_step_and_is_asked_for_nothing_else() {
    let (server, token) = good();
    let rehearsed = Rehearsed::against(&server, &token);
    assert_eq!(rehearsed.outcome.code, Some(0), "{}", rehearsed.answer);
    let steps = rehearsed.steps();
    assert_eq!(
        steps.len(),
        10,
        "all but the clock, which the stand-in does not tell: {steps:?}"
    );
    assert!(steps.iter().all(|step| step.ends_with("passed")));
    assert_eq!(
        server.asked(),
        ["GET /ping", "GET /cacerts", "GET /v1-k3s/config+auth"]
    );
    assert_eq!(
        ran(&rehearsed.answer)["rehearsal"]["token_form"],
        token
            .replace(PASSWORD, "<redacted>")
            .replace("server:", "node:")
    );
}

#[test]
fn a_server_to_be_is_tried_as_one_and_its_settings_are_compared() {
    let ca = Ca::root("k3s-server-ca");
    let leaf = ca.server(&["127.0.0.1"], 2026);
    let mut other = settings();
    other["ClusterIPRanges"][0]["IP"] = "10.52.0.0".into();
    other["EncryptSecrets"] = true.into();
    other["DisableServiceLB"] = true.into();
    let hash = sha256sum(ca.pem.as_bytes());
    let server = Standin::tls(&leaf, &[], k3s(ca.pem, PASSWORD, other));
    let arguments = ["--server", &server.url(), "--role", "server"];
    let rehearsed = Rehearsed::run(&arguments, Some(&full(&hash, PASSWORD)));
    assert_eq!(
        rehearsed.errors(),
        ["k3s-critical-setting-differs"; 3],
        "{}",
        rehearsed.answer
    );
    let shown = rehearsed.answer.to_string();
    assert!(
        shown.contains("cluster-cidr is 10.52.0.0/16 on the server and 10.42.0.0/16 for this node"),
        "{shown}"
    );
    assert!(
        shown.contains("secrets-encryption is true on the server and false"),
        "{shown}"
    );
    only_read(&server);
    // The servers' password is wrong: 401 for the user `server`, too.
    Rehearsed::run(&arguments, Some(&full(&hash, "wrong")))
        .fails_with("k3s-token-refused", "token");
}

#[test]
fn a_changed_ca_is_told_by_its_hash_and_the_token_stays_here() {
    let (server, _) = good();
    let stale = full(&sha256sum(b"the CA of before"), PASSWORD);
    Rehearsed::against(&server, &stale).fails_with("k3s-ca-hash-differs", "pin");
    assert_eq!(
        server.asked(),
        ["GET /ping", "GET /cacerts"],
        "the token was sent to a stranger"
    );
}

#[test]
fn a_token_without_a_hash_is_not_sent_unless_the_ca_is_pinned() {
    let (server, token) = good();
    let rehearsed = Rehearsed::against(&server, PASSWORD);
    rehearsed.fails_with("k3s-token-unpinned", "token");
    assert_eq!(server.asked(), ["GET /ping", "GET /cacerts"]);
    let hash = &token[3..67];
    assert_eq!(ran(&rehearsed.answer)["rehearsal"]["ca_hash"], hash);
    let pinned = Rehearsed::run(&["--server", &server.url(), "--pin", hash], Some(PASSWORD));
    assert_eq!(pinned.outcome.code, Some(0), "{}", pinned.answer);
    Rehearsed::run(&["--server", &server.url()], None).fails_with("k3s-token-not-given", "token");
}

#[test]
fn a_wrong_password_is_refused_and_a_bootstrap_token_is_a_bearer() {
    let (server, token) = good();
    let hash = token[3..67].to_owned();
    Rehearsed::against(&server, &full(&hash, "wrong")).fails_with("k3s-token-refused", "token");
    let ca = Ca::root("k3s-server-ca");
    let leaf = ca.server(&["127.0.0.1"], 2026);
    let (hash, good) = (
        sha256sum(ca.pem.as_bytes()),
        k3s(ca.pem.clone(), PASSWORD, settings()),
    );
    let server = Standin::tls(&leaf, &[], move |path, auth| match auth {
        Some("Bearer abcdef.0123456789abcdef") => Reply::Text(200, b"{}".to_vec()),
        other => good(path, other),
    });
    let rehearsed = Rehearsed::against(&server, &format!("K10{hash}::abcdef.0123456789abcdef"));
    assert_eq!(rehearsed.outcome.code, Some(0), "{}", rehearsed.answer);
}

/// The genuine certificates are public, so whoever stands between can hand them out with his own beside them.
#[test]
fn who_adds_an_authority_to_the_pinned_ones_gets_no_token() {
    let root = Ca::root("root");
    let signing = root.below("k3s-server-ca");
    let hash = sha256sum(&root.der);
    let own = Ca::root("k3s-server-ca");
    let node = signing.usurper("system:node:pi3");
    let added = format!("{}{}{}", signing.pem, root.pem, own.pem);
    // A node's own certificate leads to the root, too, and its key is the node's.
    let first = format!("{}{}{}", node.pem, signing.pem, root.pem);
    for (authority, chain, bundle) in [(&own, &own, added), (&node, &node, first)] {
        assert_eq!(Bundle::read(bundle.as_bytes()).unwrap().hash, hash);
        let leaf = authority.server(&["127.0.0.1"], 2026);
        let server = Standin::tls(&leaf, &[chain], k3s(bundle, PASSWORD, settings()));
        let rehearsed = Rehearsed::against(&server, &full(&hash, PASSWORD));
        assert_eq!(
            (
                rehearsed.outcome.code,
                rehearsed.steps().last().unwrap().as_str()
            ),
            (Some(3), "certificate failed"),
            "{}",
            rehearsed.answer
        );
        assert_eq!(
            server.asked(),
            ["GET /ping", "GET /cacerts"],
            "the token was sent to a stranger"
        );
    }
}

/// A first server that was made anew would start a second, empty cluster beside the one that is there.
#[test]
fn a_server_that_answers_says_that_the_cluster_is_there() {
    let (server, _) = good();
    let peer = |role| Peer {
        name: "pi2".to_owned(),
        address: server.address.ip(),
        role,
    };
    let limit = Duration::from_secs(1);
    let peers = [peer(Role::Server)];
    let found = born(peers.iter(), server.address.port(), limit).unwrap();
    assert_eq!(
        (found.id, found.subject.as_str()),
        ("k3s-cluster-exists", "pi2")
    );
    assert_eq!(server.asked(), ["GET /ping", "GET /cacerts"]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    assert_eq!(born(peers.iter(), closed.unwrap().port(), limit), None);
    let other = Standin::tls(
        &Ca::root("other").server(&["127.0.0.1"], 2026),
        &[],
        |_, _| Reply::Text(404, b"no".to_vec()),
    );
    assert_eq!(born(peers.iter(), other.address.port(), limit), None);
}

#[test]
fn several_certificates_are_pinned_by_their_root_as_openssl_computes_it() {
    let root = Ca::root("root");
    let between = root.below("intermediate");
    let signing = between.below("k3s-server-ca");
    let leaf = signing.server(&["127.0.0.1"], 2026);
    let bundle = format!("{}{}{}", signing.pem, between.pem, root.pem);
    let folder = tempfile::tempdir().unwrap();
    let der = folder.path().join("root.der");
    run(
        "openssl",
        &[
            "x509",
            "-outform",
            "DER",
            "-out",
            &der.display().to_string(),
        ],
        root.pem.as_bytes(),
    );
    let hash = sha256sum(&std::fs::read(der).unwrap());
    let server = Standin::tls(
        &leaf,
        &[&signing, &between],
        k3s(bundle.clone(), PASSWORD, settings()),
    );
    let rehearsed = Rehearsed::against(&server, &full(&hash, PASSWORD));
    assert_eq!(rehearsed.outcome.code, Some(0), "{}", rehearsed.answer);

    // The first does not lead to the others: the very bytes count.
    let strange = format!("{}{}", signing.pem, Ca::root("another").pem);
    let server = Standin::tls(
        &leaf,
        &[&signing, &between],
        k3s(strange.clone(), PASSWORD, settings()),
    );
    let rehearsed = Rehearsed::against(&server, &full(&sha256sum(strange.as_bytes()), PASSWORD));
    assert_eq!(rehearsed.steps()[6], "pin passed");

    // A root that has run out leads nowhere either.
    let old = Ca::of_year("old", 2001);
    let below = old.below("k3s-server-ca");
    let leaf = below.server(&["127.0.0.1"], 2026);
    let bundle = format!("{}{}", below.pem, old.pem);
    let server = Standin::tls(&leaf, &[], k3s(bundle.clone(), PASSWORD, settings()));
    let rehearsed = Rehearsed::against(&server, &full(&sha256sum(bundle.as_bytes()), PASSWORD));
    assert_eq!(rehearsed.steps()[6], "pin passed");
}

#[test]
fn names_and_dates_of_the_certificate_are_judged() {
    for (names, from, id) in [
        (
            &["10.9.8.7", "127.0.0.1.example.org"][..],
            2026,
            "k3s-certificate-wrong-name",
        ),
        (&["127.0.0.1"][..], 2150, "k3s-certificate-not-yet-valid"),
        (&["127.0.0.1"][..], 2001, "k3s-certificate-expired"),
    ] {
        let ca = Ca::root("k3s-server-ca");
        let hash = sha256sum(ca.pem.as_bytes());
        let server = Standin::tls(
            &ca.server(names, from),
            &[],
            k3s(ca.pem, PASSWORD, settings()),
        );
        let rehearsed = Rehearsed::against(&server, &full(&hash, PASSWORD));
        rehearsed.fails_with(id, "certificate");
        assert!(
            !server.asked().iter().any(|asked| asked.contains("auth")),
            "{id}"
        );
    }
    let ca = Ca::root("k3s-server-ca");
    let hash = sha256sum(ca.pem.as_bytes());
    let server = Standin::tls(
        &ca.server(&["localhost"], 2026),
        &[],
        k3s(ca.pem, PASSWORD, settings()),
    );
    let url = format!("https://localhost:{}", server.address.port());
    Rehearsed::run(&["--server", &url], Some(&full(&hash, PASSWORD)))
        .fails_with("k3s-certificate-no-loopback", "certificate");
}

#[test]
fn a_servers_clock_is_compared_with_this_ones() {
    let ca = Ca::root("k3s-server-ca");
    let hash = sha256sum(ca.pem.as_bytes());
    let good = k3s(ca.pem.clone(), PASSWORD, settings());
    let leaf = ca.server(&["127.0.0.1"], 2026);
    let server = Standin::tls(&leaf, &[], move |path, auth| match path {
        "/ping" => Reply::Dated("Thu, 01 Jan 2032 00:00:00 GMT", b"pong".to_vec()),
        _ => good(path, auth),
    });
    let rehearsed = Rehearsed::against(&server, &full(&hash, PASSWORD));
    // The certificate is valid all the same: it is a warning.
    assert_eq!(rehearsed.outcome.code, Some(0), "{}", rehearsed.answer);
    let first = &rehearsed.answer["findings"][0];
    assert_eq!(first["id"], "k3s-clock-differs");
    assert_eq!(first["evidence"]["server_s"], 1_956_528_000);
    assert_eq!(rehearsed.steps().len(), 11);
}

#[test]
fn the_clusters_networks_must_not_hold_this_nodes_addresses() {
    let ca = Ca::root("k3s-server-ca");
    let hash = sha256sum(ca.pem.as_bytes());
    let mut config = settings();
    // All of IPv4 but the loopback's half, for whatever this machine has.
    config["ClusterIPRanges"] = serde_json::json!([
        {"IP": "0.0.0.0", "Mask": "wAAAAA=="}, {"IP": "128.0.0.0", "Mask": "gAAAAA=="}, {"IP": "64.0.0.0", "Mask": "4AAAAA=="}
    ]);
    let server = Standin::tls(
        &ca.server(&["127.0.0.1"], 2026),
        &[],
        k3s(ca.pem, PASSWORD, config),
    );
    let rehearsed = Rehearsed::against(&server, &full(&hash, PASSWORD));
    let addresses = run(
        "ip",
        &["-4", "-o", "address", "show", "scope", "global"],
        b"",
    );
    let expected = if addresses.is_empty() {
        Some(0)
    } else {
        Some(3)
    };
    assert_eq!(rehearsed.outcome.code, expected, "{}", rehearsed.answer);
    if expected == Some(3) {
        assert!(
            rehearsed.errors().contains(&"k3s-cluster-network-overlaps"),
            "{}",
            rehearsed.answer
        );
    }
}

#[test]
fn a_proxy_that_ends_tls_is_seen_by_its_certificate() {
    let ca = Ca::root("k3s-server-ca");
    let hash = sha256sum(ca.pem.as_bytes());
    let proxy = Ca::root("Some Company Proxy").server(&["127.0.0.1"], 2026);
    let server = Standin::tls(&proxy, &[], k3s(ca.pem, PASSWORD, settings()));
    Rehearsed::against(&server, &full(&hash, PASSWORD))
        .fails_with("k3s-certificate-foreign", "certificate");
    assert!(!server.asked().iter().any(|asked| asked.contains("auth")));
}

#[test]
fn what_listens_and_is_no_k3s_is_named() {
    let token = full(&"a".repeat(64), PASSWORD);
    let ca = Ca::root("ca");
    let leaf = ca.server(&["127.0.0.1"], 2026);
    let page = |_: &str, _: Option<&str>| Reply::Text(200, b"<html>router</html>".to_vec());
    Rehearsed::against(&Standin::plain(page), &token).fails_with("k3s-server-plain-http", "tls");
    Rehearsed::against(&Standin::tls(&leaf, &[], page), &token)
        .fails_with("k3s-server-not-k3s", "ping");
    let ssh = Standin::listen(|mut tcp, _| {
        drop(std::io::Write::write_all(
            &mut tcp,
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
        ))
    });
    Rehearsed::against(&ssh, &token).fails_with("k3s-server-not-tls", "tls");
    let closes = Standin::listen(|tcp, _| drop(tcp));
    Rehearsed::against(&closes, &token).fails_with("k3s-server-tls-closed", "tls");
    let starting = Standin::tls(&leaf, &[], |_, _| Reply::Text(503, Vec::new()));
    Rehearsed::against(&starting, &token).fails_with("k3s-server-starting", "ping");
    let pong = Standin::tls(&leaf, &[], |path, _| match path {
        "/ping" => Reply::Text(200, b"pong".to_vec()),
        _ => Reply::Text(
            200,
            b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n".to_vec(),
        ),
    });
    Rehearsed::against(&pong, &token).fails_with("k3s-cacerts-unreadable", "cacerts");
}

#[test]
fn nothing_takes_longer_than_its_limit() {
    let token = full(&"a".repeat(64), PASSWORD);
    let leaf = Ca::root("ca").server(&["127.0.0.1"], 2026);
    let timed = |server: &Standin, id: &str, step: &str| {
        let begun = Instant::now();
        Rehearsed::against(server, &token).fails_with(id, step);
        // One second a step; the machine may be busy.
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "{id}: {:?}",
            begun.elapsed()
        );
    };
    let silent = Standin::listen(|tcp, _| {
        std::thread::sleep(Duration::from_secs(60));
        drop(tcp);
    });
    timed(&silent, "k3s-server-tls-silent", "tls");
    timed(
        &Standin::tls(&leaf, &[], |_, _| Reply::Silent),
        "k3s-server-slow",
        "ping",
    );
    timed(
        &Standin::tls(&leaf, &[], |_, _| Reply::Trickle),
        "k3s-server-slow",
        "ping",
    );
    timed(
        &Standin::tls(&leaf, &[], |_, _| Reply::Endless),
        "k3s-server-answer-endless",
        "ping",
    );
    timed(
        &Standin::tls(&leaf, &[], |_, _| Reply::Close),
        "k3s-server-not-k3s",
        "ping",
    );
}

#[test]
fn nobody_there_and_a_url_that_leads_nowhere() {
    let token = full(&"a".repeat(64), PASSWORD);
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = format!("https://127.0.0.1:{port}");
    let rehearsed = Rehearsed::run(&["--server", &nobody], Some(&token));
    rehearsed.fails_with("k3s-server-refused", "tcp");
    assert!(rehearsed.answer.to_string().contains("nothing listens"));
    for url in [
        "http://127.0.0.1:6443",
        "https://127.0.0.1",
        "127.0.0.1:6443",
        "https://127.0.0.1:x",
        "https://u:p@a:6443",
        "https://:6443",
    ] {
        Rehearsed::run(&["--server", url], Some(&token)).fails_with("k3s-server-url", "url");
    }
    Rehearsed::run(
        &[
            "--server",
            "https://no-such-host.invalid:6443",
            "--limit",
            "2",
        ],
        Some(&token),
    )
    .fails_with("k3s-server-name-unknown", "address");
}

#[test]
fn a_token_that_cannot_be_one_is_said_without_showing_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("K10abc::{PASSWORD}")).unwrap();
    let file = file.display().to_string();
    let arguments = [
        "-n",
        "--rehearse",
        "--server",
        "https://127.0.0.1:1",
        "--token-file",
        &file,
    ];
    let outcome = Program::new(env!("CARGO_BIN_EXE_k3s-join"))
        .args(arguments)
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("64 hexadecimal digits") && !outcome.stderr.contains(PASSWORD),
        "{}",
        outcome.stderr
    );
}

/// A server's bytes, and a place for what it is asked.
struct Wire<'a>(&'a [u8], Vec<u8>);

impl std::io::Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // A few at a time, as a network may bring them.
        let length = buffer.len().min(7);
        self.0.read(&mut buffer[..length])
    }
}

impl std::io::Write for Wire<'_> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.1.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_a_server_sends_is_an_answer_or_a_refusal(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = http::get(&mut Wire(&bytes, Vec::new()), "h", "/ping", None);
        let chunked = [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], &bytes].concat();
        let _ = http::get(&mut Wire(&chunked, Vec::new()), "h", "/ping", None);
        let pem = [&b"-----BEGIN CERTIFICATE-----\n"[..], &bytes, b"\n-----END CERTIFICATE-----\n"].concat();
        prop_assert!(Bundle::read(&bytes).is_err() && Bundle::read(&pem).is_err());
    }

    #[test]
    fn a_body_in_chunks_comes_together(body in proptest::collection::vec(any::<u8>(), 0..3000), size in 1usize..700) {
        let mut sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(size) {
            sent.extend(format!("{:X}\r\n", chunk.len()).bytes());
            sent.extend(chunk);
            sent.extend(b"\r\n");
        }
        sent.extend(b"0\r\n\r\n");
        let answer = http::get(&mut Wire(&sent, Vec::new()), "h", "/cacerts", None).unwrap();
        prop_assert_eq!(answer.body, body);
    }

    #[test]
    fn tokens_and_urls_of_any_kind_are_read_or_refused(text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(token) = Token::parse(&bytes) {
            prop_assert!(!token.password().is_empty());
        }
        let _ = Token::parse(&[b"K10", bytes.as_slice()].concat());
        if let Ok(server) = Server::parse(&text) {
            prop_assert_eq!(Server::parse(&server.to_string()).unwrap(), server);
        }
        if let Ok(server) = Server::parse(&format!("https://{text}")) {
            prop_assert_eq!(Server::parse(&server.to_string()).unwrap(), server);
        }
    }
}
