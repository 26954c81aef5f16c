/** StatefulSets, DaemonSets, their revisions and Endpoints, as `kubectl describe` (1.33) tells them. */
import { annotations, conditionLines, pairs, row, when } from './describe-parts.ts'
import { templateLines } from './describe-pod.ts'
import type { ControllerRevision, DaemonSet, Endpoints, PodObject, StatefulSet } from './kinds.ts'
import { labelsLine, selectorLine } from './show.ts'

/** How the Pods that `uid` looks after fare. */
export function podCounts(uid: string, pods: readonly PodObject[]): string {
  const own = pods.filter((pod) => pod.metadata.ownerReferences.some((owner) => owner.controller === true && owner.uid === uid))
  const count = (phase: PodObject['status']['phase']) => own.filter((pod) => pod.status.phase === phase).length
  return row(0, 'Pods Status', `${count('Running')} Running / ${count('Pending')} Waiting / ${count('Succeeded')} Succeeded / ${count('Failed')} Failed`)
}

export function statefulSetLines({ metadata, spec, status }: StatefulSet, pods: readonly PodObject[]): readonly string[] {
  const { type, rollingUpdate } = spec.updateStrategy
  return [
    row(0, 'Name', metadata.name),
    row(0, 'Namespace', metadata.namespace ?? ''),
    row(0, 'CreationTimestamp', when(metadata.creationTimestamp)),
    row(0, 'Selector', selectorLine(spec.selector)),
    ...pairs('Labels', metadata.labels),
    ...annotations('Annotations', metadata.annotations),
    row(0, 'Replicas', `${spec.replicas} desired | ${status.replicas ?? 0} total`),
    row(0, 'Update Strategy', type),
    ...(rollingUpdate === undefined ? [] : [row(1, 'Partition', rollingUpdate.partition)]),
    podCounts(metadata.uid, pods),
    ...templateLines(spec.template),
    row(0, 'Volume Claims', '<none>'),
  ]
}

export function daemonSetLines({ metadata, spec, status }: DaemonSet, pods: readonly PodObject[]): readonly string[] {
  return [
    row(0, 'Name', metadata.name),
    row(0, 'Namespace', metadata.namespace ?? ''),
    row(0, 'Selector', selectorLine(spec.selector)),
    row(0, 'Node-Selector', labelsLine(spec.template.spec.nodeSelector)),
    ...pairs('Labels', metadata.labels),
    ...annotations('Annotations', metadata.annotations),
    row(0, 'Desired Number of Nodes Scheduled', status.desiredNumberScheduled),
    row(0, 'Current Number of Nodes Scheduled', status.currentNumberScheduled),
    row(0, 'Number of Nodes Scheduled with Up-to-date Pods', status.updatedNumberScheduled ?? 0),
    row(0, 'Number of Nodes Scheduled with Available Pods', status.numberAvailable ?? 0),
    row(0, 'Number of Nodes Misscheduled', status.numberMisscheduled),
    podCounts(metadata.uid, pods),
    ...templateLines(spec.template),
    ...conditionLines(status.conditions ?? [], ['type', 'status', 'reason']),
  ]
}

export const controllerRevisionLines = ({ revision, data = {} }: ControllerRevision): readonly string[] => [
  row(0, 'Revision', revision),
  row(0, 'Data', JSON.stringify(data)),
]

export const endpointsLines = ({ subsets }: Endpoints): readonly string[] => [
  'Subsets:',
  ...subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => [
    row(1, 'Addresses', addresses.map(({ ip }) => ip).join(',') || '<none>'),
    row(1, 'NotReadyAddresses', notReadyAddresses.map(({ ip }) => ip).join(',') || '<none>'),
    ...(ports.length === 0
      ? []
      : [
          '  Ports:',
          '    Name\tPort\tProtocol',
          '    ----\t----\t--------',
          ...ports.map(({ name, port, protocol }) => `    ${name || '<unset>'}\t${port}\t${protocol}`),
        ]),
    '',
  ]),
]
