/** Kinds as the command line names them (`po`, `pod`, `pods`, `deployments.apps`), and where they are reached. */
import { type Resource, resources } from '#api/resources.ts'
import { stop, USAGE } from './io.ts'
import { offer } from './nearest.ts'

export type Named = { readonly resource: Resource; readonly names: readonly string[] }

/** kubectl's `get all`. */
const ALL = ['pods', 'services', 'daemonsets', 'deployments', 'replicasets', 'statefulsets']

export function findKind(word: string): Resource {
  const found = kindNamed(word)
  if (found === undefined)
    throw stop(
      USAGE,
      `no kind named "${word}"${offer(
        word,
        resources.map((each) => each.plural),
      )}`,
    )
  return found
}

export function kindNamed(word: string): Resource | undefined {
  const [name = '', ...group] = word.toLowerCase().split('.')
  return resources.find(
    (each) => spellings(each).includes(name) && (group.length === 0 || each.group.startsWith(group.join('.')) || group.join('.').endsWith(each.group)),
  )
}

const spellings = (resource: Resource): readonly string[] => [resource.plural, resource.kind.toLowerCase(), ...resource.short]

/** `pods`, `pods,svc`, `pod client web`, `pod/client svc/web`, `all`. */
export function readKinds(words: readonly string[]): readonly Named[] {
  const [first = '', ...names] = words
  if (first.includes('/')) return words.map(slashed)
  const kinds = first.split(',').flatMap((word) => (word === 'all' ? ALL : [word]))
  return kinds.filter((word) => word !== '').map((word) => ({ resource: findKind(word), names }))
}

function slashed(word: string): Named {
  const [kind = '', name = '', ...more] = word.split('/')
  if (name === '' || more.length > 0) throw stop(USAGE, `"${word}" is no KIND/NAME`)
  return { resource: findKind(kind), names: [name] }
}

export function pathOf(resource: Resource, namespace: string | undefined, name?: string): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${root}${scope}/${resource.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`
}

/** `pod/x`, `deployment.apps/x`: how kubectl names an object in one word. */
export const nameOf = (resource: Resource, name: string): string => `${resource.kind.toLowerCase()}${resource.group === '' ? '' : `.${resource.group}`}/${name}`

/** `?a=b&c=d` of what is defined. */
export function query(parts: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parts).filter((part): part is [string, string] => part[1] !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}
