/** A rule with certain words is there, and perhaps its packet counter grew while another probe ran. */
import type { Output } from '#kernel/command.ts'
import { LOOK } from '../defaults.ts'
import { ask, type Inquiry, type Judged, pasteable, run, unreadable } from '../question.ts'
import type { Scene, Spot } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { everywhere } from './between.ts'
import { hasRun } from './machine.ts'

type Iptables = Specs['iptables']
export type Rule = { readonly table: string; readonly chain: string; readonly words: readonly string[]; readonly packets: number; readonly line: string }

export const iptables = (of: Iptables, scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) =>
    looked(of, spot, (rules) => {
      const found = rules.filter((rule) => matches(rule, of))
      const evidence = (found.length > 0 ? found : nearby(rules, of)).map((rule) => rule.line)
      if (found.length === 0) return { verdict: of.absent ? 'pass' : 'fail', observed: `no such rule among ${rules.length} of ${of.table}`, evidence }
      return {
        verdict: of.absent ? 'fail' : 'pass',
        observed: `${found.length === 1 ? 'a rule' : `${found.length} rules`} of ${found.map((rule) => rule.chain).join(', ')}`,
        evidence,
      }
    }),
  )

/** Judges two looks, one before and one after the other probe ran. */
export const grew = (of: Iptables, scene: Scene, before: readonly Output[]): Inquiry => {
  let at = 0
  return everywhere(of.at, scene, (spot) => {
    const earlier = before[at++]
    return looked(of, spot, (rules) => {
      const old = earlier === undefined ? undefined : readRules(earlier)
      if (old === undefined) return { verdict: 'error', observed: 'the counters before could not be read', evidence: [] }
      const found = rules.filter((rule) => matches(rule, of))
      const [was, is] = [sum(old.filter((rule) => matches(rule, of))), sum(found)]
      const evidence = (found.length > 0 ? found : nearby(rules, of)).map((rule) => rule.line)
      if (found.length === 0) return { verdict: 'fail', observed: 'there is no such rule', evidence }
      return { verdict: is > was ? 'pass' : 'fail', observed: is > was ? `${is - was} packets met it` : `its counter stayed at ${is}`, evidence }
    })
  })
}

function looked(of: Iptables, spot: Spot, judge: (rules: readonly Rule[]) => Judged): Inquiry {
  const program = of.family === 6 ? 'ip6tables' : 'iptables'
  return ask(run(spot, [`${program}-save`, '-c', '-t', of.table], { timeoutMs: LOOK }), {
    expected: `${spot.name} has ${of.absent ? 'no' : 'a'} rule ${of.rule.join(' … ')} in ${of.chain ?? 'some chain'} of ${of.table}${of.grew === undefined ? '' : `, which probe ${of.grew} meets`}`,
    reproduce: pasteable(spot, [program, '-t', of.table, '-vnL', ...(of.chain === undefined ? [] : [of.chain])]),
    judge: (output) => {
      const rules = readRules(output)
      return rules === undefined ? unreadable(`${program}-save`, output) : judge(rules)
    },
  })
}

/** `iptables-save -c`: tables begin with `*`, rules with their counters, and all of it ends with COMMIT. A kernel without the table prints nothing. */
export function readRules({ code, stdout }: Output): readonly Rule[] | undefined {
  if (code !== 0) return undefined
  let table = ''
  let open = false
  const rules: Rule[] = []
  for (const line of stdout.split('\n')) {
    if (line.startsWith('*')) [table, open] = [line.slice(1).trim(), true]
    else if (line.startsWith('COMMIT')) open = false
    const read = /^\[(?<packets>\d+):\d+\] -A (?<chain>\S+) ?(?<rest>.*)$/.exec(line)?.groups
    if (read !== undefined) rules.push({ table, chain: read['chain'] ?? '', words: shellWords(read['rest'] ?? ''), packets: Number(read['packets']), line })
    else if (line !== '' && !/^[#*:]|^COMMIT/.test(line)) return undefined
  }
  return open ? undefined : rules
}

const matches = (rule: Rule, of: Iptables): boolean =>
  rule.table === of.table && (of.chain === undefined || rule.chain === of.chain) && of.rule.every((run) => hasRun(rule.words, shellWords(run)))

/** The rules of the same chain, or those with one of the wanted parts. */
const nearby = (rules: readonly Rule[], of: Iptables): readonly Rule[] =>
  rules.filter((rule) => (of.chain === undefined ? of.rule.some((run) => hasRun(rule.words, shellWords(run))) : rule.chain === of.chain)).slice(0, 10)

const sum = (rules: readonly Rule[]): number => rules.reduce((total, rule) => total + rule.packets, 0)

/** Words apart, quoted ones whole. */
const shellWords = (text: string): readonly string[] =>
  [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? '')
