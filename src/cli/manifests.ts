/** Manifests a command was given, read whole: every mistake is told before anything is sent. */
import type { KubeObject } from '#api/kinds.ts'
import { type Resource, resourceOf } from '#api/resources.ts'
import { issueText } from '#lab/issue.ts'
import type { Files } from '#lab/lab.ts'
import type { Manifest } from '#lab/manifests.ts'
import { readManifests } from '#lab/read.ts'
import { stop, USAGE } from './io.ts'

export type Given = Manifest & { readonly resource: Resource; readonly namespace: string | undefined; readonly name: string }

/** Who names no namespace means the one of `-n`. */
export function readGiven(files: Files, namespace: string | undefined): readonly Given[] {
  const read = readManifests(files)
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  const given = read.value.map((manifest) => inNamespace(manifest, namespace))
  const strangers = given.filter((each) => each.resource.namespaced && namespace !== undefined && each.namespace !== namespace)
  if (strangers.length > 0) throw stop(USAGE, strangers.map((each) => `${each.at} names namespace ${each.namespace}, -n names ${namespace}`).join('\n'))
  return given
}

function inNamespace(manifest: Manifest, namespace: string | undefined): Given {
  const resource = resourceOf(manifest.object.kind)
  const { metadata } = manifest.written as { metadata: { namespace?: string } }
  return {
    ...manifest,
    resource,
    name: manifest.object.metadata.name,
    namespace: resource.namespaced ? metadata.namespace || namespace || 'default' : undefined,
  }
}

/** What is sent: the author's own words, so that what they left open stays the server's to fill in. */
export function wordsOf({ written, namespace }: Given): KubeObject {
  const object = written as KubeObject
  return { ...object, metadata: { ...object.metadata, ...(namespace !== undefined && { namespace }) } } as KubeObject
}
