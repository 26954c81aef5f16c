/** What a lab's keeper becomes when the daemon has ended, and who finds a dead lab starts: removes what Docker still holds of it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sweep } from '#driver/docker/mark.ts'
import { markOf, openDocker } from './docker.ts'
import { LEFT_OVER } from './state.ts'

try {
  await sweep((await openDocker(process.env)).docker, markOf(process.env).keeper)
} catch (error) {
  try {
    writeFileSync(join(process.env['NETLAB_FOLDER'] ?? '', LEFT_OVER), (error as Error).message)
  } catch {
    // The folder has gone; netlab clean finds what is left by its mark.
  }
  process.exit(1)
}
