/** From a question in the check's words to programs to run and a judgement of their answers, for one attempt. */
import { answer } from './kinds/answer.ts'
import { balance } from './kinds/balance.ts'
import { bgpRoute, bgpSession } from './kinds/bgp.ts'
import { dns } from './kinds/dns.ts'
import { http } from './kinds/http.ts'
import { iptables } from './kinds/iptables.ts'
import { exec, file, listen, process, sysctl } from './kinds/machine.ts'
import { matrix } from './kinds/matrix.ts'
import { mtu } from './kinds/mtu.ts'
import { object } from './kinds/object.ts'
import { ping } from './kinds/ping.ts'
import { source } from './kinds/source.ts'
import { fdb, iface, neigh, route, vxlan } from './kinds/tables.ts'
import { tcp } from './kinds/tcp.ts'
import { udp } from './kinds/udp.ts'
import { expand } from './names.ts'
import { allOf, anyOf, type Inquiry, not, undecided } from './question.ts'
import type { Scene } from './scene.ts'
import type { What } from './schema.ts'

export function inquire(what: What, scene: Scene): Inquiry {
  const expanded = expand(what, scene)
  return expanded.ok ? inquireInto(expanded.value, scene) : undecided(what.kind, expanded.errors)
}

function inquireInto(what: What, scene: Scene): Inquiry {
  switch (what.kind) {
    case 'ping':
      return ping(what.of, scene)
    case 'tcp':
      return tcp(what.of, scene)
    case 'udp':
      return udp(what.of, scene)
    case 'http':
      return http(what.of, scene)
    case 'dns':
      return dns(what.of, scene)
    case 'source':
      return source(what.of, scene)
    case 'balance':
      return balance(what.of, scene)
    case 'mtu':
      return mtu(what.of, scene)
    case 'matrix':
      return matrix(what.of, scene)
    case 'interface':
      return iface(what.of, scene)
    case 'bgp-session':
      return bgpSession(what.of, scene)
    case 'bgp-route':
      return bgpRoute(what.of, scene)
    case 'vxlan':
      return vxlan(what.of, scene)
    case 'route':
      return route(what.of, scene)
    case 'neigh':
      return neigh(what.of, scene)
    case 'fdb':
      return fdb(what.of, scene)
    case 'iptables':
      return iptables(what.of, scene)
    case 'sysctl':
      return sysctl(what.of, scene)
    case 'listen':
      return listen(what.of, scene)
    case 'process':
      return process(what.of, scene)
    case 'file':
      return file(what.of, scene)
    case 'exec':
      return exec(what.of, scene)
    case 'object':
      return object(what.of)
    case 'answer':
      return answer(what.of, scene)
    case 'capture':
      return undecided('packets', ['a capture watches another probe and cannot be a part of one'])
    case 'converge':
      return undecided('packets that flow', ['a probe that disturbs stands alone and cannot be a part of one'])
    case 'all':
      return allOf(what.of.map((part) => inquireInto(part, scene)))
    case 'any':
      return anyOf(what.of.map((part) => inquireInto(part, scene)))
    case 'not':
      return not(inquireInto(what.of, scene))
    default:
      return what satisfies never
  }
}
