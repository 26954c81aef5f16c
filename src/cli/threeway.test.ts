import { expect, test } from 'vitest'
import { patched } from '#api/patch.ts'
import { pathIn } from './apply.ts'
import { LAST_APPLIED, patchOf, sameBut } from './threeway.ts'

const service = (ports: readonly object[], more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', annotations: {}, ...more },
  spec: { ports },
})

test('what was written last time and no longer is goes; what others set stays', () => {
  const last = service([{ port: 80 }, { port: 443 }], { labels: { app: 'web', old: 'yes' } })
  const live = { ...last, spec: { clusterIP: '10.96.0.7', ports: [{ port: 80, nodePort: 30001 }, { port: 443 }] } }
  const now = service([{ port: 80, name: 'http' }], { labels: { app: 'web' } })
  expect(patched(live, patchOf(JSON.stringify(last), now), 'strategic')).toEqual({
    ok: true,
    value: {
      ...now,
      metadata: { ...now.metadata, annotations: { [LAST_APPLIED]: JSON.stringify(now) } },
      spec: { clusterIP: '10.96.0.7', ports: [{ port: 80, nodePort: 30001, name: 'http' }] },
    },
  })
})

test('the trace that apply leaves is no change', () => {
  const [before, after] = [service([], { resourceVersion: '1' }), service([], { resourceVersion: '2', annotations: { [LAST_APPLIED]: '{}' } })]
  expect([sameBut(before, after), sameBut(before, service([{ port: 1 }]))]).toEqual([true, false])
})

test("a field of the server's complaint is a path in the file", () => {
  expect(pathIn('spec.template.spec.containers[1].ports[0].containerPort')).toEqual(['spec', 'template', 'spec', 'containers', 1, 'ports', 0, 'containerPort'])
})
