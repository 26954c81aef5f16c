/** Missing programs: named all at once, and installed where that asks nobody for a password. */
import { spawn, spawnSync } from 'node:child_process'
import { aptCommand, hasProgram, missingPrograms, packagesOf } from './doctor/programs.ts'
import { exitOf } from './enter.ts'
import { type Io, NOT_STARTED, stop } from './io.ts'

/** A package that brings a server must not start it: a lab runs its own, and the host's network is not netlab's. policy-rc.d is how Debian is told so. */
const INSTALL = `set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@"`

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
  const argv = [...(root ? [] : ['sudo', '-n']), 'sh', '-c', INSTALL, 'sh', ...packages]
  const [program = '', ...rest] = argv
  // what apt prints is no result of netlab's
  const code = await exitOf(spawn(program, rest, { stdio: ['ignore', 2, 2] }))
  const still = missingPrograms(io.env['PATH'], root)
  if (code !== 0 || still.length > 0) throw refuse(`apt-get ended with ${code}; see above, then try`)
}
