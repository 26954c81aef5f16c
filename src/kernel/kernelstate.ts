/** What a machine answered, read into tables. An answer that cannot be read is an error, never an empty table. */

export type Device = {
  readonly kind: string | undefined
  readonly mac: string
  readonly mtu: number
  readonly up: boolean
  readonly master: string | undefined
  readonly hairpin: boolean
  readonly vxlan: { readonly id: number; readonly port: number; readonly local: string; readonly link: string; readonly learning: boolean } | undefined
  readonly addresses: readonly { readonly cidr: string; readonly scope: string }[]
}
export type Route = {
  readonly type: string
  readonly to: string
  readonly via?: string
  readonly dev?: string
  readonly src?: string
  readonly scope?: string
  readonly onlink: boolean
}
export type Neighbour = { readonly ip: string; readonly dev: string; readonly mac: string; readonly permanent: boolean }
export type Forwarding = { readonly mac: string; readonly dev: string; readonly dst: string; readonly permanent: boolean }

/** One network namespace. */
export type Space = {
  readonly devices: ReadonlyMap<string, Device>
  readonly routes: readonly Route[]
  readonly neighbours: readonly Neighbour[]
  /** Names that `ip netns` knows. */
  readonly spaces: ReadonlySet<string>
}

type Json = Readonly<Record<string, unknown>>
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : [])
const inner = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})

/** The output of `ip -d -j -batch -` on addr, route, neigh and, on the machine itself, netns: one list per line. */
export function readSpace(stdout: string): Space {
  const [devices, routes, neighbours, spaces] = stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => list(JSON.parse(line)))
  if (devices === undefined || routes === undefined || neighbours === undefined) throw new SyntaxError('expected three lists of JSON')
  return {
    // An address query prints devices it left out as empty objects.
    devices: new Map(devices.filter((one) => 'ifname' in one).map((one) => [text(one['ifname']), readDevice(one)])),
    routes: routes.filter((one) => one['table'] === undefined || one['table'] === 'main').map(readRoute),
    neighbours: neighbours.map((one) => ({
      ip: text(one['dst']),
      dev: text(one['dev']),
      mac: text(one['lladdr']),
      permanent: Array.isArray(one['state']) && one['state'].includes('PERMANENT'),
    })),
    spaces: new Set((spaces ?? []).map((one) => text(one['name']))),
  }
}

function readDevice(one: Json): Device {
  const info = inner(one['linkinfo'])
  const data = inner(info['info_data'])
  return {
    kind: info['info_kind'] === undefined ? undefined : text(info['info_kind']),
    mac: text(one['address']),
    mtu: Number(one['mtu']),
    up: Array.isArray(one['flags']) && one['flags'].includes('UP'),
    master: one['master'] === undefined ? undefined : text(one['master']),
    hairpin: inner(info['info_slave_data'])['hairpin'] === true,
    vxlan:
      info['info_kind'] === 'vxlan'
        ? {
            id: Number(data['id']),
            port: Number(data['port']),
            local: text(data['local'] ?? data['local6']),
            link: text(data['link']),
            learning: data['learning'] === true,
          }
        : undefined,
    addresses: list(one['addr_info']).map((addr) => ({ cidr: `${text(addr['local'])}/${addr['prefixlen']}`, scope: text(addr['scope']) })),
  }
}

function readRoute(one: Json): Route {
  const optional = (key: string, value: unknown): object => (value === undefined ? {} : { [key]: text(value) })
  return {
    type: text(one['type'] ?? 'unicast'),
    to: text(one['dst']),
    ...optional('via', one['gateway'] ?? inner(one['via'])['host']),
    ...optional('dev', one['dev']),
    ...optional('src', one['prefsrc']),
    ...optional('scope', one['scope']),
    onlink: Array.isArray(one['flags']) && one['flags'].includes('onlink'),
  }
}

/** The output of `bridge -j fdb show`, where each entry belongs to a tunnel's table or to a bridge's. */
export const readForwarding = (stdout: string): readonly Forwarding[] =>
  list(JSON.parse(stdout.trim() || '[]'))
    .filter((one) => one['dst'] !== undefined)
    .map((one) => ({ mac: text(one['mac']), dev: text(one['ifname']), dst: text(one['dst']), permanent: one['state'] === 'permanent' }))

/** The output of iptables-save: rules without their `-A CHAIN`, by table and chain. */
export function readRules(stdout: string): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>()
  let table = ''
  for (const line of stdout.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1)
    else if (line.startsWith(':')) chains.set(`${table} ${line.slice(1, line.indexOf(' '))}`, [])
    else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3)
      const chain = end < 0 ? line.slice(3) : line.slice(3, end)
      chains.get(`${table} ${chain}`)?.push(end < 0 ? '' : line.slice(end + 1))
    }
  }
  return chains
}

/** Of the output of iptables-save: what becomes of packets that no rule of a built-in chain decides, by table and chain. */
export function readPolicies(stdout: string): ReadonlyMap<string, string> {
  const policies = new Map<string, string>()
  let table = ''
  for (const line of stdout.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1)
    const [, chain, policy] = /^:(\S+) ([A-Z]+) /.exec(line) ?? []
    if (chain !== undefined && policy !== undefined) policies.set(`${table} ${chain}`, policy)
  }
  return policies
}

/** The output of ipset save: the type and the members of each set. */
export function readSets(stdout: string): ReadonlyMap<string, { readonly type: string; readonly members: readonly string[] }> {
  const sets = new Map<string, { type: string; members: string[] }>()
  for (const line of stdout.split('\n')) {
    const [word, name = '', rest = ''] = line.split(' ')
    if (word === 'create') sets.set(name, { type: rest, members: [] })
    if (word === 'add') sets.get(name)?.members.push(rest)
  }
  return sets
}

/** The output of sysctl: `key = value`, words of a value apart by tabs. */
export const readSettings = (stdout: string): ReadonlyMap<string, string> =>
  new Map(
    stdout.split('\n').flatMap((line) => {
      const at = line.indexOf(' = ')
      return at < 0 ? [] : [[line.slice(0, at), plain(line.slice(at + 3))] as const]
    }),
  )
export const plain = (value: string): string => value.trim().replace(/\s+/g, ' ')

/** The output of grep -Z: each line of each file behind the file's name; files that are absent are complained of on stderr. */
export function readFiles(stdout: string): ReadonlyMap<string, string> {
  const files = new Map<string, string[]>()
  for (const line of stdout.split('\n')) {
    const at = line.indexOf('\0')
    if (at < 0) continue
    const path = line.slice(0, at)
    files.set(path, [...(files.get(path) ?? []), line.slice(at + 1)])
  }
  return new Map([...files].map(([path, lines]) => [path, lines.join('\n')]))
}
