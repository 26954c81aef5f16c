/** Who may talk to whom: as NetworkPolicies say it, and as it is measured. */
import type { PolicyAsked } from '#daemon/policy.ts'
import { parseIp } from '#net/net.ts'
import type { Asked } from '#policy/matrix.ts'
import { parsePort, type Table } from '#policy/table.ts'
import { type Io, stop, USAGE } from './io.ts'
import { explain } from './policy-explain.ts'
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
