/** The generated commands and scripts, run by the real tools in a bare machine; no root needed. */
import { expect } from 'vitest'
import type { Command } from '#kernel/command.ts'
import { change } from '#kernel/compile.ts'
import { drift, repair } from '#kernel/drift.ts'
import { failureOf } from '#kernel/failure.ts'
import { keyOf } from '#kernel/identity.ts'
import { observe } from '#kernel/observe.ts'
import { pod, sampleNode } from '#kernel/sample.ts'
import { script } from '#kernel/sh.ts'
import type { NodeProgram, Step } from '#kernel/step.ts'
import { randomOf, variant } from '#kernel/variant.ts'
import { cidr, ifName, ip, mac } from '#net/net.ts'
import { type BareMachine, bareMachines } from '../support/bare.ts'
import { until } from '../support/netlab.ts'

const { live, bare } = bareMachines('kernel.live')

async function fresh(): Promise<BareMachine> {
  const machine = await bare()
  return machine
}

function apply(machine: BareMachine, commands: readonly Command[]): void {
  for (const command of commands) {
    const failure = failureOf('n1', command, machine.run(command))
    if (failure !== undefined) throw failure
  }
}

const drifts = (machine: BareMachine, program: NodeProgram) =>
  drift(
    program,
    observe(program).map((command) => machine.run(command)),
  )

const told = (machine: BareMachine, program: NodeProgram): readonly string[] =>
  drifts(machine, program).map(({ step, what, wanted, found }) => `${what} ${step.by}: ${wanted} | ${found}`)

live('what the plan says is what the kernel then holds', async () => {
  const machine = await fresh()
  apply(machine, change([], sampleNode))
  expect(told(machine, sampleNode)).toEqual([])
})

live('the script builds by hand what the commands build', async () => {
  const machine = await fresh()
  const ended = machine.sh(script(sampleNode, 'node-1'))
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' })
  expect(told(machine, sampleNode)).toEqual([])
})

live('a bare machine misses everything that the plan wants', async () => {
  const machine = await fresh()
  expect(drifts(machine, sampleNode).map(({ step }) => keyOf(step))).toEqual(sampleNode.map(keyOf))
})

live('a deleted tunnel is named with all that stood on it, and repair brings it back', async () => {
  const machine = await fresh()
  apply(machine, change([], sampleNode))
  machine.sh('ip link del dev flannel.1')
  const lost = drifts(machine, sampleNode)
  expect(lost.map(({ step }) => keyOf(step))).toEqual(
    sampleNode.filter((step) => 'dev' in step && step.dev === 'flannel.1' && step.in === undefined).map(keyOf),
  )
  apply(machine, repair(sampleNode, lost))
  expect(told(machine, sampleNode)).toEqual([])
})

