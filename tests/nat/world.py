"""Five hosts in network namespaces, and who answers whom when a ruleset is loaded on the router.

    internet 203.0.113.9 -- wan [router] lan 192.168.11.1 -- switch -- client .20, load balancer .50 and .51, node .11

The switch is a box of its own, as it is in the cluster: what stays inside the local network never meets the router.

Arguments: one or more rulesets (files for nft). For each, one JSON object on a line of standard output: probe -> who answered and
from which address it saw the client come; null where nobody did.

Is to be started in mount, network and process namespaces of its own (`unshare --mount --net --pid --fork --kill-child`), so
that nothing of it is left, however it ends. All traffic is between the namespaces that it makes.
"""

import json
import os
import socket
import subprocess
import sys
import time

LB, LB2, NODE, ROUTER, PUBLIC, WEB = "192.168.11.50", "192.168.11.51", "192.168.11.11", "192.168.11.1", "203.0.113.2", "203.0.113.9"
OTHER_LAN, RENEWED, STRANGER = "192.168.88.1", "203.0.113.3", "203.0.113.66"


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)


def inside(host, *words):
    run("ip", "netns", "exec", host, *words)


def cable(host, name, other_host, other_name):
    run("ip", "link", "add", name, "netns", host, "type", "veth", "peer", "name", other_name, "netns", other_host)
    inside(host, "ip", "link", "set", name, "up")
    inside(other_host, "ip", "link", "set", other_name, "up")


def plug(host, addresses, gateway=None):
    for address in addresses:
        inside(host, "ip", "address", "add", f"{address}/24", "dev", "eth0")
    if gateway:
        inside(host, "ip", "route", "add", "default", "via", gateway)


def build():
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    hosts = {"client": ["192.168.11.20"], "balancer": [LB, LB2], "node": [NODE]}
    for host in ["router", "switch", "internet", *hosts]:
        run("ip", "netns", "add", host)
        inside(host, "ip", "link", "set", "lo", "up")
    cable("internet", "eth0", "router", "wan")
    plug("internet", [WEB, STRANGER])
    inside("switch", "ip", "link", "add", "ports", "type", "bridge")
    inside("switch", "ip", "link", "set", "ports", "up")
    cable("router", "lan", "switch", "port0")
    inside("switch", "ip", "link", "set", "port0", "master", "ports")
    for number, (host, addresses) in enumerate(hosts.items(), 1):
        cable(host, "eth0", "switch", f"port{number}")
        inside("switch", "ip", "link", "set", f"port{number}", "master", "ports")
        plug(host, addresses, ROUTER)
    for address, interface in [(ROUTER, "lan"), (OTHER_LAN, "lan"), (PUBLIC, "wan")]:
        inside("router", "ip", "address", "add", f"{address}/24", "dev", interface)
    inside("router", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    # What every home router does for those behind it, in a table that is not ours.
    inside("router", "nft", "add table ip home; add chain ip home out { type nat hook postrouting priority srcnat + 10; }; "
           "add rule ip home out oifname wan masquerade")


def serve(host, *places):
    """Answers at these places with their names, until the process namespace ends."""
    subprocess.Popen(["ip", "netns", "exec", host, sys.executable, __file__, "--serve", *places], stdin=subprocess.DEVNULL)


def answer(places):
    """The server's process: `tcp/ADDRESS/PORT` …"""
    import selectors

    selector = selectors.DefaultSelector()
    for place in places:
        protocol, address, port = place.split("/")
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        sock = socket.socket(socket.AF_INET, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, int(port)))
        if protocol == "tcp":
            sock.listen()
        selector.register(sock, selectors.EVENT_READ, (protocol, f"{address}:{port}"))
    while True:
        for key, _ in selector.select():
            protocol, name = key.data
            if protocol == "tcp":
                connection, peer = key.fileobj.accept()
                with connection:
                    connection.sendall(f"{name} {peer[0]}".encode())
            else:
                _, peer = key.fileobj.recvfrom(64)
                key.fileobj.sendto(f"{name} {peer[0]}".encode(), peer)


def ask(protocol, address, port, source, own_port):
    """The client's process: who answers?"""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(0.7)
        sock.bind((source, own_port))
        try:
            sock.connect((address, port))
            if protocol == "udp":
                sock.send(b"who")
            return sock.recv(64).decode() or None
        except OSError:
            return None


