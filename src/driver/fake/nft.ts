/** nftables in memory: one line of `nft -f -` after the other, refused where the kernel would refuse it. */

/** `ip kube-proxy chain services` → its declaration, then its rules or sorted elements. */
export type Tables = Map<string, string[]>

const GONE = 'Error: No such file or directory'
const BUSY = 'Error: Device or resource busy'

export function nftLine(tables: Tables, space: string, line: string): string | undefined {
  const [, verb = '', object = '', table = '', name = '', rest = ''] = /^(add|flush|delete) (\w+) (ip6? \S+)(?: (\S+))?(?: (.*))?$/.exec(line) ?? []
  const place = `${space}${table}`
  const chain = `${place} chain ${name}`
  const set = `${place} set ${name}`
  if (object === 'table') return verb === 'add' ? declare(tables, place, [name, rest].join(' ').trim()) : drop(tables, place)
  if (!tables.has(place)) return GONE
  switch (object) {
    case 'chain':
    case 'set':
    case 'map': {
      const key = object === 'chain' ? chain : set
      if (verb === 'add') return declare(tables, key, rest)
      const known = tables.get(key)
      if (known === undefined) return GONE
      if (verb === 'flush') known.length = 1
      else if (isAsked(tables, place, object === 'chain' ? `(goto|jump) ${name}` : `@${name}`)) return BUSY
      else tables.delete(key)
      return undefined
    }
    case 'rule':
      return refersToNothing(tables, place, rest) ?? put(tables, chain, rest)
    case 'element':
      return verb === 'add' ? (refersToNothing(tables, place, rest) ?? addElement(tables, set, inner(rest))) : deleteElement(tables, set, inner(rest))
    default:
      return `Error: syntax error, unexpected ${line}`
  }
}

function declare(tables: Tables, key: string, declared: string): string | undefined {
  const [known] = tables.get(key) ?? []
  if (known === undefined) tables.set(key, [declared])
  // A bare declaration of what is there says nothing new.
  return known === undefined || declared === '' || known === declared ? undefined : 'Error: Could not process rule: File exists'
}

function drop(tables: Tables, table: string): string | undefined {
  if (!tables.delete(table)) return GONE
  for (const key of tables.keys()) if (key.startsWith(`${table} `)) tables.delete(key)
  return undefined
}

const contents = (tables: Tables, place: string): readonly string[] =>
  [...tables].flatMap(([key, content]) => (key.startsWith(`${place} `) ? content.slice(1) : []))
const isAsked = (tables: Tables, place: string, words: string): boolean =>
  contents(tables, place).some((content) => new RegExp(`${words.replaceAll('.', '\\.')}(?!\\S)`).test(content))

function refersToNothing(tables: Tables, place: string, text: string): string | undefined {
  const chains = [...text.matchAll(/(?:goto|jump) (\S+)/g)].map(([, name]) => `${place} chain ${name}`)
  const sets = [...text.matchAll(/@(\S+)/g)].map(([, name]) => `${place} set ${name}`)
  return [...chains, ...sets].every((key) => tables.has(key)) ? undefined : GONE
}

function put(tables: Tables, key: string, text: string): string | undefined {
  const known = tables.get(key)
  known?.push(text)
  return known === undefined ? GONE : undefined
}

const inner = (braced: string): string => braced.slice(2, -2)
const keyOf = (element: string): string => element.replace(/ (comment "|: ).*$/, '')

function addElement(tables: Tables, set: string, element: string): string | undefined {
  const [declared = '', ...elements] = tables.get(set) ?? []
  const other = elements.find((one) => keyOf(one) === keyOf(element))
  if (other !== undefined) return other === element ? undefined : 'Error: Could not process rule: File exists'
  if (!tables.has(set)) return GONE
  tables.set(set, [declared, ...[...elements, element].sort()])
  return undefined
}

function deleteElement(tables: Tables, set: string, key: string): string | undefined {
  const [declared = '', ...elements] = tables.get(set) ?? []
  const rest = elements.filter((one) => keyOf(one) !== key)
  if (rest.length === elements.length) return GONE
  tables.set(set, [declared, ...rest])
  return undefined
}
