/** What a lab asks of the machine it runs on, where that grows faster than the lab. */
import type { KubeObject } from '#api/kinds.ts'
import type { KubeProxy } from './lab.ts'

const MANY_SERVICES = 1000
/** As measured with 1,000 Services of 5 endpoints; each chain of a Service holds a map without a name, and the kernel compares these with one another. */
const SECONDS_FOR_MANY = 0.7

/** A sentence for him who waits, or undefined. */
export function slowToLoad(mode: KubeProxy['mode'], objects: readonly KubeObject[]): string | undefined {
  const ports = objects.flatMap((one) =>
    one.kind === 'Service' && one.spec.type !== 'ExternalName' && one.spec.clusterIP !== 'None' ? one.spec.ports : [],
  ).length
  if (mode !== 'nftables' || ports <= MANY_SERVICES) return undefined
  const seconds = Math.round(SECONDS_FOR_MANY * (ports / MANY_SERVICES) ** 2)
  return `${ports} Service ports in mode nftables take each node about ${seconds} s to load, more with many endpoints: the time grows with the square; mode iptables takes less`
}
