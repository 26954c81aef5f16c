/** How programs of netlab are bundled: one ES module for Node. */
import type { BuildOptions } from 'esbuild'

/** CommonJS packages inside an ESM bundle look for these three. `process` alone may be a name of a module's own. */
const js = `const require = (id) => globalThis.process.getBuiltinModule(id) ?? globalThis.process.getBuiltinModule('node:module').createRequire(import.meta.url)(id)
const __filename = import.meta.filename, __dirname = import.meta.dirname`

export const bundled: BuildOptions = { bundle: true, format: 'esm', platform: 'node', target: 'node24', banner: { js }, logLevel: 'warning' }
