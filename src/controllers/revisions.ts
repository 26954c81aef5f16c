/**
 * Revisions of a Pod template (apps/v1 ControllerRevision), as StatefulSets and DaemonSets keep them: a template once seen has a name and a
 * number, so that Pods can be told apart by the template they came from and an older template can be had again.
 */
import type { ControllerRevision, DaemonSet, StatefulSet } from '#api/kinds.ts'
import { remembered } from '#model/remember.ts'
import { deleted, newMetadata, ownedReference, updated } from './change.ts'
import type { Change, World } from './controller.ts'
import { canonical, fnv, safe } from './hash.ts'
import { ownedBy } from './lookup.ts'

/** On a Pod: the name of the revision it was made of. */
export const REVISION_LABEL = 'controller-revision-hash'

type Owner = StatefulSet | DaemonSet
export type Template = Owner['spec']['template']

export type Revisions = {
  /** The revision of the present template: its name and its hash. */
  readonly name: string
  readonly hash: string
  /** All that are there, oldest first; the present one is the last once it was written. */
  readonly all: readonly ControllerRevision[]
  /** Writes what is missing. */
  readonly changes: readonly Change[]
}

const templateText = remembered(({ spec }: Owner): string => canonical(spec.template))

export function revisionsOf({ objects }: World, of: Owner): Revisions {
  const { namespace, name: owner, uid } = of.metadata
  const hash = safe(fnv(templateText(of)))
  const name = `${owner}-${hash}`
  const all = [...ownedBy(objects.ControllerRevision, uid)].sort((a, b) => a.revision - b.revision)
  const newest = (all.at(-1)?.revision ?? 0) + 1
  const there = all.find(({ metadata }) => metadata.name === name)
  if (there !== undefined) {
    // A template that came back is the newest revision again.
    const changes = there === all.at(-1) ? [] : [revised(there, newest)]
    return { name, hash, all: [...all.filter((one) => one !== there), there], changes }
  }
  const metadata = newMetadata({
    name,
    labels: { ...of.spec.template.metadata.labels, [REVISION_LABEL]: hash },
    ownerReferences: [ownedReference(of)],
    ...(namespace === undefined ? {} : { namespace }),
  })
  const data = { spec: { template: { ...of.spec.template, $patch: 'replace' } } }
  return { name, hash, all, changes: [{ verb: 'create', object: { apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata, revision: newest, data } }] }
}

function revised(there: ControllerRevision, revision: number): Change {
  const change = updated(there, {})
  return change.verb === 'update' ? { ...change, object: { ...there, metadata: { ...there.metadata, resourceVersion: '' }, revision } } : change
}

/** The template a revision keeps. */
export function templateIn(of: Owner, revision: ControllerRevision | undefined): Template {
  const kept = (revision?.data as { readonly spec?: { readonly template?: Template & { readonly $patch?: string } } } | undefined)?.spec?.template
  if (kept === undefined) return of.spec.template
  const { $patch: _, ...template } = kept
  return template as Template
}

/** Revisions beyond the limit go, oldest first, when no Pod is of them any more. */
export function forgotten(of: Owner, { all, name }: Revisions, inUse: ReadonlySet<string>): readonly Change[] {
  const idle = all.filter(({ metadata }) => metadata.name !== name && !inUse.has(metadata.name))
  return idle.slice(0, Math.max(0, idle.length - of.spec.revisionHistoryLimit)).map((one) => deleted(one))
}
