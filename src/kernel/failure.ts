/** A command that failed, told by the step it failed at: who wanted what, the command to paste, how it ended. */
import type { Command, Output, Run } from './command.ts'
import { sysctlKey } from './compile.ts'
import { commandLine, heredoc, inSpace, quoted } from './shell.ts'
import type { Step } from './step.ts'

export class StepFailed extends Error {
  readonly machine: string
  readonly step: Step | undefined
  /** What to paste into a shell on the machine. */
  readonly command: string
  readonly output: Output

  constructor(o: { readonly machine: string; readonly step: Step | undefined; readonly command: string; readonly output: Output; readonly ended: string }) {
    const who = o.step === undefined ? '' : `: ${o.step.by} wanted ${o.step.why}`
    super(`${o.machine}${who}\n  ${o.command}\n  ended with ${o.ended}`)
    this.name = 'StepFailed'
    this.machine = o.machine
    this.step = o.step
    this.command = o.command
    this.output = o.output
  }
}

/** Undefined when the command did what it should; undoing what is gone already counts as done. */
export function failureOf(machine: string, command: Command, output: Output): StepFailed | undefined {
  if (failsWithZero(command)) return serverComplaints(command, output).length === 0 ? undefined : stepFailed(machine, command, output)
  return output.code === 0 || isOnlyGone(command, output) ? undefined : stepFailed(machine, command, output)
}

/** `ipvsadm --restore` goes on after a refused line and ends as the last line ended: only its complaints tell, and they bear no number. */
export const failsWithZero = (command: Command): boolean => command.kind === 'run' && command.argv[0] === 'ipvsadm' && command.stdin !== undefined

function serverComplaints(command: Command, output: Output): readonly string[] {
  const isUndo = command.kind === 'run' && command.undoes !== undefined
  const said = output.stderr.split('\n').filter((line) => line.trim() !== '')
  const complaints = said.filter((line) => !(isUndo && /^No such (service|destination)$/.test(line.trim())))
  return said.length === 0 && output.code !== 0 ? [ending(output)] : complaints
}

export function stepFailed(machine: string, command: Command, output: Output): StepFailed {
  const at = command.kind === 'write' ? atFile(command, output) : atRun(command, output)
  return new StepFailed({ machine, output, ...at, ended: `${ending(output)}${at.says === '' ? '' : `: ${at.says}`}` })
}

type Place = { readonly step: Step | undefined; readonly command: string; readonly says: string }

function ending(output: Output): string {
  if (output.timedOut === true) return 'its time limit'
  return output.code === undefined ? `signal ${output.signal ?? 'unknown'}` : `${output.code}`
}

const GONE =
  /Cannot find device|No such (device|process|file or directory)|Address not found|Cannot assign requested address|does a matching rule exist|does not exist|Couldn't load target|line \d+ failed$/

function isOnlyGone(command: Command, output: Output): boolean {
  if (command.kind !== 'run' || command.undoes === undefined || output.code === undefined || output.timedOut === true) return false
  if (command.lines === undefined) return GONE.test(output.stderr.trim())
  // Some refusals end the batch at once, with a complaint that has no number behind it.
  const isCutShort = !/Command failed -:\d+\s*$/.test(output.stderr)
  return !isCutShort && complaintsOf(output.stderr).every(({ line, says }) => line <= (command.undoes ?? 0) && GONE.test(says))
}

/** `ip -batch` and `bridge -batch` say the reason first, then the number of the line. */
function complaintsOf(stderr: string): readonly { readonly line: number; readonly says: string }[] {
  return [...stderr.matchAll(/([\s\S]*?)^Command failed -:(\d+)\n?/gm)].map(([, says = '', line]) => ({ line: Number(line), says: says.trim() }))
}

function atRun(command: Run, output: Output): Place {
  const says = output.stderr.trim()
  const lines = (command.stdin ?? '').split('\n').slice(0, -1)
  const [program = ''] = command.argv
  if (program === 'nft') return atNft(command, lines, says)
  if (command.lines !== undefined) {
    const complaint = complaintsOf(output.stderr).find(({ line, says }) => line > (command.undoes ?? 0) || !GONE.test(says))
    const text = complaint === undefined ? undefined : lines[complaint.line - 1]
    if (complaint === undefined || text === undefined) return { step: onlyOne(command.lines), command: whole(command), says }
    return {
      step: command.lines[complaint.line - 1],
      command: commandLine(inSpace(command.in, [program, ...text.split(' ')])),
      says: complaint.says,
    }
  }
  if (program.endsWith('tables-restore')) return atRule(command, lines, says)
  if (program === 'sysctl') return atSetting(command, says)
  const [, number] = /line (\d+)/.exec(says) ?? []
  const text = number === undefined ? undefined : lines[Number(number) - 1]
  const step = text === undefined ? onlyOne(command.does) : command.does.find((one) => one.kind === 'ipset' && text.split(' ').includes(one.name))
  return { step, command: text === undefined ? whole(command) : typed(command, `${text}\n`), says }
}

