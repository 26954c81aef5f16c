/** What a lab needs of the kernel beyond what every lab needs, tried before anything starts. */
import { aptCommand, hasProgram } from './doctor/programs.ts'
import { type Outcome, trials } from './doctor/trials.ts'
import { tryOut } from './doctor/try.ts'
import { type Io, NOT_STARTED, stop } from './io.ts'

type Needy = { readonly name: string; readonly needs: readonly string[] }

/** @throws when the kernel lacks something, or the program that speaks to it. */
export async function ensureNeeds(lab: Needy, io: Io): Promise<void> {
  const root = process.getuid?.() === 0
  const tried = trials.filter(({ id }) => lab.needs.includes(id))
  if (tried.length === 0) return
  if (lab.needs.includes('ip_vs') && !hasProgram('ipvsadm', io.env['PATH']))
    throw stop(NOT_STARTED, `missing: ipvsadm\ninstall it with:\n  ${aptCommand(['ipvsadm'], root)}`)
  const lacks = (await tryOut(tried, root)).filter(({ works }) => !works)
  if (lacks.length > 0) throw stop(NOT_STARTED, lackText(lab.name, lacks))
}

export const lackText = (lab: string, lacks: readonly Outcome[]): string =>
  [
    `lab ${lab} needs what this kernel does not give:`,
    ...lacks.flatMap(({ id, title, says, fix }) => [`  ${title} (${id}): ${says}`, `      ${fix}`]),
    'A kernel of its own for the lab (--kernel uml) will do as well; it is not in this version.',
    `netlab plan ${lab} shows without it what every node would hold.`,
  ].join('\n')
