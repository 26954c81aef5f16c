/** Why a Service answers nobody. */
import type { Explained } from '#daemon/explain.ts'
import { stop, USAGE } from './io.ts'
import { kindNamed, query, readKinds } from './kinds.ts'
import { plural } from './print.ts'
import { clientFor } from './running.ts'
import { type Run, text } from './verb.ts'

const FOUND = 1

export const run: Run = async (args, io) => {
  const client = clientFor(args, io)
  // A Service is all that can be meant.
  const [only = '', ...more] = args.words
  const words = more.length === 0 && !/[/,]/.test(only) && kindNamed(only) === undefined ? [`svc/${only}`] : args.words
  const asked = readKinds(words).flatMap(({ resource, names }) => {
    if (resource.kind !== 'Service') throw stop(USAGE, `only Services are explained so far; for a ${resource.kind} see netlab describe`)
    return names
  })
  if (asked.length === 0) throw stop(USAGE, 'say which Service: netlab explain svc/frontend')
  const namespace = text(args, 'namespace') ?? 'default'
  const all = await Promise.all(asked.map((name) => client.json<Explained>({ path: `/netlab/v1/explain${query({ namespace, name })}` })))
  io.out(text(args, 'output') === 'json' ? `${JSON.stringify(all.length === 1 ? all[0] : all, null, 2)}\n` : all.map(told).join('\n'))
  return all.some(({ findings }) => findings.length > 0) ? FOUND : 0
}

function told({ service, endpoints, findings, checked }: Explained): string {
  if (findings.length === 0)
    return `${[`${service}: nothing found that keeps it from answering; ${plural(endpoints.length, 'endpoint')} ready`, ...checked.map((line) => `  ✓ ${line}`)].join('\n')}\n`
  const blocks = findings.map(({ says, evidence, next }, at) => [`${at + 1}. ${says}`, ...evidence.map((line) => `     ${line}`), `   next: ${next}`])
  return `${service}: ${plural(findings.length, 'finding')}\n${blocks.flat().join('\n')}\n`
}
