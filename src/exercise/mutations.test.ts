import { expect, test } from 'vitest'
import { clusterWith, pod, service } from '#model/build.ts'
import { mutationsOf } from './mutations.ts'

const cluster = clusterWith({
  objects: [
    pod('client-1', { node: 'node-1', ip: '10.244.0.2' }),
    pod('client-2', { node: 'node-2', ip: '10.244.1.2' }),
    ...service('orders', { clusterIP: '10.96.0.20', endpoints: ['10.244.1.3:8080@node-2'] }),
    ...service('web', { clusterIP: '10.96.0.21', endpoints: ['10.244.1.4:8080@node-2'] }),
  ],
})
const read = (...raws: readonly object[]) => mutationsOf(raws, { whole: () => cluster })

test('a mutation is a fault of the library in a place of the lab, or commands', () => {
  const { mutations, errors } = read(
    { fault: 'ip-forward-off', at: 'node-2' },
    { fault: 'lost-service-rule', at: 'node-1', of: 'svc/web' },
    { at: 'node-1', run: 'ip link set cni0 down' },
    { at: 'pod/client-1', run: 'ip route del default', title: 'no way out' },
  )
  expect(errors).toEqual([])
  expect(mutations.map(({ title, submission: { scripts } }) => [title, scripts[0]?.place, scripts[0]?.text.replace(/ -p tcp.*/, '')])).toEqual([
    ['ip-forward-off at node-2', 'node/node-2', 'sysctl -qw net.ipv4.ip_forward=0'],
    ['lost-service-rule at node-1', 'node/node-1', 'iptables -t nat -D KUBE-SERVICES -d 10.96.0.21/32'],
    ['ip link set cni0 down at node-1', 'node/node-1', 'ip link set cni0 down'],
    ['no way out', 'pod/default/client-1', 'ip route del default'],
  ])
})

test('what cannot be is told with what can', () => {
  expect(
    read(
      { fault: 'ip-forward-of' },
      { fault: 'bgp-wrong-as' },
      { fault: 'ip-forward-off', at: 'node-7' },
      { fault: 'lost-service-rule', at: 'node-1', of: 'svc/wbe' },
    ).errors.map(({ path, says }) => `${path.join('.')}: ${says}`),
  ).toEqual([
    'spec.mutations.0.fault: no fault "ip-forward-of" in the library; did you mean "ip-forward-off"?',
    'spec.mutations.1.fault: this lab cannot have bgp-wrong-as: it needs calico-bgp in a full mesh',
    'spec.mutations.2.at: ip-forward-off cannot be at "node-7"; did you mean "node-1"?',
    'spec.mutations.3.of: lost-service-rule there is nothing that "svc/wbe" suffers from; did you mean "svc/web"?',
  ])
})
