//! What the scripts and requests do to a router, whatever they forward and whatever else is on it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod router;

use cluster::document::Document;
use cluster::inventory::{RouterOs, Section};
use ipnet::IpNet;
use nat_gen::expose;
use nat_gen::firewall::{Action, Firewall, Role, Rule};
use nat_gen::forward::{Forward, of_family};
use nat_gen::plan::faults;
use nat_gen::ports::{MAX_ITEMS, Ports, split};
use nat_gen::refuse;
use nat_gen::render::rest::State;
use nat_gen::render::{rest, rsc, rsc_remove};
use nat_gen::routeros::Names;
use nat_gen::site::Site;
use proptest::prelude::*;
use router::{CONNECTIONS, FILTER, FILTER6, Fault, HOOKS, NAT, Router, SCHEDULER, When};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

const CLUSTER: &str = "home";

/// What a document comes to.
struct Made {
    site: Site,
    forwards: Vec<Forward>,
    firewall: Firewall,
}

fn make(expose: &Value, default_firewall: bool) -> Made {
    let document = json!({
        "name": CLUSTER,
        "network": {"lan": "192.168.11.0/24", "lan_ipv6": "2001:db8:11::/64", "gateway": "192.168.11.1"},
        "router": {"default_firewall": default_firewall, "other_addresses": ["192.168.88.1"]},
        "expose": expose,
    });
    let document = Document::parse(document.to_string().into_bytes()).unwrap();
    let (inventory, _) = document.inventory(&Section::ALL).unwrap();
    let site = Site::read(&inventory).unwrap();
    let (forwards, _) = expose::forwards(&inventory.expose, None);
    assert_eq!(
        refuse::check(&forwards, &site, &[])
            .iter()
            .find(|f| f.severity.as_str() == "error"),
        None
    );
    let firewall = Firewall::new(&forwards, &site);
    assert_eq!(faults(&firewall), []);
    Made {
        site,
        forwards,
        firewall,
    }
}

impl Made {
    fn script(&self) -> String {
        self.script_with(None, false)
    }

    fn script_with(&self, confirm: Option<u32>, drop_udp: bool) -> String {
        rsc::script(&rsc::Script {
            cluster: &self.site.cluster,
            firewall: &self.firewall,
            forwards: &self.forwards,
            hooks: &rsc::hooks(RouterOs::V7, true),
            confirm,
            drop_udp,
        })
    }

    fn names(&self) -> Names {
        Names::new(&self.site.cluster, &self.firewall)
    }

    fn removal(&self) -> String {
        rsc_remove::script(CLUSTER, &self.names(), &rsc::hooks(RouterOs::V7, true))
    }
}

/// A router as people have it: its own rules, and some that look much like ours.
fn furnished() -> Router {
    let mut router = Router::default();
    router.put(
        NAT,
        &[
            ("chain", "srcnat"),
            ("action", "masquerade"),
            ("out-interface-list", "WAN"),
        ],
    );
    router.put(
        NAT,
        &[
            ("chain", "dstnat"),
            ("action", "dst-nat"),
            ("protocol", "tcp"),
            ("dst-port", "2222"),
            ("to-addresses", "192.168.11.7"),
            ("comment", "nat-gen: ssh"),
        ],
    );
    // Another cluster of a name that begins like ours, and chains that only look like ours.
    for chain in [
        "ng-home-2-0123456789ab-d",
        "ng-home-0123456789ab-dd",
        "ng-home-0123456789AB-d",
        "ng-home-0123456789a-d",
        "xng-home-0123456789ab-d",
    ] {
        router.put(
            NAT,
            &[
                ("chain", "dstnat"),
                ("action", "jump"),
                ("jump-target", chain),
                ("dst-address-type", "local"),
            ],
        );
        router.put(
            NAT,
            &[
                ("chain", chain),
                ("action", "dst-nat"),
                ("protocol", "tcp"),
                ("dst-port", "9"),
                ("to-addresses", "192.168.11.9"),
            ],
        );
    }
    router.put(
        FILTER,
        &[
            ("chain", "forward"),
            ("action", "passthrough"),
            ("dynamic", "yes"),
        ],
    );
    router.put(FILTER, &[("chain", "input"), ("action", "accept")]);
    router.put(FILTER, &[("chain", "forward"), ("action", "drop")]);
    router.put(FILTER6, &[("chain", "forward"), ("action", "drop")]);
    router.put(SCHEDULER, &[("name", "ng-home-2-undo"), ("on-event", "")]);
    router
}

