/** How soon the command line answers, against a Node program that does nothing. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { against, type Chapter, home, inFolder, median, ms, table, timed, times, turns } from './measure.ts'

const ROUNDS = 25

export function cli(): Promise<Chapter> {
  return inFolder(async (folder) => {
    const empty = join(folder, 'empty.mjs')
    writeFileSync(empty, '')
    const program = join(home, 'dist/main.js')
    const state = { env: { NETLAB_STATE: folder } }
    const node = (...args: readonly string[]) => {
      return () => timed([process.execPath, ...args], state).ms
    }
    // The launcher builds what is not built, and keeps which node it found.
    timed([join(home, 'netlab'), 'version'], state)
    const took = await turns(ROUNDS, {
      'empty program': node(empty),
      '`--help`': node(program, '--help'),
      '`version`': node(program, 'version'),
      '`ls`': node(program, 'ls'),
      '`./netlab version`': () => timed([join(home, 'netlab'), 'version'], state).ms,
    })
    const floor = median(took['empty program'])
    const rows = Object.entries(took).map(([name, values]) => {
      const ratio = median(values) / floor
      return [name, ms(median(values)), times(ratio), name === '`--help`' || name === '`version`' ? against(ratio, 1.3, 'at most') : '']
    })
    return { title: 'The command line’s start', text: table(['', 'median', '÷ empty program', 'target'], rows) }
  })
}
