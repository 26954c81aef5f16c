/** Against what birdc of Debian 12 said in labs/calico-bgp. */
import { expect, test } from 'vitest'
import { readRoutes, readSessions } from './bgp.ts'

const said = (stdout: string, code = 0) => ({ code, stdout, stderr: '' })

const PROTOCOLS = `BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
static1    Static     master4    up     06:18:30.045
  Channel ipv4
    State:          UP

Mesh_192_168_0_11 BGP        ---        up     06:18:30.885  Established
  BGP state:          Established
    Neighbor address: 192.168.0.11
    Neighbor AS:      64512
    Local AS:         64512

Mesh_192_168_0_12 BGP        ---        start  06:18:30.235  Active        Socket: Connection refused
  BGP state:          Active
    Neighbor address: 192.168.0.12
    Neighbor AS:      64513
    Last error:       Socket: Connection refused

Mesh_192_168_0_13 BGP        ---        down   06:18:31.235
  BGP state:          Down
    Neighbor address: 192.168.0.13
    Neighbor AS:      64512
`

test('sessions are those of BGP, with the peer and the state of each', () => {
  expect([readSessions(said(PROTOCOLS)), readSessions(said('Unable to connect', 1)), readSessions(said('BIRD 2.0.12 ready.\n'))]).toEqual([
    [
      { name: 'Mesh_192_168_0_11', peer: '192.168.0.11', as: 64512, state: 'Established', off: false },
      { name: 'Mesh_192_168_0_12', peer: '192.168.0.12', as: 64513, state: 'Active', off: false, error: 'Socket: Connection refused' },
      { name: 'Mesh_192_168_0_13', peer: '192.168.0.13', as: 64512, state: 'Down', off: true },
    ],
    undefined,
    [],
  ])
})

const ROUTES = `BIRD 2.0.12 ready.
Table master4:
10.244.0.64/26       unicast [Mesh_192_168_0_11 06:18:31.035] * (100) [i]
\tvia 192.168.0.11 on eth0
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path:
\tBGP.next_hop: 192.168.0.11
\tBGP.local_pref: 100
                     unicast [Node_192_168_0_1 06:18:31.100] (100) [AS65001i]
\tvia 192.168.0.1 on eth0
\tvia 192.168.0.2 on eth1
\tType: BGP univ
\tBGP.as_path: 65100 65001
10.244.0.0/26        blackhole [static1 06:18:30.045] * (200)
\tType: static univ
`

test('routes that came by BGP have all their next hops and the systems they went through', () => {
  expect([readRoutes(said(ROUTES)), readRoutes(said('BIRD 2.0.12 ready.\nNetwork not found\n', 1)), readRoutes(said('Unable to connect', 1))]).toEqual([
    [
      { to: '10.244.0.64/26', via: ['192.168.0.11'], path: [] },
      { to: '10.244.0.64/26', via: ['192.168.0.1', '192.168.0.2'], path: [65100, 65001] },
    ],
    [],
    undefined,
  ])
})
