/** The controllers in the order a wish travels through them: from a Deployment to the addresses behind a Service. */
import type { Controller } from './controller.ts'
import { daemonset } from './daemonset.ts'
import { deployment } from './deployment.ts'
import { endpoints, mirroring } from './endpoints.ts'
import { endpointslice } from './endpointslice.ts'
import { eventTtl } from './event-ttl.ts'
import { ipam } from './ipam.ts'
import { leftovers } from './leftovers.ts'
import { loadbalancer } from './loadbalancer.ts'
import { nodeLifecycle } from './node-lifecycle.ts'
import { replicaset } from './replicaset.ts'
import { scheduler } from './scheduler.ts'
import { service } from './service.ts'
import { statefulset } from './statefulset.ts'

export const controllers: readonly Controller[] = [
  leftovers,
  nodeLifecycle,
  deployment,
  replicaset,
  statefulset,
  daemonset,
  scheduler,
  ipam,
  endpoints,
  mirroring,
  endpointslice,
  service,
  loadbalancer,
  eventTtl,
]
