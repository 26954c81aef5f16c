/**
 * Reads the protobuf form of the few kinds that kubectl since 1.32 sends in no other (`kubectl create namespace | configmap | deployment | service`).
 * Field numbers are those of the generated.proto files of k8s.io/api and k8s.io/apimachinery.
 */

/** `text`, `number` and `flag` are left out when empty, as in JSON; with `?` nothing and zero differ. `-` is passed over, `[` is a list. */
const MESSAGES: Readonly<Record<string, string>> = {
  Namespace: '1 metadata ObjectMeta, 2 spec -, 3 status -',
  ConfigMap: '1 metadata ObjectMeta, 2 data map, 3 binaryData bytesMap, 4 immutable flag?',
  Service: '1 metadata ObjectMeta, 2 spec ServiceSpec, 3 status -',
  ServiceSpec: `1 ports [ServicePort, 2 selector map, 3 clusterIP text, 4 type text, 5 externalIPs [text, 7 sessionAffinity text, 8 loadBalancerIP text,
    9 loadBalancerSourceRanges [text, 10 externalName text, 11 externalTrafficPolicy text, 12 healthCheckNodePort number, 13 publishNotReadyAddresses flag,
    14 sessionAffinityConfig SessionAffinityConfig, 17 ipFamilyPolicy text, 18 clusterIPs [text, 19 ipFamilies [text, 20 allocateLoadBalancerNodePorts flag?,
    21 loadBalancerClass text, 22 internalTrafficPolicy text, 23 trafficDistribution text`,
  ServicePort: '1 name text, 2 protocol text, 3 port number, 4 targetPort portOrName, 5 nodePort number, 6 appProtocol text',
  SessionAffinityConfig: '1 clientIP ClientIPConfig',
  ClientIPConfig: '1 timeoutSeconds number?',
  Deployment: '1 metadata ObjectMeta, 2 spec DeploymentSpec, 3 status -',
  DeploymentSpec: `1 replicas number?, 2 selector LabelSelector, 3 template PodTemplateSpec, 4 strategy DeploymentStrategy, 5 minReadySeconds number,
    6 revisionHistoryLimit number?, 7 paused flag, 9 progressDeadlineSeconds number?`,
  DeploymentStrategy: '1 type text, 2 rollingUpdate RollingUpdateDeployment',
  RollingUpdateDeployment: '1 maxUnavailable portOrName, 2 maxSurge portOrName',
  LabelSelector: '1 matchLabels map, 2 matchExpressions [LabelSelectorRequirement',
  LabelSelectorRequirement: '1 key text, 2 operator text, 3 values [text',
  PodTemplateSpec: '1 metadata ObjectMeta, 2 spec PodSpec',
  PodSpec: `2 containers [Container, 3 restartPolicy text, 4 terminationGracePeriodSeconds number?, 6 dnsPolicy text, 7 nodeSelector map, 8 serviceAccountName text,
    9 serviceAccount text, 10 nodeName text, 11 hostNetwork flag, 16 hostname text, 17 subdomain text, 19 schedulerName text`,
  Container: `1 name text, 2 image text, 3 command [text, 4 args [text, 5 workingDir text, 6 ports [ContainerPort, 7 env [EnvVar, 8 resources -,
    13 terminationMessagePath text, 14 imagePullPolicy text, 16 stdin flag, 18 tty flag, 20 terminationMessagePolicy text`,
  ContainerPort: '1 name text, 2 hostPort number, 3 containerPort number, 4 protocol text, 5 hostIP text',
  EnvVar: '1 name text, 2 value text',
  ObjectMeta: `1 name text, 2 generateName text, 3 namespace text, 4 selfLink -, 5 uid text, 6 resourceVersion text, 7 generation number, 8 creationTimestamp -,
    9 deletionTimestamp -, 10 deletionGracePeriodSeconds -, 11 labels map, 12 annotations map, 13 ownerReferences [OwnerReference, 14 finalizers [text, 17 managedFields -`,
  OwnerReference: '1 kind text, 3 name text, 4 uid text, 5 apiVersion text, 6 controller flag?, 7 blockOwnerDeletion flag?',
  DeleteOptions: '1 gracePeriodSeconds number?, 2 preconditions Preconditions, 3 orphanDependents flag?, 4 propagationPolicy text, 5 dryRun [text, 6 - -',
  Preconditions: '1 uid text, 2 resourceVersion text',
}

type Field = { readonly name: string; readonly type: string }
type Wire = { readonly number: number; readonly value: number | Uint8Array }

