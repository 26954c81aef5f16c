ip route replace 10.244.0.64/26 via 192.168.0.11 dev eth0 proto static
