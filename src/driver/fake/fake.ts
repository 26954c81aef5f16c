/** Machines that exist only in memory: they take the commands of a change and remember what a kernel would hold afterwards. Asked questions they cannot answer. */

import type { Command, Output, Run } from '#kernel/command.ts'
import { type NodeDriver, oneByOne, type Running } from '../driver.ts'
import { nftLine, type Tables } from './nft.ts'

export type FakeDriver = NodeDriver & {
  /** All commands so far, by machine. */
  readonly commands: ReadonlyMap<string, readonly Command[]>
  /** What the machine holds: sorted lines, equal for equal kernels. */
  readonly holds: (machine: string) => readonly string[]
}

export function fakeDriver(): FakeDriver {
  const machines = new Map<string, FakeKernel>()
  const commands = new Map<string, Command[]>()
  const kernelOf = (name: string): FakeKernel => {
    const kernel = machines.get(name)
    if (kernel === undefined) throw new Error(`no machine named ${name}`)
    return kernel
  }
  const run: NodeDriver['run'] = async (name, command) => {
    if (command.kind === 'series') return oneByOne(command, (one) => run(name, one))
    commands.set(name, [...(commands.get(name) ?? []), command])
    return runOn(kernelOf(name), command)
  }
  return {
    run,
    commands,
    holds: (name) => describe(kernelOf(name)),
    async up(wiring) {
      for (const name of machines.keys()) if (!wiring.machines.some((machine) => machine.name === name)) machines.delete(name)
      const made = wiring.machines.map(({ name }) => name).filter((name) => !machines.has(name))
      for (const name of made) machines.set(name, emptyKernel())
      return made
    },
    async spawn(name, program) {
      kernelOf(name)
      const ended = Promise.withResolvers<Awaited<Running['exit']>>()
      return { pid: 1 + program.id.length, exit: ended.promise, kill: (signal) => ended.resolve({ code: undefined, signal }), write: () => undefined }
    },
    enter(name) {
      kernelOf(name)
      return ['true', name]
    },
    async down() {
      machines.clear()
    },
  }
}

/** What stands on a device, by its own name within the space; `dev` is the device. */
type Entry = { readonly dev: string; readonly text: string }
type Link = { readonly attributes: Map<string, string>; readonly peer?: { readonly space: string; readonly dev: string } }
type Space = { readonly links: Map<string, Link>; readonly entries: Map<string, Entry> }
/** The machine's own space is named ''. Rules, sets, settings and files are kept by name as text. */
type FakeKernel = { readonly spaces: Map<string, Space>; readonly chains: Map<string, string[]>; readonly tables: Tables; readonly things: Map<string, string> }

const emptySpace = (): Space => ({ links: new Map([['lo', { attributes: new Map() }]]), entries: new Map() })

function emptyKernel(): FakeKernel {
  const space = emptySpace()
  space.links.set('eth0', { attributes: new Map() })
  return { spaces: new Map([['', space]]), chains: new Map(), tables: new Map(), things: new Map() }
}

function describe(kernel: FakeKernel): readonly string[] {
  const lines = [...kernel.spaces].flatMap(([name, { links, entries }]) => [
    `${name}:`,
    ...[...links].map(([dev, { attributes }]) => `${name}: ${dev} ${[...attributes].sort().join(' ')}`),
    ...[...entries.values()].map(({ text }) => `${name}: ${text}`),
  ])
  const chains = [...kernel.chains]
    .filter(([name, rules]) => rules.length > 0 || !/ [A-Z]+$/.test(name))
    .map(([name, rules]) => `${name}: ${rules.join(' | ')}`)
  const tables = [...kernel.tables].map(([name, content]) => `${name}: ${content.join(' | ')}`)
  return [...lines, ...chains, ...tables, ...[...kernel.things].map(([name, text]) => `${name} = ${text}`)].sort()
}

const GOOD: Output = { code: 0, stdout: '', stderr: '' }
const bad = (stderr: string): Output => ({ code: 1, stdout: '', stderr })

function runOn(kernel: FakeKernel, command: Command): Output {
  if (command.kind === 'write') {
    for (const { path, text } of command.files) put(kernel.things, `file ${path}`, text)
    return GOOD
  }
  const [program = ''] = command.argv
  const lines = (command.stdin ?? '').split('\n').filter((line) => line !== '')
  if (program === 'sysctl') {
    for (const pair of command.argv.slice(3)) put(kernel.things, `${command.in ?? ''}: sysctl ${pair.split('=')[0]}`, pair)
    return GOOD
  }
  if (program === 'ip' || program === 'bridge') return batch(kernel, command, lines)
  if (program === 'ipset') return each(lines, (line) => set(kernel.things, line.split(' ')))
  if (program.endsWith('tables-restore')) return restore(kernel, `${command.in ?? ''}: ${program}`, lines)
  if (program === 'nft') return transaction(kernel.tables, (tables) => each(lines, (line) => nftLine(tables, `${command.in ?? ''}: `, line)))
  return { code: 127, stdout: '', stderr: `${program}: a fake machine does not have it` }
}

