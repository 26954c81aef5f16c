ip route add 10.244.0.0/24 via 192.168.0.10 dev eth0
