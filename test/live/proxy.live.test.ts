/** What kube-proxy does besides writing rules: stale UDP entries, answers to load balancers, connections that a change leaves alone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home, netlab, until } from '../support/netlab.ts'

/**
 * SCTP by hand, for not every kernel has it: `answer` waits for an INIT (1) and sends the INIT ACK (2) back, an address and a port send an INIT and wait for five seconds.
 * Its checksum is CRC-32C.
 */
const SCTP = `
use strict; use Socket;
sub sum { my $c = 0xffffffff; for (unpack 'C*', shift) { $c ^= $_; $c = $c & 1 ? $c >> 1 ^ 0x82f63b78 : $c >> 1 for 1 .. 8 } $c ^ 0xffffffff }
socket my $s, PF_INET, SOCK_RAW, 132 or die $!;
sub say_to {
  my ($to, $from_port, $to_port, $tag, $type) = @_;
  my $text = pack 'nnNN CCn NNnnN', $from_port, $to_port, $tag, 0, $type, 0, 20, 77, 65536, 1, 1, 1;
  substr $text, 8, 4, pack 'V', sum($text);
  send $s, $text, 0, pack_sockaddr_in(0, $to) or die $!;
}
sub hear { recv $s, my $text, 999, 0; my $at = 4 * (ord($text) & 15); (unpack('x12 a4 a4', $text), unpack "x$at nn x8 C", $text) }
if ($ARGV[0] eq 'answer') {
  my ($from, $to, $sport, $dport, $type) = hear();
  say_to($from, $dport, $sport, 77, 2);
  print "$type to ", inet_ntoa($to), ":$dport";
  exit;
}
say_to(inet_aton($ARGV[0]), 4000 + $$ % 1000, $ARGV[1], 0, 1);
vec(my $r = '', fileno $s, 1) = 1;
exit unless select $r, undef, undef, 5;
my ($from, $to, $sport, $dport, $type) = hear();
print inet_ntoa($from), ":$sport says $type";
`

