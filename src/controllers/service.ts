/** What a Service's status says of load balancers holds only while the Service is one. */
import { stated } from './change.ts'
import type { Controller } from './controller.ts'

export const service: Controller = {
  name: 'service',
  changes: ({ objects }) =>
    objects.Service.filter(({ spec, status }) => spec.type !== 'LoadBalancer' && status.loadBalancer.ingress !== undefined).map((one) =>
      stated(one, { loadBalancer: {} }),
    ),
}
