#!/bin/sh
# node-1 by hand: a bare machine whose wires are up and addressed becomes what the plan says.
set -eu

# kubelet: a node forwards between its Pods and the world
sysctl -q -w net.ipv4.ip_forward=1

# kubelet: the network of Pod default_client
ip netns add default_client

# kubelet: the network of Pod default_web
ip netns add default_web

# cni/bridge: the switch between the Pods of this node
ip link add name cni0 address 0a:58:0a:f4:00:01 type bridge
ip link set dev cni0 mtu 1450

# cni/flannel: the tunnel to the other nodes
ip link add name flannel.1 mtu 1450 address 0a:58:0a:f4:00:00 type vxlan id 1 dstport 8472 local 192.168.0.10 dev eth0 nolearning

# cni/bridge: the cable of Pod default_client
ip link add name veth0a mtu 1450 type veth peer name eth0 netns default_client address 0a:58:0a:f4:00:02 mtu 1450

# cni/bridge: the cable of Pod default_web
ip link add name veth0b mtu 1450 type veth peer name eth0 netns default_web address 0a:58:0a:f4:00:03 mtu 1450

# cni/bridge: the cable of Pod default_client
ip link set dev veth0a master cni0
ip link set dev veth0a type bridge_slave hairpin on

# cni/bridge: the cable of Pod default_web
ip link set dev veth0b master cni0
ip link set dev veth0b type bridge_slave hairpin on

# cni/bridge: the address of Pod default_client
ip -n default_client addr replace 10.244.0.2/24 brd + dev eth0

# cni/bridge: the address of Pod default_web
ip -n default_web addr replace 10.244.0.3/24 brd + dev eth0

# cni/bridge: the gateway of the Pods
ip addr replace 10.244.0.1/24 brd + dev cni0

# cni/flannel: the tunnel to the other nodes
ip addr replace 10.244.0.0/32 dev flannel.1

# cni/bridge: the cable of Pod default_client
ip link set dev veth0a addrgenmode none
ip link set dev veth0a up

# kubelet: localhost
ip -n default_client link set dev lo up

# cni/bridge: the address of Pod default_client
ip -n default_client link set dev eth0 addrgenmode none
ip -n default_client link set dev eth0 up

# cni/bridge: the cable of Pod default_web
ip link set dev veth0b addrgenmode none
ip link set dev veth0b up

# kubelet: localhost
ip -n default_web link set dev lo up

# cni/bridge: the address of Pod default_web
ip -n default_web link set dev eth0 addrgenmode none
ip -n default_web link set dev eth0 up

# cni/bridge: a switch must be on
ip link set dev cni0 addrgenmode none
ip link set dev cni0 up

# cni/flannel: the tunnel to the other nodes
ip link set dev flannel.1 addrgenmode none
ip link set dev flannel.1 up

# cni/bridge: all else is behind the node
ip -n default_client route replace default via 10.244.0.1 dev eth0
ip -n default_web route replace default via 10.244.0.1 dev eth0

# cni/flannel: the Pods of node-2
ip route replace 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink

# cni/flannel: the Pods of node-3
ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink

# cni/flannel: the Pods of node-2
ip neigh replace 10.244.1.0 lladdr 0a:58:0a:f4:01:00 dev flannel.1 nud permanent

# cni/flannel: the Pods of node-3
ip neigh replace 10.244.2.0 lladdr 0a:58:0a:f4:02:00 dev flannel.1 nud permanent

# cni/flannel: the Pods of node-2
bridge fdb replace 0a:58:0a:f4:01:00 dev flannel.1 dst 192.168.0.11 self permanent

# cni/flannel: the Pods of node-3
bridge fdb replace 0a:58:0a:f4:02:00 dev flannel.1 dst 192.168.0.12 self permanent

# policy: the Pods that may reach web
ipset restore -exist <<'EOF'
create WEB-FROM hash:ip family inet
flush WEB-FROM
add WEB-FROM 10.244.0.2
add WEB-FROM 10.244.1.2
EOF

iptables-restore --noflush --wait <<'EOF'
*filter
:WEB-IN - [0:0]
# policy: only they may
-A WEB-IN -m set --match-set WEB-FROM src -j ACCEPT
-A WEB-IN -j DROP
COMMIT
*nat
:FLANNEL-POSTRTG - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-WEB - [0:0]
:KUBE-SEP-A - [0:0]
:KUBE-SEP-B - [0:0]
:KUBE-POSTROUTING - [0:0]
# cni/flannel: Pods reach the world as their node
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE
# proxy/iptables: every Service by its address
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-WEB
# proxy/iptables: one endpoint of default/web is drawn
-A KUBE-SVC-WEB -m comment --comment "default/web -> 10.244.0.3:8080" -m statistic --mode random --probability 0.3333333333 -j KUBE-SEP-A
-A KUBE-SVC-WEB -j KUBE-SEP-B
# proxy/iptables: an endpoint of default/web
-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.3:8080
# proxy/iptables: an endpoint of default/web
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.1.3:8080
# proxy/iptables: marked packets leave as the node
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
# cni/flannel: Pods reach the world as their node
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
# proxy/iptables: Services are found here
-I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
# proxy/iptables: marked packets leave as the node
-I POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
COMMIT
EOF

nft -f - <<'EOF'
# proxy/nftables: rules of one owner
add table ip sample { comment "a sample" ; }
# proxy/nftables: every new connection asks the map
add chain ip sample in { type nat hook prerouting priority -100 ; }
# proxy/nftables: default/web
add chain ip sample service-A-default/web
# proxy/nftables: refuses at once
add chain ip sample refuse
# proxy/nftables: every Service by its address
add map ip sample services { type ipv4_addr . inet_service : verdict ; }
# proxy/nftables: who came
add set ip sample seen { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }
# proxy/nftables: every new connection asks the map
add rule ip sample in ip daddr . th dport vmap @services
# proxy/nftables: default/web
add rule ip sample service-A-default/web update @seen { ip saddr }
add rule ip sample service-A-default/web meta l4proto tcp dnat to 10.244.0.3:8080
# proxy/nftables: refuses at once
add rule ip sample refuse drop
# proxy/nftables: every Service by its address
add element ip sample services { 10.96.0.10 . 80 : goto service-A-default/web }
add element ip sample services { 10.96.0.11 . 80 comment "default/none" : goto refuse }
EOF

# kubelet: the names web sees
mkdir -p /run/netlab/pods/default_web
cat >/run/netlab/pods/default_web/etc-hosts <<'EOF'
127.0.0.1	localhost
10.244.0.3	web
EOF

# cni/flannel: the settings the CNI plugin reads
mkdir -p /run/flannel
cat >/run/flannel/subnet.env <<'EOF'
FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_MTU=1450
EOF
chmod 644 /run/flannel/subnet.env

# kubelet: the container web of Pod default/web
#   it sees /run/netlab/pods/default_web/etc-hosts as /etc/hosts
#   it calls itself web
ip netns exec default_web env -i PATH=/opt/netlab/bin:/usr/sbin:/usr/bin:/sbin:/bin 'POD=it'\''s web' nginx -g 'daemon off;' &