def probe(host, protocol, address, port, source="0.0.0.0", own_port=0):
    words = ["ip", "netns", "exec", host, sys.executable, __file__, "--ask", protocol, address, str(port), source, str(own_port)]
    said = subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=20).stdout
    return json.loads(said)


def probes():
    return {
        "wan_http": probe("internet", "tcp", PUBLIC, 80),
        "wan_https": probe("internet", "tcp", PUBLIC, 443),
        "wan_udp": probe("internet", "udp", PUBLIC, 53),
        "wan_node_port": probe("internet", "tcp", PUBLIC, 8080),
        "wan_allowed_source": probe("internet", "tcp", PUBLIC, 8443, WEB),
        "wan_other_source": probe("internet", "tcp", PUBLIC, 8443, STRANGER),
        "wan_renewed_address": probe("internet", "tcp", RENEWED, 80),
        "hairpin_http": probe("client", "tcp", PUBLIC, 80),
        "hairpin_udp": probe("client", "udp", PUBLIC, 53),
        "hairpin_from_the_target": probe("balancer", "tcp", PUBLIC, 443),
        "direct": probe("client", "tcp", LB, 80),
        "router_page": probe("client", "tcp", ROUTER, 80),
        "router_page_elsewhere": probe("client", "tcp", OTHER_LAN, 80),
        "outbound_http": probe("client", "tcp", WEB, 80),
        "outbound_udp": probe("client", "udp", WEB, 53),
    }


def udp_over_a_change(rulesets):
    """A UDP client that keeps its port while the target changes; then its connection is removed."""
    load(rulesets[0])
    said = [probe("internet", "udp", PUBLIC, 53, own_port=5000)]
    load(rulesets[1])
    said.append(probe("internet", "udp", PUBLIC, 53, own_port=5000))
    inside("router", "conntrack", "-D", "-p", "udp", "--orig-port-dst", "53")
    said.append(probe("internet", "udp", PUBLIC, 53, own_port=5000))
    return said


def load(ruleset):
    inside("router", "nft", "-f", ruleset)
    # Loaded again, it is the same.
    inside("router", "nft", "-f", ruleset)


def forget():
    inside("router", "conntrack", "-F")


def main(arguments):
    if arguments[0] == "--serve":
        return answer(arguments[1:])
    if arguments[0] == "--ask":
        protocol, address, port, source, own_port = arguments[1:]
        print(json.dumps(ask(protocol, address, int(port), source, int(own_port))))
        return None
    build()
    serve("internet", f"tcp/{WEB}/80", f"udp/{WEB}/53")
    serve("router", "tcp/0.0.0.0/80")
    serve("balancer", f"tcp/{LB}/80", f"tcp/{LB}/443", f"udp/{LB}/53", f"udp/{LB2}/53", f"tcp/{LB}/8443")
    serve("node", f"tcp/{NODE}/30080")
    inside("router", "ip", "address", "add", f"{RENEWED}/24", "dev", "wan")
    until = time.monotonic() + 20
    places = [("client", LB, 80), ("client", NODE, 30080), ("client", ROUTER, 80), ("client", WEB, 80)]
    while not all(probe(host, "tcp", address, port) for host, address, port in places):
        if time.monotonic() > until:
            sys.exit("the servers did not come up")
    if arguments[0] == "--udp":
        print(json.dumps(udp_over_a_change(arguments[1:])))
        return None
    for ruleset in arguments:
        forget()
        load(ruleset)
        print(json.dumps(probes()), flush=True)
    # Our table is the only one that loading has touched.
    said = subprocess.run(["ip", "netns", "exec", "router", "nft", "-j", "list", "tables"], check=True, capture_output=True).stdout
    tables = [t["table"]["name"] for t in json.loads(said)["nftables"] if "table" in t]
    print(json.dumps(sorted(tables)))
    return None


if __name__ == "__main__":
    if os.getpid() == 1 or "--serve" in sys.argv or "--ask" in sys.argv:
        main(sys.argv[1:])
    else:
        sys.exit("to be started by unshare --mount --net --pid --fork --kill-child")
