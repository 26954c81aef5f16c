/** Missing programs: named all at once, and installed where that asks nobody for a password. */
import { spawn, spawnSync } from 'node:child_process'
import { aptCommand, hasProgram, missingPrograms, packagesOf } from './doctor/programs.ts'
import { exitOf } from './enter.ts'
import { type Io, NOT_STARTED, stop } from './io.ts'

export async function ensurePrograms(io: Io, mayInstall: boolean): Promise<void> {
  const root = process.getuid?.() === 0
  const missing = missingPrograms(io.env['PATH'], root)
  if (missing.length === 0) return
  const packages = packagesOf(missing)
  const told = `missing: ${missing.map((program) => program.name).join(', ')}`
  const command = aptCommand(packages, root)
  const refuse = (why: string) => stop(NOT_STARTED, `${told}\n${why}:\n  ${command}`)
  if (!hasProgram('apt-get', io.env['PATH'])) throw stop(NOT_STARTED, `${told}\ninstall what holds them; on Debian that is ${packages.join(' ')}`)
  if (!mayInstall) throw refuse('install them with')
  if (!root && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) throw refuse('install them with')
  io.err(`${told}\ninstalling them: ${command}\n`)
  const argv = [
    ...(root ? [] : ['sudo', '-n']),
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    'install',
    '-y',
    '-qq',
    '--no-install-recommends',
    ...packages,
  ]
  const [program = '', ...rest] = argv
  // what apt prints is no result of netlab's
  const code = await exitOf(spawn(program, rest, { stdio: ['ignore', 2, 2] }))
  const still = missingPrograms(io.env['PATH'], root)
  if (code !== 0 || still.length > 0) throw refuse(`apt-get ended with ${code}; see above, then try`)
}
