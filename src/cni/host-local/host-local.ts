/** The CNI plugin host-local keeps a node's leases as files: the name is the address, the content who has it. The addresses are chosen in controllers/ipam. */
import type { Component, Step } from '#kernel/step.ts'
import type { Node } from '#model/cluster.ts'
import { compareIp } from '#net/net.ts'
import { hasBridge, NETWORK, POD_DEV } from '../network.ts'

const by = 'cni/host-local'
const DIR = `/var/lib/cni/networks/${NETWORK}`

export const hostLocal: Component = {
  name: by,
  wanted: hasBridge,
  steps: (cluster, node: Node) => {
    const pods = cluster.pods.filter((pod) => pod.node === node.name && pod.sandbox !== undefined).toSorted((a, b) => compareIp(a.ip, b.ip))
    const leases = pods.map(({ ip, sandbox, namespace, name }): Step => {
      const why = `the address of ${namespace}/${name} is taken until the Pod is gone`
      return { by, why, kind: 'file', path: `${DIR}/${ip}`, text: `${sandbox}\r\n${POD_DEV}` }
    })
    const last = pods.at(-1)
    if (last === undefined) return []
    return [...leases, { by, why: 'where the search for a free address stands', kind: 'file', path: `${DIR}/last_reserved_ip.0`, text: last.ip }]
  },
}
