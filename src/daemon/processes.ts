/** Processes of this host, by pid and start time: a pid alone may be another process's by now. */
import { readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** Start time of a process in clock ticks since boot (proc(5) stat, field 22). */
export function startTimeOf(pid: number): string | undefined {
  const stat = readQuietly(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return stat === '' || fields[0] === 'Z' ? undefined : fields[19]
}

export const alive = (pid: number, startTime: string): boolean => startTimeOf(pid) === startTime

/** Its first. */
export function childOf(pid: number): number | undefined {
  const [first] = readQuietly(`/proc/${pid}/task/${pid}/children`).split(' ')
  return first ? Number(first) : undefined
}

/** A process and all that descend from it. */
export function familyOf(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readQuietly(`/proc/${name}/stat`)
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const family = [pid]
  for (const one of family) family.push(...(children.get(one) ?? []))
  return family
}

/** This machine and its present boot. */
export const here = (): readonly [machine: string, boot: string] => [
  readQuietly('/etc/machine-id').trim() || hostname(),
  readQuietly('/proc/sys/kernel/random/boot_id').trim(),
]

/** Empty where there is nothing to be read. */
export function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // already gone
  }
}
