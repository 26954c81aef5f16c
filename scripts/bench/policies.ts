/** The cluster of the figures about NetworkPolicies: Pods of ten namespaces evenly over the nodes, and in each namespace a tenth of the policies. */
import type { KubeObject, PodObject } from '#api/kinds.ts'
import { objectsOf } from '#controllers/objects.ts'
import { providedObjects } from '#controllers/provided.ts'
import type { Cni, Lab, PolicyEngine } from '#lab/lab.ts'
import { labWith, NOW, object, pod } from '#model/build.ts'
import type { clusterOf } from '#model/model.ts'

const NAMESPACES = 10
/** Different values of the label `app` in a namespace. */
const APPS = 20
const FIRST_POD = 2

export type Policed = { readonly lab: Lab; readonly objects: Parameters<typeof clusterOf>[1] }

/** Each on the network it is usually with. */
const NETWORKS: { readonly [E in PolicyEngine]?: Cni } = { calico: { name: 'calico-vxlan', blockSize: 26, vni: 4096, port: 4789, crossSubnet: false } }

export type Sizes = { readonly policy: PolicyEngine; readonly nodes: number; readonly pods: number; readonly policies: number }

export function policed({ policy, nodes, pods, policies }: Sizes): Policed {
  const cni = NETWORKS[policy]
  const lab = labWith({ nodes, policy, ...(cni === undefined ? {} : { cni }) })
  const space = (at: number): string => `team-${at % NAMESPACES}`
  const objects: KubeObject[] = [
    ...Array.from({ length: NAMESPACES }, (_, at) => object('Namespace', { metadata: { name: space(at), labels: { team: space(at) } } })),
    ...Array.from({ length: pods }, (_, at) => podAt(at, { namespace: space(at), nodes })),
    ...Array.from({ length: policies }, (_, at) => {
      const number = Math.floor(at / NAMESPACES)
      return object('NetworkPolicy', {
        metadata: { name: `policy-${number}`, namespace: space(at) },
        spec: {
          podSelector: { matchLabels: { app: `app-${number % APPS}` } },
          policyTypes: ['Ingress'],
          ingress: [
            {
              from: [{ podSelector: { matchLabels: { app: `app-${(number + 1 + Math.floor(number / APPS)) % APPS}` } } }],
              ports: [{ protocol: 'TCP', port: 8000 + number }],
            },
            {
              from: [{ namespaceSelector: { matchLabels: { team: space(at + 1) } }, podSelector: { matchLabels: { app: `app-${number % APPS}` } } }],
              ports: [{ protocol: 'TCP', port: 9000 + number }],
            },
          ],
        },
      })
    }),
  ]
  return { lab, objects: objectsOf([...providedObjects(lab, { now: NOW }).filter(({ kind }) => kind === 'Node'), ...objects]) }
}

/** Pods of one app are on different nodes; so a node has many policies to hold, and one Pod's label is news for many nodes. */
function podAt(at: number, { namespace, nodes }: { readonly namespace: string; readonly nodes: number }): PodObject {
  const inNamespace = Math.floor(at / NAMESPACES)
  const node = (inNamespace + Math.floor(inNamespace / APPS)) % nodes
  const onNode = Math.floor(inNamespace / nodes) * NAMESPACES + (at % NAMESPACES)
  const labels = { app: `app-${inNamespace % APPS}` }
  return pod(`pod-${at}`, { namespace, node: `node-${node + 1}`, ip: `10.244.${node}.${onNode + FIRST_POD}`, labels })
}

/** The first Pod is one of another app. */
export function relabelled({ lab, objects }: Policed, turn: number): Policed {
  const [first, ...others] = objects.Pod
  if (first === undefined) throw new Error('there is no Pod')
  const labels = { ...first.metadata.labels, app: `app-${(turn + 1) % APPS}` }
  return { lab, objects: { ...objects, Pod: [{ ...first, metadata: { ...first.metadata, labels } }, ...others] } }
}
