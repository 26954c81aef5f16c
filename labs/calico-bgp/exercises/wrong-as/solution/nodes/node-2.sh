sed -i 's/local as 64521;/local as 64512;/' /run/netlab/etc/calico/confd/config/bird.cfg
birdc configure
