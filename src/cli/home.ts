/** Where netlab's own files are: the folder above dist/ or src/. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const home: string = up(import.meta.dirname)

/** Commands that run the lab daemon, and what stands before it when it has a kernel of its own. */
export const daemonCommand = (): readonly string[] => command('daemon.js', 'src/daemon/main.ts')
export const gateCommand = (): readonly string[] => command('gate.js', 'src/daemon/gate.ts')

/** The bundle beside this file, or the source when netlab runs unbundled. */
function command(bundle: string, source: string): readonly string[] {
  const bundled = join(import.meta.dirname, bundle)
  return [process.execPath, existsSync(bundled) ? bundled : join(home, source)]
}

/** What removes a lab's containers and networks, for node. By the name that outlives the build: a lab may. */
export const sweepFile = (): string => (import.meta.dirname === join(home, 'src/cli') ? join(home, 'src/daemon/sweep.ts') : join(home, 'dist/sweep.js'))

export const version = (): string => (JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }).version

function up(folder: string): string {
  if (existsSync(join(folder, 'package.json')) || folder === dirname(folder)) return folder
  return up(dirname(folder))
}
