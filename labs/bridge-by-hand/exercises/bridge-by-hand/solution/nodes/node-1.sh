ip link add name cni0 type bridge
ip addr add 10.244.0.1/24 dev cni0
ip link set dev cni0 up
for one in "client 10.244.0.2" "db 10.244.0.3" "web 10.244.0.4"; do
  set -- $one
  ip link add name veth-$1 type veth peer name eth0 netns default_$1
  ip link set dev veth-$1 master cni0 up
  ip -n default_$1 link set dev lo up
  ip -n default_$1 addr add $2/24 dev eth0
  ip -n default_$1 link set dev eth0 up
  ip -n default_$1 route add default via 10.244.0.1
done
iptables -t nat -A POSTROUTING -s 10.244.0.0/24 ! -d 10.244.0.0/16 -j MASQUERADE
