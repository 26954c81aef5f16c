import { expect, test } from 'vitest'
import { fakeDriver } from '#driver/fake/fake.ts'
import { cidr, ifName, ip } from '#net/net.ts'
import type { Command } from './command.ts'
import { change } from './compile.ts'
import { failureOf } from './failure.ts'
import { keyOf } from './identity.ts'
import { pod, sampleNode } from './sample.ts'
import type { NodeProgram, Step } from './step.ts'
import { randomOf, variant } from './variant.ts'

const seeds = Array.from({ length: 60 }, (_, seed) => seed)

async function apply(driver: ReturnType<typeof fakeDriver>, commands: readonly Command[]): Promise<void> {
  await driver.up({ lab: 'test', segments: [], machines: [{ name: 'n1', wires: [] }], routes: [] }, new AbortController().signal)
  for (const command of commands) {
    const failure = failureOf('n1', command, await driver.run('n1', command))
    if (failure !== undefined) throw failure
  }
}

async function freshly(program: NodeProgram): Promise<readonly string[]> {
  const driver = fakeDriver()
  await apply(driver, change([], program))
  return driver.holds('n1')
}

/** The kernel's settings outlive the wish for them. */
const lasting = (lines: readonly string[]): readonly string[] => lines.filter((line) => !line.includes('sysctl '))

test('a program that is applied already needs nothing', () => {
  for (const seed of seeds) {
    const program = variant(randomOf(seed))
    expect(change(program, program)).toEqual([])
    expect(change(program, structuredClone(program))).toEqual([])
    expect(
      change(
        program,
        program.map((step) => ({ ...step, why: 'another sentence' })),
      ),
    ).toEqual([])
  }
})

test('whatever was there before, afterwards the kernel is as a fresh one', async () => {
  for (const seed of seeds) {
    const random = randomOf(seed)
    const [a, b] = [variant(random), variant(random)]
    const driver = fakeDriver()
    for (const [from, to] of [
      [[], a],
      [a, b],
      [b, a],
      [a, []],
    ] as const) {
      await apply(driver, change(from, to))
      expect(lasting(driver.holds('n1'))).toEqual(lasting(await freshly(to)))
    }
  }
})

test('the order in which things are said does not matter to devices, addresses and routes', async () => {
  const ofLinks = sampleNode.filter((step) => step.kind !== 'chain' && step.kind !== 'jump')
  expect(await freshly(ofLinks.toReversed())).toEqual(await freshly(ofLinks))
})

test('few processes: a node with two Pods takes one sysctl, one ip and one bridge batch, one set, one rule and one nftables restore, one ip batch per Pod, one writing', () => {
  const name = (command: Command): string => (command.kind === 'write' ? 'write' : [command.in, ...command.argv.slice(0, 3)].filter(Boolean).join(' '))
  expect(change([], sampleNode).map(name)).toEqual([
    'sysctl -q -w',
    'ip -batch -',
    'bridge -batch -',
    'ipset restore -exist',
    'iptables-restore --noflush --wait',
    'nft -f -',
    'default_client ip -batch -',
    'default_web ip -batch -',
    'write',
  ])
})

test('the commands of a fresh node', async () => {
  await expect(print(change([], sampleNode))).toMatchFileSnapshot('testdata/fresh.commands')
})

test('a Pod that goes takes its cable and its namespace, nothing more', () => {
  expect(print(change(sampleNode, without(pod('default_client', 'veth0a', 2))))).toBe('ip -force -batch -\n  link del dev veth0a\n  netns del default_client\n')
})

test('several devices go for the price of one: put into a group, the group deleted', () => {
  const gone = [...pod('default_client', 'veth0a', 2), ...pod('default_web', 'veth0b', 3)]
  const file = sampleNode.filter((step) => step.kind === 'file' && step.path.includes('default_web'))
  expect(print(change(sampleNode, without([...gone, ...file])))).toBe(
    [
      'ip -force -batch -',
      '  link set dev veth0b group 8472',
      '  link set dev veth0a group 8472',
      '  link del group 8472',
      '  netns del default_web',
      '  netns del default_client',
      'remove /run/netlab/pods/default_web/etc-hosts',
      '',
    ].join('\n'),
  )
})

