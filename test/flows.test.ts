/** The table of flows (test/support/flows/table.ts), judged by the tracer over the planned rules of each mode: no kernel, no root. */
import { describe, expect, test } from 'vitest'
import { settle } from '#controllers/settle.ts'
import type { NodeProgram } from '#kernel/step.ts'
import { type Packet, possible, type TraceResult } from '#kernel/trace.ts'
import { issueText } from '#lab/issue.ts'
import { readLab } from '#lab/read.ts'
import { NOW } from '#model/build.ts'
import { clusterOf } from '#model/model.ts'
import { addressOf, ip } from '#net/net.ts'
import { programsOf } from '#plan/plan.ts'
import { ENDPOINT, labFiles, NODE_IPS, SENDER, statusOf, targetOf } from './support/flows/lab.ts'
import { type Flow, flowsIn, type Mode, nameOf, services } from './support/flows/table.ts'

function programOf(mode: Mode): NodeProgram {
  const read = readLab(labFiles(mode), 'lab.yaml')
  if (!read.ok) throw new Error(read.errors.map(issueText).join('\n'))
  const objects = settle(read.value.lab, { now: NOW })
  const balanced = objects.Service.map((object) => {
    const service = services.find(({ name, outside }) => name === object.metadata.name && outside !== undefined)
    return service === undefined ? object : { ...object, status: statusOf(service) }
  })
  return programsOf(clusterOf(read.value.lab, { ...objects, Service: balanced })).get('node-1') ?? []
}

function packetOf(program: NodeProgram, flow: Flow): Packet {
  const [to, dport] = targetOf(flow)
  const nodeIPs = [
    ip(SENDER.node),
    ...program.flatMap((step) => (step.kind === 'addr' && step.in === undefined && step.dev !== 'lo' ? [addressOf(step.cidr)] : [])),
  ]
  const local = flow.from === 'node' || flow.from === 'localhost'
  return { family: 4, proto: flow.proto, from: ip(SENDER[flow.from]), sport: 40_000, to: ip(to), dport, nodeIPs, ...(local && { local }) }
}

const NAMES = new Map(Object.entries(ENDPOINT).map(([name, address]) => [address as string, name]))

/** As the table words it. */
function fateOf(packet: Packet, outcome: TraceResult): string {
  if (outcome.verdict !== 'accept') return outcome.verdict
  const name = NAMES.get(outcome.to)
  if (name === undefined) return 'none'
  const sender = outcome.masquerade || NODE_IPS.includes(outcome.from) ? '*' : outcome.from === packet.to ? '@' : ''
  return `${name}${sender}`
}

const inOrder = (fates: readonly string[]): string => [...new Set(fates)].sort().reverse().join(' ')

function judged(program: NodeProgram, flow: Flow): string {
  const packet = packetOf(program, flow)
  const outcomes = possible(program, packet)
  if (!flow.fate.includes('|')) return inOrder(outcomes.map((outcome) => fateOf(packet, outcome)))
  // Whom the kernel remembers from one way is led there by every way.
  const again = outcomes.map(({ remembered }) => inOrder(possible(program, { ...packet, recent: remembered }).map((outcome) => fateOf(packet, outcome))))
  return [...again].sort().reverse().join('|')
}

describe.each(['iptables', 'nftables', 'ipvs'] as const)('%s', (mode) => {
  const program = programOf(mode)
  test.each(['tcp', 'udp'])('every flow of %s goes where the table says', { timeout: 30_000 }, (wanted) => {
    const flows = flowsIn(mode).filter(({ proto }) => proto === wanted)
    const seen = flows.map((flow) => `${nameOf(flow)}: ${judged(program, flow)}`)
    expect(seen).toEqual(flows.map((flow) => `${nameOf(flow)}: ${flow.fate}`))
  })
})
