import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { aptCommand, hasProgram, isRequired, missingPrograms, packagesOf } from './doctor/programs.ts'
import type { Outcome } from './doctor/trials.ts'
import { diagnose } from './doctor/try.ts'
import { home } from './home.ts'
import type { Io } from './io.ts'
import { paint, plural } from './print.ts'
import { type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const root = process.getuid?.() === 0
  const seen = await diagnose(io.env['PATH'], coredns(io), root)
  if (text(args, 'output') === 'json') {
    io.out(`${JSON.stringify({ ready: seen.required.length === 0, ...seen }, null, 2)}\n`)
    return seen.required.length === 0 ? 0 : 1
  }
  const line = (each: Outcome): string => tell(each, isRequired(each.need, root), io.color && io.outIsTty)
  for (const [title, outcomes] of [
    ['Programs', seen.programs],
    ['This user', seen.user],
    ['Kernel', seen.kernel],
  ] as const) {
    io.out(`${title}\n${outcomes.map(line).join('')}\n`)
  }
  const missing = missingPrograms(io.env['PATH'], root)
  if (missing.length > 0) io.out(`All missing programs at once:\n  ${aptCommand(packagesOf(missing), root)}\n\n`)
  io.out(
    seen.required.length === 0
      ? 'This machine can run labs.\n'
      : `${plural(seen.required.length, 'thing')} to mend before labs run: ${seen.required.join(', ')}\n`,
  )
  return seen.required.length === 0 ? 0 : 1
}

function tell({ title, works, says, fix }: Outcome, required: boolean, color: boolean): string {
  const ink = paint(color)
  if (works) return `  ${ink('green', '✓')} ${title}\n`
  const mark = required ? ink('red', '✗') : ink('yellow', '-')
  return `  ${mark} ${title}${required ? '' : ' (some labs)'}: ${says}\n${fix ? `      ${ink('dim', fix)}\n` : ''}`
}

/** The real CoreDNS: named by a variable, on the PATH, or from the npm package. */
function coredns(io: Io): Outcome {
  const folders = ['x64', 'arm64'].map((arch) => `node_modules/coredns-dist-linux-${arch}`)
  const given = io.env['NETLAB_COREDNS']
  const works = given ? existsSync(given) : hasProgram('coredns', io.env['PATH']) || folders.some((folder) => existsSync(join(home, folder, 'coredns')))
  const fix = 'npm ci in the checkout brings it for x64; elsewhere put coredns on PATH or name it in NETLAB_COREDNS'
  return { id: 'coredns', title: "coredns, which answers the cluster's DNS", need: 'required', works, ...(!works && { says: 'not found', fix }) }
}
