/**
 * One long-lived program on each machine of a watched lab: it tells the counters of the machine's links whenever they have moved, and runs what it is
 * asked to run there, one after the other. It ends when its stdin does, however the dashboard ended.
 *
 * To it: `ID TAB NETNS TAB ARGV…` a line, NETNS empty for the machine's own. From it: `links NAME RX TX …` a line, and `answer ID CODE BYTES` with so many
 * bytes behind it.
 */
import { spawn } from 'node:child_process'

const SCRIPT = String.raw`use strict;
use Time::HiRes 'time';
$0 = 'netlab-watcher';
my ($every, $most) = ($ARGV[0] / 1000, $ARGV[1]);
my ($asked, $told, $next) = ('', '', time);
$| = 1;
while (1) {
    my $ready = '';
    vec($ready, 0, 1) = 1;
    my $wait = $next - time;
    if (select($ready, undef, undef, $wait > 0 ? $wait : 0)) {
        sysread STDIN, $asked, 65536, length $asked or exit;
        while ($asked =~ s/^([^\n]*)\n//) { answer(split /\t/, $1) }
    }
    if (time >= $next) { links(); $next = time + $every }
}

sub links {
    open my $file, '<', '/proc/self/net/dev' or return;
    my $line = join ' ', 'links', map { /^\s*([^:\s]+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/ ? ($1, $2, $3) : () } <$file>;
    print $told = $line, "\n" if $line ne $told;
}

sub answer {
    my ($id, $space, @argv) = @_;
    unshift @argv, 'nsenter', "--net=/run/netns/$space" if $space ne '';
    my $text = '';
    my $pid = open my $from, '-|';
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        alarm 5;
        exec { $argv[0] } @argv or do { print "$argv[0]: $!\n"; exit 127 };
    }
    while (length $text < $most and sysread $from, $text, 65536, length $text) {}
    kill 'KILL', $pid if length $text >= $most;
    close $from;
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    print "answer $id $code ", length $text, "\n", $text;
}
`

/** Bytes received and sent since the link was made, by its name. */
export type Counters = ReadonlyMap<string, { readonly rx: number; readonly tx: number }>
export type Answer = { readonly code: number; readonly text: string }

export type Watcher = {
  /** As last told. */
  readonly counters: () => Counters
  /** Undefined when the watcher is gone. */
  readonly ask: (argv: readonly string[], netns?: string) => Promise<Answer | undefined>
  readonly close: () => void
}

/** A table longer than this is nothing to look through on a screen. */
const ANSWER_MAX = 512 * 1024

export const watcherArgv = (everyMs: number): readonly string[] => ['perl', '-e', SCRIPT, '--', `${everyMs}`, `${ANSWER_MAX}`]

/** `argv` starts `watcherArgv` on the machine. */
export function openWatcher({ argv, env }: { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }): Watcher {
  const [program = '', ...args] = argv
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], env: { ...env } })
  const waiting = new Map<string, (answer: Answer | undefined) => void>()
  let counters: Counters = new Map()
  let [count, over, rest] = [0, false, Buffer.alloc(0)]
  const end = (): void => {
    over = true
    for (const settle of waiting.values()) settle(undefined)
    waiting.clear()
  }
  child.on('error', end).on('close', end)
  child.stdin.on('error', end)
  child.stdout.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const { told, used } = readTold(rest)
      if (told === undefined) return
      rest = rest.subarray(used)
      if (told.kind === 'links') counters = told.counters
      else {
        waiting.get(told.id)?.(told.answer)
        waiting.delete(told.id)
      }
    }
  })
  return {
    counters: () => counters,
    ask: (words, netns = '') => {
      if (over) return Promise.resolve(undefined)
      count += 1
      const id = `${count}`
      return new Promise((resolve) => {
        waiting.set(id, resolve)
        child.stdin.write(`${[id, netns, ...words].join('\t')}\n`)
      })
    },
    close: () => child.stdin.end(),
  }
}

type Told = { readonly kind: 'links'; readonly counters: Counters } | { readonly kind: 'answer'; readonly id: string; readonly answer: Answer }

/** The first whole thing told, and how many bytes it takes. */
export function readTold(bytes: Buffer): { readonly told?: Told; readonly used: number } {
  const end = bytes.indexOf(10)
  if (end < 0) return { used: 0 }
  const [word, ...words] = bytes.subarray(0, end).toString().split(' ')
  if (word === 'links') return { told: { kind: 'links', counters: countersOf(words) }, used: end + 1 }
  const [id = '', code, length] = words
  const used = end + 1 + Number(length)
  if (bytes.length < used) return { used: 0 }
  return { told: { kind: 'answer', id, answer: { code: Number(code), text: bytes.subarray(end + 1, used).toString() } }, used }
}

const countersOf = (words: readonly string[]): Counters =>
  new Map(Array.from({ length: Math.floor(words.length / 3) }, (_, i) => [words[3 * i] ?? '', { rx: Number(words[3 * i + 1]), tx: Number(words[3 * i + 2]) }]))
