/** Where kube-proxy runs as a Pod, as kubeadm installs it, it can be absent from a node. */
import type { PodObject } from '#api/kinds.ts'
import type { Objects } from '#controllers/controller.ts'
import type { Lab } from '#lab/lab.ts'

const NAMESPACE = 'kube-system'
const NAME = 'kube-proxy'

/** Nodes without a running kube-proxy. A lab whose manifests have no DaemonSet of that name runs it outside Pods, on every node and always. */
export function nodesWithoutProxy(lab: Lab, objects: Objects): ReadonlySet<string> {
  if (!lab.objects.some(({ kind, metadata }) => kind === 'DaemonSet' && metadata.namespace === NAMESPACE && metadata.name === NAME)) return new Set()
  const served = new Set(objects.Pod.filter(isRunningProxy).map(({ spec }) => spec.nodeName))
  return new Set(lab.nodes.map(({ name }) => name).filter((name) => !served.has(name)))
}

const isRunningProxy = ({ metadata, status }: PodObject): boolean =>
  metadata.namespace === NAMESPACE && metadata.labels['k8s-app'] === NAME && status.containerStatuses.some(({ state }) => state.running !== undefined)
