import type { Admit } from '#api/store.ts'
import type { Lab } from '#lab/lab.ts'
import { nthIp } from '#net/net.ts'
import { fnv } from './hash.ts'

export const admitService = (lab: Lab): Admit => (_verb, candidate) =>
  candidate.kind !== 'Service' || candidate.spec.clusterIP !== undefined || candidate.spec.type === 'ExternalName'
    ? { ok: true, value: candidate }
    : { ok: true, value: { ...candidate, spec: { ...candidate.spec, clusterIP: nthIp(lab.serviceCIDR, 300 + (fnv(candidate.metadata.name) % 60000)) } } }
