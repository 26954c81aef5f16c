for one in "client 10.244.0.2" "web 10.244.0.3"; do
  set -- $one
  ip link add name veth-$1 type veth peer name eth0 netns default_$1
  ip addr add 10.244.0.1/32 dev veth-$1
  ip link set dev veth-$1 up
  ip route add $2/32 dev veth-$1
  ip -n default_$1 link set dev lo up
  ip -n default_$1 addr add $2/32 dev eth0
  ip -n default_$1 link set dev eth0 up
  ip -n default_$1 route add 10.244.0.1 dev eth0 scope link
  ip -n default_$1 route add default via 10.244.0.1
done
