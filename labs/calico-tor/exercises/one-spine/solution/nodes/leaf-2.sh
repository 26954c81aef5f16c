sed -i 's/as 65020;/as 65000;/' /etc/bird/bird.conf
birdc configure
