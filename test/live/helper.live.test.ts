/** The helper's short cut past `ip`, in a network namespace that nobody else sees. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Helper, openHelper, startHelper } from '#driver/helper.ts'
import { change } from '#kernel/compile.ts'
import { sampleNode } from '#kernel/sample.ts'
import { randomOf, variant } from '#kernel/variant.ts'

const folder = mkdtempSync(join(tmpdir(), 'netlab-helper-'))
for (const [name, path] of [
  ['unshare', '/usr/bin/unshare'],
  ['sh', '/bin/sh'],
  ['mount', '/usr/bin/mount'],
  ['perl', '/usr/bin/perl'],
] as const)
  symlinkSync(path, join(folder, name))

const opened: Helper[] = []
/** A machine with one wire, and the programs found on `path`. */
async function machine(path: string): Promise<Helper> {
  const own = ['unshare', '--user', '--map-root-user', '--net', '--mount', '--', 'sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh']
  const helper = openHelper(() => startHelper(own, { PATH: path, LC_ALL: 'C.UTF-8' }))
  opened.push(helper)
  const lines = ['link add name eth0 address 0a:58:c0:a8:00:0a type bridge', 'link set dev eth0 up', 'addr replace 192.168.0.10/24 brd + dev eth0']
  expect(await helper.run({ argv: ['ip', '-batch', '-'], stdin: lines.map((line) => `${line}\n`).join('') })).toEqual({ code: 0, stdout: '', stderr: '' })
  return helper
}
afterAll(() => {
  for (const one of opened) one.close()
  rmSync(folder, { recursive: true })
})

const WITH_IP = '/usr/sbin:/usr/bin:/sbin:/bin'
const programs = [sampleNode, ...Array.from({ length: 6 }, (_, seed) => variant(randomOf(seed)))]
const ofLinks = (index: number) =>
  change([], programs[index] ?? []).flatMap((command) =>
    command.kind === 'run' && ['ip', 'bridge', 'sysctl'].includes(command.argv[0] ?? '') ? [command] : [],
  )

test('what a node is built with goes to the kernel without a program', async () => {
  for (const index of programs.keys()) {
    const { run } = await machine(folder)
    for (const command of ofLinks(index))
      expect([index, command.stdin, await run(command)]).toEqual([index, command.stdin, { code: 0, stdout: '', stderr: '' }])
  }
})

test('the kernel holds the same whether ip was asked or the short cut taken', async () => {
  for (const index of programs.keys()) {
    const [short, long] = [await machine(WITH_IP), await machine(WITH_IP)]
    for (const command of ofLinks(index)) {
      expect((await short.run(command)).code).toBe(0)
      // Behind another program's name it is not recognised.
      expect((await long.run({ ...command, argv: ['env', ...command.argv] })).code).toBe(0)
    }
    expect(await held(short)).toEqual(await held(long))
  }
})

test('a line that is refused is told in ip’s own words, with its number, and nothing after it is done', async () => {
  const { run } = await machine(WITH_IP)
  const batch = (...lines: readonly string[]) => run({ argv: ['ip', '-batch', '-'], stdin: lines.map((line) => `${line}\n`).join('') })
  const made = 'link add name one type bridge'
  expect([
    await batch(made, 'link set dev one up', made, 'link add name two type bridge'),
    await batch('link set dev one mtu 1400', 'addr replace 10.0.0.1/24 brd + dev nope'),
    await batch('link set dev one mtu 1300', 'not a line'),
    await batch('route replace 10.9.0.0/16 via 10.8.0.1 dev one'),
    (await run({ argv: ['ip', '-o', 'link', 'show', 'type', 'bridge'] })).stdout.match(/\S+(?=: <)|mtu \d+/g),
  ]).toEqual([
    { code: 1, stdout: '', stderr: 'RTNETLINK answers: File exists\nCommand failed -:3\n' },
    { code: 1, stdout: '', stderr: 'Cannot find device "nope"\nCommand failed -:2\n' },
    { code: 1, stdout: '', stderr: 'Object "not" is unknown, try "ip help".\nCommand failed -:2\n' },
    { code: 1, stdout: '', stderr: 'Error: Nexthop has invalid gateway.\nCommand failed -:1\n' },
    ['eth0', 'mtu 1500', 'one', 'mtu 1300'],
  ])
})

/** All that was asked for, without the addresses that the kernel draws and what comes in its own time. */
async function held({ run }: Helper): Promise<unknown> {
  const spaces = (await run({ argv: ['ip', 'netns'] })).stdout.split('\n').map((line) => line.split(' ')[0] ?? '')
  const places = [{}, ...spaces.filter((name) => name !== '').map((name) => ({ in: name }))]
  const ask = async (argv: readonly string[], place: { readonly in?: string }): Promise<string> => (await run({ argv, ...place })).stdout
  return Promise.all(
    places.map(async (place) => ({
      place,
      links: (JSON.parse(await ask(['ip', '-d', '-j', 'addr'], place)) as Record<string, unknown>[]).map(drawn),
      routes: (await ask(['ip', 'route', 'show', 'table', 'all', 'type', 'unicast'], place)).replaceAll(' linkdown', ''),
      neighbours: (await ask(['ip', 'neigh'], place)).split('\n').toSorted(),
      fdb: (await ask(['bridge', 'fdb'], place)).split('\n').filter((line) => line.includes('dst')),
      forward: await ask(['sysctl', 'net.ipv4.ip_forward', 'net.ipv4.conf.all.route_localnet', 'net.ipv6.conf.all.disable_ipv6'], place),
    })),
  )
}

/** The main end of a veth has an address that was drawn, and a bridge counts the time. */
function drawn({ ifname, operstate, flags, linkinfo, address, addr_info, ...link }: Record<string, unknown>): object {
  const own = JSON.stringify(linkinfo ?? {}, (key, value) => (/timer|_id$|age/.test(key) ? undefined : (value as unknown)))
  return { ifname, linkinfo: own, address: /^veth/.test(`${ifname}`) ? '' : address, link, addr_info }
}
