# What a reboot leaves of rules that live in memory: nothing.
iptables-save | grep -v KUBE- | iptables-restore
