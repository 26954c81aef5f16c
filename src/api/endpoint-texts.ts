/** Endpoints in one line: `ip:port` of every ready address. */
import { hostPort, parseIp } from '#net/net.ts'
import type { Endpoints } from './kinds.ts'

export const endpointTexts = (subsets: Endpoints['subsets']): readonly string[] =>
  subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0 ? addresses.map(({ ip }) => ip) : ports.flatMap(({ port }) => addresses.map(({ ip }) => withPort(ip, port))),
  )

function withPort(text: string, port: number): string {
  const parsed = parseIp(text)
  return parsed === undefined ? `${text}:${port}` : hostPort(parsed, port)
}
