/**
 * Why a Service answers nobody: causes judged from the objects and from what the kernels said, each with its evidence and the next command to
 * type. It stands with the probes because it is one: asked below the door, judged here. The first finding is the one to mend first.
 */
import type { DaemonSet, EndpointSlice, EventObject, KubeObject, PodObject, ServiceObject } from '#api/kinds.ts'
import { nearest } from '#api/nearest.ts'
import { labelsLine, podStatus } from '#api/show.ts'

export type Finding = { readonly says: string; readonly evidence: readonly string[]; readonly next: string }

/** A socket that waits for connections or datagrams. */
export type Listener = { readonly protocol: 'TCP' | 'UDP'; readonly address: string; readonly port: number }

export type Evidence = {
  readonly service: ServiceObject
  readonly pods: readonly PodObject[]
  readonly slices: readonly EndpointSlice[]
  readonly events: readonly EventObject[]
  /** What listens in a Pod's network, by `namespace/name`; a Pod that could not be asked is not there. */
  readonly listeners: ReadonlyMap<string, readonly Listener[]>
  readonly drift: readonly {
    readonly machine: string
    readonly by: string
    readonly what: string
    readonly wanted: string
    readonly lacks?: readonly string[]
  }[]
  /** net.ipv4.ip_forward of each node. */
  readonly forwarding: ReadonlyMap<string, string>
  /** The address of the cluster's DNS, when it has one. */
  readonly dnsIP: string | undefined
  /** What a CoreDNS Pod said when it was asked for the Service's full name; absent when none could be asked. */
  readonly lookup?: Lookup
  readonly nodes: readonly string[]
  readonly nodeLabels: ReadonlyMap<string, Labels>
  /** Nodes whose kube-proxy does not run, and the DaemonSet it comes from. */
  readonly proxyDown: readonly string[]
  readonly proxySet?: DaemonSet | undefined
}

export type Lookup = { readonly server: string; readonly name: string; readonly answers: readonly string[] }

export const explain = (of: Evidence): readonly Finding[] => [...backends(of), ...policies(of), ...proxies(of), ...kernels(of), ...names(of)]

