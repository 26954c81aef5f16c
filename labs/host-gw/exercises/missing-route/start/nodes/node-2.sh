ip route del 10.244.0.0/24
