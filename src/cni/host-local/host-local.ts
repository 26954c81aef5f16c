/** The CNI plugin host-local keeps a node's leases as files: the name is the address, the content who has it. The addresses are chosen in controllers/ipam. */
import type { Component, Step } from '#kernel/step.ts'
import { type Sandboxed, sandboxedOn } from '#model/pods.ts'
import { remembered } from '#model/remember.ts'
import { compareIp } from '#net/net.ts'
import { hasBridge, NETWORK, POD_DEV } from '../network.ts'

const by = 'cni/host-local'
const DIR = `/var/lib/cni/networks/${NETWORK}`

export const hostLocal: Component = {
  name: by,
  wanted: hasBridge,
  steps: (cluster, node) => leases(sandboxedOn(cluster, node)),
}

const leases = remembered((unordered: readonly Sandboxed[]): readonly Step[] => {
  const pods = unordered.toSorted((a, b) => compareIp(a.ip, b.ip))
  const last = pods.at(-1)
  if (last === undefined) return []
  return [...pods.map(lease), { by, why: 'where the search for a free address stands', kind: 'file', path: `${DIR}/last_reserved_ip.0`, text: last.ip }]
})

const lease = remembered(({ ip, sandbox, namespace, name }: Sandboxed): Step => {
  const why = `the address of ${namespace}/${name} is taken until the Pod is gone`
  return { by, why, kind: 'file', path: `${DIR}/${ip}`, text: `${sandbox}\r\n${POD_DEV}` }
})
