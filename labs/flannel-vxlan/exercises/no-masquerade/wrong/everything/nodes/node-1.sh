iptables -t nat -A POSTROUTING -s 10.244.0.0/16 -j MASQUERADE
