/** Pods and their containers at length, as `kubectl describe` tells them; also the template of a workload. */
import { age } from './age.ts'
import { annotations, conditionLines, listed, pairs, row, when } from './describe-parts.ts'
import type { Container, ContainerProbe, ContainerStatus, PodObject, PodSpec, ReplicaSet } from './kinds.ts'
import { orNone } from './show.ts'

export function podLines(pod: PodObject, now: string): readonly string[] {
  const { metadata, spec, status } = pod
  const controller = metadata.ownerReferences.find((owner) => owner.controller === true)
  return [
    row(0, 'Name', metadata.name),
    row(0, 'Namespace', metadata.namespace ?? ''),
    ...(spec.priority === undefined ? [] : [row(0, 'Priority', spec.priority)]),
    ...(spec.priorityClassName ? [row(0, 'Priority Class Name', spec.priorityClassName)] : []),
    ...(spec.serviceAccountName ? [row(0, 'Service Account', spec.serviceAccountName)] : []),
    row(0, 'Node', spec.nodeName ? `${spec.nodeName}/${status.hostIP ?? ''}` : '<none>'),
    ...(status.startTime ? [row(0, 'Start Time', when(status.startTime))] : []),
    ...pairs('Labels', metadata.labels),
    ...annotations('Annotations', metadata.annotations),
    ...phaseLines(pod, now),
    ...(status.reason ? [row(0, 'Reason', status.reason)] : []),
    ...(status.message ? [row(0, 'Message', status.message)] : []),
    row(0, 'IP', status.podIP ?? ''),
    ...(status.podIPs.length === 0 ? [row(0, 'IPs', '<none>')] : ['IPs:', ...status.podIPs.map(({ ip }) => row(1, 'IP', ip))]),
    ...(controller === undefined ? [] : [row(0, 'Controlled By', `${controller.kind}/${controller.name}`)]),
    ...(spec.initContainers.length === 0 ? [] : containers('Init Containers', spec.initContainers, status.initContainerStatuses ?? [], '', pod)),
    ...containers('Containers', spec.containers, status.containerStatuses, '', pod),
    ...gateLines(pod),
    ...conditionLines(status.conditions, ['type', 'status']),
    ...volumes(spec.volumes, ''),
    row(0, 'QoS Class', status.qosClass ?? qosClass(spec)),
    ...pairs('Node-Selectors', spec.nodeSelector),
    ...listed('Tolerations', tolerations(spec)),
  ]
}

function phaseLines({ metadata, status }: PodObject, now: string): readonly string[] {
  const ended = status.phase === 'Failed' || status.phase === 'Succeeded'
  if (metadata.deletionTimestamp === undefined || ended) return [row(0, 'Status', status.phase)]
  return [
    row(0, 'Status', `Terminating (lasts ${age(metadata.deletionTimestamp, now)})`),
    row(0, 'Termination Grace Period', `${metadata.deletionGracePeriodSeconds ?? 0}s`),
  ]
}

function gateLines({ spec, status }: PodObject): readonly string[] {
  const gates = spec.readinessGates ?? []
  const met = (gate: string) => status.conditions.find(({ type }) => type === gate)?.status ?? '<none>'
  return gates.length === 0 ? [] : ['Readiness Gates:', '  Type\tStatus', ...gates.map(({ conditionType }) => `  ${conditionType} \t${met(conditionType)} `)]
}

/** The `Pod Template` part of a workload. */
export function templateLines({ metadata, spec }: ReplicaSet['spec']['template']): readonly string[] {
  return [
    'Pod Template:',
    ...pairs('  Labels', metadata.labels),
    ...(Object.keys(metadata.annotations).length === 0 ? [] : annotations('  Annotations', metadata.annotations)),
    ...(spec.serviceAccountName ? [row(1, 'Service Account', spec.serviceAccountName)] : []),
    ...(spec.initContainers.length === 0 ? [] : containers('Init Containers', spec.initContainers, [], '  ')),
    ...containers('Containers', spec.containers, [], '  '),
    ...volumes(spec.volumes, '  '),
    ...(spec.priorityClassName ? [row(1, 'Priority Class Name', spec.priorityClassName)] : []),
    ...pairs('  Node-Selectors', spec.nodeSelector),
    ...listed('  Tolerations', tolerations(spec)),
  ]
}

