/** The entry: Node keeps the compiled code from one call to the next, so this must come before anything else is loaded. */

process.getBuiltinModule('node:module').enableCompileCache()
const { main } = await import('./process.ts')
await main()
