/** Who may talk to whom: NetworkPolicy (networking.k8s.io/v1). */
import { z } from '../zod.ts'
import { labelSelector, object, port, portOrName, protocol, text } from './parts.ts'

const peer = z.strictObject({
  podSelector: labelSelector.optional(),
  namespaceSelector: labelSelector.optional(),
  ipBlock: z.strictObject({ cidr: text, except: z.array(text).optional() }).optional(),
})

/** Without `port` every port of the protocol. */
const policyPort = z.strictObject({ protocol: protocol.default('TCP'), port: portOrName.optional(), endPort: port.optional() })

export const NetworkPolicy = object('networking.k8s.io/v1', 'NetworkPolicy', {
  // One without a spec is one with an empty spec: it isolates every Pod of its namespace.
  spec: z
    .strictObject({
      podSelector: labelSelector.default({}),
      policyTypes: z.array(z.enum(['Ingress', 'Egress'])).optional(),
      ingress: z.array(z.strictObject({ from: z.array(peer).optional(), ports: z.array(policyPort).optional() })).optional(),
      egress: z.array(z.strictObject({ to: z.array(peer).optional(), ports: z.array(policyPort).optional() })).optional(),
    })
    .default({ podSelector: {} }),
})
