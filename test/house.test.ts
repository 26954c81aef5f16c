/** Who may import whom, and the other laws of the house (docs/HOUSE.md §3) that a machine can hold. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect, test } from 'vitest'

/** Rooms above the door: functions of their arguments. A room may import from the rooms named beside it, by `#room/x.ts`. */
const ABOVE: Readonly<Record<string, string>> = {
  net: '',
  api: 'net',
  lab: 'api kubelet net', // kubelet knows which images there are
  controllers: 'api lab model net',
  model: 'api controllers lab net',
  kernel: 'model net',
  dns: 'api kernel model net',
  kubelet: 'api dns kernel model net', // resolv.conf is kubelet's to write and dns/resolver's to word
  bgp: 'kernel', // BIRD, on nodes and on routers
  underlay: 'bgp driver kernel kubelet lab model net',
  cni: 'bgp kernel model net',
  proxy: 'kernel model net',
  policy: 'api kernel model net',
  plan: 'cni dns kernel kubelet model net policy proxy underlay',
  probe: 'api kernel kubelet lab model net report', // its results are Events; kubelet knows where a Pod's resolv.conf is
  fault: 'api model net',
  exercise: 'api fault lab model net probe',
  report: 'probe',
  graph: 'model report',
  grade: 'graph model probe report',
  ui: 'exercise probe report',
}
const BELOW: Readonly<Record<string, string>> = {
  driver: 'kernel lab net',
  engine: 'api controllers driver kernel kubelet lab model net plan probe report underlay',
  daemon: 'api controllers driver engine kernel kubelet lab model net plan policy probe report underlay',
  cli: 'api controllers daemon exercise grade graph kernel lab model net plan policy probe report ui',
}
const ROOMS = { ...ABOVE, ...BELOW }

/** Packages that only compute. */
const PURE = /^(@noble\/hashes\/|@scure\/base$|ip-address$|yaml$|zod$)/
const SCREEN = /^(ink|react)$/
/** Folders of these rooms are components: they meet in the kernel, not in one another's code. */
const COMPONENTS = /^src\/((?:cni|proxy|dns|policy|ingress|gateway|lb|mesh)\/[^/]+|kubelet|underlay)\//

/** `files`: path from the top of the project → text. */
function broken(files: ReadonlyMap<string, string>): readonly string[] {
  const plan = files.get('src/plan/plan.ts')?.match(/components: [^=]*= \[[^\]]*\]/)?.[0] ?? ''
  const rooms = new Set([...files.keys()].filter((file) => file.split('/').length > 2).map((file) => file.split('/')[1] ?? ''))
  const folders = new Set([...files.keys()].flatMap((file) => COMPONENTS.exec(file)?.[1] ?? []))
  return [
    ...[...rooms].filter((room) => !(room in ROOMS)).map((room) => `src/${room}: not in the table of rooms`),
    ...[...folders].filter((folder) => !files.has(`src/${folder}/README.md`)).map((folder) => `src/${folder}: has no README.md`),
    ...[...files].flatMap(([file, text]) => (/\.tsx?$/.test(file) ? brokenIn(file, text, plan).map((says) => `${file}: ${says}`) : [])),
  ]
}

