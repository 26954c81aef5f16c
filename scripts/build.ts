/**
 * Bundles the program into dist/. What every call of netlab needs is one file beside main.js; each verb is a file that loads when it is called,
 * and verbs and daemon share what they have in common.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { ownCodeFolder } from '#daemon/codecache.ts'
import { bundled } from './bundle.ts'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

/** Parts of dockerode for ssh and BuildKit, whose one export is a function. netlab calls neither: an ssh:// goes through the user's own ssh. */
const seldom: Plugin = {
  name: 'seldom',
  setup({ onLoad }) {
    onLoad({ filter: /\/(docker-modem\/lib\/ssh|dockerode\/lib\/session)\.js$/ }, ({ path }) => ({
      contents: `module.exports = (...words) => { const module = {}; ${readFileSync(path, 'utf8')}\nreturn module.exports(...words) }`,
    }))
  },
}

const common: BuildOptions = {
  ...bundled,
  absWorkingDir: root,
  outdir: dist,
  write: false,
  sourcemap: process.argv.includes('--sourcemap') ? 'external' : false,
  define: { 'process.env.NODE_ENV': '"production"', "process.env['DEV']": '""' },
  // What ink and those parts of dockerode would bring along: more than all the rest, to be read at each start of a lab in Docker.
  external: ['react-devtools-core', 'ssh2', '@grpc/grpc-js', '@grpc/proto-loader'],
  plugins: [seldom],
}

/** A verb that is less than what another file costs comes with the first one. */
const SMALL = ['version.ts']

/** Leaves what is imported on demand to the other build, and notes it. */
const onDemand = (found: Set<string>): Plugin => ({
  name: 'on-demand',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import' || SMALL.includes(basename(path))) return undefined
      found.add(join(resolveDir, path))
      return { path: `./${basename(path, '.ts')}.js`, external: true }
    })
  },
})

/**
 * `import` of a module of Node's reads all its exports, those that load on first use too: node:http would bring a whole fetch along,
 * at the price of a second start of Node.
 */
const lazily = (code: string): string =>
  code.replace(/^import (?:\* as )?([\w$]+|\{[^}]*\}) from "(node:[\w/]+|[a-z_]+(?:\/promises)?)";$/gm, (line, names: string, id: string) =>
    process.getBuiltinModule(id) ? `const ${names.replaceAll(' as ', ': ')} = globalThis.process.getBuiltinModule(${JSON.stringify(id)});` : line,
  )

const verbs = new Set<string>()
const start = await build({ ...common, entryPoints: { main: 'src/cli/main.ts', process: 'src/cli/process.ts' }, plugins: [seldom, onDemand(verbs)] })
verbs.delete(join(root, 'src/cli/process.ts'))
const entries = [...verbs].map((file) => [basename(file, '.ts'), file])
const rest = await build({
  ...common,
  splitting: true,
  entryPoints: Object.fromEntries([...entries, ['daemon', 'src/daemon/main.ts'], ['gate', 'src/daemon/gate.ts'], ['sweep', 'src/daemon/sweep.ts']]),
})

/** Builds that are left for those who started from them and have not loaded all they need. */
const KEPT = 3

const builds = join(root, '.cache/builds')
const fresh = join(builds, `${Date.now()}.${process.pid}`)
mkdirSync(fresh, { recursive: true })
for (const { path, text } of [...(start.outputFiles ?? []), ...(rest.outputFiles ?? [])]) writeFileSync(join(fresh, basename(path)), lazily(text))
// A link is replaced in one step, a folder is not: whoever starts at whatever moment finds one whole build.
const link = `${dist}.${process.pid}.tmp`
symlinkSync(relative(root, fresh), link)
if (lstatSync(dist, { throwIfNoEntry: false })?.isDirectory()) renameSync(dist, join(builds, `0.${process.pid}`))
renameSync(link, dist)
for (const old of readdirSync(builds).sort().slice(0, -KEPT)) rmSync(join(builds, old), { recursive: true, force: true })
// Code kept of former builds is of no use to anybody.
const code = ownCodeFolder()
if (code !== undefined)
  for (const old of readdirSync(code)) {
    try {
      rmSync(join(code, old), { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
    } catch {
      // Another netlab of this user is writing there: the next build clears it away.
    }
  }
