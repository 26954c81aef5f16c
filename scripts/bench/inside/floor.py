"""The kernel's own price: one process that speaks netlink builds the same nodes and Pods, all messages made beforehand. argv: nodes, Pods."""
import ctypes, json, os, socket, struct, sys, time

if open("/proc/1/comm").read().strip() != "tini":
    sys.exit("this runs in a keeper: outside of one it would change the machine itself")
NODES, PODS = int(sys.argv[1]), int(sys.argv[2])
NEWNET = 0x40000000
NEWLINK, SETLINK, NEWADDR, NEWROUTE, NEWNEIGH = 16, 19, 20, 24, 28
REQUEST, ACK, EXCL, CREATE = 1, 4, 0x200, 0x400
UP = 1
libc = ctypes.CDLL(None, use_errno=True)


def check(code):
    if code != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def attr(kind, payload):
    if isinstance(payload, str):
        payload = payload.encode() + b"\0"
    if isinstance(payload, int):
        payload = struct.pack("=I", payload)
    return struct.pack("=HH", len(payload) + 4, kind) + payload + b"\0" * (-len(payload) % 4)


def message(kind, body, flags=CREATE | EXCL):
    return struct.pack("=IHHII", len(body) + 16, kind, REQUEST | flags, 0, 0) + body


def ifinfo(index, up, family=0):
    return struct.pack("=BxHiII", family, 0, index, UP if up else 0, UP if up else 0)


ip = socket.inet_aton
mac = lambda text: bytes.fromhex(text.replace(":", ""))
mac_of = lambda address: b"\x0a\x58" + ip(address)
LINK_INFO, INFO_KIND, INFO_DATA, ADDRESS, NAME, MTU, MASTER, NET_NS_FD, AF_SPEC, PROTINFO = 18, 1, 2, 1, 3, 4, 10, 28, 26, 12
NESTED = 0x8000
# addrgenmode none
QUIET = attr(AF_SPEC, attr(socket.AF_INET6, attr(8, b"\x01")))


def link(index, name, kind, data=b"", up=True, extra=b""):
    info = attr(INFO_KIND, kind) + (attr(INFO_DATA, data) if data else b"")
    return message(NEWLINK, ifinfo(index, up) + attr(NAME, name) + extra + attr(LINK_INFO, info))


def veth(index, name, mtu, master, peer_fd, peer_index, peer_name, peer_mac=b""):
    peer = ifinfo(peer_index, False) + attr(NAME, peer_name) + attr(MTU, mtu) + attr(NET_NS_FD, peer_fd)
    peer += attr(ADDRESS, peer_mac) if peer_mac else b""
    return link(index, name, "veth", attr(1, peer), extra=attr(MTU, mtu) + attr(MASTER, master))


def hairpin(index):
    return message(SETLINK, ifinfo(index, False, socket.AF_BRIDGE) + attr(PROTINFO | NESTED, attr(4, b"\x01")), 0)


def switch_on(index, quiet=True):
    return message(NEWLINK, ifinfo(index, True) + (QUIET if quiet else b""), 0)


def address(index, text, prefix):
    return message(NEWADDR, struct.pack("=BBBBi", 2, prefix, 0, 0, index) + attr(2, ip(text)) + attr(1, ip(text)))


def route(index, to, prefix, via, onlink=False):
    body = struct.pack("=BBBBBBBBI", 2, prefix, 0, 0, 254, 3, 0, 1, 4 if onlink else 0)
    return message(NEWROUTE, body + (attr(1, ip(to)) if prefix else b"") + attr(5, ip(via)) + attr(4, index))


def neighbour(index, text, hwaddr):
    return message(NEWNEIGH, struct.pack("=BxxxiHBB", 2, index, 0x80, 0, 0) + attr(1, ip(text)) + attr(2, hwaddr))