function put(things: Map<string, string>, name: string, text: string | undefined): void {
  if (text === undefined) things.delete(name)
  else things.set(name, text)
}

function each(lines: readonly string[], act: (line: string) => string | undefined): Output {
  for (const [index, line] of lines.entries()) {
    const complaint = act(line)
    if (complaint !== undefined) return bad(`line ${index + 1} failed: ${complaint}\n`)
  }
  return GOOD
}

function batch(kernel: FakeKernel, command: Run, lines: readonly string[]): Output {
  const complaints: string[] = []
  for (const [index, line] of lines.entries()) {
    const complaint = ipLine(kernel, command.in ?? '', line.split(' '))
    if (complaint !== undefined) complaints.push(`${complaint}\nCommand failed -:${index + 1}\n`)
    if (complaint !== undefined && !command.argv.includes('-force')) break
  }
  return complaints.length === 0 ? GOOD : bad(complaints.join(''))
}

const after = (words: readonly string[], word: string): string => words[words.indexOf(word) + 1] ?? ''

function ipLine(kernel: FakeKernel, at: string, words: readonly string[]): string | undefined {
  const space = kernel.spaces.get(at)
  if (space === undefined) return `Cannot open network namespace "${at}"`
  const [object = '', verb = '', third = ''] = words
  if (object === 'netns') return verb === 'add' ? addSpace(kernel, third) : deleteSpace(kernel, third)
  if (object === 'link') return linkLine(kernel, at, words)
  const dev = words.includes('dev') ? after(words, 'dev') : ''
  if (dev !== '' && !space.links.has(dev)) return `Cannot find device "${dev}"`
  if (object === 'route' && verb === 'replace' && dev !== '' && space.links.get(dev)?.attributes.get('up') === undefined)
    return 'Error: Nexthop device is not up.'
  const isTyped = third === 'blackhole' || third === 'unreachable' || third === 'to'
  const what = `${isTyped ? words[3] : third}`
  const key = object === 'route' ? `route ${what}` : `${object} ${what} ${dev}`
  if (verb === 'replace' || verb === 'append') space.entries.set(key, { dev, text: [object, ...words.slice(2)].join(' ') })
  else if (!space.entries.delete(key) && verb === 'del') return 'RTNETLINK answers: No such process'
  if (object === 'addr' && verb === 'del') forget(space, (entry) => entry.dev === dev && entry.text.startsWith('route '))
  return undefined
}

function addSpace(kernel: FakeKernel, name: string): string | undefined {
  if (kernel.spaces.has(name)) return `Cannot create namespace file "${name}": File exists`
  kernel.spaces.set(name, emptySpace())
  return undefined
}

function deleteSpace(kernel: FakeKernel, name: string): string | undefined {
  const space = kernel.spaces.get(name)
  if (space === undefined) return 'Cannot remove namespace file: No such file or directory'
  for (const dev of space.links.keys()) deleteLink(kernel, name, dev)
  kernel.spaces.delete(name)
  return undefined
}

function linkLine(kernel: FakeKernel, at: string, words: readonly string[]): string | undefined {
  const links = kernel.spaces.get(at)?.links ?? new Map<string, Link>()
  const [, verb] = words
  if (verb === 'add') return addLink(kernel, at, words)
  if (verb === 'del' && words[2] === 'group') {
    const doomed = [...links].filter(([, link]) => link.attributes.get('group') === words[3])
    for (const [name] of doomed) deleteLink(kernel, at, name)
    return doomed.length === 0 ? 'RTNETLINK answers: No such device' : undefined
  }
  const dev = after(words, 'dev')
  const link = links.get(dev)
  if (link === undefined) return `Cannot find device "${dev}"`
  if (verb === 'del') return deleteLink(kernel, at, dev)
  const [word = '', value = ''] = words.slice(4)
  const { attributes } = link
  if (word === 'down') {
    attributes.delete('up')
    forget(kernel.spaces.get(at), (entry) => entry.dev === dev && /^(route|neigh) /.test(entry.text))
  } else if (word === 'nomaster') for (const name of ['master', 'hairpin']) attributes.delete(name)
  else if (word === 'type') attributes.set('hairpin', after(words, 'hairpin'))
  else if (word === 'master' && !links.has(value)) return `Device "${value}" does not exist`
  else attributes.set(word, value)
  if (word === 'address') forget(kernel.spaces.get(at), (entry) => entry.dev === dev && entry.text.startsWith('neigh '))
  return undefined
}

