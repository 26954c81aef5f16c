/** The address families of a Service, IPv4 and IPv6: at most one address of each. */
import { type Family, familyOf, parseIp } from '#net/net.ts'
import { type Loose, type Mistakes, unique } from './judge.ts'
import type { ServiceObject } from './kinds.ts'

type Spec = Loose<ServiceObject['spec']>

const FAMILIES_MAX = 2
const DUAL = ['PreferDualStack', 'RequireDualStack']

/** What the object alone says wrongly. */
export function* families(spec: Spec): Mistakes {
  const wrong = [...addresses(spec)]
  yield* wrong.length > 0 ? wrong : policy(spec)
}

function* addresses({ clusterIP = '', clusterIPs = [], ipFamilies = [] }: Spec): Mistakes {
  const [first, second] = clusterIPs
  if (first !== undefined && first !== clusterIP)
    yield {
      path: ['spec', 'clusterIPs', 0],
      says: clusterIP === '' ? 'only beside clusterIP, which is its first' : `must equal clusterIP "${clusterIP}", found "${first}"`,
    }
  if (clusterIPs.length > FAMILIES_MAX) yield { path: ['spec', 'clusterIPs'], says: `at most one of each family, found ${clusterIPs.length}` }
  else if (second !== undefined) yield* secondIP(first, second)
  yield* unique(ipFamilies, (one) => one, ['spec', 'ipFamilies'], '', 'the family')
  const written = parseIp(first ?? clusterIP)
  const [family] = ipFamilies
  if (written !== undefined && family !== undefined && family !== `IPv${familyOf(written)}`)
    yield { path: ['spec', 'ipFamilies', 0], says: `clusterIP ${written} is none of ${family}` }
}

function* policy({ clusterIPs = [], ipFamilies = [], ipFamilyPolicy = 'SingleStack' }: Spec): Mistakes {
  if (DUAL.includes(ipFamilyPolicy)) return
  for (const [field, given] of [['ipFamilies', ipFamilies] as const, ['clusterIPs', clusterIPs] as const])
    if (given.length > 1) yield { path: ['spec', field, 1], says: `only with ipFamilyPolicy ${DUAL.join(' or ')}, found ${ipFamilyPolicy}` }
}

function* secondIP(first: string | undefined, second: string): Mistakes {
  const path = ['spec', 'clusterIPs', 1]
  const [one, other] = [first, second].map((text) => parseIp(text ?? ''))
  if (first === 'None') yield { path, says: 'None makes a headless Service, which has no address' }
  else if (other === undefined) yield { path, says: `"${second}" is not an IP address` }
  else if (one !== undefined && familyOf(one) === familyOf(other))
    yield { path, says: `${one} and ${other} are of one family; a Service has at most one address of each` }
}

/** What a cluster whose Services are all of one family cannot give. */
export function* foreignTo(family: Family, { clusterIPs = [], ipFamilies = [], ipFamilyPolicy }: Spec): Mistakes {
  const own = `IPv${family}`
  const isNone = (one: string | undefined): one is string => one !== undefined && one !== own
  const told = (one: string): string => `${one} is not configured on this cluster; its Services have ${own}`
  const second = parseIp(clusterIPs[1] ?? '')
  for (const [i, one] of ipFamilies.entries()) if (isNone(one)) yield { path: ['spec', 'ipFamilies', i], says: told(one) }
  if (second !== undefined && familyOf(second) !== family) yield { path: ['spec', 'clusterIPs', 1], says: told(`IPv${familyOf(second)}`) }
  if (ipFamilyPolicy === 'RequireDualStack') yield { path: ['spec', 'ipFamilyPolicy'], says: 'this cluster is not configured for dual-stack services' }
}
