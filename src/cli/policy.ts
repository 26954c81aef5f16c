/** Who may talk to whom: as NetworkPolicies say it, and as it is measured. */
import type { PolicyAsked } from '#daemon/policy.ts'
import { parseIp } from '#net/net.ts'
import type { Asked } from '#policy/matrix.ts'
import { type Flow, parsePort, type Table } from '#policy/table.ts'
import type { Client } from './client.ts'
import { type Io, stop, USAGE } from './io.ts'
import { findSpot } from './places.ts'
import { printed } from './policy-print.ts'
import { clientFor } from './running.ts'
import { type Args, list, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const [what = '', ...words] = args.words
  if (what === 'matrix') return await matrix(words, args, io)
  if (what === 'explain') return await explain(words, args, io)
  const { testPolicies } = await import('./policy-test.ts')
  return await testPolicies(words, { ports: portsOf(list(args, 'port')), ...outside(args) }, args, io)
}

async function matrix(words: readonly string[], args: Args, io: Io): Promise<number> {
  if (words.length > 0) throw stop(USAGE, `netlab policy matrix takes no words, found "${words[0]}"; -n NS for one namespace`)
  const namespace = text(args, 'namespace')
  const ports = portsOf(list(args, 'port'))
  const asked: PolicyAsked = { ...(namespace !== undefined && { namespace }), ...(ports.length > 0 && { ports }), ...outside(args), probe: on(args, 'probe') }
  const table = await clientFor(args, io).json<Table>({ method: 'POST', path: '/netlab/v1/policy', body: asked, signal: io.signal })
  return printed(table, args, io)
}

const portsOf = (texts: readonly string[]): readonly Asked[] => {
  const read = texts.flatMap((one) => one.split(',')).map((one) => ({ one, port: parsePort(one) }))
  const wrong = read.flatMap(({ one, port }) => (port === undefined ? [`--port ${one}: expected a number and perhaps a protocol, such as 80 or 53/udp`] : []))
  if (wrong.length > 0) throw stop(USAGE, wrong.join('\n'))
  return read.flatMap(({ port }) => port ?? [])
}

function outside(args: Args): { readonly from: readonly string[]; readonly to: readonly string[] } {
  const [from, to] = [list(args, 'from'), list(args, 'to')]
  const wrong = [...from, ...to].filter((one) => parseIp(one) === undefined)
  if (wrong.length > 0) throw stop(USAGE, wrong.map((one) => `"${one}" is not an address; Pods are in the table by themselves`).join('\n'))
  return { from, to }
}

/** Why one way is open or not: the policies that isolate, the rule that lets. */
async function explain(words: readonly string[], args: Args, io: Io): Promise<number> {
  const [from, to, port = '80/tcp'] = words
  if (from === undefined || to === undefined || words.length > 3) throw stop(USAGE, 'say who calls whom: netlab policy explain client web 80/tcp')
  const client = clientFor(args, io)
  const namespace = text(args, 'namespace') ?? 'default'
  const [source, target] = await Promise.all([endOf(client, from, namespace), endOf(client, to, namespace)])
  const ports = portsOf([port])
  const body: PolicyAsked = { ports, from: source.pod ? [] : [source.name], to: target.pod ? [] : [target.name], probe: on(args, 'probe') }
  const table = await client.json<Table>({ method: 'POST', path: '/netlab/v1/policy', body, signal: io.signal })
  const flow = table.flows.find((one) => one.from === source.name && one.to === target.name)
  if (flow === undefined) throw stop(USAGE, `no policy is asked about the way from ${source.name} to ${target.name}`)
  if (text(args, 'output') === 'json') io.out(`${JSON.stringify(flow, null, 2)}\n`)
  else io.out(told(flow, table.enforcedBy))
  return 0
}

type Named = { readonly name: string; readonly pod: boolean }

/** Tables name Pods by namespace and name, all else by address. */
async function endOf(client: Client, word: string, namespace: string): Promise<Named> {
  const address = parseIp(word)
  if (address !== undefined) return { name: address, pod: false }
  const { pod, place } = await findSpot(client, IN_NAMESPACE.test(word) ? `pod/${word}` : word, namespace)
  if (pod !== undefined) return { name: `${pod.metadata.namespace}/${pod.metadata.name}`, pod: true }
  const status = await client.json<{ nodes: readonly Machine[]; hosts: readonly Machine[] }>({ path: '/netlab/v1/status' })
  const machine = [...status.nodes, ...status.hosts].find(({ name }) => name === place.slice(place.indexOf('/') + 1))
  if (machine === undefined) throw stop(USAGE, `${word} is neither a Pod nor a machine of the lab`)
  return { name: machine.ip, pod: false }
}
/** `shop/web`, which only a Pod can be. */
const IN_NAMESPACE = /^(?!(nodes?|no|ext|host|pods?|po|deploy(ments?)?|svc|services?)\/)[^/]+\/[^/]+$/
type Machine = { readonly name: string; readonly ip: string }

function told({ from, to, port, allowed, by, isolatedBy, measured }: Flow, enforcedBy: string): string {
  const side = (direction: 'egress' | 'ingress'): string => {
    const [whose, verb] = direction === 'egress' ? [from, 'out of'] : [to, 'into']
    const isolating = isolatedBy.filter((one) => one.endsWith(` ${direction}`)).map((one) => one.split(' ')[0])
    const letting = by.filter((one) => one.includes(` ${direction}[`))
    if (isolating.length === 0) return `  ${verb} ${whose}: open, no policy governs its ${direction}`
    const isolated = `isolated by ${isolating.join(', ')}`
    return `  ${verb} ${whose}: ${isolated}; ${letting.length === 0 ? `no ${direction} rule lets this through` : `let through by ${letting.join(', ')}`}`
  }
  const seen = measured === undefined || measured === null ? [] : [`  measured: ${measured ? 'it gets through' : 'it does not get through'}`]
  const nobody = enforcedBy === 'none' && !allowed ? ['  but nobody enforces NetworkPolicies in this lab (policy: none in lab.yaml)'] : []
  return `${[`${from} to ${to} ${port}: ${allowed ? 'allowed' : 'refused'}`, side('egress'), side('ingress'), ...seen, ...nobody].join('\n')}\n`
}
