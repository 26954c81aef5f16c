ip neigh del 10.244.0.128 dev vxlan.calico
