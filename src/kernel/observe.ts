/** What to ask a machine so that its answers can be laid beside the plan; nothing asked here changes anything. */
import type { Family } from '#net/net.ts'
import type { Command, Run } from './command.ts'
import { sysctlKey } from './compile.ts'
import type { StepOf } from './difference.ts'
import { isNft, NFT, nftText, PIECE_TEXT } from './nft.ts'
import { bearable } from './pieces.ts'
import { FAMILIES, restore, restoreArgv, setDeclaration } from './rules.ts'
import { commandLine } from './shell.ts'
import type { NodeProgram, Step } from './step.ts'

export type Question =
  | { readonly about: 'devices' | 'fdb' | 'sets' | 'servers' | 'settings' | 'files'; readonly in: string | undefined; readonly run: Run }
  | { readonly about: 'nft' | 'nft plan'; readonly in: string | undefined; readonly run: Run }
  /** `rules`: what the kernel holds. `plan`: the plan's own rules in the kernel's way of printing. */
  | { readonly about: 'rules' | 'plan'; readonly family: Family; readonly in: string | undefined; readonly run: Run }

/** Read-only commands for one machine, as few as can be; `drift` reads their outputs in this order. */
export const observe = (program: NodeProgram): readonly Command[] => questions(program).map((question) => question.run)

export function questions(program: NodeProgram): readonly Question[] {
  const spaces = Map.groupBy(program, (step) => step.in)
  if (!spaces.has(undefined) && program.length > 0) spaces.set(undefined, [])
  const named = [...spaces.keys()].filter((space) => space !== undefined)
  return [undefined, ...named].flatMap((space) => (spaces.has(space) ? inSpace(space, spaces.get(space) ?? []) : []))
}

const DEVICES = ['addr show', 'route show table all', 'neigh show nud all']

function inSpace(space: string | undefined, steps: readonly Step[]): readonly Question[] {
  const run = (argv: readonly string[], does: readonly Step[], stdin?: string): Run => ({
    kind: 'run',
    argv,
    ...(space === undefined ? {} : { in: space }),
    ...(stdin === undefined ? {} : { stdin }),
    does,
  })
  const asked = (
    about: 'devices' | 'fdb' | 'sets' | 'servers' | 'settings' | 'files',
    its: readonly Step[],
    argv: readonly string[],
    stdin?: string,
  ): readonly Question[] => (its.length === 0 && !(about === 'devices' && space === undefined) ? [] : [{ about, in: space, run: run(argv, its, stdin) }])
  const of = <K extends Step['kind']>(...kinds: readonly K[]): readonly StepOf<K>[] =>
    steps.filter((step): step is StepOf<K> => (kinds as readonly string[]).includes(step.kind))
  const sets = of('ipset')
  const settings = of('sysctl')
  const files = of('file')
  const devices = of('netns', 'bridge', 'vxlan', 'dummy', 'veth', 'port', 'addr', 'up', 'route', 'neigh')
  // The names of namespaces come last: of none at all `ip` prints nothing, not an empty list.
  const lines = space === undefined ? [...DEVICES, 'netns list'] : DEVICES
  return [
    ...asked('devices', devices, ['ip', '-d', '-j', '-batch', '-'], lines.map((line) => `${line}\n`).join('')),
    ...asked('fdb', of('fdb'), ['bridge', '-j', 'fdb', 'show']),
    ...asked('settings', settings, ['sysctl', '-e', ...settings.map(sysctlKey)]),
    ...asked('sets', sets, ['ipset', 'save']),
    ...asked('servers', of('virtual-server'), ['ipvsadm', '--save', '-n']),
    ...asked('files', files, ['grep', '-aHZ', '', '--', ...files.map((step) => step.path)]),
    ...FAMILIES.flatMap((family): readonly Question[] => {
      const chains = of('chain').filter((step) => step.family === family)
      const jumps = of('jump').filter((step) => step.family === family)
      if (chains.length + jumps.length === 0) return []
      const text = bearable(restore({ chains, jumps, gone: [] }, family))
      const rules = [...chains, ...jumps]
      return [
        { about: 'rules', family, in: space, run: run([saveProgram(family)], rules) },
        { about: 'plan', family, in: space, run: run(printedByKernel(family, sets), rules, text) },
      ]
    }),
    ...nft(steps.filter(isNft)).map((question) => ({ ...question, in: space })),
  ]

  function nft(its: readonly Step[]): readonly { readonly about: 'nft' | 'nft plan'; readonly run: Run }[] {
    if (its.length === 0) return []
    const text = nftText(its)
    const load = text.length > PIECE_TEXT ? ['split', '-C', `${PIECE_TEXT}`, `--filter=${commandLine(NFT)}`] : NFT
    const printed = ['unshare', '--net', 'sh', '-ec', [load, LIST].map(commandLine).join('\n')]
    return [
      { about: 'nft', run: run(LIST, its) },
      { about: 'nft plan', run: run(printed, its, text) },
    ]
  }
}

/** Without counters and what packets put into sets. */
const LIST = ['nft', '-s', 'list', 'ruleset']

const saveProgram = (family: Family): string => (family === 6 ? 'ip6tables-save' : 'iptables-save')

/** The kernel prints rules in its own way; so the plan is loaded into a network namespace that lives as long as this command, and read back. */
function printedByKernel(family: Family, sets: readonly StepOf<'ipset'>[]): readonly string[] {
  const declared = sets.map((set) => `ipset ${setDeclaration(set)}`)
  return ['unshare', '--net', 'sh', '-ec', [...declared, commandLine(restoreArgv(family)), saveProgram(family)].join('\n')]
}
