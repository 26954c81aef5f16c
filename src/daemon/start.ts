/** Where the daemon begins: with compiled code kept from the last time, so that a lab need not wait for it. */
process.getBuiltinModule('node:module').enableCompileCache()
await import('./main.ts')
