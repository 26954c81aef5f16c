ip route replace 10.244.0.0/26 proto static metric 5 nexthop via 172.16.12.1 nexthop via 172.16.22.1
