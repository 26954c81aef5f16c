/** Containers: processes of the Pod's network, with the image's program, the declared environment and the mounted files. */
import type { Container, PodObject } from '#api/kinds.ts'
import { NETLAB_BIN, type Step } from '#kernel/step.ts'
import { sandboxOf } from '#model/addresses.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'
import { declaredEnv } from './environment.ts'
import { fqdnOf, hostnameOf } from './hosts.ts'
import { argvOf, findImage, type Image, knownImages, type PodFacts } from './images.ts'
import { type Mount, podDir, volumeFiles, volumeMounts } from './volumes.ts'

export type ProcessStep = Extract<Step, { kind: 'process' }>

/** Why a container is not started yet: state.waiting of its status. */
export type WaitingReason = { readonly reason: 'ContainerCreating' | 'CreateContainerConfigError' | 'ErrImagePull'; readonly message: string }

const PATH = [NETLAB_BIN, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':')
/** The user of every container is root, and this is root's home whether it is there or not. */
const HOME = '/root'

/** A container's process on its node. */
export const processId = (pod: PodObject, container: string): string => `${sandboxOf(pod.metadata.namespace ?? 'default', pod.metadata.name)}/${container}`

/** The process ids of the containers that must have ended well, one after the other, before the Pod's own containers start. */
export const initContainers = (pod: PodObject): readonly string[] => pod.spec.initContainers.map(({ name }) => processId(pod, name))

export function waitingReason(cluster: Cluster, pod: Pod, container: Container): WaitingReason | undefined {
  const node = cluster.nodes.find(({ name }) => name === pod.node)
  return node && waiting(cluster, node, pod, container)
}

function waiting(cluster: Cluster, node: Node, pod: Pod, container: Container): WaitingReason | undefined {
  const volumes = volumeFiles(cluster, pod)
  if (!volumes.ok) return { reason: 'ContainerCreating', message: volumes.errors.join('; ') }
  if (findImage(container.image) === undefined)
    return { reason: 'ErrImagePull', message: `no image "${container.image}" in netlab; there are ${knownImages.join(', ')}` }
  const env = declaredEnv(cluster, node, pod, container)
  return env.ok ? undefined : { reason: 'CreateContainerConfigError', message: env.errors.join('; ') }
}

/** The Pod's processes, init containers first; one that has to wait for something is left out until that is there. */
export function containerSteps(cluster: Cluster, node: Node, pod: Pod): readonly Step[] {
  const { spec } = pod.object
  const onFailure = spec.restartPolicy === 'Never' ? 'Never' : 'OnFailure'
  return [
    ...spec.initContainers.flatMap((container) => oneContainer(cluster, node, pod, container, onFailure)),
    ...spec.containers.flatMap((container) => oneContainer(cluster, node, pod, container, spec.restartPolicy)),
  ]
}

function oneContainer(cluster: Cluster, node: Node, pod: Pod, container: Container, restart: ProcessStep['restart']): readonly Step[] {
  const image = findImage(container.image)
  const declared = declaredEnv(cluster, node, pod, container)
  if (image === undefined || !declared.ok || !volumeFiles(cluster, pod).ok) return []
  const facts: PodFacts = { namespace: pod.namespace, pod: pod.name, node: node.name, ip: pod.ip, dir: `${podDir(pod)}/${container.name}` }
  const hostname = pod.object.spec.hostNetwork ? node.name : (pod.object.spec.setHostnameAsFQDN && fqdnOf(cluster, pod)) || hostnameOf(pod.object)
  const brought = imageFiles(image, facts)
  return [
    ...brought.files,
    {
      by: 'kubelet',
      why: `container ${container.name} of ${pod.namespace}/${pod.name}: a process${pod.sandbox === undefined ? ' in the node’s own network' : ', at home in the Pod’s network'}`,
      ...(pod.sandbox === undefined ? {} : { in: pod.sandbox }),
      kind: 'process',
      id: processId(pod.object, container.name),
      argv: argvOf(image, container, declared.value),
      env: { PATH, HOSTNAME: hostname, HOME, ...(container.tty ? { TERM: 'xterm' } : {}), ...image.env(facts), ...declared.value },
      cwd: container.workingDir || '/',
      ...(pod.sandbox === undefined ? {} : { hostname }),
      mounts: [...etcMounts(pod, container), ...brought.mounts, ...volumeMounts(pod, container)],
      onChange: 'keep',
      restart,
    },
  ]
}

/** /etc/hosts and /etc/resolv.conf are the Pod's, unless the container mounts its own there. */
function etcMounts(pod: Pod, container: Container): readonly Mount[] {
  const { hosts, resolvConf } = etcFiles(pod)
  const all = [
    { from: hosts, to: '/etc/hosts', readOnly: false },
    { from: resolvConf, to: '/etc/resolv.conf', readOnly: false },
  ]
  return all.filter(({ to }) => !container.volumeMounts.some(({ mountPath }) => mountPath === to))
}

/** With a network of its own, the files that `ip netns exec` shows too; else the Pod's folder. */
export const etcFiles = (pod: Pod): { readonly hosts: string; readonly resolvConf: string } =>
  pod.sandbox === undefined
    ? { hosts: `${podDir(pod)}/etc-hosts`, resolvConf: `${podDir(pod)}/resolv.conf` }
    : { hosts: `/run/netlab/etc/netns/${pod.sandbox}/hosts`, resolvConf: `/run/netlab/etc/netns/${pod.sandbox}/resolv.conf` }

function imageFiles(image: Image, facts: PodFacts): { readonly files: readonly Step[]; readonly mounts: readonly Mount[] } {
  const root = `${facts.dir}/image`
  const files = image.files(facts)
  const folders = image.folders.map((path) => `${path}/`)
  const places = new Set(files.map(({ path }) => folders.find((folder) => path.startsWith(folder)) ?? path))
  return {
    files: files.map(({ path, text }) => ({
      by: 'kubelet',
      why: `what the image ${image.name} brings for ${facts.namespace}/${facts.pod}`,
      kind: 'file',
      path: root + path,
      text,
    })),
    mounts: [...places].map((place) => ({ from: root + place, to: place.replace(/\/$/, ''), readOnly: false })),
  }
}
