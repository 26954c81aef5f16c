/** The shape of lab.yaml. What its words mean (addresses, ranges, names) is for settings.ts to judge. */

import { SCHEDULERS } from '#api/schedulers.ts'
import { shapeErrors } from '#api/structure.ts'
import { type FieldError, type Path, without } from '#api/validate.ts'
import { z } from '#api/zod.ts'
import { params } from './param-shape.ts'
import { readable } from './readable.ts'

const API_VERSION = 'netlab.dev/v1'
const CNI_NAMES = ['flannel-vxlan', 'host-gw', 'calico-bgp', 'calico-vxlan', 'none'] as const
const POLICY_ENGINES = ['none', 'calico', 'calico-nftables', 'kube-router', 'kube-router-nftables'] as const
const PROXY_MODES = ['iptables', 'nftables', 'ipvs', 'none'] as const

const MTU_MIN = 576
const MTU_MAX = 65_535
const VNI_MAX = 2 ** 24 - 1
/** The last of the four-byte numbers is reserved (RFC 7300). */
const ASN_MAX = 2 ** 32 - 2
export const NODES_MAX = 200

const text = z.string()
const labels = z.record(text, text)
const address = text.meta({ format: 'ipv4' })
const range = text.meta({ pattern: '^[0-9.]+/[0-9]+$' })
const name = text.meta({ pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', maxLength: 63 })

const asn = z.int().min(1).max(ASN_MAX)
const nodeCount = z.int().min(1).max(NODES_MAX)
const nodeList = z
  .array(
    z
      .strictObject({
        name: name.optional(),
        ip: address.optional(),
        labels: labels.default({}),
        zone: text.optional(),
        blocks: z.array(range).min(1).optional(),
      })
      .meta({ required: ['name'] }),
  )
  .min(1)
const cniName = z.enum(CNI_NAMES)
const cniOptions = z.strictObject({
  name: cniName,
  vni: z.int().min(1).max(VNI_MAX).optional(),
  port: z.int().min(1).max(65_535).optional(),
  directRouting: z.boolean().optional(),
  blockSize: z.int().min(20).max(30).optional(),
  asn: asn.optional(),
  peers: z.array(text).min(1).optional(),
  routeReflectors: z.array(text).optional(),
  bfd: z.boolean().optional(),
  gracefulRestart: z.boolean().optional(),
  crossSubnet: z.boolean().optional(),
})
/** `30s`, `1m` */
export const RESYNC = /^([1-9][0-9]*)(s|m)$/
const proxyMode = z.enum(PROXY_MODES)
const proxyOptions = z.strictObject({
  mode: proxyMode,
  masqueradeAll: z.boolean().optional(),
  scheduler: z.enum(SCHEDULERS).optional(),
  strictARP: z.boolean().optional(),
  nodePortAddresses: z.array(text).min(1).optional(),
  localhostNodePorts: z.boolean().optional(),
  resync: text.meta({ pattern: RESYNC.source }).optional(),
})

const record = text.meta({ pattern: '^\\S+\\s.*(A|AAAA|CNAME|MX|NS|PTR|SRV|TXT)\\s+\\S' })
const dnsServer = z.strictObject({ zones: z.record(text, z.array(record)).describe('zone → records as in a zone file, such as "www A 203.0.113.10"') })
const pool = z.strictObject({ name: name.optional(), addresses: z.array(range).min(1).default([]) }).meta({ required: ['name', 'addresses'] })

const segment = z
  .strictObject({
    name: name.optional(),
    cidr: range.optional(),
    gateway: address.optional(),
    mtu: z.int().min(MTU_MIN).max(MTU_MAX).default(1500),
    carries: z.int().min(MTU_MIN).max(MTU_MAX).optional().describe('the largest packet that really passes, where that is less than mtu: larger ones vanish'),
  })
  .meta({ required: ['name', 'cidr'] })

const router = z
  .strictObject({ name: name.optional(), asn: asn.optional(), addresses: z.array(address).min(1).default([]), peers: z.array(text).default([]) })
  .meta({ required: ['name', 'asn', 'addresses'] })

const labFile = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Lab'),
  metadata: z.strictObject({ name: name.optional(), labels: labels.default({}) }).meta({ required: ['name'] }),
  spec: z
    .strictObject({
      nodes: z.union([nodeCount, nodeList]).optional().describe('how many nodes, or each with its name and address'),
      podCIDR: range.default('10.244.0.0/16').describe('addresses of Pods'),
      nodeCIDRMaskSize: z.int().min(8).max(30).optional().describe("length of the prefix of one node's part of podCIDR; 24 when absent"),
      serviceCIDR: range.default('10.96.0.0/12').describe('addresses of Services'),
      cni: z.union([cniName, cniOptions]).default('flannel-vxlan').describe('who connects the Pods'),
      proxy: z.union([proxyMode, proxyOptions]).default('iptables').describe('who leads Service addresses to Pods'),
      policy: z.enum(POLICY_ENGINES).optional().describe('who enforces NetworkPolicies; where Calico is the network it is Calico, else none'),
      dns: z.enum(['coredns', 'none']).default('coredns').describe('who answers names of the cluster'),
      nameservers: z.array(address).default([]).describe("whom the machines' /etc/resolv.conf names, and so CoreDNS asks for names outside the cluster"),
      loadBalancer: z
        .strictObject({ pools: z.array(pool).default([]) })
        .default({ pools: [] })
        .describe('addresses for Services of type LoadBalancer'),
      underlay: z
        .strictObject({ segments: z.array(segment).min(1).optional(), routers: z.array(router).default([]) })
        .default({ routers: [] })
        .describe('the networks the machines are on; by default one for the nodes and one for the hosts'),
      hosts: z
        .array(z.strictObject({ name: name.optional(), ip: address.optional(), dns: dnsServer.optional() }).meta({ required: ['name', 'ip'] }))
        .default([])
        .describe('machines outside the cluster'),
      needs: z.array(text.min(1)).default([]).describe('kernel features and programs the lab cannot do without'),
      driver: z.enum(['auto', 'netns', 'docker']).default('auto').describe('what the machines are made of'),
      params: params.describe('values drawn from a seed (netlab up --seed); {{name}} in this file, manifests, checks and exercises'),
      kernel: z.enum(['auto', 'host', 'uml']).default('host').describe('which kernel the machines run on'),
    })
    .meta({ required: ['nodes'] }),
})