const onlyOne = (steps: readonly Step[]): Step | undefined => (new Set(steps).size === 1 ? steps[0] : undefined)
const typed = (command: Run, stdin: string): string => heredoc(commandLine(inSpace(command.in, command.argv)), stdin)
const whole = (command: Run): string => (command.stdin === undefined ? commandLine(inSpace(command.in, command.argv)) : typed(command, shown(command.stdin)))

/** Ten thousand Services are half a million lines. */
const LINES_SHOWN = 200

function shown(text: string): string {
  const lines = text.split('\n').slice(0, -1)
  return lines.length <= LINES_SHOWN ? text : `${[...lines.slice(0, LINES_SHOWN), `# and ${lines.length - LINES_SHOWN} lines more`].join('\n')}\n`
}

/** A target that does not exist is noticed at COMMIT; then the last line that names it is meant. */
function atRule(command: Run, lines: readonly string[], says: string): Place {
  const [, number] = /line:? (\d+)/.exec(says) ?? []
  const [, named] = /[`']([^'`]+)'/.exec(says) ?? []
  const pointed = Number(number) - 1
  const index =
    lines[pointed] === 'COMMIT' && named !== undefined ? lines.findLastIndex((line, at) => at < pointed && line.split(' ').includes(named)) : pointed
  const text = lines[index]
  if (text === undefined) return { step: onlyOne(command.does), command: whole(command), says }
  const table = lines.slice(0, index + 1).findLast((line) => line.startsWith('*')) ?? ''
  const chain = text.startsWith(':') ? text.slice(1).split(' ')[0] : text.split(' ')[1]
  const declaration = lines.filter((line) => line === `:${chain} - [0:0]` && line !== text).slice(0, 1)
  const step = command.does.find(
    (one) =>
      (one.kind === 'chain' || one.kind === 'jump') && `*${one.table}` === table && one.chain === chain && (one.kind === 'chain' || text.endsWith(one.rule)),
  )
  return { step, command: typed(command, [table, ...declaration, text, 'COMMIT', ''].join('\n')), says: says.split('\n')[0] ?? says }
}

/** nft names each line it refuses; what the kernel refuses without a reason follows from the first. */
function atNft(command: Run, lines: readonly string[], says: string): Place {
  const [, number, reason = says] = /:(\d+):\d+(?:-\d+)?: Error: (.*)/.exec(says) ?? []
  const text = number === undefined ? undefined : lines[Number(number) - 1]
  if (text === undefined) return { step: onlyOne(command.does), command: whole(command), says }
  return { step: command.lines?.[Number(number) - 1], command: typed(command, `${text}\n`), says: reason }
}

/** sysctl(8) names the key with dots or the file with slashes. */
function atSetting(command: Run, says: string): Place {
  const step = command.does.find((one) => one.kind === 'sysctl' && (says.includes(`"${sysctlKey(one)}"`) || says.includes(fileOf(one.key))))
  if (step?.kind !== 'sysctl') return { step: onlyOne(command.does), command: whole(command), says }
  return { step, command: commandLine(inSpace(command.in, ['sysctl', '-w', `${sysctlKey(step)}=${step.value}`])), says }
}

/** A dot in a device's name and a dot between words look alike, so the comparison knows neither. */
const fileOf = (key: string): string => `/proc/sys/${key.replaceAll('.', '/')}:`

function atFile(command: Extract<Command, { kind: 'write' }>, output: Output): Place {
  const says = output.stderr.trim()
  const file = command.files.find(({ path }) => says.startsWith(`${path}:`))
  const step = command.does.find((one) => one.kind === 'file' && one.path === file?.path)
  if (file === undefined) return { step: onlyOne(command.does), command: `write ${command.files.map(({ path }) => path).join(' ')}`, says }
  return { step, command: file.text === undefined ? commandLine(['rm', '-f', file.path]) : heredoc(`cat >${quoted(file.path)}`, file.text), says }
}