function addLink(kernel: FakeKernel, at: string, words: readonly string[]): string | undefined {
  const name = after(words, 'name')
  const space = kernel.spaces.get(at)
  if (space === undefined || space.links.has(name)) return 'RTNETLINK answers: File exists'
  const [own, other] = [words.slice(0, words.includes('peer') ? words.indexOf('peer') : words.length), words.slice(words.indexOf('peer') + 1)]
  const pairs = (from: readonly string[], names: readonly string[]): Map<string, string> =>
    new Map(names.filter((word) => from.includes(word)).map((word) => [word, after(from, word)]))
  const attributes = pairs(own, ['mtu', 'address', 'type', 'id', 'dstport', 'local', 'dev'])
  if (attributes.has('dev') && !space.links.has(attributes.get('dev') ?? '')) return `Cannot find device "${attributes.get('dev')}"`
  if (!words.includes('peer')) {
    space.links.set(name, { attributes })
    return undefined
  }
  const [far, peer] = [after(other, 'netns'), after(other, 'name')]
  const there = kernel.spaces.get(far)
  if (there === undefined) return `Cannot open network namespace "${far}"`
  if (there.links.has(peer)) return 'RTNETLINK answers: File exists'
  space.links.set(name, { attributes, peer: { space: far, dev: peer } })
  there.links.set(peer, { attributes: pairs(other, ['mtu', 'address']), peer: { space: at, dev: name } })
  return undefined
}

/** With a device goes its other end, what stands on it, the tunnels over it, and its ports are set free. */
function deleteLink(kernel: FakeKernel, at: string, dev: string): undefined {
  const space = kernel.spaces.get(at)
  const link = space?.links.get(dev)
  if (space === undefined || link === undefined) return undefined
  space.links.delete(dev)
  forget(space, (entry) => entry.dev === dev)
  for (const [name, { attributes }] of space.links) {
    if (attributes.get('dev') === dev) deleteLink(kernel, at, name)
    if (attributes.get('master') === dev) for (const word of ['master', 'hairpin']) attributes.delete(word)
  }
  if (link.peer !== undefined) deleteLink(kernel, link.peer.space, link.peer.dev)
  return undefined
}

function forget(space: Space | undefined, isGone: (entry: Entry) => boolean): void {
  for (const [key, entry] of space?.entries ?? []) if (isGone(entry)) space?.entries.delete(key)
}

function set(things: Map<string, string>, [verb = '', name = '', ...rest]: readonly string[]): string | undefined {
  const [type = '', ...members] = (things.get(`ipset ${name}`) ?? '').split(' | ')
  if (verb === 'create') things.set(`ipset ${name}`, [rest.join(' '), ...(type === rest.join(' ') ? members : [])].join(' | '))
  else if (verb === 'destroy') things.delete(`ipset ${name}`)
  else if (verb === 'flush') things.set(`ipset ${name}`, type)
  else {
    const others = members.filter((member) => member !== rest.join(' '))
    things.set(`ipset ${name}`, [type, ...[...others, ...(verb === 'add' ? [rest.join(' ')] : [])].sort()].join(' | '))
  }
  return undefined
}

/** A refused line leaves everything as it was. */
function transaction(of: Map<string, string[]>, act: (copy: Map<string, string[]>) => Output): Output {
  const copy = new Map([...of].map(([name, content]) => [name, [...content]]))
  const ended = act(copy)
  if (ended.code !== 0) return ended
  of.clear()
  for (const [name, content] of copy) of.set(name, content)
  return ended
}

const restore = (kernel: FakeKernel, prefix: string, lines: readonly string[]): Output =>
  transaction(kernel.chains, (chains) => restored(chains, prefix, lines))

function restored(chains: Map<string, string[]>, prefix: string, lines: readonly string[]): Output {
  let table = ''
  return each(lines, (line) => {
    if (line.startsWith('*')) table = line
    if (line === 'COMMIT' || line.startsWith('*')) return undefined
    const [verb = '', chain = '', ...words] = line.split(' ')
    const nameOf = (name: string): string => `${prefix} ${table} ${name}`
    const rule = words.join(' ')
    if (verb.startsWith(':')) {
      chains.set(nameOf(verb.slice(1)), [])
      return undefined
    }
    const rules = chains.get(nameOf(chain)) ?? []
    const at = rules.indexOf(rule)
    if (verb === '-D' && at < 0) return 'Bad rule (does a matching rule exist in that chain?).'
    if (verb === '-X') chains.delete(nameOf(chain))
    else chains.set(nameOf(chain), verb === '-D' ? rules.toSpliced(at, 1) : verb === '-I' ? [rule, ...rules] : [...rules, rule])
    return undefined
  })
}