export type LabFile = z.output<typeof labFile>

/** What an editor needs to complete and check the file. */
export const jsonSchema = (of: 'Lab'): unknown => z.toJSONSchema({ Lab: labFile }[of], { io: 'input' })

/** The file as far as it can be read, what is wrong, and what had to be left out for it; absent only when nothing of it can be read. */
export function labFileOf(value: unknown): { readonly file?: LabFile; readonly errors: readonly FieldError[]; readonly gone: readonly Path[] } {
  const other = otherKind(value)
  if (other !== undefined) return { errors: [other], gone: [] }
  const shape = oneForm(value)
  const first = shape.safeParse(value)
  if (first.success) return { file: first.data, errors: [], gone: [] }
  const errors = shapeErrors(shape, value, first.error.issues)
  const rest = readable(
    known(value, errors),
    errors.flatMap(({ path, unknown }) => (unknown ? [] : [path])),
    (left) =>
      oneForm(left)
        .safeParse(left)
        .error?.issues.map(({ path }) => path as Path) ?? [],
  )
  const read = rest === undefined ? undefined : oneForm(rest.value).safeParse(rest.value)
  return rest !== undefined && read?.success ? { file: read.data, errors, gone: rest.gone } : { errors, gone: [] }
}

/** Of a Kubernetes object nothing more is to be said than that it is none of ours. */
function otherKind(value: unknown): FieldError | undefined {
  if (!isMap(value) || typeof value.kind !== 'string' || value.kind === 'Lab' || value.apiVersion === API_VERSION) return undefined
  return { path: ['kind'], says: `expected Lab (apiVersion: ${API_VERSION}), found ${value.kind}; Kubernetes objects belong into manifests/ beside this file` }
}

/** nodes, cni and proxy have a short and a long form; the one the author chose is the one to be measured by. */
function oneForm(value: unknown): typeof labFile {
  const { nodes, cni, proxy } = (isMap(value) && isMap(value.spec) ? value.spec : {}) as Record<string, unknown>
  const chosen = {
    ...(Array.isArray(nodes) ? { nodes: nodeList } : typeof nodes === 'number' ? { nodes: nodeCount } : {}),
    ...(cni === undefined ? {} : { cni: isMap(cni) ? cniOptions : cniName }),
    ...(proxy === undefined ? {} : { proxy: isMap(proxy) ? proxyOptions : proxyMode }),
  }
  return labFile.extend({ spec: labFile.shape.spec.extend(chosen) }) as unknown as typeof labFile
}

/** Without fields that nobody knows, and with those that every lab has. */
function known(value: unknown, errors: readonly FieldError[]): unknown {
  const fields = without(
    value,
    errors.flatMap(({ path, unknown }) => (unknown ? [path] : [])),
  )
  return isMap(fields) ? { metadata: {}, spec: {}, ...fields, apiVersion: API_VERSION, kind: 'Lab' } : fields
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
