"""Mininet builds hosts on bridges, without a controller. argv: bridges, hosts."""
import json, os, resource, sys, time
from mininet.net import Mininet
from mininet.node import Switch
from mininet.topo import Topo

if open("/proc/1/comm").read().strip() != "tini":
    sys.exit("this runs in a keeper: outside of one it would change the machine itself")
BRIDGES, HOSTS = int(sys.argv[1]), int(sys.argv[2])


class Bridge(Switch):
    """A Linux bridge made by ip: Mininet's own LinuxBridge wants brctl, and makes the same with as many commands."""

    def start(self, controllers):
        self.cmd("ip link add name", self, "type bridge")
        for port in self.intfList():
            if self.name in port.name:
                self.cmd("ip link set dev", port, "master", self, "up")
        self.cmd("ip link set dev", self, "up")

    def stop(self, deleteIntfs=True):
        pass


class Hosts(Topo):
    def build(self):
        core = self.addSwitch("s0")
        bridges = [self.addSwitch(f"s{at + 1}") for at in range(BRIDGES)]
        for bridge in bridges:
            self.addLink(bridge, core)
        for at in range(HOSTS):
            self.addLink(self.addHost(f"h{at + 1}"), bridges[at % BRIDGES])


# Four files a host; its own way of asking for more would also change settings of the machine.
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
Mininet.inited = True

begin = time.monotonic()
net = Mininet(topo=Hosts(), switch=Bridge, controller=None)
net.start()
print(json.dumps({"ms": (time.monotonic() - begin) * 1000}))
sys.stdout.flush()
# Nothing is taken down by hand: the keeper's end takes all of it.
os._exit(0)
