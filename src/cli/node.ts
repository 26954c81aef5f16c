import type { NodeAction, NodeAsked, NodeTold } from '#daemon/nodes.ts'
import { stop, USAGE } from './io.ts'
import { clientFor } from './running.ts'
import { list, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const [action, given = ''] = args.words
  const [ip, zone, labels] = [text(args, 'ip'), text(args, 'zone'), list(args, 'label')]
  if (action !== 'add' && (ip !== undefined || zone !== undefined || labels.length > 0))
    throw stop(USAGE, '--ip, --zone and --label are for a node that is added')
  const wrong = labels.filter((one) => !one.includes('='))
  if (wrong.length > 0) throw stop(USAGE, wrong.map((one) => `--label ${one}: expected KEY=VALUE`).join('\n'))
  const asked: NodeAsked = {
    action: action as NodeAction,
    name: given.replace(/^nodes?\//, ''),
    ...(ip !== undefined && { ip }),
    ...(zone !== undefined && { zone }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)])) }),
  }
  const told = await clientFor(args, io).json<NodeTold>({ method: 'POST', path: '/netlab/v1/node', body: asked, signal: io.signal })
  io.out(`${'says' in told ? told.says : told.errors.join('\n')}\n`)
  return 0
}
