/** Stand-in until endpointslice.ts lands. */
import type { EndpointSlice } from '#api/kinds.ts'
import type { Change, Controller } from './controller.ts'
import { suffix } from './hash.ts'
import { isFinished, isReady, isTerminating, named, object, podsWith, sameJson } from './objects.ts'

export const draftSlices: Controller = {
  name: 'endpointslice',
  changes: ({ objects }) =>
    objects.Service.flatMap((service): readonly Change[] => {
      if (service.spec.selector === undefined || Object.keys(service.spec.selector).length === 0) return []
      const { namespace = 'default', name } = service.metadata
      const pods = podsWith(objects.Pod, namespace, service.spec.selector).filter((pod) => pod.status.podIP !== undefined && !isFinished(pod))
      const port = (at: number | string | undefined, fallback: number): number =>
        typeof at === 'number'
          ? at
          : at === undefined
            ? fallback
            : (pods[0]?.spec.containers.flatMap((c) => c.ports).find((p) => p.name === at)?.containerPort ?? fallback)
      const slice = object('EndpointSlice', {
        metadata: { namespace, name: `${name}-${suffix(`${namespace}/${name}`)}`, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        endpoints: pods.map((pod) => ({
          addresses: [pod.status.podIP],
          conditions: { ready: isReady(pod) && !isTerminating(pod), serving: isReady(pod), terminating: isTerminating(pod) },
          nodeName: pod.spec.nodeName,
          targetRef: { kind: 'Pod', namespace, name: pod.metadata.name, uid: pod.metadata.uid },
        })),
        ports: service.spec.ports.map((p) => ({ name: p.name ?? '', protocol: p.protocol, port: port(p.targetPort, p.port) })),
      }) as EndpointSlice
      const before = named(objects.EndpointSlice, namespace, slice.metadata.name)
      if (before === undefined) return [{ verb: 'create', object: slice }]
      return sameJson(before.endpoints, slice.endpoints) && sameJson(before.ports, slice.ports)
        ? []
        : [{ verb: 'update', object: { ...slice, metadata: before.metadata } }]
    }),
}
