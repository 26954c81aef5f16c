/** Policies that nobody enforces: Kubernetes accepts them all the same, and whoever wrote them is to know. */
import type { PolicyEngine } from './lab.ts'

/** A sentence for him who wrote policies, or undefined. */
export const unenforced = (policy: PolicyEngine): string | undefined =>
  policy === 'none'
    ? 'nobody enforces NetworkPolicies in this lab (policy: none in lab.yaml), as with plain flannel: they are accepted and do nothing'
    : undefined
