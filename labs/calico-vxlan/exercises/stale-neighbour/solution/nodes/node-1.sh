ip neigh replace 10.244.0.128 lladdr 0a:58:0a:f4:00:80 dev vxlan.calico nud permanent
