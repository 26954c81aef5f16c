/** Volumes: folders of the node that containers see under a path of their own. */
import type { Container, PodObject } from '#api/kinds.ts'
import type { Process, Step } from '#kernel/step.ts'
import { sandboxOf } from '#model/addresses.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { findConfigMap, notFound } from './environment.ts'

type Volume = PodObject['spec']['volumes'][number]
export type Mount = Process['mounts'][number]

/** Everything that kubelet keeps of a Pod on its node. */
export const podDir = (pod: Pick<Pod, 'namespace' | 'name'>): string => `/run/netlab/pods/${sandboxOf(pod.namespace, pod.name)}`

const DEFAULT_MODE = 0o644

/** The files of a Pod's volumes; an emptyDir has none until the containers write some. */
export function volumeFiles(cluster: Cluster, pod: Pod): Result<readonly Extract<Step, { kind: 'file' }>[], string> {
  const read = pod.object.spec.volumes.map((volume) => filesOf(cluster, pod, volume))
  const errors = read.flatMap((one) => (one.ok ? [] : one.errors))
  return errors.length > 0 ? fail(...errors) : ok(read.flatMap((one) => (one.ok ? one.value : [])))
}

function filesOf(cluster: Cluster, pod: Pod, { name, configMap }: Volume): Result<readonly Extract<Step, { kind: 'file' }>[], string> {
  if (configMap === undefined) return ok([])
  const failure = (says: string) => fail(`MountVolume.SetUp failed for volume "${name}" : ${says}`)
  const found = findConfigMap(cluster, pod, configMap.name)
  if (found === undefined) return configMap.optional === true ? ok([]) : failure(notFound(configMap.name))
  const { data } = found
  const items = configMap.items ?? Object.keys(data).map((key) => ({ key, path: key, mode: undefined }))
  const absent = items.filter(({ key }) => data[key] === undefined)
  if (absent.length > 0 && configMap.optional !== true) return failure(`references non-existent config key: ${absent[0]?.key}`)
  return ok(
    items.flatMap(({ key, path, mode }) => {
      const text = data[key]
      if (text === undefined) return []
      const why = `ConfigMap ${configMap.name}, for the containers of ${pod.namespace}/${pod.name} to read as files`
      return [{ by: 'kubelet', why, kind: 'file' as const, path: `${volumeDir(pod, name)}/${path}`, text, mode: mode ?? configMap.defaultMode ?? DEFAULT_MODE }]
    }),
  )
}

/** Where a container sees the Pod's volumes; a ConfigMap cannot be written to. A `from` that ends in a slash is a folder, made where it is missing. */
export function volumeMounts(pod: Pod, container: Container): readonly Mount[] {
  const { volumes } = pod.object.spec
  return container.volumeMounts.flatMap(({ name, mountPath, subPath = '', readOnly = false }) => {
    const volume = volumes.find((one) => one.name === name)
    if (volume === undefined) return []
    const from = `${volumeDir(pod, name)}/${subPath.replace(/^\/|\/$/g, '')}`
    const isFile = subPath !== '' && volume.configMap !== undefined
    return [{ from: isFile || from.endsWith('/') ? from : `${from}/`, to: mountPath, readOnly: readOnly || volume.configMap !== undefined }]
  })
}

const volumeDir = (pod: Pod, volume: string): string => `${podDir(pod)}/volumes/${volume}`
