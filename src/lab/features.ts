/** What manifests use of the kernel and can do without: told to whoever brings them into a lab on a kernel that lacks it, and to nobody else. */
import type { KubeObject } from '#api/kinds.ts'
import type { Path } from '#api/validate.ts'
import { issue } from './issue.ts'
import type { Issue } from './lab.ts'
import type { Manifest } from './manifests.ts'
import { templatesOf } from './references.ts'

/** `need` as lab.yaml's `needs` calls it. */
export type Unless = { readonly need: 'sctp'; readonly warning: Issue }

/** Once, at the first port that speaks SCTP. */
export function unlessKernelHas(manifests: readonly Manifest[]): readonly Unless[] {
  for (const { object, place } of manifests) {
    const [path] = sctpIn(object)
    if (path === undefined) continue
    const rules = object.kind === 'Service' ? 'the rules are written, and ' : ''
    const says = `this kernel has no SCTP: ${rules}no program can speak it (sudo modprobe sctp, or up with --kernel uml)`
    return [{ need: 'sctp', warning: issue(place(path), path, says, 'warning') }]
  }
  return []
}

function sctpIn(object: KubeObject): readonly Path[] {
  const among = (ports: readonly { readonly protocol: string }[], path: Path): readonly Path[] =>
    ports.flatMap(({ protocol }, i) => (protocol === 'SCTP' ? [[...path, i, 'protocol']] : []))
  if (object.kind === 'Service') return among(object.spec.ports, ['spec', 'ports'])
  return templatesOf(object).flatMap(({ spec, path }) => spec.containers.flatMap(({ ports }, i) => among(ports, [...path, 'containers', i, 'ports'])))
}
