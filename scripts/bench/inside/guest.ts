/** Runs a program in a keeper of its own on a kernel of its own (user-mode Linux), and prints what it prints. argv: MB of memory, a folder of its own, the program and its words. */
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { keeperArgv } from '#daemon/keeper.ts'
import { bootGuest } from '#driver/uml/uml.ts'
import { home, onlyInKeeper } from '../measure.ts'

onlyInKeeper()
const [megabytes, folder = '', ...argv] = process.argv.slice(2)
const path = process.env['PATH'] ?? ''
const guest = await bootGuest({
  programs: join(home, 'images/guest'),
  log: openSync(join(folder, 'kernel.log'), 'a', 0o600),
  megabytes: Number(megabytes),
  path,
  modules: ['ip_vs', 'ip_vs_rr', 'dummy'],
})
// Its files are this host's, read-only.
const program = guest.start(keeperArgv(argv, { root: true, range: false }), { PATH: path }, (chunk) => process.stdout.write(chunk))
process.exit((await program.exit) ?? 1)
