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

const paths: { readonly [K in Kind]: Omit<Resource, 'kind'> } = {
  Namespace: { group: '', version: 'v1', plural: 'namespaces', short: ['ns'], namespaced: false },
  Node: { group: '', version: 'v1', plural: 'nodes', short: ['no'], namespaced: false },
  Pod: { group: '', version: 'v1', plural: 'pods', short: ['po'], namespaced: true },
  Service: { group: '', version: 'v1', plural: 'services', short: ['svc'], namespaced: true },
  ConfigMap: { group: '', version: 'v1', plural: 'configmaps', short: ['cm'], namespaced: true },
  Event: { group: '', version: 'v1', plural: 'events', short: ['ev'], namespaced: true },
  Endpoints: { group: '', version: 'v1', plural: 'endpoints', short: ['ep'], namespaced: true },
  EndpointSlice: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', short: [], namespaced: true },
  Deployment: { group: 'apps', version: 'v1', plural: 'deployments', short: ['deploy'], namespaced: true },
  ReplicaSet: { group: 'apps', version: 'v1', plural: 'replicasets', short: ['rs'], namespaced: true },
  StatefulSet: { group: 'apps', version: 'v1', plural: 'statefulsets', short: ['sts'], namespaced: true },
  DaemonSet: { group: 'apps', version: 'v1', plural: 'daemonsets', short: ['ds'], namespaced: true },
  ControllerRevision: { group: 'apps', version: 'v1', plural: 'controllerrevisions', short: [], namespaced: true },
  NetworkPolicy: { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies', short: ['netpol'], namespaced: true },
}

export const resources: readonly Resource[] = Object.entries(paths).map(([kind, names]) => ({ kind: kind as Kind, ...names }))

export const resourceOf = (kind: Kind): Resource => ({ kind, ...paths[kind] })

/** `v1`, `apps/v1` … */
export const apiVersionOf = ({ group, version }: Pick<Resource, 'group' | 'version'>): string => (group === '' ? version : `${group}/${version}`)
