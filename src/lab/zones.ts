/** Zones of a name server outside the cluster: records as a zone file (RFC 1035 §5) has them, one line each. */
import { named } from '#api/judge.ts'
import { dnsSubdomain } from '#api/names.ts'
import type { Path } from '#api/validate.ts'
import { familyOf, parseIp } from '#net/net.ts'
import type { Zone } from './lab.ts'
import type { Judging } from './ranges.ts'

export function* zonesOf(given: Readonly<Record<string, readonly string[]>>, path: Path): Judging<readonly Zone[]> {
  const read: Zone[] = []
  for (const [name, records] of Object.entries(given)) {
    yield* named(dnsSubdomain, name, [...path, name])
    const owners = new Map<string, string>()
    for (const [i, line] of records.entries()) {
      const at = [...path, name, i]
      const record = RECORD.exec(line.trim())?.groups
      const says = record === undefined ? `expected NAME [TTL] TYPE DATA such as "www A 203.0.113.10", found "${line}"` : wrongIn(record)
      if (says !== undefined) yield { path: at, says }
      if (record === undefined) continue
      const { owner = '', type = '' } = record
      const before = owners.get(owner)
      if (before !== undefined && (before === 'CNAME' || type === 'CNAME'))
        yield { path: at, says: `"${owner}" has a record of type ${before} already; a name with a CNAME has no other record` }
      owners.set(owner, type)
    }
    read.push({ name, records: records.map((line) => line.trim()) })
  }
  return read
}

const RECORD = /^(?<owner>[^\s;()"]+)(\s+(?<ttl>\d+))?(\s+IN)?\s+(?<type>[A-Z]+)\s+(?<data>[^\n\r]+)$/
const NAME = /^(@|\*|(\*\.)?[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*\.?)$/
const TTL_MAX = 2 ** 31 - 1

function wrongIn({ owner = '', ttl = '0', type = '', data = '' }: Readonly<Record<string, string>>): string | undefined {
  if (!NAME.test(owner)) return `"${owner}" is no name of a record; names are relative to the zone, "@" is the zone itself`
  if (Number(ttl) > TTL_MAX) return `a TTL is at most ${TTL_MAX} seconds, found ${ttl}`
  const form = FORMS[type]
  if (form === undefined) return `no record type "${type}" here; there are ${Object.keys(FORMS).join(', ')}`
  return form.fits(data) ? undefined : `the data of type ${type} is ${form.is}, found "${data}"`
}

type Form = { readonly is: string; readonly fits: (data: string) => boolean }

const address = (family: 4 | 6): Form => ({
  is: `an IPv${family} address`,
  fits: (data) => {
    const read = parseIp(data)
    return read !== undefined && familyOf(read) === family
  },
})
const name: Form = { is: 'a name, with its final dot where it is outside the zone', fits: (data) => NAME.test(data) }
/** `numbers` of 16 bits each, and a name. */
const numbered = (is: string, numbers: number): Form => ({
  is,
  fits: (data) => {
    const words = data.split(/\s+/)
    return words.length === numbers + 1 && words.slice(0, -1).every((word) => /^\d{1,5}$/.test(word) && Number(word) < 2 ** 16) && NAME.test(words.at(-1) ?? '')
  },
})

const FORMS: Readonly<Record<string, Form>> = {
  A: address(4),
  AAAA: address(6),
  CNAME: name,
  MX: numbered('a preference and a name', 1),
  NS: name,
  PTR: name,
  SRV: numbered('priority, weight, port and a name', 3),
  TXT: { is: 'text in double quotes', fits: (data) => /^"[^"\\]{0,255}"(\s+"[^"\\]{0,255}")*$/.test(data) },
}
