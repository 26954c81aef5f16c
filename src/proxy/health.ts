/** What kube-proxy answers over HTTP: whether it is well (:10256), and on each healthCheckNodePort whether this node has endpoints. */
import { NETLAB_BIN, type Step } from '#kernel/step.ts'
import type { Cluster, Node, ServicePort } from '#model/cluster.ts'

/** One line per Service: port, namespace, name, ready endpoints on this node. The program reads it anew at each question. */
const FILE = '/run/netlab/kube-proxy/health'

export function healthSteps(by: string, { services, proxy }: Cluster, node: Node): readonly Step[] {
  const asked = [...Map.groupBy(services, healthPort)].flatMap(([port, ports]) => (port === undefined ? [] : [{ port, ports }]))
  const lines = asked.map(({ port, ports }) => `${port} ${ports[0]?.namespace} ${ports[0]?.name} ${readyHere(ports, node)}\n`)
  return [
    ...(lines.length === 0
      ? []
      : [{ by, why: 'how many ready endpoints each Service with a healthCheckNodePort has here', kind: 'file', path: FILE, text: lines.join('') } as const]),
    {
      ...{ by, why: 'tells load balancers whether this node may be sent connections, on :10256 and on each healthCheckNodePort' },
      ...{ kind: 'process', id: 'kube-proxy', env: {}, mounts: [], onChange: 'restart', restart: 'Always' },
      argv: [
        `${NETLAB_BIN}/netlab-kube-proxy`,
        ...['--mode', proxy.mode, '--health-file', FILE],
        ...asked.flatMap(({ port }) => ['--health-check-node-port', `${port}`]),
      ],
    },
  ]
}

const healthPort = ({ healthCheckNodePort }: ServicePort): number | undefined => healthCheckNodePort

/** Endpoints that end count no more, though without ready ones they still serve: the balancer shall look elsewhere. */
const readyHere = (ports: readonly ServicePort[], { name }: Node): number =>
  new Set(ports.flatMap(({ endpoints }) => endpoints.flatMap(({ ip, ready, node }) => (ready && node === name ? [ip] : [])))).size
