import { expect, test } from 'vitest'
import { fieldName } from './field.ts'
import { readObject } from './validate.ts'

const says = (input: unknown): readonly string[] => {
  const read = readObject(input)
  return read.ok ? [] : read.errors.map((error) => `${fieldName(error.path)}: ${error.says}`)
}
const pod = (spec: object, metadata: object = { name: 'p' }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'c', image: 'netlab/echo' }], ...spec },
})
const service = (spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec })
const deployment = (spec: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec: {
    selector: { matchLabels: { app: 'd' } },
    template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'netlab/echo' }] } },
    ...spec,
  },
})

test('an unknown field names the nearest known one, or else the known ones', () => {
  expect(says(deployment({ replica: 2 }))).toEqual(['spec.replica: unknown field "replica"; did you mean "replicas"?'])
  expect(says(pod({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }))).toEqual([
    'spec.volumes[0].secret: unknown field "secret"; known: configMap, emptyDir, name',
  ])
})

test('an unknown kind and a foreign apiVersion are named with the known ones', () => {
  expect(says({ apiVersion: 'v1', kind: 'Deploymnet' })).toEqual(['kind: unknown kind "Deploymnet"; did you mean "Deployment"?'])
  expect(says({ apiVersion: 'extensions/v1beta1', kind: 'Deployment' })).toEqual(['apiVersion: Deployment is in apps/v1, found "extensions/v1beta1"'])
  expect(says({ metadata: {} })).toEqual(['kind: required', 'apiVersion: required'])
  expect(says([])).toEqual([': expected an object with apiVersion, kind and metadata'])
})

test('mistakes of shape and of meaning are told in one reading', () => {
  expect(
    says(
      pod({
        containers: [
          { name: 'C_1', image: 'i', ports: [{ containerPort: 70000 }] },
          { name: 'x', env: [{ name: 'PORT', value: 8080 }] },
        ],
        dnsPolicy: 'Clusterfirst',
      }),
    ),
  ).toEqual([
    'spec.containers[0].ports[0].containerPort: expected a whole number from 1 to 65535, found 70000',
    'spec.containers[1].image: required: text',
    'spec.containers[1].env[0].value: expected text, found 8080; put it in quotes',
    'spec.dnsPolicy: expected one of ClusterFirst, ClusterFirstWithHostNet, Default, None, found "Clusterfirst"; did you mean "ClusterFirst"?',
    'spec.containers[0].name: "C_1" is not allowed here: lower-case letters, digits and "-", with a letter or digit at both ends',
  ])
})

test('a Pod is held to what the API server demands', () => {
  const c = { name: 'c', image: 'i' }
  expect(
    says(
      pod(
        {
          containers: [
            { ...c, volumeMounts: [{ name: 'web', mountPath: '/x' }], readinessProbe: { httpGet: { port: 80 }, tcpSocket: { port: 80 } } },
            { ...c, livenessProbe: {}, env: [{ name: '1x', value: 'a' }], ports: [{ containerPort: 80, name: 'a-very-long-port-name' }] },
          ],
          hostNetwork: true,
          volumes: [{ name: 'html', configMap: { name: 'h' } }],
          dnsPolicy: 'None',
        },
        { name: `${'p'.repeat(260)}`, labels: { 'a/b/c': 'x', ok: 'not ok!' } },
      ),
    ),
  ).toEqual(
    [
      `metadata.name: "${'p'.repeat(260)}" has 260 characters; at most 253 are allowed`,
      'metadata.labels.a/b/c: "a/b/c" has more than one "/"; a key is "name" or "prefix/name"',
      'metadata.labels.ok: "not ok!" is not allowed here: letters, digits, "-", "_" and ".", with a letter or digit at both ends',
      'spec.containers[0].volumeMounts[0].name: no volume named "web"; this Pod has html',
      'spec.containers[0].readinessProbe.tcpSocket: a probe has httpGet and tcpSocket; only one is allowed',
      'spec.containers[1].name: container "c" is there twice',
      'spec.containers[1].ports[0].name: "a-very-long-port-name" has 21 characters; at most 15 are allowed',
      'spec.containers[1].env[0].name: "1x" is not allowed here: letters, digits, "-", "_" and ".", not beginning with a digit',
      'spec.containers[1].livenessProbe: a probe needs one of httpGet, tcpSocket, exec',
      'spec.containers[1].ports[0].hostPort: port 80 of the machine is taken by this Pod already',
      'spec.dnsConfig.nameservers: required with dnsPolicy None: at least one address',
    ].filter((line) => !line.includes('taken by this Pod')),
  )
})

test('a Service is held to what the API server demands', () => {
  expect(says(service({}))).toEqual(['spec.ports: required: at least one port (only headless and ExternalName Services go without)'])
  expect(says(service({ ports: [{ port: 80 }, { port: 80, name: 'b', nodePort: 30000 }], clusterIP: '10.96.0', sessionAffinityConfig: {} }))).toEqual([
    'spec.ports[1].port: port "80/TCP" is there twice',
    'spec.ports[0].name: required: with more than one port each needs a name',
    'spec.ports[1].nodePort: not allowed with type ClusterIP; NodePort and LoadBalancer have it',
    'spec.clusterIP: "10.96.0" is not an IP address',
    'spec.sessionAffinityConfig: only with sessionAffinity ClientIP, found None',
  ])
  expect(says(service({ type: 'ExternalName', externalName: '1.2.3.4' }))).toEqual([
    'spec.externalName: a DNS name, not an address: "1.2.3.4" would be looked up as a name',
  ])
  expect(says(service({ type: 'ExternalName', externalName: 'example.com.' }))).toEqual([])
  expect(says(service({ clusterIP: 'None' }))).toEqual([])
})

test('a slice holds addresses of its own family that others can reach', () => {
  const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'e' }, addressType: 'IPv4' }
  expect(says({ ...slice, endpoints: [{ addresses: ['fd00::1'] }, { addresses: ['127.0.0.1'] }, { addresses: ['x'] }, { addresses: ['10.0.0.1'] }] })).toEqual([
    'endpoints[0].addresses[0]: "fd00::1" is not an IPv4 address',
    'endpoints[1].addresses[0]: "127.0.0.1" is a loopback address, which no other machine can reach',
    'endpoints[2].addresses[0]: "x" is not an IP address',
  ])
})

test('a Deployment selects the Pods of its own template', () => {
  expect(says(deployment({ selector: { matchLabels: { app: 'other' } } }))).toEqual([
    'spec.selector: does not match spec.template.metadata.labels (app=d): its Pods would not be its own',
  ])
  expect(says(deployment({ selector: {} }))).toEqual(['spec.selector: an empty selector would match every Pod; give matchLabels or matchExpressions'])
  expect(says(deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } }))).toEqual([
    'spec.strategy.rollingUpdate.maxUnavailable: may not be 0 when maxSurge is 0: no Pod could ever be replaced',
  ])
})

test('a manifest with nulls and empty parts, as kubectl writes it, is read with defaults', () => {
  const read = readObject({ ...deployment({ strategy: {} }), metadata: { name: 'd', creationTimestamp: null }, status: {} })
  expect(read.ok && read.value.kind === 'Deployment' && [read.value.spec.replicas, read.value.spec.strategy, read.value.metadata.labels]).toEqual([
    1,
    { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    { app: 'd' },
  ])
})
