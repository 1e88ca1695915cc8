//! What k3s-join writes, read by programs that are not ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::{require, tools};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// A folder with tokens, the certificate authorities in `ca`, and the reference cluster on Raspberry Pi OS, changed.
fn world(change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["k3s.token", "k3s.agent-token"] {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{name}-0123456789abcdef\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    for node in document["nodes"].as_array_mut().unwrap() {
        node["os"] = json!("raspios");
    }
    document["k3s"]["ca_dir"] = json!("ca");
    change(&mut document);
    std::fs::write(folder.path().join("cluster.json"), document.to_string()).unwrap();
    good(k3s_join(
        folder.path(),
        &["--make-ca", "ca", "cluster.json"],
    ));
    folder
}

fn k3s_join(folder: &Path, arguments: &[&str]) -> Outcome {
    let tool = tools::tool("k3s-join").unwrap();
    tool.args(arguments).folder(folder).run().unwrap()
}

fn sh(folder: &Path, script: &str) -> Outcome {
    let outcome = Program::new("bash").args(["-euc", script]).folder(folder);
    outcome.run().unwrap()
}

fn good(outcome: Outcome) -> String {
    outcome.success().unwrap()
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn openssl_verifies_the_chains_and_computes_the_pin() {
    if !require(&["openssl", "sha256sum"]).unwrap() {
        return;
    }
    let world = world(|_| {});
    let at = world.path();
    for file in [
        "server-ca",
        "client-ca",
        "request-header-ca",
        "etcd/peer-ca",
        "etcd/server-ca",
    ] {
        good(sh(
            at,
            &format!(
                "openssl verify -x509_strict -CAfile ca/root-ca.crt -untrusted ca/intermediate-ca.crt ca/{file}.crt"
            ),
        ));
        // The file itself holds the whole chain, its own certificate first, and its key belongs to that.
        let count = good(sh(at, &format!("grep -c BEGIN ca/{file}.crt")));
        assert_eq!(count, "3\n", "{file}");
        good(sh(
            at,
            &format!(
                "openssl verify -x509_strict -CAfile <(tail -n +1 ca/{file}.crt) ca/{file}.crt"
            ),
        ));
        good(sh(
            at,
            &format!(
                "cmp <(openssl x509 -in ca/{file}.crt -noout -pubkey) <(openssl ec -in ca/{file}.key -pubout 2>/dev/null)"
            ),
        ));
        let text = good(sh(
            at,
            &format!("openssl x509 -in ca/{file}.crt -noout -text"),
        ));
        for words in ["CA:TRUE", "Certificate Sign", "prime256v1"] {
            assert!(text.contains(words), "{file}: {words} is not in\n{text}");
        }
    }
    // Not another cluster's.
    good(k3s_join(at, &["-n", "--make-ca", "other"]));
    let foreign = sh(
        at,
        "openssl verify -CAfile ca/root-ca.crt -untrusted ca/intermediate-ca.crt other/server-ca.crt",
    );
    assert_eq!(foreign.code, Some(2));
    // What an agent's token pins is the fingerprint of the root.
    good(k3s_join(at, &["-f", "files", "-o", "out", "cluster.json"]));
    let hash = good(sh(
        at,
        "openssl x509 -in ca/root-ca.crt -outform DER | sha256sum | cut -c1-64",
    ));
    let token = std::fs::read_to_string(at.join("out/pi2/etc/rancher/k3s/k3s-join.token")).unwrap();
    assert_eq!(
        token,
        format!(
            "K10{}::node:k3s.agent-token-0123456789abcdef\n",
            hash.trim()
        )
    );
    // The root of the chain as openssl finds it in what K3s serves at /cacerts is that certificate.
    let last = good(sh(
        at,
        "awk '/BEGIN/ { n++ } n == 3' ca/server-ca.crt | openssl x509 -outform DER | sha256sum | cut -c1-64",
    ));
    assert_eq!(last, hash);
    // The key of service accounts is in the form whose public half the API server reads.
    assert!(good(sh(at, "head -n1 ca/service.key")).contains("BEGIN EC PRIVATE KEY"));
    good(sh(at, "openssl ec -in ca/service.key -check -noout"));
}

/// Runs TLS with client and server certificates that K3s would issue below these authorities.
#[test]
#[ignore = "real part: run by scripts/test"]
fn a_server_below_the_ca_is_trusted_by_the_kubeconfig_and_trusts_its_administrator() {
    if !require(&["openssl", "kubectl", "python3"]).unwrap() {
        return;
    }
    let world = world(|document| document["nodes"][0]["address"] = json!("127.0.0.1/8"));
    let at = world.path();
    let outcome = k3s_join(
        at,
        &["-n", "--make-ca", "here", "--server", "https://127.0.0.1:1"],
    );
    good(outcome);
    good(sh(at, "openssl ecparam -name prime256v1 -genkey -noout -out s.key 2>/dev/null
        openssl req -new -key s.key -subj /CN=k3s -out s.csr
        openssl x509 -req -in s.csr -CA here/server-ca.crt -CAkey here/server-ca.key -CAcreateserial -days 1 \\
            -extfile <(echo subjectAltName=IP:127.0.0.1) -out s.crt 2>/dev/null
        cat here/server-ca.crt >>s.crt"));
    // A stand-in for the API server that wants a client certificate and says whom it saw.
    std::fs::write(at.join("serve.py"), SERVER).unwrap();
    let seen = good(sh(at, "python3 serve.py >seen & server=$!
        trap 'kill $server' EXIT
        for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done
        sed \"s/127.0.0.1:1/127.0.0.1:$(cat port)/\" here/kubeconfig >kc; chmod 600 kc
        HOME=$PWD timeout 20 kubectl --kubeconfig kc get --raw /version
        # Another cluster's administrator is not let in.
        sed \"s,https://[^\\\"]*,https://127.0.0.1:$(cat port),\" ca/kubeconfig >other; chmod 600 other
        ! HOME=$PWD timeout 20 kubectl --kubeconfig other get --raw /version 2>/dev/null"));
    assert!(
        seen.contains("system:admin") && seen.contains("system:masters"),
        "{seen}"
    );
}

const SERVER: &str = r#"
import http.server, json, os, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        subject = self.connection.getpeercert()["subject"]
        body = json.dumps({"subject": subject}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("s.crt", "s.key")
context.load_verify_locations("here/client-ca.crt")
context.verify_mode = ssl.CERT_REQUIRED
server.socket = context.wrap_socket(server.socket, server_side=True)
with open("port.new", "w") as file:
    file.write(str(server.server_port))
os.rename("port.new", "port")
server.serve_forever()
"#;

/// Values that a careless writer of YAML would change.
const HOSTILE: [&str; 16] = [
    "no",
    "0644",
    "1e3",
    "null",
    "~",
    "a: b",
    "- x",
    "#c",
    "'",
    "\"",
    "\\",
    "é\u{2028}\u{85}",
    "{a}",
    "@x",
    "=",
    "2026-01-01",
];

#[test]
#[ignore = "real part: run by scripts/test"]
fn yaml_is_read_back_to_the_intended_types() {
    if !require(&["python3"]).unwrap() {
        return;
    }
    let world = world(|document| {
        document["k3s"]["config"] = json!({
            "kubelet-arg": HOSTILE,
            "cluster-domain": "0x10",
            "debug": true,
            "v": 4,
            "write-kubeconfig-mode": "0640",
        });
        document["k3s"]["registries"] = json!({"mirrors": {"*": {"endpoint": HOSTILE}}});
    });
    let at = world.path();
    good(k3s_join(at, &["-f", "files", "-o", "out", "cluster.json"]));
    let planned = k3s_join(at, &["--only", "cluster.json"]).json().unwrap();
    let read = |path: &str| -> Value {
        let script = format!(
            "import json, sys, yaml; json.dump(yaml.safe_load(open({path:?}, encoding='utf-8')), sys.stdout)"
        );
        let outcome = Program::new("/usr/bin/python3")
            .args(["-c", &script])
            .folder(at)
            .run()
            .unwrap();
        serde_json::from_str(&good(outcome)).unwrap()
    };
    for node in ["pi1", "pi2", "pi3", "pi4"] {
        let config = read(&format!(
            "out/{node}/etc/rancher/k3s/config.yaml.d/50-k3s-join.yaml"
        ));
        assert_eq!(
            config, planned["nodes"][node]["request"]["config"],
            "{node}"
        );
        assert_eq!(config["kubelet-arg"], json!(HOSTILE));
        let registries = read(&format!("out/{node}/etc/rancher/k3s/registries.yaml"));
        assert_eq!(registries["mirrors"]["*"]["endpoint"], json!(HOSTILE));
    }
    let server = read("out/pi1/etc/rancher/k3s/config.yaml.d/50-k3s-join.yaml");
    assert_eq!(server["write-kubeconfig-mode"], "0640");
    assert_eq!(server["v"], 4);
    let kubeconfig = read("ca/kubeconfig");
    assert_eq!(kubeconfig["current-context"], "cloud-at-home");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn cloud_configs_are_yaml_of_the_schemas_shape() {
    if !require(&["python3"]).unwrap() {
        return;
    }
    for (os, root) in [("rancheros", "rancher"), ("burmillaos", "burmilla")] {
        let world = world(|document| {
            for node in document["nodes"].as_array_mut().unwrap() {
                node["os"] = json!(os);
            }
        });
        good(k3s_join(
            world.path(),
            &["-f", "files", "-o", "out", "cluster.json"],
        ));
        let path = format!("out/pi2/var/lib/{root}/conf/cloud-config.d/k3s-join.yml");
        let script = format!(
            "import json, sys, yaml; json.dump(yaml.safe_load(open({path:?})), sys.stdout)"
        );
        let outcome = Program::new("/usr/bin/python3")
            .args(["-c", &script])
            .folder(world.path())
            .run()
            .unwrap();
        let read: Value = serde_json::from_str(&good(outcome)).unwrap();
        let service = &read[root]["services"]["k3s"];
        assert_eq!(service["image"], "rancher/k3s:v1.33.4-k3s1");
        assert_eq!(service["privileged"], true);
        assert_eq!(
            service["command"],
            "agent --config /var/lib/rancher/k3s-join/config.yaml"
        );
    }
}

/// The unit as the official installer writes it (install.sh, create_systemd_service_file), for the drop-in to change.
const UNIT: &str = "\
[Unit]
Description=Lightweight Kubernetes
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
KillMode=process
Delegate=yes
User=root
LimitNOFILE=1048576
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStart=/bin/true
";

#[test]
#[ignore = "real part: run by scripts/test"]
fn systemd_takes_the_drop_ins() {
    if !require(&["systemd-analyze"]).unwrap() {
        return;
    }
    let world = world(|_| {});
    let at = world.path();
    good(k3s_join(at, &["-f", "files", "-o", "out", "cluster.json"]));
    for (node, unit) in [("pi1", "k3s.service"), ("pi2", "k3s-agent.service")] {
        let folder = at.join("out").join(node).join("etc/systemd/system");
        std::fs::write(folder.join(unit), UNIT).unwrap();
        let said = sh(
            at,
            &format!(
                "systemd-analyze verify --man=no --recursive-errors=no out/{node}/etc/systemd/system/{unit} 2>&1"
            ),
        );
        assert_eq!(good(said), "", "{unit}");
        // It would say so: a setting in the wrong section does not pass.
        let drop_in = folder.join(format!("{unit}.d/50-k3s-join.conf"));
        let text = std::fs::read_to_string(&drop_in).unwrap();
        std::fs::write(&drop_in, text.replace("[Service]", "[Unit]")).unwrap();
        let said = sh(
            at,
            &format!(
                "systemd-analyze verify --man=no --recursive-errors=no out/{node}/etc/systemd/system/{unit} 2>&1"
            ),
        );
        assert!(said.text().contains("TimeoutStartSec"), "{}", said.text());
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn ansible_reads_the_inventory() {
    if !require(&["ansible-inventory"]).unwrap() {
        return;
    }
    let world = world(|document| document["nodes"][3]["os"] = json!("rancheros"));
    let at = world.path();
    good(k3s_join(
        at,
        &["-f", "ansible", "-o", "printed", "cluster.json"],
    ));
    good(sh(
        at,
        "printf '#!/bin/sh\\nexec cat printed\\n' >inventory; chmod 755 inventory",
    ));
    let graph = good(sh(at, "HOME=$PWD ansible-inventory -i ./inventory --graph"));
    assert!(
        graph.contains("@k3s_cluster:") && graph.contains("|  |  |--pi1"),
        "{graph}"
    );
    let list: Value = serde_json::from_str(&good(sh(
        at,
        "HOME=$PWD ansible-inventory -i ./inventory --list",
    )))
    .unwrap();
    assert_eq!(list["server"]["hosts"], json!(["pi1"]));
    assert_eq!(list["agent"]["hosts"], json!(["pi2", "pi3", "pi4"]));
    let vars = &list["_meta"]["hostvars"];
    assert_eq!(vars["pi2"]["ansible_host"], "192.168.11.12");
    assert_eq!(vars["pi2"]["k3s_server_url"], "https://192.168.11.11:6443");
    assert_eq!(vars["pi4"]["ansible_user"], "rancher");
    assert!(!list.to_string().contains("0123456789abcdef"));
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn kubectl_reads_the_kubeconfig() {
    if !require(&["kubectl"]).unwrap() {
        return;
    }
    let world = world(|_| {});
    let read = good(sh(
        world.path(),
        "HOME=$PWD KUBECONFIG=ca/kubeconfig kubectl config view -o json --raw",
    ));
    let read: Value = serde_json::from_str(&read).unwrap();
    assert_eq!(
        read["clusters"][0]["cluster"]["server"],
        "https://192.168.11.11:6443"
    );
    assert_eq!(read["current-context"], "cloud-at-home");
    let decoded = good(sh(
        world.path(),
        "HOME=$PWD KUBECONFIG=ca/kubeconfig kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d | cmp - ca/server-ca.crt && echo same",
    ));
    assert_eq!(decoded, "same\n");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn nft_takes_the_ports_and_shellcheck_the_scripts() {
    if !require(&["nft", "unshare", "shellcheck"]).unwrap() {
        return;
    }
    for (index, change) in [
        (|_: &mut Value| {}) as fn(&mut Value),
        |document| {
            document["nodes"][2]["address"] = json!("fd00::3/64");
            document["k3s"]["config"] =
                json!({"flannel-backend": "wireguard-native", "embedded-registry": true});
        },
        |document| {
            document.as_object_mut().unwrap().remove("network");
            document["nodes"][3]
                .as_object_mut()
                .unwrap()
                .remove("address");
        },
    ]
    .into_iter()
    .enumerate()
    {
        let world = world(change);
        let at = world.path();
        good(k3s_join(
            at,
            &["-f", "ports", "-o", "ports.nft", "cluster.json"],
        ));
        // Twice: the second time the table is there already.
        good(sh(
            at,
            "unshare -n sh -c 'nft -f ports.nft && nft -f ports.nft && nft list table inet k3s_join'",
        ));
        good(k3s_join(at, &["-f", "sh", "-o", "scripts", "cluster.json"]));
        good(k3s_join(
            at,
            &[
                "--remove",
                "pi2",
                "-f",
                "sh",
                "-o",
                "remove.sh",
                "cluster.json",
            ],
        ));
        let said = sh(at, "shellcheck scripts/*.sh remove.sh");
        assert_eq!(said.code, Some(0), "{index}: {}", said.text());
    }
}

/// A node with the rules, and a neighbour that is now another node, now a computer of the local network, now one from
/// elsewhere.
#[test]
#[ignore = "real part: run by scripts/test"]
fn the_ports_open_to_those_who_need_them_and_no_other_port_is_shut() {
    if !require(&["nft", "unshare", "ip", "python3"]).unwrap() {
        return;
    }
    let world = world(|_| {});
    let at = world.path();
    good(k3s_join(
        at,
        &["-f", "ports", "-o", "ports.nft", "cluster.json"],
    ));
    std::fs::write(at.join("knock.py"), KNOCK).unwrap();
    std::fs::write(at.join("two-hosts"), TWO_HOSTS).unwrap();
    let seen = good(sh(
        at,
        "unshare --net --mount --pid --fork --kill-child --mount-proc sh -eu ./two-hosts",
    ));
    let expected = "\
192.168.11.12 22 open
192.168.11.12 6443 open
192.168.11.12 10250 open
192.168.11.99 22 open
192.168.11.99 6443 open
192.168.11.99 10250 shut
203.0.113.5 22 open
203.0.113.5 6443 shut
203.0.113.5 10250 shut
";
    assert_eq!(seen, expected);
}

const TWO_HOSTS: &str = r#"
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip link set lo up
ip netns add neighbour
ip link add eth0 type veth peer name eth1 netns neighbour
ip address add 192.168.11.11/24 dev eth0
ip link set eth0 up
ip route add 203.0.113.0/24 dev eth0
ip -n neighbour link set eth1 up
for address in 192.168.11.12/24 192.168.11.99/24 203.0.113.5/24; do
  ip -n neighbour address add "$address" dev eth1
done
python3 knock.py listen &
nft -f ports.nft
while [ ! -e listening ]; do sleep 0.05; done
ip netns exec neighbour python3 knock.py knock
"#;

const KNOCK: &str = r#"
import socket, sys, time
ports = [22, 6443, 10250]
if sys.argv[1] == "listen":
    sockets = [socket.create_server(("192.168.11.11", port)) for port in ports]
    open("listening", "w").close()
    time.sleep(60)
for source in ["192.168.11.12", "192.168.11.99", "203.0.113.5"]:
    for port in ports:
        try:
            socket.create_connection(("192.168.11.11", port), 2, (source, 0)).close()
            print(source, port, "open")
        except TimeoutError:
            print(source, port, "shut")
"#;

/// The script in a root of its own: files, permissions, what the installer is given. The installer is a stand-in which only
/// writes its environment down, and so are the two programs that would change the host; what is tested is what ours hands
/// to them.
#[test]
#[ignore = "real part: run by scripts/test"]
fn the_script_writes_what_the_folder_holds_and_refuses_before_its_first_change() {
    if !require(&["unshare", "chroot"]).unwrap() {
        return;
    }
    // A folder that a careless writer of shell would break.
    let data = "/srv/it's $(false) `x` k3s";
    let world = world(|document| document["k3s"]["config"] = json!({"data-dir": data}));
    let at = world.path();
    good(k3s_join(at, &["-f", "files", "-o", "out", "cluster.json"]));
    good(k3s_join(at, &["-f", "sh", "-o", "scripts", "cluster.json"]));
    good(sh(
        at,
        "mkdir bin
        printf '#!/bin/sh\\necho \"${0##*/} $*\" >>/ran\\n' >bin/systemctl; cp bin/systemctl bin/sysctl; chmod 755 bin/*
        printf 'env | grep ^INSTALL >/given\\n' >k3s-install.sh",
    ));
    std::fs::write(at.join("run"), IN_A_ROOT).unwrap();
    let run = |node: &str, host: &str| {
        sh(
            at,
            &format!("unshare --mount --uts sh -eu ./run {node} {host}"),
        )
    };
    let other = run("pi1", "pi9");
    assert_eq!(other.code, Some(3), "{}", other.stderr);
    assert!(other.stderr.contains("this is not pi1"), "{}", other.stderr);
    assert!(!at.join("root-pi1/etc").exists());
    for node in ["pi1", "pi2"] {
        good(run(node, node));
        let same = format!(
            "cd out/{node}; find . -type f -printf '%m %p\\n' | while read -r mode path; do
            cmp \"$path\" \"../../root-{node}/$path\"; [ \"$(stat -c %a \"../../root-{node}/$path\")\" = $mode ]; done"
        );
        good(sh(at, &same));
        let read =
            |name: &str| std::fs::read_to_string(at.join(format!("root-{node}/{name}"))).unwrap();
        let given = read("given");
        assert!(
            given.contains("INSTALL_K3S_VERSION=v1.33.4+k3s1\n"),
            "{given}"
        );
        assert!(given.contains("INSTALL_K3S_SKIP_START=true\n"), "{given}");
        assert!(
            read("ran").contains("systemctl start k3s"),
            "{}",
            read("ran")
        );
    }
    let folder = at.join(format!("root-pi1{data}/server"));
    assert_eq!(
        folder.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
    // Again is the same; another CA on the node is not written over.
    good(run("pi1", "pi1"));
    let key = at.join(format!("root-pi1{data}/server/tls/server-ca.key"));
    std::fs::write(&key, "another").unwrap();
    let refused = run("pi1", "pi1");
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("this cluster was born already"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "another");
}

/// Runs a node's script in the host's system with a layer of its own above, which it keeps in `root-NODE`.
const IN_A_ROOT: &str = r#"
node=$1 host=$2
mkdir -p layer "root-$node"
mount -t tmpfs tmpfs layer
mkdir layer/upper layer/work layer/root
cp -a "root-$node/." layer/upper
mount -t overlay overlay -o lowerdir=/,upperdir=layer/upper,workdir=layer/work layer/root
mkdir -p layer/root/sys/fs/cgroup layer/root/work
echo memory >layer/root/sys/fs/cgroup/cgroup.controllers
: >layer/root/dev/null
cp -a bin scripts ca k3s.token k3s.agent-token k3s-install.sh layer/root/work
hostname "$host"
code=0
chroot layer/root /bin/sh -c "cd /work && PATH=/work/bin:/usr/bin:/bin sh scripts/$node.sh" || code=$?
rm -rf "root-$node"
mkdir "root-$node"
# Without the devices that stand for what was deleted.
(cd layer/upper && find . \( -type f -o -type d \) -print0 | tar -c --no-recursion --null -T -) | tar -x -C "root-$node"
exit $code
"#;
