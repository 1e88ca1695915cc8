//! The report as a browser shows it: headless Chromium, in a network namespace with nothing in it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::Program;
use cluster_tests::{require, tools};
use serde_json::{Value, json};
use std::path::Path;

const NEEDED: &[&str] = &["chromium", "jq", "unshare"];
const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// What would be loaded, run or break out if it were not text.
const HOSTILE: &str = "</td></style><img src=\"http://127.0.0.1:1/loaded\" onerror='undefined_too()'><script>undefined_function()</script>&lt;\u{202e}";

/// Hosts that this browser asks by itself, whatever it shows.
const ITS_OWN: &[&str] = &[
    "//clients2.google.com/",
    "//update.googleapis.com/",
    "//redirector.gvt1.com/",
];

/// What the browser did with a page.
struct Shown {
    /// The page as it was understood.
    dom: String,
    /// Errors of scripts, and what the page forbids itself.
    complaints: Vec<String>,
    /// What it asked the network for.
    requests: Vec<String>,
}

/// Opens a page with further arguments.
fn browser(folder: &Path, page: &Path, arguments: &[&str]) -> Shown {
    let profile = folder.join("profile");
    let log = folder.join("net.json");
    let flags = "--headless=new --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --disable-sync \
        --disable-component-update --disable-background-networking --enable-logging=stderr";
    let outcome = Program::new("timeout")
        .args([
            "60",
            "unshare",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "chromium",
        ])
        .args(flags.split_whitespace())
        .args([
            format!("--user-data-dir={}", profile.display()),
            format!("--log-net-log={}", log.display()),
        ])
        .args(arguments)
        .args([format!("file://{}", page.display())])
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let net: Value = serde_json::from_slice(&std::fs::read(&log).unwrap()).unwrap();
    let urls = net["events"].as_array().unwrap().iter();
    let urls = urls.filter_map(|event| event["params"]["url"].as_str());
    Shown {
        dom: outcome.text(),
        complaints: outcome
            .stderr
            .lines()
            .filter(|l| l.contains("CONSOLE") && !l.contains("source: chrome://"))
            .map(str::to_owned)
            .collect(),
        requests: urls
            .filter(|url| !ITS_OWN.iter().any(|own| url.contains(own)))
            .map(str::to_owned)
            .collect(),
    }
}

/// Plans a document; the path of its report.
fn report(folder: &Path, document: &Value) -> std::path::PathBuf {
    let file = folder.join("cluster.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let outcome = Program::new("env")
        .args([format!("BIN={}", tools::folder().unwrap().display())])
        .args([tools::top().join("scripts/plan-cluster")])
        .args([
            file.as_os_str(),
            "-o".as_ref(),
            folder.join("out").as_os_str(),
        ])
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    folder.join("out/report.html")
}

/// The reference cluster, with something hostile wherever free text stands.
fn hostile() -> Value {
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    document["parts"][0]["part"] = json!(HOSTILE);
    document["parts"][1]["note"] = json!(HOSTILE);
    document["parts"][4]["part"] = json!(HOSTILE);
    let mut finding = json!({"severity": "error"});
    for field in ["id", "subject", "message", "fix", "evidence"] {
        finding[field] = json!(HOSTILE);
    }
    document["gather_nodes"] = json!({"ok": false, "findings": [finding]});
    document
}

#[test]
#[ignore = "a browser: run by scripts/test"]
fn the_page_runs_nothing_asks_for_nothing_and_shows_hostile_text_as_text() {
    if !require(NEEDED).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let page = report(folder.path(), &hostile());
    let shown = browser(folder.path(), &page, &["--dump-dom"]);
    assert_eq!(shown.complaints, Vec::<String>::new());
    assert_eq!(shown.requests, Vec::<String>::new());
    for element in [
        "<img",
        "<script",
        "<link",
        "<iframe",
        "<base",
        " onerror=\"",
    ] {
        assert!(!shown.dom.contains(element), "the page holds {element}");
    }
    // Three fields of the parts (one of them in the line below too), three of the finding.
    assert_eq!(
        shown
            .dom
            .matches("&lt;script&gt;undefined_function()")
            .count(),
        7
    );
    assert!(!shown.dom.contains('\u{202e}'));
    // The same text in a page without care: what is looked for above can be found.
    let careless = format!("<!DOCTYPE html><table><tr><td>{HOSTILE}</table>");
    std::fs::write(at("careless.html"), careless).unwrap();
    let shown = browser(folder.path(), &at("careless.html"), &["--dump-dom"]);
    assert!(shown.dom.contains("<img") && shown.dom.contains("<script"));
    assert!(
        shown
            .requests
            .iter()
            .any(|url| url.contains("127.0.0.1:1/loaded")),
        "{:?}",
        shown.requests
    );
    assert!(
        shown
            .complaints
            .iter()
            .any(|line| line.contains("undefined_function")),
        "{:?}",
        shown.complaints
    );
}

/// Width and height of a PNG (its first chunk).
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
#[ignore = "a browser: run by scripts/test"]
fn it_is_shown_light_and_dark_on_paper_and_on_a_phone() {
    if !require(NEEDED).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let page = report(folder.path(), &serde_json::from_str(EXAMPLE).unwrap());
    let shot = |name: &str, more: &[&str]| {
        let file = format!("--screenshot={}", at(name).display());
        let mut arguments = vec!["--window-size=900,1200", file.as_str()];
        arguments.extend(more);
        let shown = browser(folder.path(), &page, &arguments);
        assert_eq!(shown.complaints, Vec::<String>::new());
        let png = std::fs::read(at(name)).unwrap();
        assert_eq!(size(&png), (900, 1200));
        png
    };
    let light = shot("light.png", &[]);
    let dark = shot("dark.png", &["--force-dark-mode"]);
    assert!(light != dark && light.len() > 20_000 && dark.len() > 20_000);
    let pdf = format!("--print-to-pdf={}", at("paper.pdf").display());
    browser(folder.path(), &page, &[&pdf]);
    assert!(std::fs::read(at("paper.pdf")).unwrap().starts_with(b"%PDF"));
    // A phone's width, in a frame: nothing but a table in its own box is wider than the screen.
    let text = serde_json::to_string(&std::fs::read_to_string(&page).unwrap()).unwrap();
    let frame = format!(
        "<!DOCTYPE html><iframe id=phone width=360 height=800></iframe><script>
        phone.onload = () => {{ const page = phone.contentDocument.documentElement;
          document.title = page.scrollWidth + ' of ' + phone.contentWindow.innerWidth; }};
        phone.srcdoc = {};</script>",
        text.replace("</", "<\\/")
    );
    std::fs::write(at("phone.html"), frame).unwrap();
    let shown = browser(folder.path(), &at("phone.html"), &["--dump-dom"]);
    let title = shown.dom.split("<title>").nth(1).unwrap();
    assert!(title.starts_with("360 of 360<"), "{}", &title[..40]);
}
