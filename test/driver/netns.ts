/** The netns driver's world; only inside a keeper. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { netnsDriver } from '#driver/netns/netns.ts'
import { runProcess } from '#driver/netns/run.ts'
import { kernelState } from './kernel-state.ts'
import { AGENT, type World } from './world.ts'

export async function netnsWorld(parent: string, lacks: World['lacks'] = []): Promise<World> {
  const driver = netnsDriver({ folder: mkdtempSync(join(parent, 'law-')), programs: { 'netlab-agent': AGENT } })
  const outside: World['outside'] = (argv) => runProcess(argv)
  const world: World = {
    driver,
    lacks,
    outside,
    state: (machine) => kernelState(world, machine),
    traces: async () => ({ links: links((await outside(['ip', '-j', 'link'])).stdout), mounts: mounts(), processes: processes() }),
    async crash(machine) {
      const argv = driver.enter(machine)
      process.kill(Number(argv[argv.indexOf('-t') + 1]), 'SIGKILL')
    },
  }
  return world
}

const links = (json: string): readonly string[] => (JSON.parse(json) as { ifname: string }[]).map(({ ifname }) => ifname).toSorted()
const mounts = (): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .toSorted()

/** But for the tool that is being asked at the moment, which is this process's own. */
const processes = (): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .toSorted()
