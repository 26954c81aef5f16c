ip route add 10.244.0.0/24 via 192.168.0.12 dev eth0
