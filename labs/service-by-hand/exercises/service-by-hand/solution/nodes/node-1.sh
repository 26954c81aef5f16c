iptables -t nat -N WEB
iptables -t nat -A WEB -m statistic --mode random --probability 0.5 -j DNAT -p tcp --to-destination 10.244.0.3:8080
iptables -t nat -A WEB -j DNAT -p tcp --to-destination 10.244.1.2:8080
iptables -t nat -A PREROUTING -d 10.96.0.100 -p tcp --dport 80 -j WEB
iptables -t nat -A OUTPUT -d 10.96.0.100 -p tcp --dport 80 -j WEB
iptables -t nat -A POSTROUTING -s 10.244.0.3 -d 10.244.0.3 -p tcp --dport 8080 -j MASQUERADE
