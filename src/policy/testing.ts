/** Whom policies of the tests are about. */
import { object, pod } from '#model/build.ts'

export const web = pod('web', {
  node: 'node-1',
  ip: '10.244.0.2',
  labels: { app: 'web' },
  spec: { containers: [{ name: 'app', image: 'netlab/echo', ports: [{ containerPort: 8080, name: 'http' }] }] },
})
export const client = pod('client', { node: 'node-1', ip: '10.244.0.3', labels: { role: 'client' } })
export const policy = (name: string, spec: object) => object('NetworkPolicy', { metadata: { name }, spec })
