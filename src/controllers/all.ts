import type { Controller } from './controller.ts'
import { draftSlices } from './draft.ts'
import { deployment } from './deployment.ts'
import { ipam } from './ipam.ts'
import { replicaset } from './replicaset.ts'
import { scheduler } from './scheduler.ts'

export const controllers: readonly Controller[] = [deployment, replicaset, scheduler, ipam, draftSlices]
