/**
 * Files are written by the machine's own shell: whoever is root there may have put links in their way, and those must lead to places of the machine,
 * never to the host's.
 */
import { posix } from 'node:path'
import type { Run, Write } from '#kernel/command.ts'
import { quoted } from '#kernel/shell.ts'

const DEFAULT_MODE = 0o644

/** Builtins of the shell, but for one `rm` and one `mkdir` for all: a Pod has many files. A failure begins with the path; that of a folder is told by the first file in it. */
const PRELUDE = `umask 022
put() { { printf %s "$2" >"$1"; } 2>/dev/null || { said=$({ printf %s "$2" >"$1"; } 2>&1); echo "$1: \${said##*: }" >&2; exit 1; }; }
drop() { said=$(rm -f "$1" 2>&1) || { echo "$1: \${said##*: }" >&2; exit 1; }; }
`

export function writing({ files, does }: Write): Run {
  const wanted = files.flatMap(({ path, text, mode = DEFAULT_MODE }) => (text === undefined ? [] : [{ path: quoted(path), text: quoted(text), mode }]))
  const gone = files.filter(({ text }) => text === undefined).map(({ path }) => quoted(path))
  const folders = [...new Set(files.flatMap(({ path, text }) => (text === undefined ? [] : [quoted(posix.dirname(path))])))]
  const lines = [
    ...(gone.length > 0 ? [`rm -f ${gone.join(' ')} 2>/dev/null || for f in ${gone.join(' ')}; do drop "$f"; done`] : []),
    ...(folders.length > 0 ? [`mkdir -p ${folders.join(' ')} 2>/dev/null`] : []),
    ...wanted.flatMap(({ path, text, mode }) => [`put ${path} ${text}`, ...(mode === DEFAULT_MODE ? [] : [`chmod ${mode.toString(8)} ${path} || exit`])]),
  ]
  return { kind: 'run', argv: ['sh'], stdin: `${PRELUDE}${lines.join('\n')}\n`, does }
}
