/** What a way between two Pods costs: over the bridge of one node, through VXLAN, over plain routes. Three labs at once, their ways taking turns. */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Chapter, home, inFolder, median, progress, table, timed, times } from './measure.ts'

const ROUNDS = 5
const PORT = 5300
const SECONDS = 1

type Way = { readonly name: string; readonly lab: string; readonly to: 'near' | 'far' }
const WAYS: readonly Way[] = [
  { name: 'same node, bridge', lab: 'flannel-vxlan', to: 'near' },
  { name: 'same node, routed (Calico)', lab: 'calico-bgp', to: 'near' },
  { name: 'between nodes, plain routes (host-gw)', lab: 'host-gw', to: 'far' },
  { name: 'between nodes, plain routes (Calico, BGP)', lab: 'calico-bgp', to: 'far' },
  { name: 'between nodes, VXLAN (flannel)', lab: 'flannel-vxlan', to: 'far' },
]
/** Gbit/s, requests a second over one connection, µs for one connection. */
type Seen = { readonly bits: number; readonly requests: number; readonly connect: number }

export const paths = (): Promise<Chapter> =>
  inFolder(async (folder) => {
    const env = { NETLAB_STATE: join(folder, 'state'), NO_COLOR: '1' }
    const netlab = (...args: readonly string[]): string => timed([process.execPath, join(home, 'dist/main.js'), ...args], { env }).out
    timed([join(home, 'netlab'), 'version'], { env })
    const labs = [...new Set(WAYS.map(({ lab }) => lab))]
    try {
      for (const cni of labs) {
        progress(`${cni} …`)
        netlab('up', written(folder, cni))
        for (const pod of ['near', 'far']) {
          for (const argv of [
            ['iperf3', '-s', '-p', `${PORT}`],
            ['perl', '-e', SERVER],
          ])
            spawn(process.execPath, [join(home, 'dist/main.js'), 'exec', '--lab', nameOf(cni), pod, '--', ...argv], {
              env: { ...process.env, ...env },
              stdio: 'ignore',
            })
        }
      }
      await pause(2000)
      const seen = new Map<Way, Seen[]>(WAYS.map((way) => [way, []]))
      for (let round = 0; round < ROUNDS; round += 1) {
        progress(`turn ${round + 1} of ${ROUNDS}`)
        for (const way of WAYS) seen.get(way)?.push(measured(way, netlab))
      }
      return { title: 'Paths between Pods', text: text(seen) }
    } finally {
      netlab('down', '--all')
    }
  })

const nameOf = (cni: string): string => `paths-${cni}`

function written(folder: string, cni: string): string {
  const lab = join(folder, nameOf(cni))
  mkdirSync(join(lab, 'manifests'), { recursive: true })
  writeFileSync(join(lab, 'lab.yaml'), `apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: ${nameOf(cni)}}\nspec: {nodes: 2, cni: ${cni}, dns: none}\n`)
  const pods = [
    ['client', 1],
    ['near', 1],
    ['far', 2],
  ].map(
    ([name, node]) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {nodeName: node-${node}, containers: [{name: main, image: netlab/netshoot}]}\n`,
  )
  writeFileSync(join(lab, 'manifests/pods.yaml'), pods.join('---\n'))
  return lab
}

function measured({ lab, to }: Way, netlab: (...args: readonly string[]) => string): Seen {
  const address = (JSON.parse(netlab('get', 'pod', to, '--lab', nameOf(lab), '-o', 'json')) as { status: { podIP: string } }).status.podIP
  const inside = (...argv: readonly string[]): unknown => JSON.parse(netlab('exec', '--lab', nameOf(lab), 'client', '--', ...argv))
  const iperf = inside('iperf3', '-c', address, '-p', `${PORT}`, '-t', `${SECONDS}`, '-J') as { end: { sum_received: { bits_per_second: number } } }
  const small = inside('perl', '-e', CLIENT, address, `${SECONDS}`) as Omit<Seen, 'bits'>
  return { bits: iperf.end.sum_received.bits_per_second / 1e9, ...small }
}

/** Gives back each byte; a process for each connection, so that none waits for another. */
const SERVER = `use strict; use Socket qw(:DEFAULT TCP_NODELAY); $SIG{CHLD} = 'IGNORE'; socket(my $l, AF_INET, SOCK_STREAM, 0); setsockopt($l, SOL_SOCKET, SO_REUSEADDR, 1);
bind($l, pack_sockaddr_in(5301, INADDR_ANY)) && listen($l, 512) or die $!;
while (1) { accept(my $c, $l) or next; if (!fork) { close $l; setsockopt($c, 6, TCP_NODELAY, 1); while (sysread $c, my $b, 1) { syswrite $c, $b } exit } close $c }`
/** One byte there and back as often as it goes; then connections, one after the other, each closed at once. */
const CLIENT = `use strict; use Socket qw(:DEFAULT TCP_NODELAY); use Time::HiRes 'time'; my ($ip, $seconds) = @ARGV; my $to = pack_sockaddr_in(5301, inet_aton($ip));
sub dial { socket(my $s, AF_INET, SOCK_STREAM, 0); connect($s, $to) or die $!; return $s }
my $s = dial(); setsockopt($s, 6, TCP_NODELAY, 1); my ($n, $end) = (0, time + $seconds); while (time < $end) { syswrite $s, 'x'; sysread $s, my $b, 1; $n++ }
my @took; for (1 .. 200) { my $t = time; my $c = dial(); push @took, time - $t; close $c } @took = sort { $a <=> $b } @took;
printf '{"requests":%.0f,"connect":%.1f}', $n / $seconds, $took[100] * 1e6`

function text(seen: ReadonlyMap<Way, readonly Seen[]>): string {
  const of = (all: readonly Seen[], part: keyof Seen): number => median(all.map((one) => one[part]))
  const [[, base = []] = []] = seen
  const cell = (all: readonly Seen[], part: keyof Seen, unit: string, digits: number): string =>
    `${of(all, part).toFixed(digits)} ${unit} (${times(of(all, part) / of(base, part))})`
  const rows = [...seen].map(([{ name }, all]) => [name, cell(all, 'bits', 'Gbit/s', 1), cell(all, 'requests', '/s', 0), cell(all, 'connect', 'µs', 0)])
  const vxlan = [...seen].find(([{ name }]) => name.includes('VXLAN'))?.[1] ?? []
  const routed = [...seen].find(([{ name }]) => name.includes('host-gw'))?.[1] ?? []
  const cost = (part: keyof Seen): string => `${((1 - of(vxlan, part) / of(routed, part)) * 100).toFixed(0)} %`
  return [
    table(['', 'throughput', 'requests', 'connection'], rows),
    '',
    `In brackets the multiple of the first row. The overlay against plain routes between the same nodes: ${cost('bits')} less throughput, ${cost('requests')} fewer requests (textbooks: 5 to 15 %).`,
    'Throughput: iperf3, one stream. Requests: a byte there and back over one connection. All on one machine: no wire limits them, the processor does.',
  ].join('\n')
}
