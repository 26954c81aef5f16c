/** A terminal of a test's own: tmux, a screen of any size on a real pty, whose bytes can be counted. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { home, until } from './netlab.ts'

export type Terminal = {
  /** What stands on it, line by line. */
  readonly screen: () => Promise<string>
  /** Waits for words or a pattern to stand on it. */
  readonly shows: (what: string | RegExp) => Promise<string>
  /** Keys by tmux's names: Enter, Tab, Down. */
  readonly keys: (...names: string[]) => Promise<void>
  /** A line's end is the Enter key. */
  readonly type: (text: string) => Promise<void>
  readonly resize: (columns: number, rows: number) => Promise<void>
  /** How many bytes are written to it while `work` goes on. */
  readonly bytes: (work: () => Promise<void>) => Promise<number>
  /** The pid of the shell in it. */
  readonly shell: () => Promise<number>
  readonly close: () => Promise<void>
}

/** A shell in the project's folder whose prompt is `ready$`. */
export async function terminal(columns: number, rows: number, env: Readonly<Record<string, string>>): Promise<Terminal> {
  const folder = mkdtempSync(join(tmpdir(), 'netlab-terminal-'))
  const { TMUX: _, NO_COLOR: __, CI: ___, ...own } = process.env
  const options = { env: { ...own, ...env, LC_ALL: 'C.UTF-8' }, extendEnv: false, cwd: home } as const
  const tmux = async (...args: string[]): Promise<string> =>
    (await execa('tmux', ['-u', '-S', join(folder, 'tmux'), '-f', '/dev/null', ...args], options)).stdout
  await tmux('new-session', '-d', '-x', `${columns}`, '-y', `${rows}`, 'sh', ';', 'set', '-g', 'status', 'off', ';', 'set', '-g', 'window-size', 'manual')
  const screen = (): Promise<string> => tmux('capture-pane', '-p')
  const shows = (what: string | RegExp): Promise<string> => until(screen, (text) => (typeof what === 'string' ? text.includes(what) : what.test(text)), 40_000)
  await tmux('resize-window', '-x', `${columns}`, '-y', `${rows}`)
  await tmux('send-keys', '-l', "PS1='ready$ '; clear\n")
  await shows(/^ready\$/)
  return {
    screen,
    shows,
    keys: async (...names) => void (await tmux('send-keys', ...names)),
    type: async (text) => void (await tmux('send-keys', '-l', text.replaceAll('\n', '\r'))),
    resize: async (to, lines) => void (await tmux('resize-window', '-x', `${to}`, '-y', `${lines}`)),
    bytes: async (work) => {
      const file = join(folder, 'bytes')
      await tmux('pipe-pane', `exec cat >${file}`)
      await work()
      await tmux('pipe-pane')
      return statSync(file).size
    },
    shell: async () => Number(await tmux('display-message', '-p', '#{pane_pid}')),
    close: async () => {
      await tmux('kill-server').catch(() => {})
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
