/** Boots a kernel of its own inside a keeper and has the host of laws (host.ts) stand there; its stdin and outputs are passed on. argv: a folder of its own. */
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { keeperArgv } from '#daemon/keeper.ts'
import { beginning, frame, framesOf } from '#driver/uml/frames.ts'
import { bootGuest } from '#driver/uml/uml.ts'

const MEGABYTES = 768
/** Debian builds it without nftables for IPv4. */
const LACKS = ['nft']
const PATH = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`
process.env['PATH'] = PATH

const log = openSync(join(process.argv[2] ?? '', 'kernel.log'), 'a', 0o600)
const guest = await bootGuest({ programs: join(import.meta.dirname, '../../images/guest'), log, megabytes: MEGABYTES, path: PATH, modules: [] })
void guest.end.then((how) => {
  process.stderr.write(`the kernel ${how}\n`)
  process.exit(1)
})

const wire = guest.programs()
wire.on(
  'data',
  framesOf(({ kind, body }) => {
    if (kind === 'o') process.stdout.write(body)
    else if (kind === 'e') process.stderr.write(body)
    else if (kind === 'x') process.exit(Number(body))
  }),
)
const argv = keeperArgv([process.execPath, join(import.meta.dirname, 'host.ts'), '/run/netlab/lab', ...LACKS], { root: true, range: false })
wire.write(Buffer.concat([beginning(argv, { PATH, NETLAB_SLOWNESS: '6' }), frame('g')]))
process.stdin.on('data', (chunk: Buffer) => wire.write(frame('i', chunk)))
process.stdin.on('close', () => wire.write(frame('i')))
