sed -i 's/neighbor 172.16.22.1 as 65000;/neighbor 172.16.22.1 as 65020;/' /etc/bird/bird.conf
birdc configure