function brokenIn(file: string, text: string, plan: string): readonly string[] {
  const room = file.split('/')[1] ?? ''
  // testing.ts is what the tests of its room share.
  const isTest = /(\.test\.tsx?|\/testing\.ts)$/.test(file)
  const code = text.replace(/^\s*(\/\/|\/?\*).*$/gm, '')
  const uses = (pattern: RegExp) => [...new Set([...code.matchAll(pattern)].map((match) => match[1] ?? match[0]))]
  const imports = uses(/^(?:import|export)\b[^'"=;]*?\bfrom '([^']+)'/gm).concat(uses(/^import '([^']+)'/gm), uses(/\bimport\('([^']+)'\)/g))
  return [
    ...imports.flatMap((id) => wrongImport(file, room, isTest, id) ?? []),
    ...(room === 'net' ? [] : uses(/(?<!import [^'"]*)\bas (?:readonly )?(?:Ip|Cidr|Mac|IfName)\b/g).map((cast) => `\`${cast}\` outside net/`)),
    ...(isTest || room === 'cli' || room === 'daemon' ? [] : uses(/\bprocess\.\w+/g).filter((use) => !(room === 'driver' && use === 'process.kill'))),
    ...(file.endsWith('.tsx') && room !== 'ui' ? ['.tsx outside ui/'] : []),
    ...uses(/^export const (\w+): Component\b/gm).flatMap((name) =>
      COMPONENTS.test(file) && !new RegExp(`\\b${name}\\b`).test(plan) ? [`${name} is not in plan.ts's list`] : [],
    ),
  ]
}

function wrongImport(file: string, room: string, isTest: boolean, id: string): string | undefined {
  if (id.startsWith('.')) {
    const target = posix.join(posix.dirname(file), id)
    const [own, other] = [COMPONENTS.exec(file)?.[1], COMPONENTS.exec(target)?.[1]]
    if (!target.startsWith(`src/${room}/`)) return `leaves its room by ${id}`
    return own !== other && other !== undefined ? `a component imports ${id}, another one` : undefined
  }
  if (isTest) return undefined // a test may build its world from any room
  const to = /^#([^/]+)\//.exec(id)?.[1]
  if (to !== undefined) {
    if (to === room) return `imports ${id} through the door of its own room`
    return (ROOMS[room] ?? '').split(' ').includes(to) ? undefined : `${room} may not import ${id}`
  }
  return room in BELOW || PURE.test(id) || (room === 'ui' && SCREEN.test(id)) ? undefined : `imports ${id} above the door`
}

test('the house stands', () => {
  const top = join(import.meta.dirname, '..')
  const paths = readdirSync(join(top, 'src'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && /\.(tsx?|md)$/.test(entry.name))
  const files = new Map(
    paths.map((entry) => [join(entry.parentPath, entry.name).slice(top.length + 1), readFileSync(join(entry.parentPath, entry.name), 'utf8')]),
  )
  expect(broken(files)).toEqual([])
})

/** A small house in order, and a fault for each law. */
const SOUND: Readonly<Record<string, string>> = {
  'src/net/net.ts': "import { Address4 } from 'ip-address'\nexport type Ip = string\nexport const ip = (t: string) => t as Ip",
  'src/cni/network.ts': "import type { Node } from '#model/cluster.ts'",
  'src/cni/flannel/README.md': '# flannel',
  'src/cni/flannel/flannel.ts':
    "// process.env is not read\nimport { NETWORK } from '../network.ts'\nimport {\n  type Ip,\n} from '#net/net.ts'\nexport const flannel: Component = x",
  'src/cni/bridge/README.md': '# bridge',
  'src/cni/bridge/bridge.test.ts': "import { spawn } from 'node:child_process'\nimport { flannel } from '#cni/flannel/flannel.ts'",
  'src/plan/plan.ts': "import { flannel } from '#cni/flannel/flannel.ts'\nexport const components: readonly Component[] = [flannel]",
  'src/ui/screen.tsx': "import { Box } from 'ink'",
  'src/cli/main.ts': "import { readFileSync } from 'node:fs'\nimport type { Ip as Address } from '#net/net.ts'\nprocess.exit(await import('./verb.ts'))",
}
const FAULTS: Readonly<Record<string, readonly [file: string, text: string, says: string]>> = {
  'a room that is not in the table': ['src/attic/x.ts', '', 'src/attic: not in the table of rooms'],
  'an import the table does not allow': ['src/net/x.ts', "import { y } from '#lab/y.ts'", 'src/net/x.ts: net may not import #lab/y.ts'],
  'an import on demand': ['src/ui/x.ts', "const y = await import('#cli/y.ts')", 'src/ui/x.ts: ui may not import #cli/y.ts'],
  'a re-export': ['src/lab/x.ts', "export * from '#engine/y.ts'", 'src/lab/x.ts: lab may not import #engine/y.ts'],
  'the room by its own door': ['src/cli/x.ts', "import { y } from '#cli/y.ts'", 'src/cli/x.ts: imports #cli/y.ts through the door of its own room'],
  'a module of Node above the door': ['src/net/x.ts', "import { readFileSync } from 'node:fs'", 'src/net/x.ts: imports node:fs above the door'],
  'an import for its effect': ['src/net/x.ts', "import 'node:fs'", 'src/net/x.ts: imports node:fs above the door'],
  'a package with effects above the door': ['src/lab/x.ts', "import { execa } from 'execa'", 'src/lab/x.ts: imports execa above the door'],
  'the screen outside ui': ['src/report/x.ts', "import { Box } from 'ink'", 'src/report/x.ts: imports ink above the door'],
  'a relative way out of the room': ['src/net/a/x.ts', "import { y } from '../../lab/y.ts'", 'src/net/a/x.ts: leaves its room by ../../lab/y.ts'],
  'a component that knows another': [
    'src/cni/bridge/x.ts',
    "import { y } from '../flannel/flannel.ts'",
    'src/cni/bridge/x.ts: a component imports ../flannel/flannel.ts, another one',
  ],
  'an address by assertion': ['src/lab/x.ts', 'const a = text as Ip', 'src/lab/x.ts: `as Ip` outside net/'],
  'a list of ranges by assertion': ['src/lab/x.ts', 'const a = texts as readonly Cidr[]', 'src/lab/x.ts: `as readonly Cidr` outside net/'],
  'the environment above the door': ['src/lab/x.ts', 'if (process.env.DEBUG) x()', 'src/lab/x.ts: process.env'],
  'the environment in a driver': ['src/driver/x.ts', 'process.kill(1)\nuse(process.env)', 'src/driver/x.ts: process.env'],
  'jsx outside ui': ['src/cli/x.tsx', '', 'src/cli/x.tsx: .tsx outside ui/'],
  'a component without README': ['src/cni/calico/bgp.ts', '', 'src/cni/calico: has no README.md'],
  'a component that nobody asks': ['src/cni/bridge/x.ts', 'export const other: Component = {', "src/cni/bridge/x.ts: other is not in plan.ts's list"],
}

test('a house in order has nothing broken', () => expect(broken(new Map(Object.entries(SOUND)))).toEqual([]))

test.each(Object.entries(FAULTS))('seen: %s', (_, [file, text, says]) => {
  expect(broken(new Map([...Object.entries(SOUND), [file, text]]))).toEqual([says])
})
