/** How kinds are reached over HTTP and named on the command line; apart from their schemas, so that a client need not load those. */
import type { Kind } from './kinds.ts'

export type Resource = {
  readonly kind: Kind
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly short: readonly string[]
  readonly namespaced: boolean
}

export const resources: readonly Resource[] = [
  { kind: 'Namespace', group: '', version: 'v1', plural: 'namespaces', short: ['ns'], namespaced: false },
  { kind: 'Node', group: '', version: 'v1', plural: 'nodes', short: ['no'], namespaced: false },
  { kind: 'Pod', group: '', version: 'v1', plural: 'pods', short: ['po'], namespaced: true },
  { kind: 'Service', group: '', version: 'v1', plural: 'services', short: ['svc'], namespaced: true },
  { kind: 'ConfigMap', group: '', version: 'v1', plural: 'configmaps', short: ['cm'], namespaced: true },
  { kind: 'Event', group: '', version: 'v1', plural: 'events', short: ['ev'], namespaced: true },
  { kind: 'EndpointSlice', group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', short: [], namespaced: true },
  { kind: 'Deployment', group: 'apps', version: 'v1', plural: 'deployments', short: ['deploy'], namespaced: true },
  { kind: 'ReplicaSet', group: 'apps', version: 'v1', plural: 'replicasets', short: ['rs'], namespaced: true },
]