const MAGIC = [0x6b, 0x38, 0x73, 0x00]

/** The object in its JSON form; throws with words for a client when it cannot be read. */
export function readProtobuf(bytes: Uint8Array): object {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw new TypeError('the body is not Kubernetes protobuf')
  const envelope = fieldsOf(bytes.subarray(MAGIC.length))
  const meta = fieldsOf(bytesAt(envelope, 1))
  const [apiVersion, kind] = [text(bytesAt(meta, 1)), text(bytesAt(meta, 2))]
  if (MESSAGES[kind] === undefined) throw new TypeError(`${kind} is not read as protobuf here; send application/json`)
  return { apiVersion, kind, ...message(kind, bytesAt(envelope, 2)) }
}

function message(type: string, bytes: Uint8Array): Record<string, unknown> {
  const known = tableOf(type)
  const out: Record<string, unknown> = {}
  for (const { number, value } of fieldsOf(bytes)) {
    const field = known.get(number)
    if (field === undefined && isNothing(value)) continue
    if (field === undefined) throw new TypeError(`field ${number} of ${type} is not read as protobuf here; send application/json`)
    const read = wireValue(field.type, value)
    if (read === undefined) continue
    if (field.type.startsWith('[')) out[field.name] = [...((out[field.name] as unknown[] | undefined) ?? []), read]
    else out[field.name] = field.type.endsWith('ap') ? { ...(out[field.name] as object | undefined), ...(read as object) } : read
  }
  return out
}

function wireValue(type: string, value: number | Uint8Array): unknown {
  if (type === '-') return undefined
  if (typeof value === 'number') return readNumber(type, value)
  switch (type) {
    case 'text':
      return value.length === 0 ? undefined : text(value)
    case '[text':
      return text(value)
    case 'map':
    case 'bytesMap': {
      const entry = fieldsOf(value)
      const [key, inner] = [text(bytesAt(entry, 1)), bytesAt(entry, 2)]
      return { [key]: type === 'map' ? text(inner) : base64(inner) }
    }
    case 'portOrName':
      return portOrName(value)
    default:
      return message(type.replace('[', ''), value)
  }
}

function readNumber(type: string, value: number): unknown {
  const optional = type.endsWith('?')
  if (!optional && value === 0) return undefined
  return type.startsWith('flag') ? value !== 0 : value
}

/** IntOrString: which of the two, the number, the text. A number 0 is what an unset field looks like. */
function portOrName(bytes: Uint8Array): unknown {
  const fields = fieldsOf(bytes)
  const isText = fields.some(({ number, value }) => number === 1 && value === 1)
  if (isText) return text(bytesAt(fields, 3))
  const value = fields.find(({ number }) => number === 2)?.value ?? 0
  return value === 0 ? undefined : value
}

function tableOf(type: string): ReadonlyMap<number, Field> {
  return new Map(
    (MESSAGES[type] ?? '')
      .split(',')
      .map((line) => line.trim().split(/\s+/))
      .map(([number, name = '', of = '']) => [Number(number), { name, type: of }]),
  )
}

function fieldsOf(bytes: Uint8Array): readonly Wire[] {
  const out: Wire[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = varint(bytes, at)
    const first = varint(bytes, tag.end)
    const [number, form] = [Math.floor(tag.value / 8), tag.value % 8]
    if (form !== 0 && form !== 2) throw new TypeError('the body is not Kubernetes protobuf')
    const end = form === 0 ? first.end : first.end + first.value
    if (end > bytes.length) throw new TypeError('the protobuf body ends too early')
    out.push({ number, value: form === 0 ? first.value : bytes.subarray(first.end, end) })
    at = end
  }
  return out
}

function varint(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let [value, scale, at] = [0, 1, start]
  for (let byte = 0x80; byte >= 0x80; at++, scale *= 128) {
    byte = bytes[at] ?? -1
    if (byte < 0) throw new TypeError('the protobuf body ends too early')
    value += (byte % 128) * scale
  }
  return { value, end: at }
}

/** Zero, an empty text, or a message of nothing but such: what Go writes for a field nobody set. */
function isNothing(value: number | Uint8Array): boolean {
  if (typeof value === 'number') return value === 0
  if (value.length === 0) return true
  try {
    return fieldsOf(value).every((field) => isNothing(field.value))
  } catch {
    return false
  }
}

function bytesAt(fields: readonly Wire[], number: number): Uint8Array {
  const value = fields.find((field) => field.number === number)?.value
  return value instanceof Uint8Array ? value : new Uint8Array()
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))
