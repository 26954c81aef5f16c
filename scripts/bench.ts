/** `npm run bench [-- --only lab,cli,scale,services,huge,connect,drivers,dash,learning,paths,policy,converge]`: measures, and writes what it saw into docs/BENCH.md, chapter by chapter. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { cli } from './bench/cli.ts'
import { connect } from './bench/connect.ts'
import { converge } from './bench/converge.ts'
import { dash } from './bench/dash.ts'
import { drivers } from './bench/drivers.ts'
import { lab } from './bench/lab.ts'
import { learning } from './bench/learning.ts'
import { type Chapter, home, progress } from './bench/measure.ts'
import { paths } from './bench/paths.ts'
import { policy } from './bench/policy.ts'
import { scale } from './bench/scale.ts'
import { services, servicesHuge } from './bench/services.ts'

const parts = { lab, cli, scale, services, huge: servicesHuge, connect, drivers, dash, learning, paths, policy, converge } satisfies Record<
  string,
  () => Promise<Chapter>
>
const page = join(home, 'docs/BENCH.md')

const PREFACE = `# Figures

Written by \`npm run bench\`; a part of it by \`npm run bench -- --only scale\`. Every figure is the median of several turns, and every comparison was
made in one run, its contenders taking turns. What counts are the ratios: the times are those of one machine, and other work on it moves them.`

const at = process.argv.indexOf('--only')
const chosen = at < 0 ? Object.keys(parts) : (process.argv[at + 1] ?? '').split(',')
const unknown = chosen.filter((name) => !(name in parts))
if (unknown.length > 0) {
  process.stderr.write(`no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}\n`)
  process.exit(2)
}

for (const [name, measure] of Object.entries(parts)) {
  if (!chosen.includes(name)) continue
  progress(`${name} …`)
  const chapter = await measure()
  process.stdout.write(`## ${chapter.title}\n\n${chapter.text}\n\n`)
  keep(chapter)
}

/** A chapter measured anew takes the place of the old one. */
function keep(chapter: Chapter): void {
  const old = existsSync(page)
    ? readFileSync(page, 'utf8')
        .split(/^(?=## )/m)
        .slice(1)
        .map((text) => `${text.trimEnd()}\n\n`)
    : []
  const head = (text: string): string => text.slice(3, text.indexOf('\n'))
  const fresh = `## ${chapter.title}\n\n${machine()}\n\n${chapter.text}\n\n`
  const kept = old.some((text) => head(text) === chapter.title) ? old.map((text) => (head(text) === chapter.title ? fresh : text)) : [...old, fresh]
  writeFileSync(page, `${PREFACE}\n\n${kept.join('').trimEnd()}\n`)
}

function machine(): string {
  const [cpu] = cpus()
  return `Measured on ${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), Linux ${release()}, node ${process.version}, as ${process.getuid?.() === 0 ? 'root' : 'an ordinary user'}.`
}
