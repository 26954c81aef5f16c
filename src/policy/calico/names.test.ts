import { expect, test } from 'vitest'
import { groupChainName, limited, ruleHashes, setName, uniqueId } from './names.ts'
import { ALL, peerSelector } from './selectors.ts'

const hashes = (chain: string, rules: readonly string[]): readonly string[] =>
  ruleHashes(
    chain,
    rules.map((rule) => `-A ${chain} HASH ${rule}`),
  )

test('a rule’s hash is Felix’s own: of its text, of what stands above it and of its chain', () => {
  const forward = [
    '--jump MARK --set-mark 0/0xe0000',
    '-m mark --mark 0/0x10000 --jump cali-from-hep-forward',
    '--in-interface cali+ --jump cali-from-wl-dispatch',
    '--out-interface cali+ --jump cali-to-wl-dispatch',
    '--jump cali-to-hep-forward',
    '--jump cali-cidr-block',
  ]
  expect([
    hashes('cali-FORWARD', forward),
    hashes('FORWARD', ['--jump cali-FORWARD']),
    hashes('FORWARD*appends*', [
      '-m comment --comment "Policy explicitly accepted packet." -m mark --mark 0x10000/0x10000 --jump ACCEPT',
      '--jump MARK --set-mark 0x10000/0x10000',
    ]),
  ]).toEqual([
    ['vjrMJCRpqwy5oRoX', 'A_sPAO0mcxbT9mOV', '8ZoYfO5HKXWbB3pk', 'jdEuaPBe14V2hutn', '12bc6HljsMKsmfr-', 'NOSxoaGx8OIstr1z'],
    ['wUHhoiAYhphO9Mso'],
    ['S93hcgKJrXEqnTfs', 'mp77cMpurHhyjLrM'],
  ])
})

test('a set is named after the selector whose Pods are in it', () => {
  const ubuntu = peerSelector({ namespace: 'default', pods: { matchLabels: { app: 'ubuntu-client' } } })
  expect([uniqueId('s', ALL), ubuntu, uniqueId('s', ubuntu), setName(4, uniqueId('s', ALL))]).toEqual([
    's:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug',
    '(projectcalico.org/namespace == "default" && (projectcalico.org/orchestrator == "k8s" && app == "ubuntu-client"))',
    's:nzE8vwTu69FSscx2FDKjb20D9dZxEyVxsWFqwA',
    'cali40s:5y5I3VdRZfDU01O--xXAPx2',
  ])
})

test('a name that does not fit a chain’s is a hash of it', () => {
  expect([
    limited('cali-pri-', 'ksa.default.default', 28),
    limited('cali-pi-', 'knp/shop/allow-from-frontend', 28),
    limited('cali-pi-', 'knp/x/web', 28),
  ]).toEqual(['cali-pri-ksa.default.default', expect.stringMatching(/^cali-pi-_[\w-]{19}$/), 'cali-pi-knp/x/web'])
  expect(groupChainName('all()', [], 'ingress')).toHaveLength(28)
})
