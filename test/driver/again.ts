/** In a keeper: a program that machines are to have is missing at first. argv: a folder of one's own. Prints what was seen. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { netnsDriver } from '#driver/netns/netns.ts'

const [, , folder = ''] = process.argv
const program = join(folder, 'program')
const bare = { lab: 'again', routes: [], segments: [], machines: [] }
const signal = AbortSignal.timeout(20_000)
const driver = netnsDriver({ folder, programs: { program } })
const first = await driver.up(bare, signal).then(
  () => 'up',
  ({ message }: Error) => message,
)
await driver.down()
writeFileSync(program, '')
await driver.up(bare, signal)
const there = existsSync(join(folder, 'root/opt/netlab/bin/program'))
await driver.down()
process.stdout.write(JSON.stringify({ first, there, after: existsSync(join(folder, 'root/opt')) }))
process.exit()