function containers(label: string, all: readonly Container[], statuses: readonly ContainerStatus[], space: string, pod?: PodObject): readonly string[] {
  return [
    `${space}${label}:`,
    ...all.flatMap((one) => {
      const status = statuses.find(({ name }) => name === one.name)
      return [
        `  ${space === '' ? '' : ' '}${one.name}:`,
        ...(status === undefined ? [] : [row(2, 'Container ID', status.containerID ?? '')]),
        row(2, 'Image', one.image),
        ...(status === undefined ? [] : [row(2, 'Image ID', status.imageID ?? '')]),
        ...portLines(one),
        ...block('Command', one.command ?? []),
        ...block('Args', one.args ?? []),
        ...(status === undefined ? [] : stateLines(status)),
        ...resourceLines(one),
        ...probeLine('Liveness', one.livenessProbe),
        ...probeLine('Readiness', one.readinessProbe),
        ...probeLine('Startup', one.startupProbe),
        ...environment(one, pod),
        ...mounts(one),
      ]
    }),
  ]
}

function portLines({ ports }: Container): readonly string[] {
  const line = (number: (port: Container['ports'][number]) => number) => ports.map((port) => `${number(port)}/${port.protocol}`).join(', ')
  const many = ports.length > 1 ? 's' : ''
  return [row(2, `Port${many}`, orNone(line((port) => port.containerPort))), row(2, `Host Port${many}`, orNone(line((port) => port.hostPort ?? 0)))]
}

const block = (title: string, words: readonly string[]): readonly string[] =>
  words.length === 0 ? [] : [`    ${title}:`, ...words.flatMap((word) => word.split('\n')).map((line) => `      ${line}`)]

function stateLines({ state, lastState, ready, restartCount }: ContainerStatus): readonly string[] {
  return [
    ...oneState('State', state),
    ...(lastState.terminated === undefined ? [] : oneState('Last State', lastState)),
    row(2, 'Ready', ready ? 'True' : 'False'),
    row(2, 'Restart Count', restartCount),
  ]
}

function oneState(title: string, { running, waiting, terminated }: ContainerStatus['state']): readonly string[] {
  if (running !== undefined) return [row(2, title, 'Running'), row(3, 'Started', when(running.startedAt))]
  if (terminated === undefined) return [row(2, title, 'Waiting'), ...(waiting?.reason ? [row(3, 'Reason', waiting.reason)] : [])]
  return [
    row(2, title, 'Terminated'),
    ...(terminated.reason ? [row(3, 'Reason', terminated.reason)] : []),
    ...(terminated.message ? [row(3, 'Message', terminated.message)] : []),
    row(3, 'Exit Code', terminated.exitCode),
    ...(terminated.signal ? [row(3, 'Signal', terminated.signal)] : []),
    row(3, 'Started', when(terminated.startedAt)),
    row(3, 'Finished', when(terminated.finishedAt)),
  ]
}

function resourceLines({ resources = {} }: Container): readonly string[] {
  return (['limits', 'requests'] as const).flatMap((which) => {
    const amounts = Object.entries((resources[which] ?? {}) as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1))
    return amounts.length === 0 ? [] : [`    ${which === 'limits' ? 'Limits' : 'Requests'}:`, ...amounts.map(([name, amount]) => row(3, name, String(amount)))]
  })
}

function probeLine(title: string, probe: ContainerProbe | undefined): readonly string[] {
  if (probe === undefined) return []
  const { initialDelaySeconds, timeoutSeconds, periodSeconds, successThreshold, failureThreshold, httpGet, tcpSocket, exec } = probe
  const way =
    exec !== undefined
      ? `exec [${exec.command.join(' ')}]`
      : httpGet !== undefined
        ? `http-get ${httpGet.scheme.toLowerCase()}://${httpGet.host ?? ''}:${httpGet.port}${httpGet.path}`
        : `tcp-socket ${tcpSocket?.host ?? ''}:${tcpSocket?.port}`
  const attributes = `delay=${initialDelaySeconds}s timeout=${timeoutSeconds}s period=${periodSeconds}s`
  return [row(2, title, `${way} ${attributes} #success=${successThreshold} #failure=${failureThreshold}`)]
}

