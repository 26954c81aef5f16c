/** What manifests use of the kernel and can do without: told to whoever brings the lab up on a kernel that lacks it, and to nobody else. */
import { issue } from './issue.ts'
import type { Issue } from './lab.ts'
import type { Manifest } from './manifests.ts'

/** `need` as lab.yaml's `needs` calls it. */
export type Unless = { readonly need: 'sctp'; readonly warning: Issue }

/** Once, at the first port that speaks SCTP. */
export function unlessKernelHas(manifests: readonly Manifest[]): readonly Unless[] {
  for (const { object, place } of manifests) {
    if (object.kind !== 'Service') continue
    const at = object.spec.ports.findIndex(({ protocol }) => protocol === 'SCTP')
    if (at < 0) continue
    const path = ['spec', 'ports', at, 'protocol']
    const says = 'this kernel has no SCTP: the rules are written, and no program can speak it (sudo modprobe sctp, or up with --kernel uml)'
    return [{ need: 'sctp', warning: issue(place(path), path, says, 'warning') }]
  }
  return []
}
