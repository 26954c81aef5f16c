ip route replace 10.244.1.0/24 via 192.168.0.11 dev eth0
