/** How long ago, in kubectl's words: two units at most, the finer the younger. */
export function age(since: string | null | undefined, now: string): string {
  return since === undefined || since === null || since === '' ? '<unknown>' : duration((Date.parse(now) - Date.parse(since)) / 1000)
}

export function duration(total: number): string {
  const seconds = Math.trunc(total)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)]
  if (seconds < 120) return `${seconds}s`
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  if (hours < 192) return pair(days, 'd', hours % 24, 'h')
  if (days < 730) return `${days}d`
  if (days < 2920) return pair(Math.floor(days / 365), 'y', days % 365, 'd')
  return `${Math.floor(days / 365)}y`
}

const pair = (large: number, unit: string, small: number, smallUnit: string): string => `${large}${unit}${small === 0 ? '' : `${small}${smallUnit}`}`
