/** The variables that tell a container of the Services there were when its Pod was made. */
import type { PodObject, ServiceObject } from '#api/kinds.ts'
import { hostPort, ip } from '#net/net.ts'

export type Env = Readonly<Record<string, string>>

/**
 * {SVC}_SERVICE_HOST and the older link variables, for the Services of the Pod's namespace and always for default/kubernetes. Only a Service
 * that is not younger than the Pod counts, since a running program's environment does not change.
 */
export function serviceEnv(services: readonly ServiceObject[], { metadata, spec }: PodObject): Env {
  const namespace = metadata.namespace ?? 'default'
  const seen = services.filter(
    (service) =>
      hasClusterIP(service) &&
      (isKubernetes(service) || (spec.enableServiceLinks && service.metadata.namespace === namespace)) &&
      notYounger(service.metadata.creationTimestamp, metadata.creationTimestamp),
  )
  // Own ones last: a Service named kubernetes in the Pod's namespace stands for the one of default.
  const byName = new Map(
    seen
      .toSorted((a, b) => Number(a.metadata.namespace === namespace) - Number(b.metadata.namespace === namespace))
      .map((service) => [service.metadata.name, service]),
  )
  return envOf([...byName.values()])
}

const isKubernetes = ({ metadata }: ServiceObject): boolean => metadata.name === 'kubernetes' && metadata.namespace === 'default'
const hasClusterIP = ({ spec }: ServiceObject): boolean =>
  spec.type !== 'ExternalName' && Boolean(spec.clusterIP) && spec.clusterIP !== 'None' && spec.ports.length > 0
const notYounger = (service: string | undefined, pod: string | undefined): boolean =>
  service === undefined || pod === undefined || Date.parse(service) <= Date.parse(pod)

let last: { readonly services: readonly ServiceObject[]; readonly env: Env }[] = []
const REMEMBERED = 16

/** The same Services give the same record again, so that Pods of one age share it. */
function envOf(services: readonly ServiceObject[]): Env {
  const known = last.find((one) => one.services.length === services.length && one.services.every((service, at) => service === services[at]))
  if (known !== undefined) return known.env
  const env = Object.fromEntries(services.flatMap(variables))
  last = [{ services, env }, ...last].slice(0, REMEMBERED)
  return env
}

function variables({ metadata, spec }: ServiceObject): readonly (readonly [string, string])[] {
  const name = variableName(metadata.name)
  const address = spec.clusterIP ?? ''
  const [first] = spec.ports
  if (first === undefined) return []
  const url = (port: { readonly protocol: string; readonly port: number }): string => `${port.protocol.toLowerCase()}://${hostPort(ip(address), port.port)}`
  return [
    [`${name}_SERVICE_HOST`, address],
    [`${name}_SERVICE_PORT`, `${first.port}`],
    ...spec.ports.flatMap((port) => (port.name ? [[`${name}_SERVICE_PORT_${variableName(port.name)}`, `${port.port}`] as const] : [])),
    [`${name}_PORT`, url(first)],
    ...spec.ports.flatMap((port) => {
      const prefix = `${name}_PORT_${port.port}_${port.protocol}`
      return [
        [prefix, url(port)],
        [`${prefix}_PROTO`, port.protocol.toLowerCase()],
        [`${prefix}_PORT`, `${port.port}`],
        [`${prefix}_ADDR`, address],
      ] as const
    }),
  ]
}

const variableName = (name: string): string =>
  name
    .toUpperCase()
    .replace(/[-.]/g, '_')
    .replace(/^(?=\d)/, '_')
