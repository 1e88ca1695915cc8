//! What `--check` finds: each way of failing by itself on a good node, and on cards below `--sysroot`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster::finding::{Finding, Severity};
use cluster::inventory::Role;
use cluster_tests::program::{Outcome, Program};
use cluster_tests::ran;
use k3s_join::check::check;
use k3s_join::check::state::{Address, Boot, Cgroups, Network, Setting, State, Volume, Wish};
use std::collections::BTreeSet;
use std::path::Path;

const LINE: &str = "console=tty1 root=PARTUUID=4e639091-02 rootwait";
const GOOD_LINE: &str =
    "console=tty1 root=PARTUUID=4e639091-02 rootwait cgroup_memory=1 cgroup_enable=memory";
const READ: &str = "/boot/firmware/cmdline.txt";

/// A node that joins.
fn good() -> (State, Wish) {
    let wish = Wish {
        name: Some("pi2".to_owned()),
        role: Some(Role::Agent),
        address: Some("192.168.11.12".parse().unwrap()),
        interface: Some("eth0".to_owned()),
        server: Some("https://192.168.11.11:6443".to_owned()),
        version: Some("v1.33.4+k3s1".to_owned()),
        machine_ids: [("pi1", "aaaa"), ("pi2", "bbbb")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .into(),
        token_hash: Some("1".repeat(64)),
        password_sha256: Some("2".repeat(64)),
        ..Wish::default()
    };
    let mut state = State {
        live: true,
        os_id: "debian".to_owned(),
        release: Some("6.12.25+rpt-rpi-v8".to_owned()),
        machine: Some("aarch64".to_owned()),
        program_bits: Some(64),
        cgroups: Some(Cgroups::V2(words("cpuset cpu io memory pids"))),
        boot: boot(GOOD_LINE, GOOD_LINE),
        ..State::default()
    };
    state.modules.releases = words("6.12.25+rpt-rpi-v8");
    state.modules.available = words("overlay br_netfilter vxlan").into_iter().collect();
    state.host.name = Some("pi2".to_owned());
    state.host.machine_id = Some("bbbb".to_owned());
    state.host.resolves = Some((true, "/etc/hosts".to_owned()));
    state.clock.now_s = Some(1_800_000_000);
    state.clock.synchronized = Some(true);
    state.clock.witness = Some(("/etc/machine-id".to_owned(), 1_700_000_000));
    state.resources.memory_bytes = Some(3_900_000_000);
    state.resources.processors = Some(4);
    state.resources.data = Some(Volume {
        path: "/var/lib".to_owned(),
        free_bytes: 20_000_000_000,
        total_bytes: 60_000_000_000,
        filesystem: "ext4".to_owned(),
    });
    state.network = Some(Network {
        addresses: vec![Address {
            interface: "eth0".to_owned(),
            address: "192.168.11.12".parse().unwrap(),
            dynamic: Some(false),
        }],
        interfaces: words("eth0 wlan0"),
        default_routes: words("eth0"),
        ports: BTreeSet::from(["tcp/22".to_owned()]),
        source: Some("192.168.11.12".parse().unwrap()),
        source_asked: true,
    });
    (state, wish)
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn boot(file: &str, running: &str) -> Boot {
    Boot {
        files: [(READ.to_owned(), format!("{file}\n").into_bytes())].into(),
        read: Some(READ.to_owned()),
        running: Some(format!("coherent_pool=1M {running}\n").into_bytes()),
        ..Boot::default()
    }
}

fn network(state: &mut State) -> &mut Network {
    state.network.as_mut().unwrap()
}

fn without_memory(state: &mut State) {
    state.cgroups = Some(Cgroups::V2(words("cpuset cpu io pids")));
}

fn setting(value: &str) -> Setting {
    Setting {
        value: Some(value.to_owned()),
        quoted: false,
        file: "/etc/rancher/k3s/config.yaml".to_owned(),
    }
}

fn found(change: impl Fn(&mut State, &mut Wish)) -> Vec<Finding> {
    let (mut state, mut wish) = good();
    change(&mut state, &mut wish);
    check(&state, &wish)
}

/// The change is found, by this id and this severity, and nothing else is.
fn finds(id: &str, severity: Severity, change: impl Fn(&mut State, &mut Wish)) {
    let found = found(change);
    let shown: Vec<_> = found.iter().map(|f| (f.id, f.severity)).collect();
    assert_eq!(shown, [(id, severity)], "{found:?}");
    let has_way_out = found[0].fix.is_some() || severity != Error;
    assert!(has_way_out, "{id} has no remedy");
}

use Severity::{Error, Info, Warning};

#[test]
fn a_good_node_has_nothing_to_say() {
    assert_eq!(found(|_, _| {}), []);
}

#[test]
fn memory_cgroups_by_their_effect() {
    // 1: nothing asks for it.
    finds("k3s-memory-cgroup-off", Error, |state, _| {
        without_memory(state);
        state.boot = boot(LINE, LINE);
    });
    // Asked for in the file, not yet started with it.
    finds("k3s-reboot-required", Error, |state, _| {
        without_memory(state);
        state.boot = boot(GOOD_LINE, LINE);
    });
    // 4: a kernel that does not know cgroup_enable=, and cgroup_disable= on its line.
    let found = found(|state, _| {
        without_memory(state);
        state.release = Some("6.1.0-56-arm64".to_owned());
        state.modules.releases = words("6.1.0-56-arm64");
        let line = format!("cgroup_disable=memory {GOOD_LINE}");
        state.boot = boot(&line, &line);
    });
    assert_eq!(found.len(), 1);
    assert!(
        found[0].message.contains("does not know cgroup_enable="),
        "{found:?}"
    );
    // 4: it only looks off, as no word asks for it: the controller is there.
    assert_eq!(self::found(|state, _| state.boot = boot(LINE, LINE)), []);
    finds("k3s-cgroup-controller-missing", Error, |state, _| {
        state.cgroups = Some(Cgroups::V2(words("cpu memory pids")))
    });
    finds("k3s-cgroup-not-mounted", Error, |state, _| {
        state.cgroups = Some(Cgroups::Unmounted)
    });
    finds("k3s-cgroup-v1", Warning, |state, _| {
        state.cgroups = Some(Cgroups::V1(words("cpu cpuset memory pids")))
    });
    finds("k3s-cgroup-v1", Error, |state, wish| {
        state.cgroups = Some(Cgroups::V1(words("cpu cpuset memory pids")));
        wish.version = Some("v1.35.0+k3s1".to_owned());
    });
}

#[test]
fn the_file_of_the_command_line() {
    // 2: the words stand where the firmware does not read.
    let found = found(|state, _| {
        without_memory(state);
        state.boot = boot(LINE, LINE);
        state
            .boot
            .files
            .insert("/boot/cmdline.txt".to_owned(), GOOD_LINE.into());
    });
    let ids: Vec<_> = found.iter().map(|f| f.id).collect();
    assert_eq!(ids, ["k3s-memory-cgroup-off", "k3s-kernel-line-wrong-file"]);
    // 3: on a second line.
    let split = GOOD_LINE.replace(" cgroup_memory", "\ncgroup_memory");
    let found = self::found(|state, _| {
        without_memory(state);
        state.boot = boot(&split, LINE);
    });
    let ids: Vec<_> = found.iter().map(|f| f.id).collect();
    assert_eq!(
        ids,
        ["k3s-memory-cgroup-off", "k3s-kernel-line-second-line"]
    );
    // Where it works all the same, it is only untidy.
    finds("k3s-kernel-line-second-line", Warning, |state, _| {
        state.boot = boot(&split, LINE)
    });
    finds("k3s-kernel-line-regenerated", Warning, |state, _| {
        state.boot.regenerated = Some(("/etc/default/raspi-extra-cmdline".to_owned(), Vec::new()));
    });
    finds("k3s-kernel-line-filtered", Info, |state, _| {
        state.boot.filtered = Some("pi5".to_owned())
    });
    finds("k3s-boot-not-mounted", Warning, |state, _| {
        state.boot = Boot {
            unmounted: Some("/boot/firmware".to_owned()),
            ..boot(GOOD_LINE, GOOD_LINE)
        };
        state.boot.read = None;
    });
}

#[test]
fn modules_of_the_running_kernel() {
    finds("k3s-module-missing", Error, |state, _| {
        state.modules.available.remove("vxlan");
    });
    let ubuntu = found(|state, _| {
        state.os_id = "ubuntu".to_owned();
        state.modules.available.remove("vxlan");
    });
    assert_eq!(
        ubuntu[0].fix.as_deref(),
        Some("sudo apt install linux-modules-extra-raspi")
    );
    assert_eq!(
        found(|state, _| {
            state.modules.available.remove("vxlan");
            state
                .k3s
                .settings
                .insert("flannel-backend".to_owned(), setting("host-gw"));
        }),
        []
    );
    finds("k3s-modules-other-kernel", Error, |state, _| {
        state.modules.releases = words("6.12.30+rpt-rpi-v8")
    });
    finds("k3s-module-unknown", Warning, |state, _| {
        state.modules.releases.clear();
        state.modules.available.remove("vxlan");
    });
}

#[test]
fn who_the_node_is() {
    finds("k3s-hostname-differs", Error, |state, _| {
        state.host.name = Some("raspberrypi".to_owned())
    });
    finds("k3s-hostname-of-image", Error, |state, wish| {
        state.host.name = Some("raspberrypi".to_owned());
        wish.name = None;
        wish.machine_ids.clear();
    });
    finds("k3s-hostname-invalid", Error, |state, wish| {
        state.host.name = Some("my_node".to_owned());
        wish.name = None;
        wish.machine_ids.clear();
    });
    finds("k3s-machine-id-twice", Error, |state, _| {
        state.host.machine_id = Some("AAAA".to_owned())
    });
    finds("k3s-machine-id-missing", Error, |state, _| {
        state.host.machine_id = Some(String::new())
    });
    finds("k3s-own-name-unknown", Warning, |state, _| {
        state.host.resolves = Some((false, "getent".to_owned()))
    });
    finds("k3s-server-name-unknown", Error, |state, _| {
        state.host.server_resolves = Some(false)
    });
    // 6: it was a node, and its password is gone.
    finds("k3s-node-password-lost", Error, |state, _| {
        state.k3s.was_agent = true
    });
    assert_eq!(
        found(|state, _| {
            state.k3s.was_agent = true;
            state.k3s.node_password = true;
        }),
        []
    );
}

#[test]
fn what_of_k3s_is_there() {
    finds("k3s-server-url", Error, |state, wish| {
        wish.server = Some("https://192.168.11.11".to_owned());
        network(state).source_asked = false;
    });
    finds("k3s-unit-without-limit", Warning, |state, _| {
        state.k3s.unlimited = words("k3s-agent.service")
    });
    finds("k3s-other-role-installed", Error, |state, _| {
        state.k3s.units = words("k3s.service")
    });
    finds("k3s-server-data-left", Warning, |state, _| {
        state.k3s.was_server = true;
        state.k3s.node_password = true;
    });
    // 8: the agent trusts another CA than the token pins.
    finds("k3s-agent-of-another-cluster", Error, |state, _| {
        state.k3s.agent_ca_hash = Some("3".repeat(64))
    });
    // 11: the datastore's token.
    finds("k3s-server-token-differs", Error, |state, wish| {
        wish.role = Some(Role::Server);
        state.k3s.token_sha256 = Some("4".repeat(64));
    });
    // 12 and its like.
    finds("k3s-server-url-differs", Error, |state, _| {
        state
            .k3s
            .settings
            .insert("server".to_owned(), setting("https://192.168.11.99:6443"));
    });
    finds("k3s-token-in-environment", Warning, |state, _| {
        state.k3s.environment.insert("K3S_TOKEN".to_owned(), None);
    });
    finds("k3s-mode-unquoted", Error, |state, _| {
        state
            .k3s
            .settings
            .insert("write-kubeconfig-mode".to_owned(), setting("0644"));
    });
    finds("k3s-secret-readable", Warning, |state, _| {
        state.k3s.open_secrets = vec![("/etc/rancher/k3s/config.yaml".to_owned(), 0o644)];
    });
    finds("k3s-version-differs", Warning, |state, _| {
        state.k3s.version = Some("v1.32.1+k3s1".to_owned())
    });
}

#[test]
fn addresses_routes_and_ports() {
    // 13.
    finds("k3s-no-default-route", Error, |state, _| {
        network(state).default_routes.clear()
    });
    finds("k3s-default-route-interface", Warning, |state, _| {
        network(state).default_routes = words("wlan0 eth0")
    });
    // 15.
    finds("k3s-interface-missing", Error, |state, _| {
        network(state).interfaces = words("end0");
        network(state).addresses[0].interface = "eth0".to_owned();
    });
    finds("k3s-address-missing", Error, |state, _| {
        network(state).addresses[0].address = "192.168.11.112".parse().unwrap();
        network(state).source = Some("192.168.11.112".parse().unwrap());
    });
    let found = found(|state, _| network(state).addresses[0].interface = "wlan0".to_owned());
    let ids: Vec<_> = found.iter().map(|f| f.id).collect();
    assert_eq!(
        ids,
        ["k3s-address-wrong-interface", "k3s-server-wrong-interface"]
    );
    finds("k3s-address-leased", Warning, |state, _| {
        network(state).addresses[0].dynamic = Some(true)
    });
    finds("k3s-no-route-to-server", Error, |state, _| {
        network(state).source = None
    });
    finds("k3s-port-taken", Error, |state, _| {
        network(state).ports.insert("tcp/10250".to_owned());
    });
    finds("k3s-port-taken", Error, |state, wish| {
        wish.role = Some(Role::Server);
        network(state).ports.insert("tcp/6443".to_owned());
    });
    // K3s's own are no obstacle.
    assert_eq!(
        self::found(|state, _| {
            network(state).ports.insert("tcp/10250".to_owned());
            state.k3s.running = true;
        }),
        []
    );
}

#[test]
fn clock_memory_disk_and_the_rest() {
    // 14.
    finds("k3s-clock-behind", Error, |state, _| {
        state.clock.now_s = Some(100)
    });
    finds("k3s-clock-not-synchronized", Warning, |state, _| {
        state.clock.synchronized = Some(false)
    });
    finds("k3s-swap-on", Warning, |state, _| {
        state.resources.swap = words("/var/swap")
    });
    finds("k3s-memory-small", Warning, |state, _| {
        state.resources.memory_bytes = Some(400_000_000)
    });
    finds("k3s-processors-few", Warning, |state, wish| {
        wish.role = Some(Role::Server);
        state.resources.processors = Some(1);
    });
    finds("k3s-disk-full", Error, |state, _| {
        state.resources.data.as_mut().unwrap().free_bytes = 1_000_000_000
    });
    finds("k3s-data-filesystem", Error, |state, _| {
        state.resources.data.as_mut().unwrap().filesystem = "overlay".to_owned()
    });
    finds("k3s-disk-latency", Info, |state, _| {
        state.resources.latencies_us = vec![900; 100]
    });
    finds("k3s-disk-latency", Error, |state, wish| {
        wish.role = Some(Role::Server);
        wish.etcd = true;
        state.resources.latencies_us = [vec![900; 98], vec![45_000; 2]].concat();
    });
    for (version, bad) in [
        ("1.8.2", true),
        ("1.8.4", true),
        ("1.8.5", false),
        ("1.6.1", false),
        ("1.8.10", false),
    ] {
        let found = found(|state, _| state.remains.iptables = Some(version.to_owned()));
        assert_eq!(!found.is_empty(), bad, "iptables {version}");
    }
    finds("k3s-other-kubernetes", Error, |state, _| {
        state.remains.kubernetes = vec![("MicroK8s".to_owned(), "/var/snap/microk8s".to_owned())];
    });
    finds("k3s-docker-runs", Info, |state, _| {
        state.remains.docker = true
    });
    finds("k3s-firewall-on", Warning, |state, _| {
        state.remains.firewalls = words("ufw")
    });
    finds("k3s-architecture-mixed", Warning, |state, _| {
        state.program_bits = Some(32)
    });
    finds("k3s-architecture-32", Warning, |state, _| {
        state.machine = Some("armv7l".to_owned())
    });
    finds("k3s-architecture-32", Error, |state, _| {
        state.machine = Some("armv6l".to_owned())
    });
}

/// The card of a Raspberry Pi, as files below a folder.
fn card(line: &str) -> tempfile::TempDir {
    let card = tempfile::tempdir().unwrap();
    for (path, content) in [
        ("boot/firmware/config.txt", "arm_64bit=1\n"),
        ("boot/firmware/cmdline.txt", line),
        (
            "boot/cmdline.txt",
            "DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/cmdline.txt\n",
        ),
        ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
        ("etc/hostname", "pi2\n"),
        ("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 pi2\n"),
        (
            "lib/modules/6.12.25+rpt-rpi-v8/modules.builtin",
            "kernel/fs/overlayfs/overlay.ko\n",
        ),
        (
            "lib/modules/6.12.25+rpt-rpi-v8/modules.dep",
            "kernel/net/bridge/br_netfilter.ko.xz: x\nkernel/drivers/net/vxlan/vxlan.ko.xz:\n",
        ),
    ] {
        let path = card.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    card
}

fn check_card(card: &Path) -> Outcome {
    let card = card.display().to_string();
    let arguments = ["--check", "-n", "--only", "--sysroot", &card];
    Program::new(env!("CARGO_BIN_EXE_k3s-join"))
        .args(arguments)
        .run()
        .unwrap()
}

fn ids(outcome: &Outcome) -> Vec<String> {
    let answer = outcome.json().unwrap();
    let findings = answer["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|f| f["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_card_with_the_words_on_a_second_line_is_found_and_the_mended_one_is_not() {
    let split = card(&format!("{LINE}\ncgroup_memory=1 cgroup_enable=memory\n"));
    let outcome = check_card(split.path());
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert_eq!(
        ids(&outcome),
        [
            "k3s-kernel-line-second-line",
            "k3s-kernel-line-memory",
            "k3s-card-only"
        ]
    );
    let mended = card(&format!("{GOOD_LINE}\n"));
    let outcome = check_card(mended.path());
    assert_eq!(
        (outcome.code, ids(&outcome)),
        (Some(0), vec!["k3s-card-only".to_owned()]),
        "{}",
        outcome.text()
    );
}

#[test]
fn cards_of_other_kinds() {
    // bullseye: the boot partition is /boot.
    let old = card("");
    std::fs::remove_dir_all(old.path().join("boot/firmware")).unwrap();
    std::fs::write(
        old.path().join("boot/cmdline.txt"),
        format!("{GOOD_LINE}\n"),
    )
    .unwrap();
    std::fs::write(old.path().join("boot/config.txt"), "").unwrap();
    assert_eq!(check_card(old.path()).code, Some(0));
    // Ubuntu since 25.10: os_prefix.
    let prefix = card(&format!("{GOOD_LINE}\n"));
    let boot = prefix.path().join("boot/firmware");
    std::fs::write(
        boot.join("config.txt"),
        "[all]\nos_prefix=current/\n[tryboot]\nos_prefix=new/\n",
    )
    .unwrap();
    std::fs::create_dir(boot.join("current")).unwrap();
    std::fs::write(boot.join("current/cmdline.txt"), format!("{LINE}\n")).unwrap();
    assert_eq!(
        ids(&check_card(prefix.path())),
        [
            "k3s-kernel-line-wrong-file",
            "k3s-kernel-line-memory",
            "k3s-card-only"
        ]
    );
    // Without its boot partition mounted.
    let bare = card("");
    for file in ["config.txt", "cmdline.txt"] {
        std::fs::remove_file(bare.path().join("boot/firmware").join(file)).unwrap();
    }
    std::fs::remove_file(bare.path().join("boot/cmdline.txt")).unwrap();
    assert_eq!(
        ids(&check_card(bare.path())),
        ["k3s-boot-not-mounted", "k3s-card-only"]
    );
    // A link that leads out of the card is not followed there.
    let link = card(&format!("{GOOD_LINE}\n"));
    std::fs::remove_file(link.path().join("etc/hostname")).unwrap();
    std::os::unix::fs::symlink(
        "/proc/sys/kernel/hostname",
        link.path().join("etc/hostname"),
    )
    .unwrap();
    let answer = check_card(link.path()).json().unwrap();
    assert!(answer["nodes"]["node"]["run"].is_object(), "{answer}");
}

#[test]
fn what_of_k3s_is_on_a_card() {
    let card = card(&format!("{GOOD_LINE}\n"));
    let write = |path: &str, content: &str, mode: u32| {
        let path = card.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    write(
        "etc/systemd/system/k3s-agent.service",
        "[Service]\nType=notify\nTimeoutStartSec=0\n",
        0o644,
    );
    write(
        "etc/systemd/system/k3s-agent.service.env",
        "K3S_TOKEN='marker-secret'\nK3S_URL='https://old:6443'\n",
        0o644,
    );
    write(
        "etc/rancher/k3s/config.yaml",
        "write-kubeconfig-mode: 0644\ntoken: marker-secret\n",
        0o644,
    );
    write("var/lib/rancher/k3s/agent/client-kubelet.crt", "", 0o600);
    let outcome = check_card(card.path());
    let found = ids(&outcome);
    for id in [
        "k3s-unit-without-limit",
        "k3s-secret-readable",
        "k3s-mode-unquoted",
        "k3s-node-password-lost",
    ] {
        assert!(
            found.iter().any(|found| found == id),
            "{id} is not in {found:?}"
        );
    }
    assert!(!outcome.text().contains("marker-secret"));
    write(
        "etc/systemd/system/k3s-agent.service.d/50-k3s-join.conf",
        "[Service]\nTimeoutStartSec=900\n",
        0o644,
    );
    write("etc/rancher/node/password", "x", 0o600);
    let found = ids(&check_card(card.path()));
    assert!(
        !found
            .iter()
            .any(|id| id == "k3s-unit-without-limit" || id == "k3s-node-password-lost"),
        "{found:?}"
    );
}

#[test]
fn this_machine_is_looked_at_and_its_writes_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--check",
        "-n",
        "--only",
        "--probe-disk",
        "--sysroot",
        &folder.path().display().to_string(),
    ];
    let outcome = Program::new(env!("CARGO_BIN_EXE_k3s-join"))
        .args(arguments)
        .run()
        .unwrap();
    let answer = outcome.json().unwrap();
    assert!(
        ran(&answer)["observed"]["write_p99_us"].as_u64().unwrap() > 0,
        "{answer}"
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "the probe left something"
    );
    let live = Program::new(env!("CARGO_BIN_EXE_k3s-join"))
        .args(["--check", "-n", "--only"])
        .run()
        .unwrap();
    assert!(matches!(live.code, Some(0 | 3)), "{}", live.stderr);
    assert_eq!(ran(&live.json().unwrap())["observed"]["live"], true);
}

#[test]
fn flags_that_say_nothing_together_are_usage_errors() {
    for arguments in [
        &["-n", "--check", "--apply"][..],
        &["-n", "--rehearse", "--leave"],
        &["-n", "--binary", "k3s"],
        &["-n", "--check", "-f", "sh"],
        &["-n", "--role", "agent"],
        &["-n", "--check", "--pin", "abc"],
        &["-n", "--rehearse"],
        &["-n", "--check", "--limit", "0"],
        &["-n", "--leave", "--discard", "everything"],
    ] {
        let outcome = Program::new(env!("CARGO_BIN_EXE_k3s-join"))
            .args(arguments)
            .run()
            .unwrap();
        assert_eq!(
            (outcome.code, outcome.stdout.len()),
            (Some(2), 0),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
}
