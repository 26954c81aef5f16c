/** Other things a machine can be asked about itself: kernel settings, listeners, processes, files, a program's answer. */
import type { Output } from '#kernel/command.ts'
import { LOOK } from '../defaults.ts'
import { FILE } from '../perl/file.ts'
import { perl, said } from '../perl/perl.ts'
import { ask, type Inquiry, type Judged, linesOf, pasteable, run, unreadable } from '../question.ts'
import type { Scene } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { everywhere } from './between.ts'

export const sysctl = (of: Specs['sysctl'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) => {
    const argv = ['sysctl', '-n', of.key]
    return ask(run(spot, argv, { timeoutMs: LOOK }), {
      expected: `${of.key} is ${of.value} at ${spot.name}`,
      reproduce: pasteable(spot, ['sysctl', of.key]),
      judge: (output) => {
        const found = readSysctl(output)
        if (found === undefined) return unreadable('sysctl', output)
        return { verdict: found === words(String(of.value)).join(' ') ? 'pass' : 'fail', observed: `${of.key} is ${found}`, evidence: [`${of.key} = ${found}`] }
      },
    })
  })

/** A key that this kernel does not have is a setting that is not there. */
export function readSysctl({ code, stdout, stderr }: Output): string | undefined {
  if (code !== 0) return /cannot stat \/proc\/sys\/.*: No such file or directory/.test(stderr) ? 'not there' : undefined
  const found = words(stdout).join(' ')
  return found === '' ? undefined : found
}

export const listen = (of: Specs['listen'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) => {
    const argv = ['ss', of.proto === 'tcp' ? '-Hltn' : '-Hlun']
    return ask(run(spot, argv, { timeoutMs: LOOK }), {
      expected: `${of.absent ? 'nobody listens' : 'somebody listens'} on ${of.proto} port ${of.port}${of.address === undefined ? '' : ` of ${of.address}`} at ${spot.name}`,
      reproduce: pasteable(spot, argv.concat('-p')),
      judge: (output) => {
        const sockets = readListeners(output)
        if (sockets === undefined) return unreadable('ss', output)
        const there = sockets.some((socket) => socket.port === of.port && (of.address === undefined || socket.address === of.address))
        return {
          verdict: there === of.absent ? 'fail' : 'pass',
          observed: there ? 'somebody listens there' : `listeners: ${sockets.map(({ address, port }) => `${address}:${port}`).join(', ') || 'none'}`,
          evidence: linesOf(output.stdout),
        }
      },
    })
  })

export function readListeners({ code, stdout }: Output): readonly { readonly address: string; readonly port: number }[] | undefined {
  if (code !== 0) return undefined
  const sockets = linesOf(stdout).map((line) => /^\S+\s+\d+\s+\d+\s+(?<address>\S+):(?<port>\d+)\s/.exec(line)?.groups)
  return sockets.every((socket) => socket !== undefined)
    ? sockets.map((socket) => ({ address: (socket?.['address'] ?? '').replace(/^\[|\]|%.*$/g, ''), port: Number(socket?.['port']) }))
    : undefined
}

export const process = (of: Specs['process'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) => {
    const argv = ['ps', '-eww', '-o', 'pid=,args=']
    return ask(run(spot, argv, { timeoutMs: LOOK }), {
      expected: `${of.absent ? 'no process' : 'a process'} "${of.args.join(' ')}" runs at ${spot.name}`,
      reproduce: pasteable(spot, ['ps', '-ef']),
      judge: (output) => {
        const lines = linesOf(output.stdout).map((line) => /^\s*(\d+) (.*)$/.exec(line)?.[2])
        if (output.code !== 0 || lines.length === 0 || lines.includes(undefined)) return unreadable('ps', output)
        const there = lines.filter((line) => hasRun(words(line ?? ''), of.args.flatMap(words)))
        return {
          verdict: there.length > 0 === of.absent ? 'fail' : 'pass',
          observed: there.length === 0 ? 'no such process' : `${there.length} of them`,
          evidence: there.map(String),
        }
      },
    })
  })

export const file = (of: Specs['file'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) =>
    ask(perl(spot, FILE, { task: [['path', of.path]], timeoutMs: LOOK, names: true }), {
      expected: `${of.path} at ${spot.name} ${of.absent ? 'is not there' : of.equals !== undefined ? `is ${JSON.stringify(of.equals)}` : of.contains !== undefined ? `holds ${JSON.stringify(of.contains)}` : 'is there'}`,
      reproduce: pasteable(spot, ['cat', of.path]),
      judge: (output): Judged => {
        const [answer] = said(output) ?? []
        if (answer?.['outcome'] === 'absent') return { verdict: of.absent ? 'pass' : 'fail', observed: 'there is no such file', evidence: [] }
        if (answer?.['outcome'] !== 'file') return unreadable('the file probe', output)
        const text = String(answer['text'])
        const evidence = linesOf(text).slice(0, 20)
        if (of.absent) return { verdict: 'fail', observed: 'the file is there', evidence }
        const right = (of.equals === undefined || text.trimEnd() === of.equals.trimEnd()) && (of.contains === undefined || text.includes(of.contains))
        return { verdict: right ? 'pass' : 'fail', observed: right ? 'it is' : 'it holds something else', evidence }
      },
    }),
  )

export const exec = (of: Specs['exec'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) => {
    const { equals, contains } = of.stdout
    const wanted = [
      ...(equals === undefined ? [] : [`prints ${JSON.stringify(equals)}`]),
      ...(contains === undefined ? [] : [`prints something with ${JSON.stringify(contains)}`]),
    ]
    return ask(run(spot, of.argv, { timeoutMs: of.seconds * 1000, names: true, ...(of.stdin === undefined ? {} : { stdin: of.stdin }) }), {
      expected: [`${of.argv[0]} at ${spot.name} ends with ${of.exit}`, ...wanted].join(' and '),
      reproduce: pasteable(spot, of.argv),
      judge: ({ code, stdout, stderr }): Judged => {
        const wrong = [
          ...(code === of.exit ? [] : [`it ended with ${code}`]),
          ...(equals === undefined || stdout.trimEnd() === equals.trimEnd() ? [] : [`it printed ${JSON.stringify(stdout.trimEnd().slice(0, 200))}`]),
          ...(contains === undefined || stdout.includes(contains) ? [] : [`it printed nothing with ${JSON.stringify(contains)}`]),
        ]
        return {
          verdict: wrong.length === 0 ? 'pass' : 'fail',
          observed: wrong.join('; ') || `it ended with ${code}`,
          evidence: [...linesOf(stdout), ...linesOf(stderr)].slice(0, 20),
        }
      },
    })
  })

export const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '')
/** Whether the words of `run` stand one after another in `line`. */
export const hasRun = (line: readonly string[], run: readonly string[]): boolean => line.some((_, from) => run.every((word, at) => line[from + at] === word))
