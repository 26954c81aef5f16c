/** What a grade is worth: hidden probes are nowhere while a submission's programs run, and nobody answers a probe in the place of whom it asks. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { netlab } from '../support/netlab.ts'

/** A script yields to everything else on a busy machine. */
const PATIENCE = { timeout: 600_000 }
const n = netlab(PATIENCE)
const work = mkdtempSync(join(tmpdir(), 'netlab-hidden-'))
afterAll(async () => {
  await n.clean()
  rmSync(work, { recursive: true, force: true })
})

const put = (file: string, text: string): void => {
  mkdirSync(dirname(join(work, file)), { recursive: true })
  writeFileSync(join(work, file), text)
}

/** In the hidden probe's id, title, question and answer; of the visible one only the second half. */
const MARK = ['quokka', '4711']
const mark = MARK.join('-')

put('lab/lab.yaml', 'apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: lab}\nspec: {nodes: 2, dns: none, hosts: [{name: internet, ip: 203.0.113.10}]}\n')
put(
  'lab/manifests/pods.yaml',
  [1, 2]
    .map((i) => `apiVersion: v1\nkind: Pod\nmetadata: {name: client-${i}}\nspec: {nodeName: node-${i}, containers: [{name: c, image: netlab/netshoot}]}\n`)
    .join('---\n'),
)
put(
  'lab/exercises/way-out/exercise.yaml',
  `apiVersion: netlab.dev/v1
kind: Exercise
metadata: {name: way-out}
spec:
  tasks:
    - id: way-out
      title: client-1 reaches internet and client-2
      text: text/01.md
      probes:
        - {id: constant, udp: {from: pod/client-1, to: ext/internet, port: 7}, within: 10s}
        - {id: echo, source: {from: pod/client-1, to: pod/client-2, sees: own}, within: 10s}
`,
)
put('lab/exercises/way-out/text/01.md', 'client-1 reaches neither internet nor client-2.')
put('lab/exercises/way-out/start/nodes/node-1.sh', 'ip route add blackhole 203.0.113.10/32\nip route add blackhole 10.244.1.2/32\n')
put('lab/exercises/way-out/solution/nodes/node-1.sh', 'ip route del blackhole 203.0.113.10/32\nip route del blackhole 10.244.1.2/32\n')
put(
  'lab/exercises/way-out/grade/hidden.yaml',
  `apiVersion: netlab.dev/v1
kind: Check
spec:
  groups:
    - {id: way-out, title: "Hidden ${mark}", probes: [{id: "${mark}", title: "Hidden ${mark}", exec: {node: node-2, argv: [echo, "${mark}"], stdout: {contains: "${mark}"}}}]}
`,
)

/** Looks at all that it can read, three times, without holding the word itself: ends with 7 when it is found. */
const SEARCH = `word=${MARK[0]}-; word="$word"${MARK[1]}
i=0
while [ $i -lt 3 ]; do
  for p in /proc/[0-9]*; do
    [ $p = /proc/$$ ] && continue
    if tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q "$word"; then exit 7; fi
    if tr '\\0' ' ' < $p/environ 2>/dev/null | grep -q "$word"; then exit 7; fi
    for fd in $p/fd/*; do [ -f $fd ] && grep -q "$word" $fd 2>/dev/null && exit 7; done
  done
  for folder in /run /tmp /var/tmp /dev/shm /etc/netns /root /home /opt/netlab/pods; do
    if [ -d $folder ] && timeout 10 grep -rqs "$word" $folder; then exit 7; fi
  done
  i=$((i + 1)); sleep 0.5
done
`
const SOLVED = readFileSync(join(work, 'lab/exercises/way-out/solution/nodes/node-1.sh'), 'utf8')

type Grade = {
  readonly says: string
  readonly notes: readonly { readonly at?: string; readonly says: string }[]
  readonly tasks: readonly {
    readonly results: readonly { readonly id: string; readonly verdict: string; readonly visibility: string; readonly observed: string }[]
  }[]
}
async function graded(name: string, files: Readonly<Record<string, string>>) {
  for (const [file, text] of Object.entries(files)) put(`submissions/${name}/${file}`, text)
  await n.run('grade', join(work, 'lab/way-out'), join(work, 'submissions', name), '--out', join(work, 'grades', name), '--seconds', '150')
  const grade = JSON.parse(readFileSync(join(work, 'grades', name, 'grade.json'), 'utf8')) as Grade
  return {
    verdicts: Object.fromEntries(grade.tasks.flatMap(({ results }) => results.map(({ id, verdict }) => [id, verdict]))),
    notes: grade.notes.map(({ at, says }) => `${at} ${says}`),
    hidden: grade.tasks.flatMap(({ results }) => results.flatMap(({ id, visibility }) => (visibility === 'hidden' ? [id] : []))),
  }
}

test('while a submission runs, nothing that it can read holds a hidden probe; afterwards that probe is asked', PATIENCE, async () => {
  expect(await graded('curious', { 'nodes/node-1.sh': `${SOLVED}${SEARCH}`, 'nodes/node-2.sh': SEARCH, 'pods/client-1.sh': SEARCH })).toEqual({
    verdicts: { constant: 'pass', echo: 'pass', [mark]: 'pass' },
    notes: [],
    hidden: [mark],
  })
})

test.each([
  ['a file', `echo ${mark} > /run/somewhere`],
  ['the arguments of a program', `sleep 600 ${mark} 2>/dev/null & perl -e 'sleep 600' ${mark} &`],
  ['the environment of a program', `WORD=${mark} sleep 600 &`],
])('the search would find it in %s', PATIENCE, async (what, script) => {
  const { notes } = await graded(what.replaceAll(' ', '-'), { 'nodes/node-1.sh': `${script}\nsleep 0.3\n${SEARCH}` })
  expect(notes).toEqual([expect.stringMatching(/nodes\/node-1.sh:1:1 ended with 7/)])
})

/** node-1 says of itself that it is internet and client-2, and answers whatever comes: on UDP the word it once heard, on TCP and UDP what it is sent. */
const IMPOSTOR = `for ip in 203.0.113.10 10.244.1.2; do ip route del blackhole $ip/32; ip addr add $ip/32 dev lo; done
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 7, Proto => "udp"); while ($s->recv(my $x, 2000)) { $s->send("echo n0") }' &
iptables -t nat -I PREROUTING -d 10.244.1.2 -p udp -j REDIRECT --to-ports 9999
iptables -t nat -I PREROUTING -d 10.244.1.2 -p tcp -j REDIRECT --to-ports 9999
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 9999, Proto => "udp"); while ($s->recv(my $x, 2000)) { $s->send($x) }' &
perl -MIO::Socket::INET -e '$SIG{CHLD} = "IGNORE"; my $s = IO::Socket::INET->new(LocalPort => 9999, Listen => 9, ReuseAddr => 1); while (my $c = $s->accept) { next if fork; while (sysread($c, my $x, 2000)) { syswrite($c, $x) } exit }' &
sleep 0.5
ping -c 1 -W 1 203.0.113.10 && ping -c 1 -W 1 10.244.1.2
`

test('whoever answers in the place of the one that is asked does not know what was sent there', PATIENCE, async () => {
  const { verdicts, notes } = await graded('impostor', { 'nodes/node-1.sh': IMPOSTOR })
  expect([verdicts, notes]).toEqual([{ constant: 'fail', echo: 'fail', [mark]: 'pass' }, []])
})
