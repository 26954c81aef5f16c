/** How one gets to a place of the lab: the argv prefix and the environment a program finds there. */
import type { PodObject } from '#api/kinds.ts'
import { type Response, response } from '#api/message.ts'
import type { Engine } from '#engine/engine.ts'
import { processId } from '#kubelet/containers.ts'
import { failureStatus } from './serve.ts'

/** `place` is `node/N`, `router/N`, `ext/N` or `pod/NS/NAME`. A Pod is entered through one of its containers: its files, host name and processes are seen. */
export function enter(engine: Engine, url: URL): Response {
  const place = url.searchParams.get('place') ?? ''
  const [kind = '', ...rest] = place.split('/')
  if (kind === 'node' || kind === 'router' || kind === 'ext') {
    const machine = rest.join('/')
    if (engine.off().has(machine)) return refuse(409, `${machine} does not run; netlab node start ${machine}`)
    return noMachine(engine, machine) ?? json({ argv: engine.driver.enter(machine), env: machineEnv(engine) })
  }
  const [namespace = 'default', name = ''] = rest.length === 1 ? ['default', rest[0]] : rest
  const pod = kind === 'pod' ? engine.store.get('Pod', namespace, name) : undefined
  if (pod === undefined) return refuse(404, `no place ${place}`)
  const names = pod.spec.containers.map((container) => container.name)
  const container = url.searchParams.get('container') ?? names[0] ?? ''
  if (!names.includes(container)) return refuse(400, `container ${container} is not valid for pod ${name}, choose one of: [${names.join(' ')}]`)
  const known = engine.supervisor.get(pod.spec.nodeName ?? '', processId(pod, container))
  if (known?.state.kind !== 'running')
    return refuse(
      409,
      `container ${container} of pod ${name} is not running (${whyNot(pod, container)}); netlab describe pod ${name} -n ${namespace} tells why`,
    )
  return json({ argv: engine.driver.enter(pod.spec.nodeName ?? '', { pid: known.state.pid }), env: known.program.env })
}

/** The refusal of a name that no machine has. */
export function noMachine(engine: Engine, name: string): Response | undefined {
  const { nodes, routers, hosts } = engine.cluster()
  const names = [...nodes, ...routers, ...hosts].map((machine) => machine.name)
  return names.includes(name) ? undefined : refuse(404, `no machine named "${name}"; there is ${names.join(', ')}`)
}

const whyNot = ({ status }: PodObject, container: string): string =>
  status.containerStatuses.find(({ name }) => name === container)?.state.waiting?.reason ?? status.reason ?? status.phase ?? 'Pending'

/** kubectl on a machine finds the control plane without being told. */
const machineEnv = (engine: Engine): Record<string, string> => {
  const { ip, port } = engine.cluster().controlPlane
  return { KUBERNETES_MASTER: `http://${ip}:${port}` }
}

const json = (value: unknown): Response => response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } })
const refuse = (code: number, message: string): Response =>
  response(JSON.stringify(failureStatus(code, message)), { status: code, headers: { 'content-type': 'application/json' } })