function environment({ env, envFrom }: Container, pod: PodObject | undefined): readonly string[] {
  const from = envFrom.map(
    ({ prefix, configMapRef }) =>
      `      ${configMapRef?.name ?? ''}\tConfigMap${prefix ? ` with prefix '${prefix}'` : ''}\tOptional: ${configMapRef?.optional ?? false}`,
  )
  const own = env.flatMap(({ name, value = '', valueFrom }) => {
    if (valueFrom?.fieldRef !== undefined)
      return [row(3, name, `${fieldOf(pod, valueFrom.fieldRef.fieldPath)} (${valueFrom.fieldRef.apiVersion}:${valueFrom.fieldRef.fieldPath})`)]
    const map = valueFrom?.configMapKeyRef
    if (map !== undefined) return [row(3, name, `<set to the key '${map.key}' of config map '${map.name}'>\tOptional: ${map.optional ?? false}`)]
    return value.split('\n').map((line, i) => (i === 0 ? row(3, name, line) : `      \t${line}`))
  })
  return [
    ...(from.length === 0 ? [] : ['    Environment Variables from:', ...from]),
    ...(own.length === 0 ? [row(2, 'Environment', '<none>')] : ['    Environment:', ...own]),
  ]
}

/** What a reference to the metadata yields; kubectl leaves the other fields open. */
function fieldOf(pod: PodObject | undefined, path: string): string {
  const key = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (pod === undefined) return ''
  if (key !== null) return pod.metadata[key[1] as 'labels' | 'annotations'][key[2] ?? ''] ?? ''
  return { 'metadata.name': pod.metadata.name, 'metadata.namespace': pod.metadata.namespace, 'metadata.uid': pod.metadata.uid }[path] ?? ''
}

function mounts({ volumeMounts }: Container): readonly string[] {
  const lines = [...volumeMounts]
    .sort((a, b) => (a.mountPath < b.mountPath ? -1 : 1))
    .map(
      ({ mountPath, name, readOnly, subPath }) => `      ${mountPath} from ${name} (${readOnly === true ? 'ro' : 'rw'}${subPath ? `,path="${subPath}"` : ''})`,
    )
  return lines.length === 0 ? [row(2, 'Mounts', '<none>')] : ['    Mounts:', ...lines]
}

function volumes(all: PodSpec['volumes'], space: string): readonly string[] {
  if (all.length === 0) return [`${space}Volumes:\t<none>`]
  const source = ({ configMap, emptyDir }: PodSpec['volumes'][number]) =>
    configMap === undefined
      ? [
          row(2, 'Type', "EmptyDir (a temporary directory that shares a pod's lifetime)"),
          row(2, 'Medium', emptyDir?.medium ?? ''),
          row(2, 'SizeLimit', emptyDir?.sizeLimit ?? '<unset>'),
        ]
      : [
          row(2, 'Type', 'ConfigMap (a volume populated by a ConfigMap)'),
          row(2, 'Name', configMap.name),
          row(2, 'Optional', String(configMap.optional ?? false)),
        ]
  return [`${space}Volumes:`, ...all.flatMap((one) => [`  ${space === '' ? '' : ' '}${one.name}:`, ...source(one)])]
}

function tolerations({ tolerations: all = [] }: PodSpec): readonly string[] {
  return all
    .map((one) => one as { key?: string; value?: string; effect?: string; operator?: string; tolerationSeconds?: number })
    .sort((a, b) => ((a.key ?? '') < (b.key ?? '') ? -1 : 1))
    .map(({ key = '', value = '', effect = '', operator, tolerationSeconds }) => {
      const head = `${key}${value === '' ? '' : `=${value}`}${effect === '' ? '' : `:${effect}`}`
      const exists = operator === 'Exists' && value === '' ? `${head === '' ? '' : ' '}op=Exists` : ''
      return `${head}${exists}${tolerationSeconds === undefined ? '' : ` for ${tolerationSeconds}s`}`
    })
}

/** What the kubelet would do when memory runs short, from requests and limits. */
function qosClass(spec: PodSpec): string {
  const all = [...spec.initContainers, ...spec.containers].map(({ resources = {} }) => ({
    limits: (resources['limits'] ?? {}) as Record<string, unknown>,
    requests: (resources['requests'] ?? resources['limits'] ?? {}) as Record<string, unknown>,
  }))
  if (all.every(({ limits, requests }) => Object.keys(limits).length + Object.keys(requests).length === 0)) return 'BestEffort'
  const guaranteed = all.every(({ limits, requests }) => ['cpu', 'memory'].every((name) => limits[name] !== undefined && limits[name] === requests[name]))
  return guaranteed ? 'Guaranteed' : 'Burstable'
}
