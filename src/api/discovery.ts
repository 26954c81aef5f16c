/** What the server says about itself: versions, groups, resources, and as much of OpenAPI as kubectl asks for. */
import { apiVersionOf, type Resource, resources } from './resources.ts'

/** The Kubernetes release whose behaviour is followed. */
export const KUBERNETES = { major: '1', minor: '32', gitVersion: 'v1.32.0' }

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** Answers for the paths that are about the server, none for those about objects. */
export function discovered(path: string): object | undefined {
  const parts = path.split('/').filter((part) => part !== '')
  if (path === '/version')
    return { ...KUBERNETES, gitCommit: '', gitTreeState: 'clean', buildDate: '1970-01-01T00:00:00Z', goVersion: '', compiler: '', platform: 'linux/amd64' }
  if (path === '/openapi/v3') return openApiIndex()
  if (path.startsWith('/openapi/v3/')) return openApi(parts.slice(2))
  if (parts.length === 1 && parts[0] === 'api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  if (parts.length === 1 && parts[0] === 'apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups().map(groupOf) }
  if (parts.length === 2 && parts[0] === 'apis')
    return groups()
      .filter((group) => group === parts[1])
      .map((group) => ({ apiVersion: 'v1', kind: 'APIGroup', ...groupOf(group) }))[0]
  return versionAt(parts) === undefined ? undefined : resourceList(parts)
}

const groups = (): readonly string[] => [...new Set(resources.map(({ group }) => group).filter((group) => group !== ''))].sort()

function groupOf(name: string) {
  const versions = [...new Set(resources.filter(({ group }) => group === name).map(({ version }) => version))].map((version) => ({
    groupVersion: `${name}/${version}`,
    version,
  }))
  return { name, versions, preferredVersion: versions[0] }
}

/** `api/v1` or `apis/<group>/<version>`, if it is served. */
function versionAt(parts: readonly string[]): string | undefined {
  const version = parts[0] === 'api' && parts.length === 2 ? parts[1] : parts[0] === 'apis' && parts.length === 3 ? `${parts[1]}/${parts[2]}` : undefined
  return resources.map(apiVersionOf).find((one) => one === version)
}

function resourceList(parts: readonly string[]) {
  const groupVersion = versionAt(parts) ?? ''
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.filter((one) => apiVersionOf(one) === groupVersion).flatMap(entriesOf),
  }
}

const SCALABLE = ['Deployment', 'ReplicaSet', 'StatefulSet']
const WITHOUT_STATUS = ['ConfigMap', 'ControllerRevision', 'Event', 'Endpoints', 'EndpointSlice', 'NetworkPolicy']
/** Those that `kubectl get all` shows. */
const IN_ALL = ['Pod', 'Service', 'DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet']

function entriesOf({ kind, plural, short, namespaced }: Resource): readonly object[] {
  const categories = IN_ALL.includes(kind) ? { categories: ['all'] } : {}
  const main = {
    name: plural,
    singularName: kind.toLowerCase(),
    namespaced,
    kind,
    verbs: VERBS,
    ...(short.length > 0 ? { shortNames: short } : {}),
    ...categories,
  }
  const sub = (name: string, verbs: readonly string[], more: object = {}) => ({ name: `${plural}/${name}`, singularName: '', namespaced, kind, verbs, ...more })
  return [
    main,
    ...(WITHOUT_STATUS.includes(kind) ? [] : [sub('status', ['get', 'patch', 'update'])]),
    ...(SCALABLE.includes(kind) ? [sub('scale', ['get', 'patch', 'update'], { group: 'autoscaling', version: 'v1', kind: 'Scale' })] : []),
    ...(kind === 'Pod'
      ? [
          sub('binding', ['create'], { kind: 'Binding' }),
          sub('eviction', ['create'], { group: 'policy', version: 'v1', kind: 'Eviction' }),
          sub('exec', ['create', 'get'], { kind: 'PodExecOptions' }),
          sub('log', ['get']),
        ]
      : []),
  ]
}

const openApiIndex = () => ({
  paths: Object.fromEntries(
    [...new Set(resources.map(apiVersionOf))].map((version) => [
      rootOf(version),
      { serverRelativeURL: `/openapi/v3/${rootOf(version)}?hash=${KUBERNETES.gitVersion}` },
    ]),
  ),
})

const rootOf = (apiVersion: string): string => (apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`)

/** Enough for kubectl to see that the server checks fields itself; the shapes are the server's own matter. */
function openApi(parts: readonly string[]): object | undefined {
  const groupVersion = versionAt(parts)
  if (groupVersion === undefined) return undefined
  const own = resources.filter((one) => apiVersionOf(one) === groupVersion)
  const parameters = [
    { name: 'dryRun', in: 'query', schema: { type: 'string', uniqueItems: true } },
    { name: 'fieldValidation', in: 'query', schema: { type: 'string', uniqueItems: true } },
  ]
  const named = ({ kind, group, version }: Resource) => ({ 'x-kubernetes-group-version-kind': { group, version, kind } })
  const pathOf = ({ plural, namespaced }: Resource) => `/${parts.join('/')}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}/{name}`
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: KUBERNETES.gitVersion },
    paths: Object.fromEntries(own.map((one) => [pathOf(one), { patch: { parameters, responses: {}, ...named(one), 'x-kubernetes-action': 'patch' } }])),
    components: {},
  }
}
