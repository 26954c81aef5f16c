/** The words of a check.yaml: one strict shape per kind of probe (docs/LABS.md §3). README.md shows each with an example. */
import { z } from '#api/zod.ts'

const text = z.string()
const word = z.string().min(1)
const port = z.union([z.int().min(1).max(65535), word])
const absent = z.boolean().default(false)
const scalar = z.union([z.string(), z.number(), z.boolean()])

/** A place that is asked about its own state: `at` any place, `node` a node's name. One of the two. */
const at = { at: word.optional(), node: word.optional() }

const place = z.strictObject({ at: word, argv: z.array(text).min(1) })
export const step = z.strictObject({
  unready: word.optional(),
  delete: word.optional(),
  exec: place.optional(),
  undo: place.optional(),
  /** The Pod, as it was before, is `{{was.NAME…}}` from here on. */
  as: word.optional(),
})

/** What can be asked at once and needs no other probe beside it. */
const asked = {
  ping: z.strictObject({
    from: word,
    to: word,
    count: z.int().min(1).max(20).default(1),
    /** Bytes of payload; 8 bytes of ICMP and 20 of IP come on top. */
    size: z.int().min(0).max(65507).optional(),
    /** Forbids fragments. */
    df: z.boolean().default(false),
    /** The share of lost packets that is borne, in percent. */
    loss: z.int().min(0).max(99).default(0),
    expect: z.enum(['answer', 'silence', 'unreachable', 'toobig']).default('answer'),
  }),
  tcp: z.strictObject({
    from: word,
    to: word,
    port: port.optional(),
    expect: z.enum(['connected', 'refused', 'reset', 'timeout', 'unreachable']).default('connected'),
  }),
  udp: z.strictObject({
    from: word,
    to: word,
    port: port.optional(),
    /** The datagram; without it `echo` and a nonce that must come back. */
    send: word.optional(),
    /** A part of the answer. */
    reply: word.optional(),
    expect: z.enum(['reply', 'refused', 'timeout', 'unreachable']).default('reply'),
  }),
  http: z.strictObject({
    from: word,
    url: word,
    method: word.default('GET'),
    headers: z.record(text, text).default({}),
    body: text.optional(),
    insecure: z.boolean().default(false),
    status: z.union([z.int().min(100).max(599), z.array(z.int().min(100).max(599)).min(1)]).default(200),
    contains: word.optional(),
    header: z.record(text, text).default({}),
    /** Fields of a JSON answer, by dotted path. */
    json: z.record(text, scalar).default({}),
    /** The Pods one of which must have answered: by the header X-Pod, the field `pod` of the body, or the body. */
    backend: word.optional(),
    expect: z.enum(['answer', 'dns', 'refused', 'unreachable', 'timeout', 'reset', 'empty', 'tls']).default('answer'),
  }),
  dns: z.strictObject({
    from: word,
    name: word,
    type: z.enum(['A', 'AAAA', 'CNAME', 'SRV', 'PTR', 'TXT']).default('A'),
    /** Who is asked, instead of the place's resolv.conf. */
    server: word.optional(),
    tcp: z.boolean().default(false),
    expect: z.enum(['NOERROR', 'NXDOMAIN', 'SERVFAIL', 'REFUSED', 'silence']).default('NOERROR'),
    /** The answer as a set, places allowed; an empty list says that the name exists without such a record. */
    answers: z.array(word).optional(),
    /** The name that was answered in the end, after the search list. */
    asked: word.optional(),
    /** How many names of the search list were tried. */
    queries: z.int().min(1).optional(),
    /** The address that answered. */
    answeredBy: word.optional(),
  }),
  source: z.strictObject({
    from: word,
    to: word,
    /** With a port the target's own server is asked for /clientip; without, both ends run a program of netlab's. */
    port: port.optional(),
    /** `own`, an address, or the place whose address the server sees. */
    sees: word.default('own'),
  }),
  balance: z.strictObject({
    from: word,
    to: word,
    port: port.optional(),
    path: word.default('/hostname'),
    host: word.optional(),
    /** New connections; without it so many that a backend with an equal share is missed once in a million runs. */
    connections: z.int().min(1).max(10000).optional(),
    /** Places, all of whose Pods must answer and no others; without it the Service's ready endpoints. */
    backends: z.array(word).min(1).optional(),
    /** How many backends there must be. */
    count: z.int().min(1).optional(),
    /** Each backend's least part of an equal share, in percent. */
    least: z.int().min(0).max(100).default(0),
    /** All connections reach one and the same backend. */
    sticky: z.boolean().default(false),
  }),
  mtu: z.strictObject({
    from: word,
    to: word,
    /** The largest IP packet that gets through unfragmented, in bytes. */
    mtu: z.int().min(68).max(65535),
    /** Also sends 200 kB each way: ping can pass while TCP hangs. */
    bulk: z.boolean().default(true),
  }),
  matrix: z.strictObject({
    from: z.union([word, z.array(word).min(1)]),
    to: z.union([word, z.array(word).min(1)]).optional(),
    /** `own`: each target sees the source's own address, as the source does. */
    source: z.enum(['own', 'any']).default('own'),
  }),
  interface: z.strictObject({
    ...at,
    dev: word,
    mtu: z.int().optional(),
    mac: word.optional(),
    up: z.boolean().optional(),
    /** Addresses with their prefix, or without when any prefix will do. */
    address: z.union([word, z.array(word)]).optional(),
    master: word.optional(),
    /** veth, bridge, vxlan … */
    type: word.optional(),
    absent,
  }),
  route: z.strictObject({
    ...at,
    /** A range or `default`: the entry with exactly this destination. */
    dst: word.optional(),
    /** What the kernel would do with such a packet. */
    lookup: z.strictObject({ dst: word, from: word.optional(), iif: word.optional() }).optional(),
    dev: word.optional(),
    /** A list: all of several next hops, and no others. */
    via: z.union([word, z.array(word).min(1)]).optional(),
    src: word.optional(),
    onlink: z.boolean().optional(),
    absent,
  }),
  neigh: z.strictObject({ ...at, ip: word, dev: word.optional(), mac: word.optional(), state: word.optional(), absent }),
  fdb: z.strictObject({ ...at, dev: word, mac: word, dst: word.optional(), absent }),
  vxlan: z.strictObject({
    ...at,
    dev: word,
    vni: z.int().optional(),
    port: z.int().optional(),
    local: word.optional(),
    underlay: word.optional(),
    learning: z.boolean().optional(),
    mac: word.optional(),
    mtu: z.int().optional(),
  }),
  'bgp-session': z.strictObject({ ...at, peer: word, state: word.default('Established'), as: z.int().optional(), absent }),
  /** A route that came by BGP; `via` all of the next hops, `path` the autonomous systems it went through. */
  'bgp-route': z.strictObject({ ...at, prefix: word, via: z.union([word, z.array(word)]).optional(), path: z.array(z.int()).optional(), absent }),
  sysctl: z.strictObject({ ...at, key: word, value: z.union([z.int(), text]) }),
  listen: z.strictObject({ ...at, port: z.int().min(1).max(65535), proto: z.enum(['tcp', 'udp']).default('tcp'), address: word.optional(), absent }),
  process: z.strictObject({
    ...at,
    /** Words that the command line has one after another. */
    args: z.array(word).min(1),
    absent,
  }),
  file: z.strictObject({ ...at, path: word, contains: word.optional(), equals: text.optional(), absent }),
  exec: z.strictObject({
    ...at,
    argv: z.array(text).min(1),
    stdin: text.optional(),
    exit: z.int().min(0).max(255).default(0),
    stdout: z.strictObject({ contains: word.optional(), equals: text.optional() }).default({}),
    seconds: z.int().min(1).max(120).default(10),
  }),
  object: z.strictObject({ kind: word, namespace: word.optional(), name: word, where: z.record(text, scalar).default({}), absent }),
}

