/**
 * Node keeps compiled code from one start to the next, and runs what it finds kept without asking whose it is. So it is kept where nobody else
 * can put anything: below the user's own ~/.cache, never in a folder shared by all, which is Node's own choice.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs'

export function ownCodeFolder(env: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
  const folder = codeFolder(env)
  return folder !== undefined && isOwn(folder, process.getuid?.() ?? 0) ? folder : undefined
}

export function codeFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const cache = env['XDG_CACHE_HOME'] || (env['HOME'] && `${env['HOME']}/.cache`)
  return cache?.startsWith('/') ? `${cache}/netlab/code` : undefined
}

/** Made if it is not there. As sshd has it of keys: each folder on the way belongs to the user or root, and nobody else may write to it or rename what is in it. */
export function isOwn(folder: string, uid: number): boolean {
  try {
    made(folder, 3)
    for (let path = folder; ; path = path.slice(0, path.lastIndexOf('/'))) {
      const { uid: owner, mode } = statSync(path || '/')
      const shared = (mode & WRITABLE_BY_OTHERS) !== 0 && (path === folder || (mode & STICKY) === 0)
      if ((owner !== uid && owner !== 0) || shared) return false
      if (path === '') return true
    }
  } catch {
    return false
  }
}

/** The user's cache and what is netlab's in it. Step by step: Node's own way of making all of a path never ends in /proc. */
function made(folder: string, levels: number): void {
  if (levels > 1) made(folder.slice(0, folder.lastIndexOf('/')), levels - 1)
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 })
}

const WRITABLE_BY_OTHERS = 0o022
const STICKY = 0o1000
