//! gluster-plan beside four real glusterds, kubectl, systemd's reader of fstab, mkfs.xfs and a second reader of XML.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::{host, long, require, tools};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

fn gluster_plan(arguments: &[&str], input: &str) -> Outcome {
    let program = tools::tool("gluster-plan").unwrap();
    program.args(arguments).input(input).run().unwrap()
}

/// What tests/gluster/pool.py saw, by the names of its checks.
struct Seen(Vec<Value>);

impl Seen {
    fn all(&self, check: &str) -> Vec<&Value> {
        self.0
            .iter()
            .filter(|seen| seen["check"] == check)
            .collect()
    }

    fn one(&self, check: &str) -> &Value {
        let all = self.all(check);
        assert_eq!(all.len(), 1, "{check}: {all:?}");
        all[0]
    }
}

fn words(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect()
}

/// Steps that did something, by what the script said of them.
fn done(said: &Value) -> Vec<String> {
    let did = words(said)
        .into_iter()
        .filter(|line| !line.ends_with("already so") && *line != "all is as planned");
    did.map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}

fn run_pool() -> Seen {
    let folder = tempfile::Builder::new()
        .prefix("gluster-")
        .tempdir_in("/var/tmp")
        .unwrap();
    let mut command = host("timeout");
    command.args([
        "2400",
        "unshare",
        "--mount",
        "--net",
        "--uts",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "python3",
    ]);
    command.arg(tools::top().join("tests/gluster/pool.py"));
    command.arg(tools::folder().unwrap()).arg(folder.path());
    if long() {
        command.arg("long");
    }
    let outcome = command.output().unwrap();
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let errors = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{text}\n{errors}");
    Seen(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

/// The document that the volume was made of, with a rule.
fn document(rule: &str) -> String {
    let node = |number: usize| {
        json!({"name": format!("pi{number}"), "power_domain": format!("socket-{number}"),
            "usb": [{"device": format!("/dev/shm/sticks/pi{number}"), "size_bytes": 450_048_000, "use": "brick"}]})
    };
    let mut volume = json!({"name": "gv0", "replica": 4});
    match rule {
        "fixed 2" => {
            volume["quorum"] = json!("fixed");
            volume["quorum_count"] = json!(2);
        }
        "server quorum" => volume["server_quorum"] = json!(true),
        _ => {}
    }
    let nodes: Vec<Value> = (1..=4).map(node).collect();
    json!({"name": "real", "nodes": nodes, "storage": {"volumes": [volume]}}).to_string()
}

/// Every set of nodes that can be left: what clients of the real volume could do, and what the oracle says.
fn survivors(seen: &Seen, rule: &str) {
    let sets: Vec<&Value> = seen
        .all("survivors")
        .into_iter()
        .filter(|seen| seen["rule"] == rule)
        .collect();
    assert_eq!(sets.len(), 15, "{rule}");
    let document = document(rule);
    for set in sets {
        let lost = words(&set["lost"]);
        let arguments = if lost.is_empty() {
            Vec::new()
        } else {
            vec!["--only".to_owned(), format!("--lose={}", lost.join(","))]
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let answer = gluster_plan(&arguments, &document).json().unwrap();
        let available = lost.is_empty() || answer["lose"]["state"] == "available";
        for what in ["read", "append", "create", "list"] {
            assert_eq!(
                set[what],
                json!(available),
                "{rule}: {what} with {}",
                set["left"]
            );
        }
    }
}

fn built(seen: &Seen) {
    for part in seen.all("node part") {
        let node = part["node"].as_str().unwrap();
        let did = done(&part["said"]);
        assert_eq!(
            did.contains(&format!("mkfs-{node}")),
            node != "client",
            "{did:?}"
        );
        assert!(did.contains(&"fstab-gv0".to_owned()), "{did:?}");
    }
    assert_eq!(seen.all("node part").len(), 5);
    let did = done(&seen.one("cluster part")["said"]);
    for step in [
        "probe-pi2",
        "create-gv0",
        "set-gv0-cluster-quorum-type",
        "start-gv0",
    ] {
        assert!(did.contains(&step.to_owned()), "{did:?}");
    }
    assert_eq!(seen.one("again")["changed"], json!([]));
    let expected = gluster_plan::size::Xfs::on(450_048_000).unwrap();
    // The brick's own folders are in it already, so less is free than in a new file system.
    for (node, statfs) in seen.one("statfs")["seen"].as_object().unwrap() {
        let blocks: Vec<u64> = words(statfs).iter().map(|n| n.parse().unwrap()).collect();
        assert_eq!(blocks[0] * 4096, expected.total, "{node}");
        assert!(
            blocks[1] * 4096 <= expected.available
                && blocks[1] * 4096 + (2 << 20) > expected.available,
            "{node}: {blocks:?}"
        );
    }
    let data = seen.one("data");
    assert_eq!(data["same"], true);
    let free: Vec<u64> = words(&data["free"])
        .iter()
        .map(|n| n.parse().unwrap())
        .collect();
    let usable = expected.usable();
    assert!(
        free[0] * free[2] <= usable && free[0] * free[2] + (4 << 20) > usable,
        "{free:?}, {usable}"
    );
}

fn read_back(seen: &Seen) {
    let observed = seen.one("observed");
    assert_eq!(observed["pending"], false);
    assert_eq!(observed["steps"], json!(["set-gv0-network-ping-timeout"]));
    assert_eq!(done(&observed["said"]), ["set-gv0-network-ping-timeout"]);
    let adopted = &observed["adopted"][0];
    assert_eq!(
        (&adopted[0], &adopted[1], &adopted[2]),
        (&json!("gv0"), &json!(true), &json!(4))
    );
    assert_eq!(adopted[3]["available"], 8);
}

fn parted(seen: &Seen) {
    let partition = seen.one("partition");
    for what in ["read", "append", "create", "list"] {
        assert_eq!(partition["left"][what], true, "{partition}");
        assert_eq!(partition["right"][what], false, "{partition}");
    }
    assert_eq!(
        (&partition["split"], &partition["same"]),
        (&json!(4), &json!(true)),
        "{partition}"
    );
}

fn changed(seen: &Seen) {
    let replaced = seen.one("replaced");
    assert_eq!(
        (&replaced["written"], &replaced["same"]),
        (&json!(true), &json!(true)),
        "{replaced}"
    );
    assert_eq!(replaced["refused"][0], 3, "{replaced}");
    assert!(
        replaced["refused"][1]
            .as_str()
            .unwrap()
            .contains("still plugged in")
    );
    assert_eq!(replaced["changed"], json!([]), "{replaced}");
    let grown = seen.one("grown");
    assert_eq!(grown["differs"], 3, "{grown}");
    assert!(
        done(&grown["said"]).contains(&"add-gv1".to_owned()),
        "{grown}"
    );
    assert_eq!(
        (&grown["same"], &grown["pending"]),
        (&json!(true), &json!(false)),
        "{grown}"
    );
    assert!(
        done(&grown["less"]).contains(&"remove-gv1".to_owned()),
        "{grown}"
    );
    assert_eq!(grown["bricks"], json!(["Number of Bricks: 1 x 3 = 3"]));
}

fn kept(seen: &Seen) {
    let only = seen.one("only copy");
    assert_eq!(
        (&only["before"], &only["written"], &only["ahead"]),
        (&json!("in step"), &json!(true), &json!("")),
        "{only}"
    );
    assert_eq!(only["down"], "down: pi1:/srv/gluster/pi1/gv2", "{only}");
    assert_eq!(only["refused"][0], 3, "{only}");
    assert!(only["refused"][1].as_str().unwrap().contains("is down"));
    assert!(
        done(&only["said"]).contains(&"replace-gv2".to_owned()),
        "{only}"
    );
    assert_eq!(only["kept"], "alone\n", "{only}");
}

fn spread(seen: &Seen) {
    let spread = seen.one("spread");
    for said in spread["said"].as_array().unwrap() {
        let did = done(said);
        for step in ["add-gv3", "rebalance-gv3"] {
            assert!(did.contains(&step.to_owned()), "{spread}");
        }
    }
    assert!(
        !done(&spread["again"]).contains(&"rebalance-gv3".to_owned()),
        "{spread}"
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn four_real_glusterds_do_what_the_plan_says() {
    if !require(&[
        "glusterd", "mkfs.xfs", "ip", "unshare", "nsenter", "python3", "losetup",
    ])
    .unwrap()
    {
        return;
    }
    let seen = run_pool();
    built(&seen);
    read_back(&seen);
    survivors(&seen, "auto");
    parted(&seen);
    changed(&seen);
    kept(&seen);
    spread(&seen);
    if long() {
        survivors(&seen, "fixed 2");
        survivors(&seen, "server quorum");
        let split = seen.one("split-brain");
        assert_eq!(
            (&split["read"], &split["readable"], &split["seen"]),
            (&json!("v1"), &json!(false), &json!(true)),
            "{split}"
        );
        assert_eq!(
            gluster_plan(&["-f", "sh"], &document("fixed 2")).code,
            Some(3)
        );
    }
    seen.one("done");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn kubectl_reads_the_manifests() {
    if !require(&["kubectl"]).unwrap() {
        return;
    }
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    for provisioner in [json!("nfs"), json!("local-path"), Value::Null] {
        document["storage"]["volumes"][0]["provisioner"] = provisioner.clone();
        document["storage"]["volumes"][0]["name"] = json!("Data_1");
        let yaml = gluster_plan(&["-f", "k8s"], &document.to_string());
        assert_eq!(yaml.code, Some(0), "{}", yaml.stderr);
        // Without a server kubectl reads every object; a deployment it also reads into its own types, and what these do not
        // know is not there any more.
        let objects = kubectl(
            &["label", "--local", "-o", "json", "-f", "-", "checked=yes"],
            &yaml.stdout,
        );
        let kinds: BTreeSet<&str> = objects
            .iter()
            .map(|object| object["kind"].as_str().unwrap())
            .collect();
        for kind in [
            "Namespace",
            "Deployment",
            "StorageClass",
            "ClusterRoleBinding",
        ] {
            assert!(kinds.contains(kind), "{provisioner}: {kinds:?}");
        }
        let deployments = objects
            .iter()
            .filter(|object| object["kind"] == "Deployment");
        for plain in deployments {
            let image = "provisioner=checked";
            let typed = kubectl(
                &["set", "image", "--local", "-o", "json", "-f", "-", image],
                plain.to_string().as_bytes(),
            );
            let mut plain = plain.clone();
            plain["spec"]["template"]["spec"]["containers"][0]["image"] = json!("checked");
            missing(&plain, &typed[0], "");
        }
    }
}

fn kubectl(arguments: &[&str], input: &[u8]) -> Vec<Value> {
    let read = Program::new("kubectl")
        .args(arguments)
        .input(input)
        .run()
        .unwrap();
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    let objects = serde_json::Deserializer::from_slice(&read.stdout).into_iter::<Value>();
    let objects = objects.map(Result::unwrap);
    objects
        .flat_map(|object| object["items"].as_array().cloned().unwrap_or(vec![object]))
        .collect()
}

/// Every field of `ours` is in `theirs` with the same value.
fn missing(ours: &Value, theirs: &Value, path: &str) {
    match ours {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| missing(value, &theirs[name], &format!("{path}.{name}"))),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, value)| missing(value, &theirs[at], &format!("{path}[{at}]"))),
        value => assert_eq!(value, theirs, "{path}"),
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn systemd_mounts_bricks_before_the_daemon_and_volumes_when_they_are_used() {
    const GENERATOR: &str = "/usr/lib/systemd/system-generators/systemd-fstab-generator";
    if !require(&["systemd-analyze"]).unwrap() {
        return;
    }
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    for node in document["nodes"].as_array_mut().unwrap() {
        node["os"] = json!("debian");
    }
    document["storage"]["volumes"][0]["mount"] = json!("/mnt/a b-c");
    let answer = gluster_plan(&["--only"], &document.to_string())
        .json()
        .unwrap();
    let steps: Vec<&Value> = answer["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["node"] == "pi1")
        .collect();
    let lines = steps
        .iter()
        .filter(|step| step["action"]["path"] == "/etc/fstab");
    let fstab: Vec<&str> = lines
        .map(|step| step["action"]["line"].as_str().unwrap())
        .collect();
    assert_eq!(fstab.len(), 2);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("fstab"), fstab.join("\n") + "\n").unwrap();
    let mut command = host(GENERATOR);
    command
        .env("SYSTEMD_FSTAB", at("fstab"))
        .args([folder.path(), folder.path(), folder.path()]);
    assert!(command.status().unwrap().success());
    let unit = |name: &str| {
        std::fs::read_to_string(at(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let brick = unit("srv-gluster-sda.mount");
    assert!(
        brick.contains("Before=glusterd.service") && brick.contains("Where=/srv/gluster/sda"),
        "{brick}"
    );
    let wanted = steps.iter().find_map(|step| {
        step["action"]["name"]
            .as_str()
            .filter(|name| name.ends_with(".automount"))
    });
    let automount = unit(wanted.unwrap());
    assert!(automount.contains("Where=/mnt/a b-c"), "{automount}");
    let mount = unit(&wanted.unwrap().replace(".automount", ".mount"));
    assert!(
        mount.contains("After=glusterd.service") && mount.contains("Type=glusterfs"),
        "{mount}"
    );
}