/** What watches while another probe runs. */
const watching = {
  iptables: z.strictObject({
    ...at,
    table: z.enum(['filter', 'nat', 'mangle', 'raw']).default('nat'),
    chain: word.optional(),
    /** Runs of words that the rule has, as iptables-save writes it: `-d 10.96.0.10/32`, `-j KUBE-SEP-…`. */
    rule: z.array(word).default([]),
    family: z.union([z.literal(4), z.literal(6)]).default(4),
    /** The probe during which the rule's packet counter grows. */
    grew: word.optional(),
    absent,
  }),
  capture: z.strictObject({
    at: word,
    dev: word.optional(),
    /** A filter in tcpdump's language. */
    filter: text.default(''),
    /** What one and the same packet holds, by the names in README.md. */
    decode: z.record(text, z.union([z.int(), text])).default({}),
    /** The probe that makes the packets. */
    during: word,
    /** How many such packets there are; without both, one will do. */
    exactly: z.int().min(1).optional(),
    atMost: z.int().min(1).optional(),
    absent,
  }),
}

/** What disturbs the lab while it asks. */
const disturbing = {
  converge: z.strictObject({
    from: word,
    to: word,
    /** The UDP port at the target; one of its own unless told. */
    port: z.int().min(1).max(65535).optional(),
    /** The pace of the packets. */
    every: word.default('10ms'),
    /** What is done while they flow; what has an undo is undone afterwards. */
    do: z.array(step).min(1),
    /** The longest time without packets that is borne. */
    outage: word.optional(),
    /** Packets stop coming at most so long after it began to be done. */
    cut: word.optional(),
    /** The source is told that there is no way (by ICMP, or by its own kernel) at most so long after. */
    told: word.optional(),
    /** How many packets may be lost. */
    lost: z.int().min(0).optional(),
    /** How long is looked on; the largest of the three and two seconds unless told. */
    lasts: word.optional(),
  }),
}

