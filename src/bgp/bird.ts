/** BIRD, the program that speaks BGP on nodes and routers, and what a lab wants of it wherever it runs. */
import type { Process, Step } from '#kernel/step.ts'

/** Where birdc looks by itself. */
const SOCKET = '/run/bird/bird.ctl'

/** `files`: those of its configuration, the first of which names the others; changed, they are read again while sessions stay. */
export const daemon = ({ by, why, files }: { readonly by: string; readonly why: string; readonly files: readonly [string, ...string[]] }): Step & Process => ({
  by,
  why,
  kind: 'process',
  id: 'bird',
  argv: ['bird', '-f', '-c', files[0], '-s', SOCKET],
  env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  // The folder of the socket is the machine's own, made where it is missing.
  mounts: [{ from: '/run/bird/', to: '/run/bird', readOnly: false }],
  onChange: 'restart',
  restart: 'Always',
  reload: { argv: ['birdc', '-s', SOCKET, 'configure'], files },
})

/** In seconds. Calico's own are 2, 5 and 5 to 30, and 240 without a word: a lab cannot wait that long. */
const CONNECT_DELAY = 1
const CONNECT_RETRY = 1
/** None: a side that waits refuses the other's call, and a new session takes two turns of it. Connect delay keeps the pace. */
const ERROR_WAIT = '0,0'
const HOLD = 3
const KEEPALIVE = 1

/** How patient a session is: lines of a `protocol bgp` or its template. */
export const PATIENCE = `  connect delay time ${CONNECT_DELAY};
  connect retry time ${CONNECT_RETRY};
  error wait time ${ERROR_WAIT};
  hold time ${HOLD};
  keepalive time ${KEEPALIVE};
`

/** In seconds: how often BIRD looks what the kernel holds. */
export const SCAN = 2
/** In milliseconds: three in a row missed, and the peer is gone. */
const BFD_INTERVAL = 100

/** Sessions over several hops and over one wire are two kinds to BFD. */
export const bfdProtocol = (...kinds: readonly ('multihop' | 'interface "*"')[]): string =>
  `protocol bfd {\n${kinds.map((kind) => `  ${kind} { interval ${BFD_INTERVAL} ms; multiplier 3; };\n`).join('')}}\n`

/** A name as BIRD takes one. */
export const underscored = (name: string): string => name.replaceAll(/[.-]/g, '_')