/** Reads `ss -Hltun`. */
export const readListeners = (text: string): readonly Listener[] =>
  text.split('\n').flatMap((line): readonly Listener[] => {
    const [netid = '', , , , local = ''] = line.trim().split(/\s+/)
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(local) ?? []
    if ((netid !== 'tcp' && netid !== 'udp') || port === '') return []
    return [{ protocol: netid === 'tcp' ? 'TCP' : 'UDP', address: host.replace(/^\[|\]$/g, '').replace(/%.*/, ''), port: Number(port) }]
  })

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`
const isReady = ({ status }: PodObject): boolean => status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True')
const lives = ({ metadata, status }: PodObject): boolean =>
  metadata.deletionTimestamp === undefined && status.phase !== 'Succeeded' && status.phase !== 'Failed'
const inNamespace = ({ metadata }: KubeObject): string => (metadata.namespace === 'default' ? '' : ` -n ${metadata.namespace}`)
const matches = (selector: Labels, { metadata }: PodObject): boolean => Object.entries(selector).every(([key, value]) => metadata.labels[key] === value)

type Labels = Readonly<Record<string, string>>

// --- who is behind it ---------------------------------------------------------------------------------------------------------------

function* backends(of: Evidence): Generator<Finding> {
  const { service, slices } = of
  const { selector = {}, type, externalName } = service.spec
  const own = slices.filter(
    (slice) => slice.metadata.namespace === service.metadata.namespace && slice.metadata.labels['kubernetes.io/service-name'] === service.metadata.name,
  )
  const endpoints = own.flatMap((slice) => slice.endpoints)
  if (type === 'ExternalName') return
  if (Object.keys(selector).length === 0) {
    if (endpoints.length === 0)
      yield {
        says: 'it has no selector, and nobody wrote endpoints for it',
        evidence: [
          `no EndpointSlice is labelled kubernetes.io/service-name=${service.metadata.name}`,
          ...(externalName ? [`externalName ${externalName} counts with type ExternalName only`] : []),
        ],
        next: `netlab get endpoints,endpointslices${inNamespace(service)}`,
      }
    return
  }
  const local = of.pods.filter((pod) => pod.metadata.namespace === service.metadata.namespace)
  const chosen = local.filter((pod) => lives(pod) && matches(selector, pod))
  if (chosen.length === 0) return yield nobody(of, selector, local)
  const ready = chosen.filter(isReady)
  if (ready.length === 0 && !service.spec.publishNotReadyAddresses) yield unready(of, chosen)
  yield* ports(of, ready.length > 0 ? ready : chosen)
}

function nobody({ service, pods }: Evidence, selector: Labels, local: readonly PodObject[]): Finding {
  const wanted = labelsLine(selector)
  const elsewhere = pods.filter((pod) => matches(selector, pod)).map(keyOf)
  const [key, value] = Object.entries(selector).find(([label, text]) => !local.some(({ metadata }) => metadata.labels[label] === text)) ?? []
  const offered = [...new Set(local.flatMap(({ metadata }) => (key === undefined ? [] : (metadata.labels[key] ?? []))))]
  const near = value === undefined ? undefined : nearest(value, offered)
  const keys = [...new Set(local.flatMap(({ metadata }) => Object.keys(metadata.labels)))]
  const nearKey = key === undefined || offered.length > 0 ? undefined : nearest(key, keys)
  return {
    says: `its selector ${wanted} matches no Pod in namespace ${service.metadata.namespace}`,
    evidence: [
      ...(near !== undefined ? [`there are Pods with ${key}=${near}: is that the one meant?`] : []),
      ...(near === undefined && offered.length > 0 ? [`Pods there have ${offered.map((one) => `${key}=${one}`).join(', ')}`] : []),
      ...(nearKey !== undefined ? [`Pods there have a label ${nearKey}, not ${key}`] : []),
      ...(elsewhere.length > 0 ? [`Pods with these labels are elsewhere: ${elsewhere.join(', ')}`] : []),
      ...(local.length === 0 ? ['there are no Pods in that namespace at all'] : []),
    ],
    next: `netlab get pods --show-labels${inNamespace(service)}`,
  }
}

function unready({ events }: Evidence, pods: readonly PodObject[]): Finding {
  const [first] = pods
  return {
    says: `none of its ${pods.length} Pod${pods.length === 1 ? '' : 's'} is ready, so there is no endpoint to send to`,
    evidence: pods.slice(0, 3).flatMap((pod) => [`${keyOf(pod)}: ${podStatus(pod)}`, ...why(pod, events).map((text) => `  ${text}`)]),
    next: first === undefined ? 'netlab get pods' : `netlab describe pod ${first.metadata.name}${inNamespace(first)}`,
  }
}

/** What keeps a Pod from being ready: the scheduler, a container's state, a probe. */
function why(pod: PodObject, events: readonly EventObject[]): readonly string[] {
  const unplaced = pod.status.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False')?.message
  const waits = pod.status.containerStatuses.flatMap(({ name, state }) => (state.waiting?.reason ? [`container ${name} waits: ${state.waiting.reason}`] : []))
  const failures = events.filter(({ involvedObject, reason }) => involvedObject.uid === pod.metadata.uid && reason === 'Unhealthy')
  const last = failures.toSorted((a, b) => ((a.lastTimestamp ?? '') < (b.lastTimestamp ?? '') ? -1 : 1)).at(-1)
  const probes = pod.spec.containers.flatMap(({ name, readinessProbe: probe }) => {
    const unready = pod.status.containerStatuses.some((one) => one.name === name && !one.ready)
    if (probe === undefined || !unready) return []
    const how = probe.httpGet
      ? `GET ${probe.httpGet.path} on port ${probe.httpGet.port}`
      : probe.tcpSocket
        ? `a connection to port ${probe.tcpSocket.port}`
        : `the command ${probe.exec?.command.join(' ')}`
    return [`container ${name} is asked by ${how} every ${probe.periodSeconds} s`]
  })
  return [...(unplaced ? [unplaced] : []), ...waits, ...probes, ...(last?.message ? [last.message] : [])]
}

// --- ports --------------------------------------------------------------------------------------------------------------------------

function* ports({ service, listeners }: Evidence, pods: readonly PodObject[]): Generator<Finding> {
  for (const { port, targetPort = port, protocol } of service.spec.ports) {
    const numbered = pods.map((pod) => ({ pod, number: typeof targetPort === 'number' ? targetPort : portNamed(pod, targetPort, protocol) }))
    const nameless = numbered.filter(({ number }) => number === undefined)
    if (nameless.length > 0) {
      const known = [...new Set(pods.flatMap(({ spec }) => spec.containers.flatMap((one) => one.ports.flatMap(({ name }) => name ?? []))))]
      yield {
        says: `no container of ${names3(nameless.map(({ pod }) => pod))} has a ${protocol} port named "${targetPort}"`,
        evidence: [known.length === 0 ? 'their ports have no names' : `named ports there: ${known.join(', ')}`],
        next: `netlab get pod ${nameless[0]?.pod.metadata.name}${inNamespace(service)} -o yaml`,
      }
    }
    if (protocol === 'SCTP') continue
    const asked = numbered.flatMap(({ pod, number }) => {
      const open = listeners.get(keyOf(pod))?.filter((one) => one.protocol === protocol)
      return number === undefined || open === undefined ? [] : [{ pod, number, open }]
    })
    const look = (pod: PodObject) => `netlab exec pod/${keyOf(pod)} -- ss -ltunp`
    const deaf = asked.filter(({ number, open }) => !open.some((one) => one.port === number))
    const [first] = deaf
    if (first !== undefined) {
      const heard = [...new Set(first.open.map((one) => one.port))].sort((a, b) => a - b)
      yield {
        says: `nobody listens on targetPort ${first.number}/${protocol} in ${names3(deaf.map(({ pod }) => pod))}`,
        evidence: [heard.length === 0 ? `no ${protocol} port is open there` : `open there: ${heard.map((one) => `${one}/${protocol}`).join(', ')}`],
        next: look(first.pod),
      }
    }
    const shy = asked.filter(({ number, open }) => {
      const on = open.filter((one) => one.port === number)
      return on.length > 0 && on.every(({ address }) => address.startsWith('127.') || address === '::1')
    })
    const [inward] = shy
    if (inward !== undefined)
      yield {
        says: `the app listens on port ${inward.number}/${protocol} for its own Pod only, in ${names3(shy.map(({ pod }) => pod))}`,
        evidence: inward.open
          .filter((one) => one.port === inward.number)
          .map(({ address, port: open }) => `it listens on ${address}:${open}; a Service sends to ${inward.pod.status.podIP}:${open}`),
        next: look(inward.pod),
      }
  }
}

const names3 = (pods: readonly PodObject[]): string => pods.slice(0, 3).map(keyOf).join(', ') + (pods.length > 3 ? ` and ${pods.length - 3} more` : '')

const portNamed = ({ spec }: PodObject, name: string, protocol: string): number | undefined =>
  spec.containers.flatMap((one) => one.ports).find((one) => one.name === name && one.protocol === protocol)?.containerPort

/** A Service with policy Local does not answer where it has no Pod. */
function* policies({ service, pods, nodes }: Evidence): Generator<Finding> {
  const { selector = {}, internalTrafficPolicy, externalTrafficPolicy } = service.spec
  const chosen = pods.filter((pod) => pod.metadata.namespace === service.metadata.namespace && isReady(pod) && lives(pod) && matches(selector, pod))
  if (Object.keys(selector).length === 0 || chosen.length === 0) return
  const bare = nodes.filter((node) => !chosen.some(({ spec }) => spec.nodeName === node))
  const local = [
    ...(internalTrafficPolicy === 'Local' ? ['internalTrafficPolicy'] : []),
    ...(externalTrafficPolicy === 'Local' ? ['externalTrafficPolicy'] : []),
  ]
  if (bare.length > 0 && local.length > 0)
    yield {
      says: `${local.join(' and ')} Local: it does not answer on ${bare.join(', ')}, where none of its Pods is`,
      evidence: [`its ready Pods are on ${[...new Set(chosen.map(({ spec }) => spec.nodeName))].join(', ')}`],
      next: `netlab get pods -o wide -l ${labelsLine(selector)}${inNamespace(service)}`,
    }
}

// --- kernels and names --------------------------------------------------------------------------------------------------------------

/** A node without kube-proxy keeps the rules it had, if it had any: they lead to where Pods were. */
function* proxies({ proxyDown, proxySet, pods, nodeLabels, drift }: Evidence): Generator<Finding> {
  if (proxyDown.length === 0) return
  const selector = proxySet?.spec.template.spec.nodeSelector ?? {}
  const evidence = proxyDown.flatMap((node) => {
    const there = pods.filter(
      ({ metadata, spec }) => metadata.namespace === 'kube-system' && metadata.labels['k8s-app'] === 'kube-proxy' && spec.nodeName === node,
    )
    const lacks = Object.entries(selector).filter(([key, value]) => nodeLabels.get(node)?.[key] !== value)
    const gone = drift.filter((row) => row.machine === node && isProxys(row)).length
    return [
      ...(there.length === 0 ? [`${node}: no Pod labelled k8s-app=kube-proxy is there`] : there.map((pod) => `${node}: ${keyOf(pod)}: ${podStatus(pod)}`)),
      ...(lacks.length === 0 ? [] : [`its DaemonSet wants nodes with ${labelsLine(Object.fromEntries(lacks))}, which ${node} has not`]),
      gone === 0 ? `${node}: the rules there are those of when it last ran` : `${node}: rules it once wrote are gone`,
    ]
  })
  yield {
    says: `kube-proxy does not run on ${proxyDown.join(', ')}: nobody writes the rules of Services there`,
    evidence: [...evidence, ...(proxySet === undefined ? ['there is no DaemonSet kube-proxy in kube-system'] : [])],
    next: proxySet === undefined ? 'netlab get daemonsets -n kube-system' : 'netlab describe daemonset kube-proxy -n kube-system',
  }
}

const isProxys = ({ by }: Evidence['drift'][number]): boolean => by.startsWith('kube-proxy/')

const SHOWN = 5

function* kernels({ service, drift, forwarding, proxyDown, dnsIP }: Evidence): Generator<Finding> {
  const off = [...forwarding].filter(([, value]) => value === '0').map(([node]) => node)
  if (off.length > 0)
    yield {
      says: `${off.join(', ')} do${off.length === 1 ? 'es' : ''} not forward packets`,
      evidence: off.map((node) => `${node}: net.ipv4.ip_forward is 0`),
      next: off.length === 1 ? `netlab repair ${off[0]}` : 'netlab repair',
    }
  const own = addressesOf(service, dnsIP)
  const missing = drift
    .filter((row) => !row.wanted.includes('ip_forward') && !(proxyDown.includes(row.machine) && isProxys(row)))
    .flatMap(({ lacks, ...row }) => (lacks ?? [row.wanted]).map((wanted) => ({ ...row, wanted })))
    .filter((row) => concerns(service, own, row))
  const machines = [...new Set(missing.map(({ machine }) => machine))]
  if (missing.length > 0)
    yield {
      says: `the kernel of ${machines.join(', ')} does not hold what the plan says`,
      evidence: [
        ...missing.slice(0, SHOWN).map(({ machine, by, what, wanted }) => `${machine}: ${by}: ${what}: ${wanted.trim().split('\n')[0]}`),
        ...(missing.length > SHOWN ? [`and ${missing.length - SHOWN} more`] : []),
      ],
      next: machines.length === 1 ? `netlab repair ${machines[0]}` : 'netlab repair',
    }
}

const DNS = 'kube-system/kube-dns'

/** What names another Service, or leads from its address, is that one's; without the rules of kube-dns this one's name is not found either. */
function concerns({ metadata }: ServiceObject, own: ReadonlySet<string>, { wanted }: Evidence['drift'][number]): boolean {
  const named = [...wanted.matchAll(/(?:--comment "?|\b[A-Z0-9]{8}-)([a-z0-9-]+\/[a-z0-9-]+)(?=[:/ ]|$)/g)].map((match) => match[1])
  if (named.length > 0) return named.some((name) => name === `${metadata.namespace}/${metadata.name}` || name === DNS)
  const from = /^virtual-server \D*?((?:\d+\.){3}\d+)[:,]/.exec(wanted)?.[1]
  return from === undefined || own.has(from)
}

const addressesOf = ({ spec, status }: ServiceObject, dnsIP: string | undefined): ReadonlySet<string> =>
  new Set([spec.clusterIP, ...spec.externalIPs, ...(status.loadBalancer.ingress ?? []).map(({ ip }) => ip), dnsIP].flatMap((ip) => ip ?? []))

function* names({ service, pods, dnsIP, lookup }: Evidence): Generator<Finding> {
  const servers = pods.filter(
    ({ metadata }) => metadata.namespace === 'kube-system' && metadata.labels['k8s-app'] === 'kube-dns' && metadata.deletionTimestamp === undefined,
  )
  if (dnsIP === undefined) return
  const still = service.spec.clusterIP && service.spec.clusterIP !== 'None' ? `, its address ${service.spec.clusterIP} can still be used` : ''
  if (!servers.some(isReady))
    yield {
      says: `CoreDNS is down: the name ${service.metadata.name} cannot be looked up${still}`,
      evidence: servers.length === 0 ? ['there is no Pod labelled k8s-app=kube-dns in kube-system'] : servers.map((pod) => `${keyOf(pod)}: ${podStatus(pod)}`),
      next: 'netlab get deployments,pods -n kube-system',
    }
  else if (lookup !== undefined && still !== '' && !lookup.answers.includes(service.spec.clusterIP ?? ''))
    yield {
      says: `CoreDNS runs, but the name ${service.metadata.name} does not lead to it${still}`,
      evidence: [`${lookup.server} says of ${lookup.name}: ${lookup.answers.length === 0 ? 'nothing' : lookup.answers.join(', ')}`],
      next: 'netlab get configmap coredns -n kube-system -o yaml',
    }
}

// --- what was looked at -------------------------------------------------------------------------------------------------------------

/** For a Service that is well: what that is judged by. */
export function checked(of: Evidence): readonly string[] {
  const { service, pods, slices, listeners, forwarding, nodes, lookup } = of
  const selector = service.spec.selector ?? {}
  const own = slices.filter((slice) => slice.metadata.labels['kubernetes.io/service-name'] === service.metadata.name)
  const ready = own.flatMap(({ endpoints }) => endpoints).filter(({ conditions }) => conditions.ready !== false)
  const local = pods.filter((pod) => pod.metadata.namespace === service.metadata.namespace && lives(pod) && matches(selector, pod))
  const selects = Object.keys(selector).length > 0
  return [
    ...(selects ? [`selector ${labelsLine(selector)}: ${plural(local.length, 'Pod')}, ${local.filter(isReady).length} ready`] : []),
    `endpoints: ${ready.flatMap(({ addresses }) => addresses).join(', ') || 'none'}`,
    ...(selects ? [`target ports: something listens in ${[...listeners.keys()].join(', ') || 'no Pod that could be asked'}`] : []),
    `kube-proxy's rules: as planned on ${nodes.join(', ')}`,
    `net.ipv4.ip_forward: ${[...forwarding].map(([node, value]) => `${value} on ${node}`).join(', ')}`,
    ...(lookup === undefined ? [] : [`DNS: ${lookup.name} is ${lookup.answers.join(', ')}`]),
  ]
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`
