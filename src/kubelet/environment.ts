/** A container's environment as it is declared: env, envFrom, and the Services there were. */
import type { ConfigMap, Container } from '#api/kinds.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { expand } from './expand.ts'
import { type Env, serviceEnv } from './service-env.ts'

/** Every reason why the container cannot start yet, in kubelet's words, or its variables. */
export function declaredEnv(cluster: Cluster, node: Node, pod: Pod, container: Container): Result<Env, string> {
  const env: Record<string, string> = { ...serviceEnv(cluster.serviceObjects, pod.object) }
  const missing: string[] = []
  for (const { prefix = '', configMapRef } of container.envFrom) {
    if (configMapRef === undefined) continue
    const configMap = findConfigMap(cluster, pod, configMapRef.name)
    if (configMap === undefined && configMapRef.optional !== true) missing.push(notFound(configMapRef.name))
    for (const [key, value] of Object.entries(configMap?.data ?? {})) if (isVariableName(prefix + key)) env[prefix + key] = value
  }
  for (const variable of container.env) {
    const value = variableValue(variable, { cluster, node, pod, env })
    if (!value.ok) missing.push(...value.errors)
    else if (value.value !== undefined) env[variable.name] = value.value
  }
  return missing.length > 0 ? fail(...missing) : ok(env)
}

export const findConfigMap = (cluster: Cluster, pod: Pod, name: string): ConfigMap | undefined =>
  cluster.configMaps.find(({ metadata }) => metadata.name === name && metadata.namespace === pod.namespace)

export const notFound = (configMap: string): string => `configmap "${configMap}" not found`

type Context = { readonly cluster: Cluster; readonly node: Node; readonly pod: Pod; readonly env: Env }

/** `undefined` for an optional value that is not there: the variable is left out. */
function variableValue(variable: Container['env'][number], { cluster, node, pod, env }: Context): Result<string | undefined, string> {
  const { value, valueFrom } = variable
  if (value) return ok(expand(value, env))
  if (valueFrom?.fieldRef !== undefined) {
    const field = fieldOf(valueFrom.fieldRef.fieldPath, node, pod)
    return field === undefined ? fail(`field label not supported: ${valueFrom.fieldRef.fieldPath}`) : ok(field)
  }
  if (valueFrom?.configMapKeyRef !== undefined) {
    const { name, key, optional } = valueFrom.configMapKeyRef
    const found = findConfigMap(cluster, pod, name)
    const text = found?.data[key]
    if (text !== undefined || optional === true) return ok(text)
    return fail(found === undefined ? notFound(name) : `couldn't find key ${key} in ConfigMap ${pod.namespace}/${name}`)
  }
  return ok('')
}

/** What the downward API tells of a Pod: the field at a path such as `status.podIP` or `metadata.labels['app']`. */
function fieldOf(path: string, node: Node, pod: Pod): string | undefined {
  const { metadata, spec } = pod.object
  const entry = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path)
  if (entry !== null) return metadata[entry[1] as 'labels' | 'annotations'][entry[2] ?? ''] ?? ''
  switch (path) {
    case 'metadata.name':
      return pod.name
    case 'metadata.namespace':
      return pod.namespace
    case 'metadata.uid':
      return metadata.uid
    case 'spec.nodeName':
      return pod.node
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default'
    case 'status.podIP':
    case 'status.podIPs':
      return pod.ip
    case 'status.hostIP':
    case 'status.hostIPs':
      return node.ip
    default:
      return undefined
  }
}

const isVariableName = (name: string): boolean => /^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name) && name !== '.' && !name.startsWith('..')
