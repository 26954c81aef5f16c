ip link add name cni0 mtu 1450 type bridge
ip addr add 10.244.1.1/24 dev cni0
ip link set dev cni0 up
ip link add name veth-web mtu 1450 type veth peer name eth0 mtu 1450 netns default_web
ip link set dev veth-web master cni0 up
ip -n default_web link set dev lo up
ip -n default_web addr add 10.244.1.2/24 dev eth0
ip -n default_web link set dev eth0 up
ip -n default_web route add default via 10.244.1.1
ip link add name vxlan1 address 0a:58:0a:f4:01:00 mtu 1450 type vxlan id 1 dstport 8472 local 192.168.0.11 dev eth0 nolearning
ip addr add 10.244.1.0/32 dev vxlan1
ip link set dev vxlan1 up
ip route add 10.244.0.0/24 via 10.244.0.0 dev vxlan1 onlink
ip neigh add 10.244.0.0 lladdr 0a:58:0a:f4:00:00 dev vxlan1 nud permanent
bridge fdb append 0a:58:0a:f4:00:00 dev vxlan1 dst 192.168.0.10