const vandalism: readonly (readonly [does: string, script: string, sees: readonly string[]])[] = [
  ['flushes nat', 'iptables -t nat -F; iptables -t nat -X', ['nat KUBE-SVC-WEB', 'nat POSTROUTING']],
  ['lets drop what no rule decides', 'iptables -P FORWARD DROP; iptables -P OUTPUT DROP', ['filter FORWARD: policy ACCEPT', 'filter OUTPUT: policy ACCEPT']],
  ['lets nftables drop what no rule decides', "nft 'chain ip sample in { policy drop ; }'", ['policy accept']],
  ['adds a rule to a chain', 'iptables -t nat -I KUBE-SVC-WEB -j RETURN', ['nat KUBE-SVC-WEB']],
  ['deletes the bridge', 'ip link del dev cni0', ['cni0']],
  ['deletes a Pod’s cable', 'ip link del dev veth0a', ['veth0a']],
  ['deletes a Pod’s namespace', 'ip netns del default_client', ['netns default_client']],
  ['changes an MTU', 'ip link set dev flannel.1 mtu 1400', ['flannel.1']],
  ['changes a Pod’s MAC and MTU', 'ip -n default_web link set dev eth0 address 02:00:00:00:00:01 mtu 1300', ['veth0b']],
  ['makes the tunnel anew with another VNI', 'ip link del dev flannel.1; ip link add name flannel.1 type vxlan id 9 dstport 8472 dev eth0', ['flannel.1']],
  ['redirects a route', 'ip route replace 10.244.1.0/24 via 192.168.0.1 dev eth0', ['route 10.244.1.0/24']],
  ['forgets a neighbour', 'ip neigh del 10.244.1.0 dev flannel.1', ['neigh 10.244.1.0']],
  ['moves a forwarding entry', 'bridge fdb replace 0a:58:0a:f4:01:00 dev flannel.1 dst 192.168.0.99 self permanent', ['fdb 0a:58:0a:f4:01:00']],
  ['takes a cable out', 'ip link set dev veth0a nomaster', ['port veth0a']],
  ['switches off hairpin', 'ip link set dev veth0a type bridge_slave hairpin off', ['port veth0a']],
  ['switches the bridge off', 'ip link set dev cni0 down', ['up cni0']],
  ['takes the Pod’s address away', 'ip -n default_client addr del 10.244.0.2/24 dev eth0', ['addr 10.244.0.2/24', 'route default']],
  ['edits a file', 'echo FLANNEL_MTU=9000 >> /run/flannel/subnet.env; rm /run/netlab/pods/default_web/etc-hosts', ['subnet.env', 'etc-hosts']],
  ['stops forwarding', 'sysctl -qw net.ipv4.ip_forward=0', ['ip_forward']],
  ['changes a set', 'ipset add WEB-FROM 9.9.9.9; ipset del WEB-FROM 10.244.0.2', ['WEB-FROM']],
]

for (const [does, text, sees] of vandalism) {
  live(`when a learner ${does}, drift names it and repair mends it`, async () => {
    const machine = await fresh()
    apply(machine, change([], sampleNode))
    machine.sh(text)
    const found = drifts(machine, sampleNode)
    const said = found.map(({ wanted }) => wanted).join('\n')
    expect(sees.filter((one) => !said.includes(one))).toEqual([])
    apply(machine, repair(sampleNode, found))
    expect(told(machine, sampleNode)).toEqual([])
  })
}

live('changes forth and back leave the kernel as a fresh one, whatever the way', async () => {
  const machine = await fresh()
  const random = randomOf(7)
  let applied: NodeProgram = []
  for (let round = 0; round < 25; round++) {
    const wanted = variant(random)
    apply(machine, change(applied, wanted))
    expect(told(machine, wanted)).toEqual([])
    applied = wanted
  }
  const other = await fresh()
  apply(other, change([], applied))
  await holdTheSame(machine, other)
  apply(machine, change(applied, []))
  await holdTheSame(machine, await fresh())
})

live('undoing what a learner took away before is no failure', async () => {
  const machine = await fresh()
  apply(machine, change([], sampleNode))
  machine.sh('iptables -t nat -F; iptables -t nat -X; ip link del dev flannel.1; ip link del dev veth0a; ip netns del default_client; ipset destroy')
  apply(machine, change(sampleNode, []))
  await holdTheSame(machine, await fresh())
})

live('a Pod may come back under its name at once', async () => {
  const machine = await fresh()
  apply(machine, change([], sampleNode))
  const without = sampleNode.filter((step) => !pod('default_client', 'veth0a', 2).some((its) => keyOf(its) === keyOf(step)))
  for (let round = 0; round < 3; round++) {
    apply(machine, change(sampleNode, without))
    apply(machine, change(without, sampleNode))
  }
  expect(told(machine, sampleNode)).toEqual([])
})