/** What is asked of the learner. */
const given = {
  answer: z.strictObject({
    /** The question. */
    ask: word,
    type: z.enum(['text', 'number', 'ip', 'cidr', 'mac', 'choice']).default('text'),
    /** What is right, or a list of it. */
    is: z.union([scalar, z.array(scalar).min(1)]).optional(),
    /** In its place: a program whose output is right. */
    run: z.strictObject({ at: word, argv: z.array(text).min(1) }).optional(),
    /** How far a number may be off. */
    tolerance: z.number().min(0).default(0),
    choices: z.array(word).default([]),
    /** Under which name the answer is given; the probe's id unless told. */
    name: word.optional(),
  }),
}

export const specs = { ...asked, ...watching, ...disturbing, ...given }
export type Specs = { readonly [K in keyof typeof specs]: Shape<(typeof specs)[K]> }
type Shape<S extends z.ZodType> = Omit<z.output<S>, 'at' | 'node'> & ('at' extends keyof z.output<S> ? { readonly at: string } : unknown)

/** A question with its expectation. `node: n` was read as `at: node/n`. */
export type What = { readonly [K in keyof Specs]: { readonly kind: K; readonly of: Specs[K] } }[keyof Specs] | Joined
export type Joined =
  | { readonly kind: 'all'; readonly of: readonly What[] }
  | { readonly kind: 'any'; readonly of: readonly What[] }
  | { readonly kind: 'not'; readonly of: What }
export type WhatOf<K extends What['kind']> = Extract<What, { readonly kind: K }>

const optional = <S extends Record<string, z.ZodType>>(shapes: S) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, shape.optional()])) as { [K in keyof S]: z.ZodOptional<S[K]> }

const joins = {
  get all(): z.ZodType {
    return z.array(part).min(1).optional()
  },
  get any(): z.ZodType {
    return z.array(part).min(1).optional()
  },
  get not(): z.ZodType {
    return part.optional()
  },
}
/** A part of `all`, `any`, `not`, or a control. */
export const part: z.ZodObject = z.strictObject(Object.defineProperties({ ...optional(asked) }, Object.getOwnPropertyDescriptors(joins)) as z.ZodRawShape)

export const hint = z.strictObject({ when: z.record(text, text).optional(), say: word, cost: z.int().min(0).default(0) })

export const COMMON = {
  id: word,
  title: word.optional(),
  points: z.number().min(0).default(1),
  visibility: z.enum(['visible', 'name-only', 'hidden']).default('visible'),
  within: word.optional(),
  for: word.optional(),
  needs: z.array(word).default([]),
  /** A probe's id, or a question that must hold whenever this probe sees silence. */
  control: z.union([word, part]).optional(),
  hints: z.array(hint).default([]),
  why: word.optional(),
}

export const probe: z.ZodObject = z.strictObject(
  Object.defineProperties({ ...COMMON, ...optional(specs) }, Object.getOwnPropertyDescriptors(joins)) as unknown as z.ZodRawShape,
)

export const checkFile = z.strictObject({
  apiVersion: z.literal('netlab.dev/v1'),
  kind: z.literal('Check'),
  metadata: z.strictObject({ name: word.optional(), labels: z.record(text, text).default({}) }).optional(),
  spec: z.strictObject({
    groups: z.array(z.strictObject({ id: word, title: word.optional(), do: z.array(step).default([]), probes: z.array(probe).min(1) })).min(1),
  }),
})

export type Common = {
  readonly id: string
  readonly title: string
  readonly points: number
  readonly visibility: 'visible' | 'name-only' | 'hidden'
  /** Milliseconds; absent means the default of the kind. */
  readonly within?: number
  readonly for?: number
  readonly needs: readonly string[]
  readonly control?: string | What
  readonly hints: readonly z.output<typeof hint>[]
  readonly why?: string
}
export type Probe = Common & What
/** Something done to the lab before a group's probes; what can be undone is undone after them, whatever happened. */
export type Step =
  | { readonly kind: 'unready'; readonly pod: string; readonly as?: string }
  | { readonly kind: 'delete'; readonly pod: string; readonly as?: string }
  | { readonly kind: 'exec'; readonly exec: z.output<typeof place>; readonly undo?: z.output<typeof place> }
export type Group = { readonly id: string; readonly title: string; readonly steps: readonly Step[]; readonly probes: readonly Probe[] }
export type CheckFile = { readonly name?: string; readonly groups: readonly Group[] }

export const KINDS: readonly string[] = [...Object.keys(specs), 'all', 'any', 'not']
/** Kinds that watch another probe, disturb the lab, or ask the learner: they stand alone, never inside all, any, not. */
export const WATCHERS: readonly string[] = Object.keys({ ...watching, ...disturbing, ...given })
