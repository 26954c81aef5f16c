/** A name server outside the cluster: the same CoreDNS, with zone files instead of the API. */
import type { Step } from '#kernel/step.ts'
import { NETLAB_BIN } from '#kernel/step.ts'
import type { DnsServer, Zone } from '#lab/lab.ts'
import type { Host } from '#model/cluster.ts'

const by = 'underlay'
const FOLDER = '/run/netlab/dns'
/** Short enough that a changed record is believed within a lesson. In seconds. */
const TTL = 300
const NEGATIVE_TTL = 30

export function nameServerSteps(host: Host, { zones }: DnsServer): readonly Step[] {
  const served = [...zones, NOTHING_ELSE]
  return [
    ...served.map(
      (zone): Step => ({
        by,
        why: zone === NOTHING_ELSE ? `of every other name ${host.name} says that it does not exist` : `${host.name} knows the names of ${zone.name}`,
        kind: 'file',
        path: fileOf(zone),
        text: zoneFile(zone, host),
      }),
    ),
    { by, why: `which zones ${host.name} serves`, kind: 'file', path: `${FOLDER}/Corefile`, text: served.map(block).join('') },
    {
      by,
      why: `${host.name} is a name server: a CoreDNS that reads zone files and knows no cluster`,
      kind: 'process',
      id: 'dns',
      argv: [`${NETLAB_BIN}/coredns`, '-conf', `${FOLDER}/Corefile`],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOSTNAME: host.name },
      mounts: [],
      onChange: 'restart',
      restart: 'Always',
    },
  ]
}

const NOTHING_ELSE: Zone = { name: '.', records: [] }
const fileOf = ({ name }: Zone): string => `${FOLDER}/${name === '.' ? 'root' : name}.zone`

const block = (zone: Zone): string => `${zone.name}:53 {
    errors
    log
    file ${fileOf(zone)}
}
`

/** `ns` below the zone is the server itself; in the root it would be a name of the world's. */
function zoneFile(zone: Zone, host: Host): string {
  const server = zone.name === '.' ? 'ns.invalid.' : `ns.${zone.name}.`
  return [
    `$ORIGIN ${zone.name === '.' ? '.' : `${zone.name}.`}`,
    `$TTL ${TTL}`,
    `@ SOA ${server} hostmaster.${server.replace(/^ns\./, '')} 1 7200 1800 86400 ${NEGATIVE_TTL}`,
    `@ NS ${server}`,
    ...(zone.name === '.' || zone.records.some((line) => /^ns\s/.test(line)) ? [] : [`ns A ${host.ip}`]),
    ...zone.records,
    '',
  ].join('\n')
}