live('IPv6, routes of every sort and settings of a device with a dot in its name hold as well', async () => {
  const by = 'x'
  const why = 'a rare thing'
  const dev = ifName('br.1')
  const eth0 = ifName('eth0')
  const program: NodeProgram = [
    { by, why, kind: 'sysctl', key: 'net.ipv6.conf.all.forwarding', value: '1' },
    { by, why, kind: 'sysctl', key: 'net.ipv4.ping_group_range', value: '0 0' },
    { by, why, kind: 'sysctl', key: 'net.ipv4.conf.br.1.proxy_arp', value: '1', dev },
    { by, why, kind: 'bridge', dev, mtu: 1500 },
    { by, why, kind: 'addr', dev, cidr: cidr('fd00:10:244::1/64') },
    { by, why, kind: 'addr', dev, cidr: cidr('10.244.0.1/24') },
    { by, why, kind: 'addr', dev, cidr: cidr('169.254.1.1/32'), scope: 'link' },
    { by, why, kind: 'up', dev },
    { by, why, kind: 'netns', name: 'p' },
    { by, why, kind: 'veth', dev: ifName('v0'), mtu: 1400, peer: eth0, peerIn: 'p', peerMac: mac('02:00:00:00:00:02') },
    { by, why, kind: 'port', dev: ifName('v0'), master: dev, hairpin: false },
    { by, why, kind: 'up', dev: ifName('v0') },
    { by, why, in: 'p', kind: 'sysctl', key: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
    { by, why, in: 'p', kind: 'sysctl', key: 'net.ipv4.conf.eth0.rp_filter', value: '2', dev: eth0 },
    { by, why, in: 'p', kind: 'addr', dev: eth0, cidr: cidr('fd00:10:244::2/64') },
    { by, why, in: 'p', kind: 'up', dev: eth0 },
    { by, why, in: 'p', kind: 'route', to: cidr('::/0'), via: ip('fd00:10:244::1'), dev: eth0 },
    { by, why, in: 'p', kind: 'chain', family: 6, table: 'filter', chain: 'INNER', rules: ['-s fd00::/8 -j ACCEPT'] },
    { by, why, kind: 'route', to: cidr('10.244.0.7/32'), dev, scope: 'link', src: ip('10.244.0.1') },
    { by, why, kind: 'route', to: cidr('10.244.9.0/24'), via: ip('10.244.0.7') },
    { by, why, kind: 'route', to: cidr('10.245.0.0/16'), type: 'blackhole' },
    { by, why, kind: 'route', to: cidr('10.246.0.0/16'), type: 'unreachable' },
    { by, why, kind: 'route', to: cidr('fd00:10:245::/64'), via: ip('fd00:10:244::7'), dev },
    { by, why, kind: 'route', to: cidr('fd00:10:246::5/128'), dev },
    { by, why, kind: 'route', to: cidr('fd00:10:247::/64'), type: 'blackhole' },
    { by, why, kind: 'neigh', ip: ip('fd00:10:244::7'), mac: mac('02:00:00:00:00:07'), dev },
    {
      by,
      why,
      kind: 'chain',
      family: 6,
      table: 'nat',
      chain: 'KUBE-X',
      rules: ['-d fd00:10:96::a/128 -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00:10:244::2]:8080'],
    },
    { by, why, kind: 'jump', family: 6, table: 'nat', chain: 'PREROUTING', rule: '-j KUBE-X', place: 'first' },
    { by, why, kind: 'ipset', name: 'S6', type: 'hash:net', family: 6, members: ['fd00:10:244::/64', 'fd00:10:245::1/128'] },
    { by, why, kind: 'ipset', name: 'PORTS', type: 'hash:ip,port', family: 4, members: ['10.0.0.1,tcp:80'] },
  ]
  const machine = await fresh()
  apply(machine, change([], program))
  expect(told(machine, program)).toEqual([])
  apply(machine, change(program, []))
  apply(machine, change([], program))
  machine.sh('ip link set dev br.1 down; ip -n p link set dev eth0 down; ip link set dev br.1 up')
  apply(machine, repair(program, drifts(machine, program)))
  expect(told(machine, program)).toEqual([])
  const byHand = await fresh()
  expect(byHand.sh(script(program, 'n'))).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(told(byHand, program)).toEqual([])
})

live('a refused line names its owner, the command and the reason', async () => {
  const machine = await fresh()
  const broken: readonly (readonly Step[])[] = [
    [{ by: 'cni/flannel', why: 'the Pods of node-2', kind: 'route', to: cidr('10.244.1.0/24'), via: ip('10.9.9.9') }],
    [{ by: 'cni/flannel', why: 'the Pods of node-2', kind: 'neigh', ip: ip('10.244.1.0'), mac: mac('02:00:00:00:00:01'), dev: 'nope' as never }],
    [{ by: 'cni/flannel', why: 'the Pods of node-2', kind: 'fdb', dst: ip('10.244.1.0'), mac: mac('02:00:00:00:00:01'), dev: 'nope' as never }],
    [{ by: 'kubelet', why: 'a wish', kind: 'sysctl', key: 'net.ipv4.nope', value: '1' }],
    [
      { by: 'proxy', why: 'fine', kind: 'chain', family: 4, table: 'nat', chain: 'FINE', rules: ['-j RETURN'] },
      { by: 'proxy', why: 'into nowhere', kind: 'chain', family: 4, table: 'nat', chain: 'BAD', rules: ['-j RETURN', '-j NOWHERE'] },
    ],
    [{ by: 'proxy', why: 'an unknown match', kind: 'jump', family: 4, table: 'filter', chain: 'INPUT', rule: '-m nope -j ACCEPT', place: 'first' }],
    [{ by: 'policy', why: 'an impossible range', kind: 'ipset', name: 'S', type: 'hash:ip', family: 4, members: ['10.0.0.1', '10.0.0.0/33'] }],
    [
      { by: 'kubelet', why: 'a Pod', kind: 'netns', name: 'p' },
      { by: 'cni', why: 'a wish in a Pod', kind: 'route', in: 'p', to: cidr('10.0.0.0/8'), via: ip('10.9.9.9') },
    ],
  ]
  const texts = broken.map((program) => {
    try {
      apply(machine, change([], program))
      return 'no failure'
    } catch (error) {
      return (error as Error).message
    }
  })
  await expect(`${texts.join('\n\n')}\n`).toMatchFileSnapshot('kernel.failures.txt')
})

/** A device's carrier comes and goes when the kernel has noticed, up to a second later. */
async function holdTheSame(...machines: readonly [BareMachine, BareMachine]): Promise<void> {
  const look = () => machines.map(snapshot)
  const [one, other] = await until(look, ([first, second]) => first === second).catch(look)
  expect(one).toEqual(other)
}

/** Reads all but what the kernel numbers or counts by itself. */
function snapshot(machine: BareMachine): string {
  const all = machine.sh(`for ns in "" $(ip netns list | sort | cut -d' ' -f1); do
  in=; [ -z "$ns" ] || in="nsenter --net=/run/netns/$ns"
  echo "== $ns"
  $in ip -br link | grep -v wire | cut -d@ -f1 | sort
  $in ip -br addr | sed 's/@[^ ]*//; s/  */ /g' | sort
  $in ip -d link | grep -oE 'master [^ ]*|hairpin [a-z]*|vxlan id.*|mtu [0-9]*' | sort
  $in ip route show table all | sort
  $in ip neigh show nud permanent | sort
  $in bridge fdb show dynamic 2>/dev/null | grep dst | sort
  done
  iptables-save | grep -v '^#'
  ipset save | sed 's/hashsize.*//'`)
  const lines = all.stdout.split('\n')
  const firstRule = lines.findIndex((line) => line.startsWith('*'))
  // Tables that were touched stay, empty; and chains are listed in the order of their making.
  const rules = lines.slice(firstRule < 0 ? lines.length : firstRule).filter((line) => line.startsWith('-A'))
  const builtIn = rules.filter((line) => /^-A [A-Z]+ /.test(line))
  return [
    ...lines.slice(0, firstRule < 0 ? lines.length : firstRule).map((line) => line.replace(/[0-9a-f:]{17}(?= <)/, '')),
    ...builtIn,
    ...rules.filter((line) => !builtIn.includes(line)).sort(),
  ]
    .join('\n')
    .trim()
}
