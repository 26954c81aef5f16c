import { stop, USAGE } from './io.ts'
import { findKind, nameOf, pathOf, readKinds } from './kinds.ts'
import { clientFor } from './running.ts'
import { number, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const replicas = number(args, 'replicas')
  if (replicas === undefined || !Number.isInteger(replicas)) throw stop(USAGE, 'say how many: --replicas 3')
  const client = clientFor(args, io)
  const scalable = [findKind('deployments'), findKind('replicasets'), findKind('statefulsets')]
  for (const { resource, names } of readKinds(args.words)) {
    if (!scalable.includes(resource)) throw stop(USAGE, `a ${resource.kind} has no replicas; scale a Deployment or a StatefulSet`)
    if (names.length === 0) throw stop(USAGE, `say which ${resource.kind}`)
    for (const name of names) {
      const path = pathOf(resource, text(args, 'namespace') ?? 'default', name)
      await client.json({ method: 'PATCH', path, type: 'application/merge-patch+json', body: { spec: { replicas } } })
      io.out(`${nameOf(resource, name)} scaled\n`)
    }
  }
  return 0
}