fn exposures() -> impl Strategy<Value = Value> {
    let targets = prop_oneof![
        4 => Just("192.168.11.50"),
        2 => Just("192.168.11.51"),
        1 => Just("2001:db8:11::50"),
    ];
    let sources = prop_oneof![
        4 => Just(json!([])),
        1 => Just(json!(["203.0.113.0/24", "198.51.100.7/32"])),
        1 => Just(json!(["192.168.0.0/16"])),
        1 => Just(json!(["192.168.11.128/25"])),
        1 => Just(json!(["203.0.113.0/24", "::/0"])),
        1 => Just(json!(["0.0.0.0/0", "2001:db8:99::/48"])),
        1 => Just(json!(["198.51.100.0/24", "2001:db8:99::/48"])),
    ];
    // Few and near ports, so that neighbours and ranges are common.
    let one = (
        1u16..60,
        any::<bool>(),
        targets,
        prop_oneof![3 => Just(0u16), 1 => 1u16..4],
        sources,
    );
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let mut by_port = BTreeMap::new();
        for (port, udp, target, shift, sources) in all {
            by_port
                .entry((port, udp))
                .or_insert((target, shift, sources));
        }
        let list =
            by_port
                .into_iter()
                .enumerate()
                .map(|(index, ((port, udp), (to, shift, sources)))| {
                    let v6 = to.contains(':');
                    // Where none is of the target's family, the entry is refused.
                    let of_family = |s: &Value| s.as_str().unwrap().contains(':') == v6;
                    let fits = sources.as_array().unwrap().iter().any(of_family);
                    json!({
                        "name": format!("s{index}"),
                        "protocol": if udp { "udp" } else { "tcp" },
                        "port": port,
                        "to_address": to,
                        "to_port": if v6 { port } else { port + shift },
                        "sources": if fits { sources } else { json!([]) },
                    })
                });
        Value::Array(list.collect())
    })
}

/// Networks of both families, everybody among them.
fn networks() -> impl Strategy<Value = Vec<IpNet>> {
    let v4 = (any::<u32>(), 0u8..=3).prop_map(|(bits, length)| {
        let length = [0, 1, 8, 32][usize::from(length)];
        IpNet::new(std::net::Ipv4Addr::from(bits).into(), length).unwrap()
    });
    let v6 = (any::<u128>(), 0u8..=3).prop_map(|(bits, length)| {
        let length = [0, 1, 16, 128][usize::from(length)];
        IpNet::new(std::net::Ipv6Addr::from(bits).into(), length).unwrap()
    });
    prop::collection::vec(prop_oneof![v4, v6], 0..6)
}

fn imported(router: &Router, script: &str) -> Router {
    let mut router = router.clone();
    router.import(script).unwrap();
    router
}

/// Hook by hook, what is in force is what it was or what it shall be.
fn is_old_or_new(router: &Router, old: &Router, new: &Router) -> bool {
    HOOKS.iter().all(|(menu, chain)| {
        let now = router.effect(menu, chain);
        now == old.effect(menu, chain) || now == new.effect(menu, chain)
    })
}

