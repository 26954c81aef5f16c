ip neigh replace 10.244.0.128 lladdr 66:00:00:00:00:03 dev vxlan.calico nud permanent
bridge fdb replace 66:00:00:00:00:03 dev vxlan.calico dst 192.168.1.10
