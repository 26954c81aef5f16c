/** NetworkPolicies: who reaches whom as measured from inside every Pod, against what the policies mean as computed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readObject } from '#api/validate.ts'
import { objectsOf } from '#controllers/objects.ts'
import { readLab } from '#lab/read.ts'
import type { Cluster } from '#model/cluster.ts'
import { clusterOf } from '#model/model.ts'
import { ip } from '#net/net.ts'
import { decide, type End } from '#policy/decide.ts'
import { endName, podEnds } from '#policy/matrix.ts'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab()
const folder = mkdtempSync(join(tmpdir(), 'netlab-policies-'))
const labFile = join(home, 'test/support/labs/policy/lab.yaml')
const read = readLab(new Map([['lab.yaml', readFileSync(labFile, 'utf8')]]), 'lab.yaml')
if (!read.ok) throw new Error(read.errors.map(({ says }) => says).join('; '))
const { lab } = read.value

beforeAll(() => n.ok('up', labFile), 60_000)
afterAll(async () => {
  await n.clean()
  rmSync(folder, { recursive: true, force: true })
})

type Json = Readonly<Record<string, unknown>>
type Asked = { readonly protocol: 'TCP' | 'UDP'; readonly port: number }
const ASKED: readonly Asked[] = [80, 81].flatMap((port) => [{ protocol: 'TCP', port } as const, { protocol: 'UDP', port } as const])
const OUTSIDE = ip('203.0.113.10')

/** Knocks at all places given as `address/port/TCP|UDP` at once, prints those that answer within 0.7 s. */
const KNOCK = String.raw`
use strict; use Socket; use Fcntl; use IO::Select; use Time::HiRes 'time';
my ($all, %of, %done) = (IO::Select->new);
for my $place (@ARGV) {
  my ($ip, $port, $proto) = split m{/}, $place;
  socket(my $s, PF_INET, $proto eq 'TCP' ? SOCK_STREAM : SOCK_DGRAM, 0) or die $!;
  fcntl($s, F_SETFL, O_NONBLOCK);
  my $sent = connect($s, sockaddr_in($port, inet_aton($ip)));
  syswrite($s, "nonce\n") if $proto eq 'UDP';
  $all->add($s); $of{$s} = [$place, $proto];
}
my $end = time + 0.7;
while ($all->count && (my $left = $end - time) > 0) {
  my ($r, $w) = IO::Select->select($all, IO::Select->new(grep { $of{$_}[1] eq 'TCP' } $all->handles), undef, $left);
  for my $s (@{$r || []}, @{$w || []}) {
    next if $done{$s}++;
    $all->remove($s);
    my ($place, $proto) = @{$of{$s}};
    my $error = unpack 'i', getsockopt($s, SOL_SOCKET, SO_ERROR);
    my $ok = $error == 0 && ($proto eq 'TCP' ? defined getpeername($s) : defined sysread($s, my $buffer, 2000));
    print "$place\n" if $ok;
  }
}`

async function objects(): Promise<Cluster> {
  const kinds = 'pods,namespaces,networkpolicies,nodes'
  const { items } = JSON.parse(await n.ok('get', kinds, '-A', '-o', 'json')) as { items: readonly unknown[] }
  const all = items.map((item) => {
    const object = readObject(item)
    if (!object.ok) throw new Error(JSON.stringify(object.errors))
    return object.value
  })
  return clusterOf(lab, objectsOf(all))
}

const outside: End = { ip: OUTSIDE }
const addressOf = (end: End): string => ('pod' in end ? end.pod.ip : end.ip)

/** From each Pod the places that answer, `y/a:80/TCP`; the way of a Pod to itself is not asked. */
async function measured(cluster: Cluster): Promise<Readonly<Record<string, readonly string[]>>> {
  const ends = podEnds(cluster)
  const names = new Map([...ends, outside].map((end) => [addressOf(end), endName(end)]))
  const rows = ends.map(async (from) => {
    if (!('pod' in from)) return []
    const places = [...ends.filter((to) => to !== from), outside].flatMap((to) => ASKED.map(({ port, protocol }) => `${addressOf(to)}/${port}/${protocol}`))
    const said = await n.ok('exec', '-n', from.pod.namespace, from.pod.name, '--', 'perl', '-e', KNOCK, ...places)
    const reached = said.split('\n').filter((line) => line !== '')
    return [endName(from), reached.map((place) => place.replace(/^[^/]+\//, (address) => `${names.get(address.slice(0, -1))}:`)).sort()] as const
  })
  return Object.fromEntries(await Promise.all(rows))
}

function computed(cluster: Cluster): Readonly<Record<string, readonly string[]>> {
  const ends = podEnds(cluster)
  // The host outside serves HTTP on 80, TCP and UDP echo on 7: of what is asked, only TCP 80.
  const listens = (to: End, { protocol, port }: Asked): boolean => to !== outside || (protocol === 'TCP' && port === 80)
  return Object.fromEntries(
    ends.map((from) => [
      endName(from),
      [...ends.filter((to) => to !== from), outside]
        .flatMap((to) =>
          ASKED.filter((asked) => listens(to, asked) && decide(cluster, { from, to, ...asked }).allowed).map(
            ({ port, protocol }) => `${endName(to)}:${port}/${protocol}`,
          ),
        )
        .sort(),
    ]),
  )
}

const only = (name: string): Json => ({ podSelector: { matchLabels: { pod: name } } })
const inNamespaces = (...names: readonly string[]): Json => ({ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'In', values: names }] } })
const both = { policyTypes: ['Ingress', 'Egress'] }