fn fixed() -> [Value; 2] {
    [
        json!([
            {"name": "http", "port": 80, "to_address": "192.168.11.50"},
            {"name": "dns", "protocol": "udp", "port": 53, "to_address": "192.168.11.50"},
            {"name": "six", "port": 8443, "to_address": "2001:db8:11::50"},
        ]),
        json!([
            {"name": "http", "port": 80, "to_address": "192.168.11.51"},
            {"name": "dns", "protocol": "udp", "port": 53, "to_address": "192.168.11.51", "to_port": 5353},
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn importing_twice_is_importing_once(expose in exposures(), default_firewall: bool) {
        let script = make(&expose, default_firewall).script();
        let once = imported(&furnished(), &script);
        prop_assert_eq!(&imported(&once, &script), &once);
    }

    #[test]
    fn what_is_in_force_depends_on_the_last_import_only(a in exposures(), b in exposures(), firewall_a: bool, firewall_b: bool) {
        let (a, b) = (make(&a, firewall_a).script(), make(&b, firewall_b).script());
        let only = imported(&furnished(), &a);
        let there_and_back = imported(&imported(&only, &b), &a);
        prop_assert_eq!(only.effects(), there_and_back.effects());
        prop_assert_eq!(only.foreign(CLUSTER), there_and_back.foreign(CLUSTER));
        let own = |router: &Router| router.menus.values().map(Vec::len).collect::<Vec<_>>();
        prop_assert_eq!(own(&only), own(&there_and_back), "an import leaves something behind");
    }

    #[test]
    fn removing_leaves_the_router_as_it_was(a in exposures(), b in exposures(), confirm: bool) {
        let before = furnished();
        let (a, b) = (make(&a, false), make(&b, true));
        let mut router = imported(&before, &a.script());
        router = imported(&router, &b.script_with(confirm.then_some(60), false));
        router = imported(&router, &a.removal());
        prop_assert_eq!(router.menus, before.menus);
    }

    #[test]
    fn foreign_rules_never_change(a in exposures(), b in exposures(), at in 0usize..200, lost: bool) {
        let before = furnished();
        let mut router = imported(&before, &make(&a, false).script());
        let when = if lost { When::PowerLost } else { When::Fails };
        let (_, _) = router.import_with(&make(&b, false).script(), Some(Fault { at, when }));
        prop_assert_eq!(router.foreign(CLUSTER), before.foreign(CLUSTER));
    }

    #[test]
    fn requests_come_to_the_same_as_the_script(a in exposures(), b in exposures(), firewall_a: bool, firewall_b: bool) {
        let (a, b) = (make(&a, firewall_a), make(&b, firewall_b));
        let mut by_script = imported(&furnished(), &a.script());
        let mut by_requests = furnished();
        for made in [&a, &b, &b] {
            send(&mut by_requests, made);
        }
        by_script = imported(&by_script, &b.script());
        prop_assert_eq!(by_requests.effects(), by_script.effects());
        prop_assert_eq!(by_requests.foreign(CLUSTER), by_script.foreign(CLUSTER));
        prop_assert_eq!(plan(&by_requests, &b), vec![], "sent once, there is nothing left to send");
        // Each other understands what the other made.
        prop_assert_eq!(plan(&by_script, &b), vec![]);
        prop_assert_eq!(&imported(&by_requests, &b.script()), &by_requests);
    }
}

fn saved(router: &Router, menu: &str) -> Vec<u8> {
    let items = router.items(menu).iter().map(|item| {
        let mut object = serde_json::Map::new();
        for (name, value) in &item.properties {
            let value = match (name.as_str(), value.as_str()) {
                ("dynamic" | "disabled", "yes") => "true",
                (_, value) => value,
            };
            object.insert(name.clone(), json!(value));
        }
        object.insert(".id".to_owned(), json!(format!("*{:X}", item.id)));
        for (name, value) in [
            ("bytes", "0"),
            ("packets", "0"),
            ("invalid", "false"),
            ("log", "false"),
            ("log-prefix", ""),
        ] {
            object.insert(name.to_owned(), json!(value));
        }
        Value::Object(object)
    });
    Value::Array(items.collect()).to_string().into_bytes()
}

fn plan(router: &Router, made: &Made) -> Vec<rest::Request> {
    let state = State::read(
        &saved(router, NAT),
        Some(&saved(router, FILTER)),
        Some(&saved(router, FILTER6)),
    )
    .unwrap();
    rest::plan(
        &state,
        &made.firewall,
        &made.names(),
        &rsc::hooks(RouterOs::V7, true),
    )
    .unwrap()
}

/// Sends the requests that a state leads to, in order.
fn send(router: &mut Router, made: &Made) {
    for request in plan(router, made) {
        let path = request
            .path
            .strip_prefix("/rest/")
            .unwrap()
            .replace('/', " ");
        let (menu, id) = match path.split_once(" *") {
            Some((menu, id)) => (format!("/{menu}"), usize::from_str_radix(id, 16).unwrap()),
            None => (format!("/{path}"), 0),
        };
        let body = request.body.unwrap_or_default();
        let mut body: BTreeMap<String, String> =
            body.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        if let Some(before) = body.get_mut("place-before") {
            *before = format!(
                "*{}",
                usize::from_str_radix(before.trim_start_matches('*'), 16).unwrap()
            );
        }
        match request.method {
            "PUT" => router.add(&menu, body).map(|_| ()),
            "PATCH" => router.set(&menu, &[id], &body),
            "DELETE" => router.remove(&menu, &[id]),
            other => unreachable!("unknown method {other}"),
        }
        .unwrap();
    }
}

/// Imports with a fault at each command in turn, and hands what is left to `check` with whether the import said an error.
fn at_each_command(before: &Router, script: &str, when: When, check: impl Fn(Router, bool, usize)) {
    let (outcome, commands) = before.clone().import_with(script, None);
    outcome.unwrap();
    assert!(commands > 10, "only {commands} commands");
    for at in 0..commands {
        let mut router = before.clone();
        let (outcome, _) = router.import_with(script, Some(Fault { at, when }));
        check(router, outcome.is_err(), at);
    }
}

#[test]
fn an_error_at_any_command_leaves_the_old_or_the_new() {
    let [a, b] = fixed().map(|expose| make(&expose, false));
    let empty = make(&json!([]), true);
    let bare = furnished();
    let first = imported(&bare, &a.script());
    for (before, next) in [(&bare, &a), (&first, &b), (&first, &empty)] {
        for confirm in [None, Some(60)] {
            let script = next.script_with(confirm, false);
            let after = imported(before, &script);
            at_each_command(before, &script, When::Fails, |router, failed, at| {
                let now = router.effects();
                let old_or_new = now == before.effects() || now == after.effects();
                assert!(old_or_new, "command {at} leaves a mixture: {now:#?}");
                assert!(
                    failed || now == after.effects(),
                    "command {at}: no error was said"
                );
                assert_eq!(router.foreign(CLUSTER), before.foreign(CLUSTER));
                // Whatever is left, the same import makes it good.
                let again = imported(&router, &next.script());
                assert_eq!(
                    again.chains(),
                    imported(before, &next.script()).chains(),
                    "command {at}"
                );
            });
        }
    }
}

#[test]
fn power_lost_at_any_command_leaves_each_hook_old_or_new() {
    let [a, b] = fixed().map(|expose| make(&expose, false));
    let before = imported(&furnished(), &a.script());
    let after = imported(&before, &b.script());
    at_each_command(&before, &b.script(), When::PowerLost, |router, _, at| {
        assert!(is_old_or_new(&router, &before, &after), "command {at}");
        assert_eq!(
            imported(&router, &b.script()).chains(),
            after.chains(),
            "command {at}"
        );
        assert_eq!(
            imported(&router, &a.script()).effects(),
            before.effects(),
            "command {at}"
        );
        assert_eq!(
            imported(&router, &a.removal()).menus,
            furnished().menus,
            "command {at}"
        );
    });
}

#[test]
fn a_removal_that_fails_leaves_each_hook_whole_or_gone_and_can_be_repeated() {
    let [a, _] = fixed().map(|expose| make(&expose, false));
    let bare = furnished();
    let before = imported(&bare, &a.script());
    for when in [When::Fails, When::PowerLost] {
        at_each_command(&before, &a.removal(), when, |router, _, at| {
            assert!(is_old_or_new(&router, &before, &bare), "command {at}");
            assert_eq!(
                imported(&router, &a.removal()).menus,
                bare.menus,
                "command {at}"
            );
        });
    }
}

#[test]
fn an_unconfirmed_change_is_undone() {
    let [a, b] = fixed().map(|expose| make(&expose, false));
    let empty = make(&json!([]), true);
    let bare = furnished();
    let first = imported(&bare, &a.script());
    for (before, next) in [(&bare, &a), (&first, &b), (&first, &empty)] {
        let script = next.script_with(Some(60), false);
        let mut router = imported(before, &script);
        assert_eq!(router.effects(), imported(before, &next.script()).effects());
        // Imported again while it waits, it changes nothing.
        assert_eq!(imported(&router, &script), router);
        router.run_scheduled("ng-home-undo").unwrap();
        assert_eq!(router.menus, before.menus, "not undone");
    }
}

#[test]
fn a_confirmed_change_stays_and_the_next_import_tidies_up() {
    let [a, b] = fixed().map(|expose| make(&expose, false));
    let before = imported(&furnished(), &a.script());
    let tidy = imported(&before, &b.script());
    let confirmed = |mut router: Router| {
        let entry = router
            .items(SCHEDULER)
            .iter()
            .find(|i| i.get("name") == "ng-home-undo")
            .unwrap()
            .id;
        router.remove(SCHEDULER, &[entry]).unwrap();
        router
    };
    let script = b.script_with(Some(60), false);
    let waiting = imported(&before, &script);
    let kept = confirmed(waiting.clone());
    assert_eq!(kept.effects(), tidy.effects());
    assert_eq!(imported(&kept, &script).chains(), tidy.chains());
    // Importing the plain script says: keep it.
    assert_eq!(imported(&waiting, &b.script()).chains(), tidy.chains());
}

#[test]
fn a_change_that_waits_is_not_run_over() {
    let [a, b] = fixed().map(|expose| make(&expose, false));
    let waiting = imported(&furnished(), &a.script_with(Some(60), false));
    for script in [b.script(), b.script_with(Some(60), false)] {
        let mut router = waiting.clone();
        let error = router.import(&script).unwrap_err();
        assert!(
            format!("{error:?}").contains("waits to be confirmed"),
            "{error:?}"
        );
        assert_eq!(router, waiting);
    }
}

#[test]
fn rules_that_somebody_took_out_are_said_and_not_papered_over() {
    let [a, _] = fixed().map(|expose| make(&expose, false));
    let mut router = imported(&furnished(), &a.script());
    let own = router
        .items(NAT)
        .iter()
        .find(|i| {
            i.get("chain").ends_with("-p")
                && i.get("chain").starts_with("ng-home-")
                && i.get("protocol") == "udp"
        })
        .unwrap()
        .id;
    router.remove(NAT, &[own]).unwrap();
    let mut again = router.clone();
    let error = again.import(&a.script()).unwrap_err();
    assert!(
        format!("{error:?}").contains("added or removed by hand"),
        "{error:?}"
    );
    assert_eq!(again, router);
    let repaired = imported(&imported(&router, &a.removal()), &a.script());
    assert_eq!(
        repaired.effects(),
        imported(&furnished(), &a.script()).effects()
    );
    let state = State::read(
        &saved(&router, NAT),
        Some(&saved(&router, FILTER)),
        Some(&saved(&router, FILTER6)),
    )
    .unwrap();
    let refused = rest::plan(
        &state,
        &a.firewall,
        &a.names(),
        &rsc::hooks(RouterOs::V7, true),
    )
    .unwrap_err();
    assert_eq!(refused.id, "nat-rest-changed");
}

#[test]
fn requests_see_a_rule_that_was_edited_in_place() {
    let [a, _] = fixed().map(|expose| make(&expose, false));
    let whole = imported(&furnished(), &a.script());
    let chain = a.names().chain(Role::Public);
    let rule = whole
        .items(NAT)
        .iter()
        .find(|i| i.get("chain") == chain)
        .unwrap()
        .id;
    let edited = |name: &str, value: &str| {
        let mut nat: Vec<Value> = serde_json::from_slice(&saved(&whole, NAT)).unwrap();
        let id = format!("*{rule:X}");
        nat.iter_mut().find(|item| item[".id"] == id).unwrap()[name] = json!(value);
        let nat = Value::Array(nat).to_string();
        let (filter, filter6) = (saved(&whole, FILTER), saved(&whole, FILTER6));
        let state = State::read(nat.as_bytes(), Some(&filter), Some(&filter6)).unwrap();
        let hooks = rsc::hooks(RouterOs::V7, true);
        rest::plan(&state, &a.firewall, &a.names(), &hooks)
    };
    for (name, value) in [
        ("src-address-list", "friends"),
        ("in-interface", "ether1"),
        ("src-address", "!203.0.113.0/24"),
        ("dst-port", "81"),
        ("to-ports", "22"),
        ("disabled", "true"),
        ("a-matcher-of-the-future", "x"),
    ] {
        let refused = edited(name, value).unwrap_err();
        assert_eq!(refused.id, "nat-rest-changed");
        assert!(refused.message.contains(name), "{}", refused.message);
    }
    for (name, value) in [
        ("log", "true"),
        ("log-prefix", "web"),
        ("about", "x"),
        ("src-mac-address", ""),
        ("randomise-ports", "false"),
    ] {
        assert_eq!(edited(name, value).unwrap(), [], "{name}");
    }
}

#[test]
fn leftovers_that_nothing_leads_to_are_replaced() {
    let [a, _] = fixed().map(|expose| make(&expose, false));
    let mut router = furnished();
    let chain = a.names().chain(Role::Public);
    router.put(NAT, &[("chain", &chain), ("action", "accept")]);
    assert_eq!(
        imported(&router, &a.script()).effects(),
        imported(&furnished(), &a.script()).effects()
    );
}

/// A connection as a router shows it: its ports behind the addresses, or beside them.
fn connect(
    router: &mut Router,
    beside: bool,
    protocol: &str,
    [to, reply]: [&str; 2],
    dstnat: &str,
) {
    let mut properties = vec![("protocol", protocol), ("dstnat", dstnat)];
    let ends = [
        (to, "dst-address", "dst-port"),
        (reply, "reply-src-address", "reply-src-port"),
    ];
    for (end, address, port) in ends {
        let (before, behind) = end.rsplit_once(':').unwrap();
        properties.push((address, if beside { before } else { end }));
        if beside {
            properties.push((port, behind));
        }
    }
    router.put(CONNECTIONS, &properties);
}

#[test]
fn only_udp_connections_to_a_former_target_are_removed() {
    let [a, b] = fixed().map(|expose| make(&expose, false));
    let stale = ["198.51.100.1:53", "192.168.11.50:53"];
    let others = [
        ("udp", ["198.51.100.1:53", "192.168.11.51:5353"], "yes"),
        ("udp", ["9.9.9.9:53", "9.9.9.9:53"], "no"),
        ("udp", ["198.51.100.1:1053", "192.168.11.50:53"], "yes"),
        ("tcp", ["198.51.100.1:53", "192.168.11.50:53"], "yes"),
        ("tcp", ["198.51.100.1:80", "192.168.11.50:80"], "yes"),
        // Rules of others that catch everybody's DNS, for the router itself and for a host.
        ("udp", ["9.9.9.9:53", "192.168.11.1:53"], "yes"),
        ("udp", ["9.9.9.9:53", "192.168.11.5:53"], "yes"),
        ("udp", ["9.9.9.9:53", "192.168.11.150:53"], "yes"),
    ];
    for beside in [false, true] {
        let mut router = imported(&furnished(), &a.script());
        for (protocol, ends, dstnat) in others {
            connect(&mut router, beside, protocol, ends, dstnat);
        }
        let kept = router.items(CONNECTIONS).to_vec();
        connect(&mut router, beside, "udp", stale, "yes");
        let all = router.items(CONNECTIONS).to_vec();
        let left = |router: &Router| router.items(CONNECTIONS).to_vec();
        assert_eq!(
            left(&imported(&router, &b.script())),
            all,
            "without the flag none is touched"
        );
        let mut after = imported(&router, &b.script_with(None, true));
        assert_eq!(left(&after), kept, "ports beside the addresses: {beside}");
        let waiting = imported(&router, &b.script_with(Some(60), true));
        assert_eq!(left(&waiting), kept);
        // The second import changes no target, and so ends nothing.
        connect(&mut after, beside, "udp", stale, "yes");
        assert_eq!(
            left(&imported(&after, &b.script_with(None, true))),
            left(&after)
        );
    }
}

#[test]
fn routeros_6_without_ipv6_is_never_asked_for_it() {
    let [a, _] = fixed().map(|expose| make(&expose, true));
    let hooks = rsc::hooks(RouterOs::V6, false);
    let script = rsc::script(&rsc::Script {
        cluster: CLUSTER,
        firewall: &a.firewall,
        forwards: &a.forwards,
        hooks: &hooks,
        confirm: Some(30),
        drop_udp: true,
    });
    assert!(!script.contains("ipv6"));
    assert!(!rsc_remove::script(CLUSTER, &a.names(), &hooks).contains("ipv6"));
    assert!(
        rsc::hooks(RouterOs::V6, true).len() == 4 && rsc::hooks(RouterOs::V7, false).len() == 4
    );
}

#[test]
fn the_filter_jump_stands_before_what_drops_and_after_what_is_dynamic() {
    let [a, _] = fixed().map(|expose| make(&expose, false));
    let router = imported(&furnished(), &a.script());
    let forward: Vec<&str> = router
        .items(FILTER)
        .iter()
        .filter(|i| i.get("chain") == "forward")
        .map(|i| i.get("action"))
        .collect();
    assert_eq!(forward, ["passthrough", "jump", "drop"]);
    assert_eq!(
        router.effect(FILTER6, "forward").first().unwrap(),
        "action=jump comment=nat-gen: made and removed by its scripts"
    );
}

#[test]
fn a_rule_that_takes_too_much_is_refused_whoever_made_it() {
    let good = make(&fixed()[0], false).firewall;
    let spoilt = |spoil: &dyn Fn(&mut Rule)| {
        let mut firewall = good.clone();
        spoil(&mut firewall.chains.get_mut(&Role::Public).unwrap()[0]);
        faults(&firewall)
    };
    assert_eq!(spoilt(&|_| {}), []);
    let many = |first: u16| {
        (0..16)
            .map(|n| Ports {
                first: first + 2 * n,
                last: first + 2 * n,
            })
            .collect::<Vec<_>>()
    };
    for (what, fault) in [
        (
            "no destination match",
            spoilt(&|rule| rule.to_router = false),
        ),
        ("no port match", spoilt(&|rule| rule.ports.clear())),
        ("no port match", spoilt(&|rule| rule.protocol = None)),
        (
            "more ports than a rule holds",
            spoilt(&|rule| rule.ports = many(1000)),
        ),
        (
            "another family",
            spoilt(&|rule| rule.source = Some("2001:db8::/32".parse().unwrap())),
        ),
        (
            "another family",
            spoilt(&|rule| rule.destination = Some("2001:db8::1".parse().unwrap())),
        ),
        (
            "a port that is none",
            spoilt(&|rule| rule.ports[0].first = 0),
        ),
        (
            "a port that is none",
            spoilt(&|rule| rule.action = Action::DstNat([192, 168, 11, 50].into(), Some(0))),
        ),
    ] {
        assert_eq!(fault.len(), 1, "{what}");
        assert_eq!(
            (fault[0].id, fault[0].severity.as_str()),
            ("nat-rule-unsafe", "error")
        );
        assert!(fault[0].message.contains(what), "{}", fault[0].message);
    }
}

proptest! {
    #[test]
    fn sources_let_in_whom_they_name_and_nobody_else(sources in networks(), v6: bool, v4_client: u32, v6_client: u128) {
        let target: IpAddr = if v6 { "2001:db8:11::50" } else { "192.168.11.50" }.parse().unwrap();
        let stranger: IpAddr = if v6 { IpAddr::from(v6_client.to_be_bytes()) } else { IpAddr::from(v4_client.to_be_bytes()) };
        let kept = of_family(&sources, target);
        let own = sources.iter().map(IpNet::addr).filter(|a| a.is_ipv6() == v6);
        for client in own.chain([stranger]) {
            let named = sources.is_empty() || sources.iter().any(|net| net.contains(&client));
            let let_in = kept.as_ref().is_some_and(|kept| kept.is_empty() || kept.iter().any(|net| net.net().contains(&client)));
            prop_assert_eq!(let_in, named, "{} of {:?} as {:?}", client, sources, kept);
        }
        for net in kept.iter().flatten() {
            prop_assert_eq!(net.net().addr().is_ipv6(), v6);
        }
    }

    #[test]
    fn ports_are_merged_split_and_none_is_lost(ports in prop::collection::btree_set(1u16..=65535, 0..200), near in prop::collection::btree_set(1u16..80, 0..80)) {
        let ports: std::collections::BTreeSet<u16> = ports.union(&near).copied().collect();
        let rules = split(ports.iter().copied());
        let back: Vec<u16> = rules.iter().flatten().flat_map(|range| range.first..=range.last).collect();
        prop_assert_eq!(back, ports.into_iter().collect::<Vec<_>>());
        for rule in &rules {
            prop_assert!(rule.iter().map(|range| range.items()).sum::<usize>() <= MAX_ITEMS);
        }
        // Neighbours are one range, and no rule could take the next one's first range.
        let all: Vec<&Ports> = rules.iter().flatten().collect();
        prop_assert!(all.windows(2).all(|pair| u32::from(pair[0].last) + 1 < u32::from(pair[1].first)));
        for pair in rules.windows(2) {
            let taken: usize = pair[0].iter().map(|range| range.items()).sum();
            prop_assert!(taken + pair[1][0].items() > MAX_ITEMS);
        }
    }
}
