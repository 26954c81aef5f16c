bridge fdb replace 0a:58:0a:f4:00:00 dev flannel.1 dst 192.168.0.10