describe.each(['iptables', 'nftables'])('%s', (mode) => {
  const n = netlab()
  const folder = mkdtempSync(join(tmpdir(), 'netlab-manifests-'))
  beforeAll(async () => {
    await n.ok('up', join(home, `test/support/labs/proxy/${mode === 'iptables' ? 'lab' : mode}.yaml`))
  })
  afterAll(async () => {
    await n.clean()
    rmSync(folder, { recursive: true, force: true })
  })

  const apply = async (object: object): Promise<string> => {
    const file = join(folder, 'object.json')
    writeFileSync(file, JSON.stringify(object))
    return n.ok('apply', '-f', file)
  }
  const sh = (place: string, script: string) => n.ok('exec', place, '--', 'sh', '-c', script)

  const server = (name: string, app: string) => ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app } } },
    spec: { nodeName: 'node-2', containers: [{ name: 'main', image: 'netlab/echo', ports: [{ containerPort: 8080, protocol: 'UDP' }] }] },
  })
  /** Who answers a datagram from this very source port; nothing when nobody does within two seconds. */
  const udp = (from: string, sourcePort: number, address: string, port: number) =>
    sh(
      from,
      `perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(Proto => "udp", LocalPort => ${sourcePort}, PeerAddr => "${address}:${port}") or die $@;
        $s->send("hostname"); vec(my $r = "", fileno $s, 1) = 1;
        my $answer = "silence"; $s->recv($answer, 99) if select($r, undef, undef, 2); print $answer || "silence"'`,
    )

  test('a UDP client that keeps its port follows the Service to a new endpoint at once, by every address', async () => {
    const ask = () => Promise.all([udp('client', 5001, '10.96.1.1', 53), udp('client', 5002, '198.51.100.9', 53), udp('outside', 5003, '192.168.0.10', 30053)])
    expect(await ask()).toEqual(['udp-a', 'udp-a', 'udp-a'])
    await apply(server('udp-b', 'udp'))
    await until(
      () => n.ok('get', 'endpoints', 'udp', '--no-headers'),
      (text) => text.split(',').length === 2,
    )
    expect(await ask()).toEqual(['udp-a', 'udp-a', 'udp-a'])
    await n.ok('delete', 'pod', 'udp-a', '--force', '--grace-period', '0')
    await until(ask, (answers) => answers.every((answer) => answer === 'udp-b'), 20_000)
  })

  test('a datagram sent before there was a Service does not keep the way to nobody open', async () => {
    expect(await udp('client', 5004, '10.96.1.7', 53)).toBe('silence')
    const ports = [{ port: 53, targetPort: 8080, protocol: 'UDP' }]
    await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'late' }, spec: { clusterIP: '10.96.1.7', selector: { app: 'udp' }, ports } })
    await until(
      () => udp('client', 5004, '10.96.1.7', 53),
      (answer) => answer === 'udp-b',
      20_000,
    )
  })

  test('NodePorts answer on the addresses the lab says, and on no other', async () => {
    expect(await Promise.all([udp('client', 5005, '192.168.0.10', 30053), udp('client', 5006, '10.244.0.1', 30053)])).toEqual(['udp-b', 'silence'])
  })

  test('a Service of type LoadBalancer gets an address of the pool, and who comes later waits for it', async () => {
    const address = async (name: string) => JSON.parse(await n.ok('get', 'svc', name, '-o', 'json')).status.loadBalancer.ingress?.[0]?.ip
    expect(await address('lone')).toBe('198.51.100.64')
    expect(await sh('client', 'curl -s -m 3 http://198.51.100.64/hostname')).toBe('lone')
    await apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'second' },
      spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] },
    })
    await until(
      () => n.ok('describe', 'svc', 'second'),
      (told) => told.includes('Failed to allocate IP for "default/second": no available IPs'),
    )
    expect(await n.ok('get', 'svc', 'second')).toContain('<pending>')
  })

  test('connections are remembered as long as kube-proxy wants it', async () => {
    const keys = ['established', 'close_wait'].map((state) => `net.netfilter.nf_conntrack_tcp_timeout_${state}`)
    expect(await sh('node-1', `sysctl -n ${keys.join(' ')}`)).toBe('86400\n3600')
  })

  test('SCTP goes through a Service and back, to a named port that is another', async () => {
    const ip = (await n.json('pod', 'stays')).status.podIP
    await n.apply(
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'stream' } },
        spec: { clusterIP: '10.96.1.9', ports: [{ name: 'data', port: 9, protocol: 'SCTP' }] },
      }),
    )
    await n.apply(
      JSON.stringify({
        ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'stream-a', labels: { 'kubernetes.io/service-name': 'stream' } } },
        ...{ addressType: 'IPv4', ports: [{ name: 'data', port: 7, protocol: 'SCTP' }], endpoints: [{ addresses: [ip] }] },
      }),
    )
    const server = n.ok('exec', 'stays', '--', 'perl', '-e', SCTP, 'answer')
    const answer = await until(
      () => n.ok('exec', 'client', '--', 'perl', '-e', SCTP, '10.96.1.9', '9'),
      (text) => text !== '',
    )
    expect({ answer, heard: await server }).toEqual({ answer: '10.96.1.9:9 says 2', heard: `1 to ${ip}:7` })
  })

  const asked = (url: string) => sh('outside', `curl -s -m 3 -w '\\n%{http_code} %header{x-load-balancing-endpoint-weight}' ${url} || true`)
  const body = (count: number) =>
    `{\n\t"service": {\n\t\t"namespace": "default",\n\t\t"name": "lone"\n\t},\n\t"localEndpoints": ${count},\n\t"serviceProxyHealthy": true\n}`

  test('a healthCheckNodePort says 200 where there is a ready endpoint, 503 elsewhere, and follows', async () => {
    const [here, there] = ['192.168.0.11:31000', '192.168.0.10:31000']
    expect([await asked(here), await asked(there)]).toEqual([`${body(1)}\n200 1`, `${body(0)}\n503 0`])
    await sh('lone', 'curl -s -X POST http://127.0.0.1:8080/fail-healthz')
    await until(
      () => asked(here),
      (answer) => answer === `${body(0)}\n503 0`,
    )
    await n.ok('delete', 'svc', 'lone')
    await until(
      () => asked(here),
      (answer) => answer === '\n000 ',
    )
    await until(
      () => n.ok('get', 'svc', 'second'),
      (told) => told.includes('198.51.100.64'),
    )
  })

  test('kube-proxy says that it is well, and what it is', async () => {
    const time = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d+ \\+0000 UTC'
    expect(await asked('192.168.0.10:10256/healthz')).toMatch(
      new RegExp(`^\\{"lastUpdated": "${time}","currentTime": "${time}", "nodeEligible": true\\}\\n200 $`),
    )
    expect(await asked('192.168.0.10:10256/livez')).toMatch(/"\}\n200 $/)
    expect(await sh('node-1', 'curl -s http://127.0.0.1:10249/proxyMode')).toBe(mode)
  })

  test('a rollout leaves connections to others alone, and those to its own Pods until these end', async () => {
    /** Connects until `wanted` answers, then speaks five times a second for eight seconds: how many answers came, and when the first was missed. */
    const talk = (wanted: string) =>
      sh(
        'client',
        `perl -MIO::Socket::INET -MTime::HiRes=sleep,time -e '
          my $s;
          for (1 .. 200) {
            $s = IO::Socket::INET->new(PeerAddr => "10.96.1.2:80", Timeout => 2) or die $@;
            print {$s} "hello\\n"; $s->flush; my $line = <$s>; last if $line =~ /"pod":"${wanted}/; undef $s;
          }
          open my $talks, ">", "/tmp/talks-to-${wanted}"; <$s>; $SIG{PIPE} = "IGNORE"; my ($n, $begun) = (0, time);
          while (time < $begun + 8) { print {$s} "ping\\n"; $s->flush; my $answer = <$s>; last unless defined $answer; $n++; sleep 0.2 }
          printf "%d %.1f", $n, time - $begun'`,
      )
    const [staying, rolling] = [talk('stays'), talk('web-')]
    await sh('client', 'until [ -e /tmp/talks-to-stays ] && [ -e /tmp/talks-to-web- ]; do sleep 0.1; done')
    await n.ok('exec', 'node-1', '--', 'kubectl', 'rollout', 'restart', 'deploy/web')
    const [stayed, rolled] = (await Promise.all([staying, rolling])).map((said) => said.split(' ').map(Number))
    expect(stayed?.[1]).toBeGreaterThanOrEqual(8)
    // preStop holds the old Pod for four seconds after it became an endpoint that terminates.
    expect(rolled?.[1]).toBeGreaterThanOrEqual(4)
  })

  type PodSeen = { metadata: { deletionTimestamp?: string }; status: { conditions: { type: string; status: string }[] } }
  const isReadyToStay = ({ metadata, status }: PodSeen) =>
    metadata.deletionTimestamp === undefined && status.conditions.some((one) => one.type === 'Ready' && one.status === 'True')
  const flush = mode === 'iptables' ? 'for t in nat filter mangle; do iptables -t $t -F; iptables -t $t -X; done' : 'nft flush ruleset'
  const answers = (place: string) => sh(place, 'curl -s -m 2 -o /dev/null -w "%{http_code}" http://10.96.1.2/ || true')

  test('flushed rules stay flushed until something changes, and are then written whole', async () => {
    // The rollout is over: nothing changes any more by itself.
    await until(
      () => n.json('pods', '-l', 'rolls=yes'),
      ({ items }) => items.length === 2 && items.every(isReadyToStay),
      40_000,
    )
    await n.ok('drift')
    await sh('node-1', flush)
    expect(await answers('client')).toBe('000')
    await n.ok('delete', 'pod', 'stays', '--force', '--grace-period', '0')
    await until(
      () => answers('client'),
      (code) => code === '200',
    )
    expect(await n.ok('describe', 'node', 'node-1')).toContain('somebody flushed the rules: kube-proxy wrote them all anew')
    expect((await n.run('drift')).out).not.toContain('kube-proxy')
  })
})

test('with resync kube-proxy looks after its rules by itself', async () => {
  const n = netlab()
  await n.ok('up', join(home, 'test/support/labs/proxy/resync.yaml'))
  await n.ok('exec', 'node-1', '--', 'nft', 'flush', 'ruleset')
  await until(
    () => n.run('exec', 'client', '--', 'curl', '-s', '-m', '1', 'http://10.96.1.2/hostname'),
    ({ code }) => code === 0,
  )
  await n.clean()
})
