/**
 * Bundles the program into dist/. What every call of netlab needs is one file beside main.js; each verb is a file that loads when it is called,
 * and verbs and daemon share what they have in common.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const daemon = 'src/daemon/main.ts'

/** CommonJS packages inside an ESM bundle look for these three. */
const banner = `const require = (id) => process.getBuiltinModule(id) ?? process.getBuiltinModule('node:module').createRequire(import.meta.url)(id)
const __filename = import.meta.filename, __dirname = import.meta.dirname`

const common: BuildOptions = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: process.argv.includes('--sourcemap') ? 'external' : false,
  banner: { js: banner },
  define: { 'process.env.NODE_ENV': '"production"', "process.env['DEV']": '""' },
  // optional parts of ink and of dockerode's ssh transport
  external: ['react-devtools-core', 'cpu-features', './crypto/build/Release/sshcrypto.node'],
  logLevel: 'warning',
}

/** Leaves what is imported on demand to the other build, and notes it. */
const onDemand = (found: Set<string>): Plugin => ({
  name: 'on-demand',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/.*\.ts$/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined
      found.add(join(resolveDir, path))
      return { path: path.replace(/\.ts$/, '.js'), external: true }
    })
  },
})

/**
 * `import` of a module of Node's reads all its exports, those that load on first use too: node:http would bring a whole fetch along,
 * at the price of a second start of Node.
 */
const lazily = (code: string): string =>
  code.replace(/^import (?:\* as )?([\w$]+|\{[^}]*\}) from "(node:[\w/]+|[a-z_]+(?:\/promises)?)";$/gm, (line, names: string, id: string) =>
    process.getBuiltinModule(id) ? `const ${names.replaceAll(' as ', ': ')} = process.getBuiltinModule(${JSON.stringify(id)});` : line,
  )

const verbs = new Set<string>()
const start = await build({ ...common, entryPoints: { main: 'src/cli/main.ts', process: 'src/cli/process.ts' }, plugins: [onDemand(verbs)] })
verbs.delete(join(root, 'src/cli/process.ts'))
const entries = [...verbs].map((file) => [basename(file, '.ts'), file])
const rest = await build({
  ...common,
  splitting: true,
  entryPoints: Object.fromEntries([...entries, ...(existsSync(join(root, daemon)) ? [['daemon', daemon]] : [])]),
})

const fresh = `${dist}.${process.pid}.tmp`
mkdirSync(fresh)
for (const { path, text } of [...(start.outputFiles ?? []), ...(rest.outputFiles ?? [])]) writeFileSync(join(fresh, basename(path)), lazily(text))
rmSync(dist, { recursive: true, force: true })
renameSync(fresh, dist)
