import { expect, test } from 'vitest'
import type { Cluster } from '#model/cluster.ts'
import { expand } from './names.ts'
import { spotAt, spotsAt, targetsAt } from './place.ts'
import type { Scene } from './scene.ts'
import { lab } from './testing.ts'

const [, gone] = lab.pods
const scene: Scene = { cluster: lab, was: gone === undefined ? {} : { gone }, nonce: 'n0' }
const names = (place: string, at: Scene = scene): readonly string[] => {
  const spots = spotsAt(place, at)
  return spots.ok ? spots.value.map((spot) => spot.name) : spots.errors
}

test.each<[string, readonly string[]]>([
  ['pod/client', ['pod/client']],
  ['pod/production/payment-api-a', ['pod/production/payment-api-a']],
  ['pods[app=frontend]', ['pod/frontend-a', 'pod/frontend-b']],
  ['pods[app=frontend][1]', ['pod/frontend-b']],
  ['pods/production', ['pod/production/payment-api-a']],
  ['pods/production[app=payment-api][0]', ['pod/production/payment-api-a']],
  ['node/node-2', ['node-2']],
  ['node-2', ['node-2']],
  ['nodes', ['node-1', 'node-2', 'node-3']],
  ['ext/internet', ['ext/internet']],
  ['was/gone', [gone?.name === undefined ? '' : `pod/${gone.name}`]],
  ['pod/clint', ['no Pod "default/clint" with an address; did you mean "client"?']],
  ['pod/payment-api-a', ['no Pod "default/payment-api-a" with an address; there is production/payment-api-a']],
  ['pods[app=frontnd]', ['no Pod matches "pods[app=frontnd]"; did you mean "frontend"?']],
  ['pods[app=frontend][2]', ['"pods[app=frontend][2]": there are 2 such Pods, counted from 0']],
  ['node-9', ['no node "node-9"; did you mean "node-1"?']],
  ['ext/intranet', ['no machine outside the cluster "intranet"; did you mean "internet"?']],
  ['was/gon', ['no step remembers a Pod "as: gon"; did you mean "gone"?']],
])('%s is %j', (place, spots) => {
  expect(names(place)).toEqual(spots)
})

test('a Pod on its way out is still a place by name, but no longer one of its kind', () => {
  const leaving = (cluster: Cluster): Cluster => ({
    ...cluster,
    pods: cluster.pods.map((pod) =>
      pod.name === 'frontend-a' ? { ...pod, object: { ...pod.object, metadata: { ...pod.object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } } } : pod,
    ),
  })
  const later = { ...scene, cluster: leaving(lab) }
  expect([names('pods[app=frontend]', later), names('pod/frontend-a', later)]).toEqual([['pod/frontend-b'], ['pod/frontend-a']])
})

test('where one place is asked for, several are an error that says how to choose', () => {
  expect(spotAt('pods[app=frontend]', scene)).toEqual({
    ok: false,
    errors: ['"pods[app=frontend]" is 2 places, where one is wanted; add an index: pods[app=frontend][0]'],
  })
})

test.each<[string, string | number | undefined, unknown]>([
  ['svc/frontend', undefined, ['10.96.0.20', 80]],
  ['svc/production/payment-api:80', undefined, ['10.96.0.40', 80]],
  ['pod/client', 8080, ['10.244.0.2', 8080]],
  ['10.244.0.2', 8080, ['10.244.0.2', 8080]],
  ['frontend.default.svc', 80, ['frontend.default.svc', 80]],
  ['svc/frontend:81', undefined, 'Service "frontend" has no port 81; it has 80'],
  ['svc/frontent', undefined, 'no Service "default/frontent" with a ClusterIP; did you mean "frontend"?'],
  ['pod/client', 'http', 'port "http": only a Service\'s ports have names'],
])('the target %s with port %s', (to, port, wanted) => {
  const targets = targetsAt(to, port, scene)
  expect(targets.ok ? targets.value.flatMap((target) => [target.host, target.port]) : targets.errors.join()).toEqual(wanted)
})

test.each<[string, string]>([
  ['{{pod.client.ip}}', '10.244.0.2'],
  ['{{ pod.production/payment-api-a.node }}', 'node-3'],
  ['{{pods[app=frontend][0].ip}}:{{pods[app=frontend][1].nodeIP}}', '10.244.1.3:192.168.0.12'],
  ['{{node.node-2.podCIDR}} {{node.node-2.vtepIP}} {{node.node-2.vtepMac}}', '10.244.1.0/24 10.244.1.0 0a:58:0a:f4:01:00'],
  ['{{svc.production/payment-api.ip}}', '10.96.0.40'],
  ['{{ext.internet.ip}} via {{ext.internet.gateway}}', '203.0.113.10 via 203.0.113.1'],
  ['{{cluster.serviceCIDR}} {{cluster.domain}}', '10.96.0.0/12 cluster.local'],
  ['{{was.gone.name}}', gone?.name ?? ''],
  ['no names, {single} braces', 'no names, {single} braces'],
])('%s stands for %s', (text, value) => {
  expect(expand({ deep: [text] }, scene)).toEqual({ ok: true, value: { deep: [value] } })
})

test.each<[string, string]>([
  ['{{pod.client.ipp}}', '{{pod.client.ipp}}: no field "ipp"; did you mean "ip"?'],
  ['{{pod.clent.ip}}', '{{pod.clent.ip}}: no Pod "default/clent" with an address; did you mean "client"?'],
  ['{{pods[app=frontend].ip}}', '{{pods[app=frontend].ip}}: "pods[app=frontend]" is 2 places, where one is wanted; add an index: pods[app=frontend][0]'],
  ['{{deploy.frontend.ip}}', '{{deploy.frontend.ip}}: a name is KIND.NAME.FIELD, where KIND is one of pod, pods, node, router, svc, ext, was, cluster'],
  ['{{client}}', '{{client}}: a name is KIND.NAME.FIELD, where KIND is one of pod, pods, node, router, svc, ext, was, cluster'],
  ['{{node.node-1.toString}}', '{{node.node-1.toString}}: no field "toString"; known: gateway, ip, name, podCIDR, vtepIP, vtepMac'],
])('%s is no name', (text, says) => {
  expect(expand(text, scene)).toEqual({ ok: false, errors: [says] })
})