test('a tunnel with another VNI is made anew with its address, routes, neighbours and forwarding', () => {
  const other = sampleNode.map((step): Step => (step.kind === 'vxlan' ? { ...step, vni: 2 } : step))
  expect(print(change(sampleNode, other))).toBe(
    [
      'ip -force -batch -',
      '  link del dev flannel.1',
      '  link add name flannel.1 mtu 1450 address 0a:58:0a:f4:00:00 type vxlan id 2 dstport 8472 local 192.168.0.10 dev eth0 nolearning',
      '  addr replace 10.244.0.0/32 dev flannel.1',
      '  link set dev flannel.1 addrgenmode none',
      '  link set dev flannel.1 up',
      '  route replace 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      '  route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      '  neigh replace 10.244.1.0 lladdr 0a:58:0a:f4:01:00 dev flannel.1 nud permanent',
      '  neigh replace 10.244.2.0 lladdr 0a:58:0a:f4:02:00 dev flannel.1 nud permanent',
      'bridge -batch -',
      '  fdb replace 0a:58:0a:f4:01:00 dev flannel.1 dst 192.168.0.11 self permanent',
      '  fdb replace 0a:58:0a:f4:02:00 dev flannel.1 dst 192.168.0.12 self permanent',
      '',
    ].join('\n'),
  )
})

test('a changed chain is written alone', () => {
  const other = sampleNode.map((step): Step => (step.kind === 'chain' && step.chain === 'KUBE-SVC-WEB' ? { ...step, rules: ['-j KUBE-SEP-B'] } : step))
  expect(print(change(sampleNode, other))).toBe(
    'iptables-restore --noflush --wait\n  *nat\n  :KUBE-SVC-WEB - [0:0]\n  -A KUBE-SVC-WEB -j KUBE-SEP-B\n  COMMIT\n',
  )
})

test('who leaves a set leaves it before its chain changes, who comes into it comes after: an old rule never meets a new member', () => {
  const other = sampleNode.map((step): Step => {
    if (step.kind === 'ipset') return { ...step, members: ['10.244.0.9', '10.244.1.2'] }
    return step.kind === 'chain' && step.chain === 'WEB-IN' ? { ...step, rules: ['-p udp -m set --match-set WEB-FROM src -j ACCEPT', '-j DROP'] } : step
  })
  expect(change(sampleNode, other).map((command) => (command.kind === 'run' ? [command.argv[0], command.stdin?.match(/^(add|del|-A) .*$/gm)] : []))).toEqual([
    ['ipset', ['del WEB-FROM 10.244.0.2']],
    ['iptables-restore', ['-A WEB-IN -p udp -m set --match-set WEB-FROM src -j ACCEPT', '-A WEB-IN -j DROP']],
    ['ipset', ['add WEB-FROM 10.244.0.9']],
  ])
})

test('a jump that gives way to another is at no moment away, whether or not somebody took it away before', async () => {
  const jump = (target: string): Step => ({
    ...{ by: 'test', why: 'a jump', kind: 'jump', family: 4, table: 'filter', chain: 'FORWARD' },
    ...{ rule: `-j ${target}`, place: 'first' },
  })
  const [one, two, three] = [jump('ONE'), jump('TWO'), jump('THREE')]
  const order = async (held: readonly Step[]) => {
    const driver = fakeDriver()
    await apply(driver, change([], held))
    const seen: (readonly string[])[] = []
    for (const command of change([two], [one, two, three])) {
      const failure = failureOf('n1', command, await driver.run('n1', command))
      if (failure !== undefined) throw failure
      seen.push(driver.holds('n1').flatMap((line) => line.match(/-j \w+/g) ?? []))
    }
    return seen
  }
  const last = ['-j THREE', '-j TWO', '-j ONE']
  const [kept, lost] = [await order([two]), await order([])]
  expect([kept.every((rules) => rules.includes('-j TWO')), kept.at(-1), lost.at(-1)]).toEqual([true, last, last])
})

test('a set that changed is told what came and what went', () => {
  const other = sampleNode.map((step): Step => (step.kind === 'ipset' ? { ...step, members: ['10.244.0.9', '10.244.1.2'] } : step))
  expect(print(change(sampleNode, other))).toBe('ipset restore -exist\n  del WEB-FROM 10.244.0.2\n  add WEB-FROM 10.244.0.9\n')
})

test('a jump that comes late stands where a fresh machine would have it', async () => {
  const jump = (chain: string, place: 'first' | 'last'): Step => ({
    by: chain,
    why: 'x',
    kind: 'jump',
    family: 4,
    table: 'nat',
    chain: 'POSTROUTING',
    rule: `-j ${chain}`,
    place,
  })
  for (const place of ['first', 'last'] as const) {
    const all = ['A', 'B', 'C'].map((chain) => jump(chain, place))
    const driver = fakeDriver()
    const [a, , c] = all
    await apply(
      driver,
      change(
        [],
        [a, c].filter((step) => step !== undefined),
      ),
    )
    await apply(
      driver,
      change(
        [a, c].filter((step) => step !== undefined),
        all,
      ),
    )
    expect(driver.holds('n1')).toEqual(await freshly(all))
  }
})

