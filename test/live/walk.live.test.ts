/**
 * A walk between labs: `up` after `up` of a lab whose files change at random. Wherever it comes to, the kernels are as those of a fresh lab of the same files, and
 * nothing has drifted. NETLAB_SEED walks again where it failed.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Output } from '#kernel/command.ts'
import { commandLine } from '#kernel/shell.ts'
import { randomOf } from '#kernel/variant.ts'
import { whyNoDocker } from '../driver/docker.ts'
import { networkState } from '../driver/kernel-state.ts'
import { type Netlab, netlab, until } from '../support/netlab.ts'

const seed = Number(process.env['NETLAB_SEED'] ?? Math.floor(Math.random() * 1e6))
const [walker, fresh] = [netlab(), netlab()]
const folder = mkdtempSync(join(tmpdir(), 'netlab-walk-'))
const why = await whyNoDocker()

afterAll(async () => {
  await Promise.all([walker.clean(), fresh.clean()])
  rmSync(folder, { recursive: true, force: true })
})

test.each([['netns', 5], ...(why === undefined ? ([['docker', 2]] as const) : [])] as const)(
  `whatever way %s led to a lab, its kernels are as those of a fresh one (%i steps, seed ${seed})`,
  async (driver, steps) => {
    const random = randomOf(seed)
    for (let step = 0; step < steps; step++) {
      write(random)
      await walker.ok('up', folder, '--driver', driver)
      expect(JSON.parse(await walker.ok('drift', '-o', 'json')), `drift after step ${step}`).toEqual({ drift: [] })
    }
    await fresh.ok('up', folder, '--driver', driver)
    // Pods that the last step took away are on their way out when `up` is done.
    await until(
      () => walker.json('pods'),
      ({ items }) => items.every(({ metadata }: { metadata: { deletionTimestamp?: string } }) => metadata.deletionTimestamp === undefined),
      30_000,
    )
    expect(await kernels(walker)).toEqual(await kernels(fresh))
    await Promise.all([walker.ok('down'), fresh.ok('down')])
  },
)

/** Each node has the first few of its Pods, so that what came and went leaves no trace in addresses. */
function write(random: () => number): void {
  const oneOf = <T>(...all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
  const nodes = oneOf(1, 2, 3)
  const spec = {
    nodes,
    dns: 'none',
    cni: oneOf('flannel-vxlan', 'host-gw'),
    proxy: oneOf('iptables', 'nftables', 'none'),
    hosts: oneOf([], [{ name: 'internet', ip: '203.0.113.10' }]),
  }
  const pods = Array.from({ length: nodes }).flatMap((_, node) =>
    Array.from({ length: oneOf(0, 1, 2) }, (_, at) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${node + 1}${'ab'[at]}`, labels: { app: 'ab'[at], node: `${node + 1}` } },
      spec: { nodeName: `node-${node + 1}`, terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'netlab/echo' }] },
    })),
  )
  const services = ['a', 'b'].flatMap((app, at) => {
    if (random() < 0.3) return []
    const [port, reached] = [oneOf(80, 8000), oneOf(undefined, 30080 + at)]
    return [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: app },
        spec: {
          type: reached === undefined ? 'ClusterIP' : 'NodePort',
          clusterIP: `10.96.0.${20 + at}`,
          sessionAffinity: oneOf('None', 'ClientIP'),
          selector: { app },
          ports: [{ port, targetPort: 8080, ...(reached === undefined ? {} : { nodePort: reached }) }],
        },
      },
    ]
  })
  const policies =
    random() < 0.5
      ? []
      : [
          {
            apiVersion: 'networking.k8s.io/v1',
            kind: 'NetworkPolicy',
            metadata: { name: 'to-a' },
            spec: { podSelector: { matchLabels: { app: 'a' } }, ingress: oneOf([], [{ from: [{ podSelector: { matchLabels: { app: 'b' } } }] }]) },
          },
        ]
  mkdirSync(join(folder, 'manifests'), { recursive: true })
  writeFileSync(join(folder, 'lab.yaml'), JSON.stringify({ apiVersion: 'netlab.dev/v1', kind: 'Lab', metadata: { name: 'walk' }, spec }))
  writeFileSync(join(folder, 'manifests/all.yaml'), [...pods, ...services, ...policies].map((object) => JSON.stringify(object)).join('\n---\n'))
}

async function kernels(n: Netlab): Promise<object> {
  const nodes = (await n.json('nodes')).items.map(({ metadata }: { metadata: { name: string } }) => metadata.name) as readonly string[]
  const states = nodes.map(async (node) => {
    const run = together(n, node)
    const { stdout } = await run(['nft', '-s', 'list', 'table', 'ip', 'kube-proxy'])
    const network = await networkState(
      { driver: { run: (_, command) => run('argv' in command ? command.argv : [], 'argv' in command ? command.in : undefined) } },
      node,
    )
    return [node, { ...network, nft: stdout.split('\n').toSorted() }] as const
  })
  return Object.fromEntries(await Promise.all(states))
}

/** What is asked at the same moment is run by one `netlab exec`. */
function together(n: Netlab, node: string): (argv: readonly string[], space?: string) => Promise<Output> {
  const END = '-- the end of one --'
  let waiting: { readonly line: string; readonly told: (output: Output) => void }[] = []
  const flush = async (): Promise<void> => {
    const now = waiting.splice(0)
    const { out, err } = await n.run('exec', `node/${node}`, '--', 'sh', '-c', now.map(({ line }) => `${line}; printf '%s\\n' '${END}'$?`).join('\n'))
    const answers = out.split(END)
    now.forEach(({ told }, at) => {
      const code = Number(/^\d+/.exec(answers[at + 1] ?? '')?.[0] ?? 255)
      told({ code, stdout: (answers[at] ?? '').replace(at === 0 ? '' : /^\d+\n/, ''), stderr: err })
    })
  }
  return (argv, space) => {
    if (waiting.length === 0) setImmediate(flush)
    const { promise, resolve: told } = Promise.withResolvers<Output>()
    waiting = [...waiting, { line: commandLine([...(space === undefined ? [] : ['nsenter', `--net=/run/netns/${space}`, '--']), ...argv]), told }]
    return promise
  }
}
