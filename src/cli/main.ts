/** The entry: Node keeps the compiled code from one call to the next, so this must come before anything else is loaded. */
import { ownCodeFolder } from '#daemon/codecache.ts'

const folder = ownCodeFolder()
if (folder !== undefined) process.getBuiltinModule('node:module').enableCompileCache(folder)
const { main } = await import('./process.ts')
await main()
