/** A program that prints without end must not keep the daemon busy: of each moment a part is kept, some more is read and dropped with a note, and then it has to wait. */
import type { Hear } from '#driver/driver.ts'
import type { Log } from './log.ts'

const MOMENT_MS = 100
/** Letters a moment, 2.5 million a second: what a container prints in earnest is far below. */
const KEPT = 256 * 1024
/** As many are read; a program that prints more is held up. */
const READ = 2 * 1024 * 1024

export function metered(add: Log['add']): Hear {
  let heard = 0
  let dropped = 0
  let over: Promise<void> | undefined
  /** The next moment begins. Who dropped something says how much when it has stopped dropping. */
  const moment = (): Promise<void> =>
    new Promise((resolve) => {
      setTimeout(() => {
        if (dropped > 0 && heard <= KEPT) {
          add(`\n(netlab: ${dropped} letters were printed too fast and are not kept)\n`)
          dropped = 0
        }
        over = undefined
        heard = 0
        resolve()
      }, MOMENT_MS).unref()
    })
  return (chunk, from) => {
    over ??= moment()
    heard += chunk.length
    if (heard <= KEPT) add(chunk, from)
    else {
      if (dropped === 0) add('\n(netlab: more is printed than is kept)\n')
      dropped += chunk.length
    }
    return heard > READ ? over : undefined
  }
}
