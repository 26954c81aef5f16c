/** All that a machine's kernel holds, read by the real tools; without what the kernel draws, numbers or counts by itself. */
import type { World } from './world.ts'
import { ask } from './world.ts'

type Row = Readonly<Record<string, unknown>>

type Seen = { readonly driver: Pick<World['driver'], 'run'> }

export async function kernelState(world: Seen, machine: string): Promise<unknown> {
  return {
    ...(await networkState(world, machine)),
    files: sorted((await ask(world, machine, FILES)).split('\0')),
    names: await ask(world, machine, ['hostname']),
  }
}

/** Links, addresses, ways and rules of the machine and of each namespace on it, and its sets. */
export async function networkState(world: Seen, machine: string): Promise<object> {
  const names = (await ask(world, machine, ['ls', '/run/netns'])).split('\n').filter((name) => name !== '')
  const spaces = await Promise.all([undefined, ...names].map(async (name) => [name ?? '', await spaceState(world, machine, name)] as const))
  return {
    spaces: Object.fromEntries(spaces),
    sets: sorted((await ask(world, machine, ['ipset', 'save'])).split('\n').map((line) => line.replace(/ (hashsize|bucketsize|initval) \S+/g, ''))),
  }
}

/** Path, mode and text of each file in /run, but for those of the driver itself. */
const FILES = [
  'find',
  ...['/run', '-xdev', '-type', 'f', '-not', '-path', '/run/netns/*', '-not', '-path', '/run/netlab/mounts-*', '-not', '-name', 'xtables.lock'],
  ...['-printf', '%p %m\\0', '-exec', 'cat', '{}', ';'],
]

async function spaceState(world: Seen, machine: string, space: string | undefined): Promise<object> {
  const read = (...argv: string[]): Promise<string> => ask(world, machine, argv, space === undefined ? {} : { in: space })
  const table = async (...argv: string[]): Promise<Row[]> => JSON.parse((await read(...argv)) || '[]') as Row[]
  const [links, routes, neighbours, forwarding] = await Promise.all([
    table('ip', '-d', '-j', 'addr'),
    table('ip', '-j', 'route', 'show', 'table', 'all'),
    table('ip', '-j', 'neigh', 'show', 'nud', 'permanent'),
    table('bridge', '-j', 'fdb'),
  ])
  const rules = await Promise.all(['iptables-save', 'ip6tables-save'].map(async (save) => ruleState(await read(save))))
  return {
    links: Object.fromEntries(links.map((link) => [link['ifname'], linkState(link, space)])),
    routes: sorted(routes.filter((route) => route['type'] !== 'multicast').map((route) => JSON.stringify({ ...route, flags: flagsOf(route) }))),
    neighbours: sorted(neighbours.map((one) => JSON.stringify(one))),
    // The others are the bridge's own ports, whose addresses are drawn.
    forwarding: sorted(forwarding.filter((one) => 'dst' in one).map((one) => JSON.stringify(one))),
    rules,
  }
}

/** A device's multicast route, and its carrier, come when the kernel has noticed. */
const flagsOf = (route: Row): readonly string[] => ((route['flags'] ?? []) as string[]).filter((flag) => flag !== 'linkdown')

/** A veth's near end, and the wire, have drawn addresses; the far end in a Pod has a given one. */
function linkState(link: Row, space: string | undefined): object {
  const info = (link['linkinfo'] ?? {}) as { info_kind?: string; info_data?: Row; info_slave_data?: Row }
  const drawn = space === undefined && info.info_kind === 'veth'
  const tunnel = info.info_kind === 'vxlan' ? info.info_data : undefined
  return {
    kind: info.info_kind ?? '',
    up: (link['flags'] as string[]).includes('UP'),
    mtu: link['mtu'],
    master: link['master'] ?? '',
    hairpin: info.info_slave_data?.['hairpin'] ?? false,
    mac: drawn ? 'drawn' : link['address'],
    tunnel: tunnel === undefined ? {} : Object.fromEntries(['id', 'local', 'link', 'port', 'learning'].map((key) => [key, tunnel[key]])),
    addresses: sorted(((link['addr_info'] ?? []) as Row[]).map((one) => `${one['local']}/${one['prefixlen']} ${one['scope']}`)),
  }
}

/** Where machines are containers: the rules that lead questions to Docker's own DNS, at ports it draws. */
export const isOfDocker = (line: string): boolean => /DOCKER_(OUTPUT|POSTROUTING)/.test(line)

/** Tables that were touched stay, empty; chains of one's own are listed in the order of their making. Policies and rules count. */
function ruleState(text: string): object {
  let table = ''
  const chains: Record<string, string[]> = {}
  for (const line of text.split('\n').filter((one) => !isOfDocker(one))) {
    if (line.startsWith('*')) table = line
    const [word = '', chain = '', ...rule] = line.split(' ')
    if (line.startsWith(':') && (chain === '-' || chain === 'DROP')) chains[`${table} ${word} ${chain}`] = []
    if (line.startsWith('-A')) {
      const key = Object.keys(chains).find((one) => one.startsWith(`${table} :${chain} `)) ?? `${table} :${chain}`
      chains[key] = [...(chains[key] ?? []), rule.join(' ')]
    }
  }
  return chains
}

const sorted = (lines: readonly string[]): readonly string[] => lines.filter((line) => line !== '').toSorted()
