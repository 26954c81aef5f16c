/** While policies, labels, Pods, Services and rules change, what is forbidden never gets through for a moment, and what is allowed always does. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home, netlab } from '../support/netlab.ts'
import { inNamespaces, type Json, thePod } from '../support/policies/cases.ts'

/** Each question from a port of its own, hence a new connection; says how many were asked and how many were answered. */
const STREAM = `use IO::Socket::INET; use IO::Select; my ($to, $end, $wait) = ($ARGV[0], time + $ARGV[1], $ARGV[2]); my ($asked, $answered) = (0, 0);
while (time < $end) { my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => $to, PeerPort => $ARGV[3]) or die; $s->send("hostname"); $asked++;
if (IO::Select->new($s)->can_read($wait)) { my $b; $answered++ if defined $s->recv($b, 512) && length $b } } print "$asked $answered"`

describe.each([
  { engine: 'kube-router', cni: 'flannel-vxlan' },
  { engine: 'kube-router-nftables', cni: 'flannel-vxlan' },
  { engine: 'calico', cni: 'calico-bgp' },
  { engine: 'calico-nftables', cni: 'calico-vxlan' },
])('policy $engine', ({ engine, cni }) => {
  const n = netlab()
  const folder = mkdtempSync(join(tmpdir(), 'netlab-holes-'))
  let target = ''

  beforeAll(async () => {
    const lab = join(folder, 'lab')
    cpSync(join(home, 'test/support/labs/policy'), lab, { recursive: true })
    writeFileSync(join(lab, 'lab.yaml'), readFileSync(join(lab, 'lab.yaml'), 'utf8').replace('policy: kube-router', `policy: ${engine}\n  cni: ${cni}`))
    await n.ok('up', lab)
    target = (await n.json('pod', 'a', '-n', 'x')).status.podIP
  })
  afterAll(async () => {
    await n.clean()
    rmSync(folder, { recursive: true, force: true })
  })

  const stream = async (from: string, seconds: number, wait: number, port = 80) => {
    const [asked = 0, answered = 0] = (await n.ok('exec', `pod/${from}`, '--', 'perl', '-e', STREAM, target, `${seconds}`, `${wait}`, `${port}`))
      .split(' ')
      .map(Number)
    return { asked, answered }
  }
  const apply = (...objects: readonly Json[]) => n.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  const policy = (name: string, spec: Json): Json => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: 'x' }, spec })
  const labelled = async (kind: string, name: string, labels: Json, namespace = 'default'): Promise<Json> => {
    const { apiVersion, metadata, spec } = await n.json(kind, name, '-n', namespace)
    return { apiVersion, kind, metadata: { name, ...(metadata.namespace && { namespace }), labels: { ...metadata.labels, ...labels } }, spec }
  }
  const own: Json = { ...thePod('a'), ingress: [{ from: [thePod('b')], ports: [{ protocol: 'UDP', port: 80 }] }] }

  test('at a high rate of changes nothing forbidden gets in, and nothing allowed is lost', async () => {
    // On another port: what was let in before the policy came would be let in after it too.
    expect((await stream('y/b', 1, 0.2, 81)).answered).toBeGreaterThan(0)
    await apply(policy('one', own))
    const seconds = 15
    const streams = Promise.all([stream('y/b', seconds, 0.005), stream('z/a', seconds, 0.005), stream('x/b', seconds, 5)])
    const until = Date.now() + (seconds - 3) * 1000
    const service = (port: number): Json => ({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'extra', namespace: 'y' } },
      spec: { selector: { pod: 'a' }, ports: [{ port, targetPort: 80 }] },
    })
    for (let round = 0; Date.now() < until; round += 1) {
      const [now, before] = round % 2 === 0 ? ['two', 'one'] : ['one', 'two']
      // another policy that denies the same; then one whose rules mean other peers on another port
      await apply(policy(now, own))
      await n.ok('delete', 'networkpolicy', before, '-n', 'x')
      await apply(
        policy('turns', {
          ...thePod('a'),
          ingress: [{ from: [round % 2 === 0 ? thePod('c') : inNamespaces('y')], ports: [{ protocol: round % 2 === 0 ? 'UDP' : 'TCP', port: 80 }] }],
        }),
      )
      await apply(policy('first', { ...thePod('c'), ...(round % 2 === 0 ? { ingress: [] } : { policyTypes: ['Egress'], egress: [{}] }) }))
      await apply(await labelled('Pod', 'b', { turn: `${round}` }, 'y'), await labelled('Namespace', 'z', { turn: `${round}` }), service(8000 + round))
      await n.ok('delete', 'pod', 'c', '-n', 'z', '--force').catch(() => n.ok('delete', 'pod', 'c', '-n', 'z'))
      await n.ok('apply', '-f', join(folder, 'lab/manifests'))
      await n.sh('node-1', 'iptables -D FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD')
      await n.ok('repair', 'node-1')
    }
    const [forbidden, other, allowed] = await streams
    expect([forbidden.asked > 100, forbidden.answered, other.answered, allowed.asked > 100, allowed.asked - allowed.answered]).toEqual([true, 0, 0, true, 0])
  })
})
