ip link set dev flannel.1 mtu 1350