test('settings of a device wait for it to be up, and routes for them', () => {
  const dev = ifName('cali1')
  const steps: NodeProgram = [
    { by: 'x', why: 'x', kind: 'route', to: cidr('10.0.0.5/32'), dev, scope: 'link' },
    { by: 'x', why: 'x', kind: 'sysctl', key: 'net.ipv4.conf.cali1.proxy_arp', value: '1', dev },
    { by: 'x', why: 'x', kind: 'up', dev },
    { by: 'x', why: 'x', kind: 'bridge', dev, mtu: 1500 },
  ]
  expect(print(change([], steps))).toBe(
    [
      'ip -batch -',
      '  link add name cali1 type bridge',
      '  link set dev cali1 addrgenmode none',
      '  link set dev cali1 up',
      'sysctl -q -w net.ipv4.conf.cali1.proxy_arp=1',
      'ip -batch -',
      '  route replace 10.0.0.5/32 dev cali1 scope link',
      '',
    ].join('\n'),
  )
})

test('with an IPv6 address anywhere, devices keep their link-local ones', () => {
  const dev = ifName('cni0')
  const steps: NodeProgram = [
    { by: 'x', why: 'x', kind: 'bridge', dev, mtu: 1500 },
    { by: 'x', why: 'x', kind: 'addr', dev, cidr: cidr('fd00:10:244::1/64') },
    { by: 'x', why: 'x', kind: 'up', dev },
    { by: 'x', why: 'x', kind: 'route', to: cidr('::/0'), via: ip('fd00:10:244::9'), dev },
  ]
  expect(print(change([], steps))).toBe(
    [
      'ip -batch -',
      '  link add name cni0 type bridge',
      '  addr replace fd00:10:244::1/64 dev cni0 nodad',
      '  link set dev cni0 up',
      '  route replace ::/0 via fd00:10:244::9 dev cni0',
      '',
    ].join('\n'),
  )
})

test('one endpoint among a thousand Services of five: one chain is written', () => {
  const services = manyServices(1000, 5)
  const [changed, ...rest] = [...services].reverse()
  if (changed?.kind !== 'chain') throw new TypeError('expected a chain')
  const other = [...rest.reverse(), { ...changed, rules: ['-j KUBE-SEP-0-0'] }]
  expect(change(services, other).map((command) => command.does.map(keyOf))).toEqual([[keyOf(changed)]])
})

function manyServices(count: number, endpoints: number): NodeProgram {
  const chain = (name: string, rules: readonly string[]): Step => ({
    by: 'proxy/iptables',
    why: name,
    kind: 'chain',
    family: 4,
    table: 'nat',
    chain: name,
    rules,
  })
  return Array.from({ length: count }, (_, service) => service).flatMap((service) => [
    ...Array.from({ length: endpoints }, (_, i) => chain(`KUBE-SEP-${service}-${i}`, [`-j DNAT --to-destination 10.0.0.${i}:80`])),
    chain(
      `KUBE-SVC-${service}`,
      Array.from({ length: endpoints }, (_, i) => `-j KUBE-SEP-${service}-${i}`),
    ),
  ])
}

function without(gone: readonly Step[]): NodeProgram {
  const keys = new Set(gone.map(keyOf))
  return sampleNode.filter((step) => !keys.has(keyOf(step)))
}

function print(commands: readonly Command[]): string {
  return commands
    .map((command) => {
      if (command.kind === 'write') return command.files.map(({ path, text }) => `${text === undefined ? 'remove' : 'write'} ${path}\n`).join('')
      const space = command.in === undefined ? '' : `${command.in}: `
      return `${space}${command.argv.join(' ')}\n${(command.stdin ?? '').replace(/^(?=.)/gm, '  ')}`
    })
    .join('')
}

test('a part of the rules is written only where the canary of its table lives; all rules at once bring it along', () => {
  const own = { by: 'proxy', why: 'x', kind: 'chain', family: 4 } as const
  const canaries = (['mangle', 'nat'] as const).map((table): Step => ({ ...own, table, chain: 'CANARY', rules: [], canary: true }))
  const rule = (text: string): Step => ({ ...own, table: 'nat', chain: 'C', rules: [text] })
  const said = (commands: readonly Command[]) => commands.map((command) => command.kind === 'run' && command.stdin)
  expect([said(change([], [...canaries, rule('-j A')])), said(change([...canaries, rule('-j A')], [...canaries, rule('-j B')]))]).toEqual([
    ['*mangle\n:CANARY - [0:0]\nCOMMIT\n*nat\n:CANARY - [0:0]\n:C - [0:0]\n-A C -j A\nCOMMIT\n'],
    ['*nat\n:C - [0:0]\n-F CANARY\n-A C -j B\nCOMMIT\n'],
  ])
})

test('Steps that are the same objects in both programs make no other change than equal ones', () => {
  for (const seed of seeds) {
    const random = randomOf(seed)
    const [a, b] = [variant(random), variant(random)]
    expect(change(a, b)).toEqual(change(structuredClone(a), b))
  }
})
