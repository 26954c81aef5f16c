# As `kubectl -n kube-system scale deployment coredns --replicas=2`.
curl -sSf -o /dev/null -X PATCH -H 'content-type: application/merge-patch+json' -d '{"spec":{"replicas":2}}' \
  http://192.168.0.1:6443/apis/apps/v1/namespaces/kube-system/deployments/coredns