def forward(index, hwaddr, node):
    return message(NEWNEIGH, struct.pack("=BxxxiHBB", socket.AF_BRIDGE, index, 0x80, 2, 0) + attr(1, ip(node)) + attr(2, hwaddr))


def vxlan(index, node, wire):
    data = attr(1, 1) + attr(3, wire) + attr(4, ip(node)) + attr(7, b"\0") + attr(15, struct.pack(">H", 8472))
    return link(index, "flannel.1", "vxlan", data, extra=attr(MTU, 1450))


class Space:
    """A network namespace and a socket that stays in it."""

    def __init__(self, fresh):
        if fresh:
            check(libc.unshare(NEWNET))
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)

    def say(self, messages):
        last = bytearray(messages[-1])
        struct.pack_into("=H", last, 6, struct.unpack_from("=H", last, 6)[0] | ACK)
        self.socket.send(b"".join(messages[:-1]) + last)
        (error,) = struct.unpack_from("=i", self.socket.recv(65536), 16)
        if error:
            raise OSError(-error, os.strerror(-error))


def settings(*pairs):
    for key, value in pairs:
        with open("/proc/sys/net/" + key, "w") as file:
            file.write(value)


LO, WIRE, BRIDGE, TUNNEL, FIRST_PORT = 1, 2, 3, 4, 10
node_ip = lambda node: f"192.168.0.{10 + node}"
pods = [(pod % NODES, f"10.244.{pod % NODES}.{pod // NODES + 2}") for pod in range(PODS)]
ports = [0] * NODES


def node_messages(node):
    peers = [other for other in range(NODES) if other != node]
    return (
        [switch_on(LO, False), switch_on(WIRE), address(WIRE, node_ip(node), 24), route(WIRE, "0.0.0.0", 0, "192.168.0.1")]
        + [link(BRIDGE, "cni0", "bridge"), address(BRIDGE, f"10.244.{node}.1", 24)]
        + [vxlan(TUNNEL, node_ip(node), WIRE), address(TUNNEL, f"10.244.{node}.0", 32)],
        [
            one
            for peer in peers
            for via in [f"10.244.{peer}.0"]
            for one in [route(TUNNEL, via, 24, via, True), neighbour(TUNNEL, via, mac_of(via)), forward(TUNNEL, mac_of(via), node_ip(peer))]
        ],
    )


def pod_messages(node, text):
    gateway = f"10.244.{node}.1"
    return [
        switch_on(LO, False),
        switch_on(WIRE),
        address(WIRE, text, 24),
        route(WIRE, "0.0.0.0", 0, gateway),
        route(WIRE, "10.244.0.0", 16, gateway),
    ]


ready_nodes = [node_messages(node) for node in range(NODES)]
ready_pods = [pod_messages(node, text) for node, text in pods]

begin = time.monotonic()
settings(("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1"))
router = Space(False)
router.say([switch_on(LO, False), link(FIRST_PORT - 1, "seg-nodes", "bridge"), address(FIRST_PORT - 1, "192.168.0.1", 24)])
nodes = []
for node, (own, peers) in enumerate(ready_nodes):
    space = Space(True)
    nodes.append(space)
    settings(("ipv4/ip_forward", "1"), ("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1"))
    router.say([veth(FIRST_PORT + node, f"to-{node}", 1500, FIRST_PORT - 1, space.fd, WIRE, "eth0")])
    space.say(own)
    for first in range(0, len(peers), 60):
        space.say(peers[first : first + 60])
for (node, text), inner in zip(pods, ready_pods):
    space = Space(True)
    index = FIRST_PORT + ports[node]
    ports[node] += 1
    nodes[node].say([veth(index, f"veth{index}", 1450, BRIDGE, space.fd, WIRE, "eth0", mac_of(text)), hairpin(index)])
    space.say(inner)
    os.close(space.fd)
print(json.dumps({"ms": (time.monotonic() - begin) * 1000}))
sys.stdout.flush()
os._exit(0)
