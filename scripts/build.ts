/** Bundles the program into dist/: one entry for the command line, one for the lab daemon, a file for each verb that loads when it is called. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const entries = { main: 'src/cli/main.ts', daemon: 'src/daemon/main.ts' }

/** CommonJS packages inside an ESM bundle look for these three. */
const banner = `import { createRequire as netlabRequire } from 'node:module'
const require = netlabRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname`

const dist = join(root, 'dist')
rmSync(dist, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(join(root, file)))),
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: process.argv.includes('--sourcemap') ? 'external' : false,
  banner: { js: banner },
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '""' },
  // optional parts of ink and of dockerode's ssh transport
  external: ['react-devtools-core', 'cpu-features', './crypto/build/Release/sshcrypto.node'],
  logLevel: 'warning',
})