/** Those of the documentation, and those that are often got wrong. */
const CASES: Readonly<Record<string, readonly Json[]>> = {
  'deny all that comes in': [{ podSelector: {}, policyTypes: ['Ingress'] }],
  'deny all that goes out': [{ podSelector: {}, policyTypes: ['Egress'] }],
  'deny everything': [{ podSelector: {}, ...both }],
  'allow all, said': [{ podSelector: {}, ...both, ingress: [{}], egress: [{}] }],
  'the example of the documentation': [
    {
      ...only('a'),
      ...both,
      ingress: [
        {
          from: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } }, inNamespaces('y'), only('b')],
          ports: [{ protocol: 'TCP', port: 80 }],
        },
      ],
      egress: [{ to: [{ ipBlock: { cidr: '203.0.113.0/24' } }], ports: [{ protocol: 'TCP', port: 80 }] }],
    },
  ],
  'both selectors in one peer': [{ ...only('a'), ingress: [{ from: [{ ...inNamespaces('y'), ...only('b') }] }] }],
  'each selector a peer': [{ ...only('a'), ingress: [{ from: [inNamespaces('y'), only('b')] }] }],
  'every Pod, and nobody outside': [{ ...only('a'), ...both, ingress: [{ from: [{ namespaceSelector: {} }] }], egress: [{ to: [{ namespaceSelector: {} }] }] }],
  'egress rules without types close ingress too': [{ ...only('a'), egress: [{ to: [inNamespaces('z')] }] }],
  'one policy for both directions does not let out whom it lets in': [{ podSelector: {}, ...both, ingress: [{ from: [{ podSelector: {} }] }] }],
  'named ports in and out': [
    { ...only('a'), ingress: [{ ports: [{ port: 'serve-81-tcp' }, { port: 'serve-80-udp', protocol: 'UDP' }] }] },
    { ...only('b'), policyTypes: ['Egress'], egress: [{ ports: [{ port: 'serve-80-tcp' }] }] },
  ],
  'a range of ports': [{ ...only('a'), ingress: [{ ports: [{ port: 75, endPort: 80 }] }] }],
  'every port of a protocol': [{ ...only('a'), ingress: [{ ports: [{ protocol: 'UDP' }] }] }],
  'SCTP only': [{ ...only('a'), ingress: [{ ports: [{ protocol: 'SCTP', port: 80 }] }] }],
  'a block of everything but one range, and a second block inside the hole': [
    { ...only('a'), ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.244.1.0/24'] } }, { ipBlock: { cidr: '10.244.1.3/32' } }] }] },
  ],
  'policies add up': [
    { podSelector: {}, ...both },
    { ...only('a'), ingress: [{ from: [only('b')] }] },
    { ...only('b'), policyTypes: ['Egress'], egress: [{ to: [only('a'), inNamespaces('z')] }] },
  ],
}

async function apply(items: readonly Json[]): Promise<void> {
  const file = join(folder, 'objects.json')
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  await n.ok('apply', '-f', file)
}
const policies = (specs: readonly Json[]): readonly Json[] =>
  specs.map((spec, i) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: `p${i}`, namespace: 'x' }, spec }))
const forget = () => n.ok('delete', 'networkpolicy', '--all', '-n', 'x')

/** What is measured becomes what is computed, and that soon. */
async function agree(): Promise<void> {
  const cluster = await objects()
  const wanted = computed(cluster)
  const found = await until(
    () => measured(cluster),
    (now) => isDeepStrictEqual(now, wanted),
    5_000,
  ).catch(() => measured(cluster))
  expect(found).toEqual(wanted)
}

test('without policies all is open', agree, 30_000)

for (const [name, specs] of Object.entries(CASES))
  test(name, { timeout: 30_000 }, async () => {
    try {
      await apply(policies(specs))
      await agree()
    } finally {
      await forget()
    }
  })

async function label(kind: string, name: string, labels: Json, namespace = 'default'): Promise<void> {
  const object = JSON.parse(await n.ok('get', kind, name, '-n', namespace, '-o', 'json'))
  await apply([{ ...object, metadata: { ...object.metadata, resourceVersion: '', labels: { ...object.metadata.labels, ...labels } } }])
}

test('labels of Pods and namespaces, Pods made anew and gone take effect by themselves', { timeout: 60_000 }, async () => {
  try {
    await apply(policies([{ ...only('a'), ingress: [{ from: [{ ...inNamespaces('y'), podSelector: { matchLabels: { role: 'client' } } }] }] }]))
    await agree()
    await label('pod', 'b', { role: 'client' }, 'y')
    await agree()
    await label('namespace', 'y', { ns: 'other' })
    await agree()
    await label('namespace', 'y', { ns: 'y' })
    await n.ok('delete', 'pod', 'b', '-n', 'y')
    await agree()
  } finally {
    await forget()
  }
})
