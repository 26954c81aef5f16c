/** What befalls Docker, and what a lab on it does then. */
import { chmodSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { nodeImage, openDocker } from '#daemon/docker.ts'
import { type Dockerd, ownDockerd } from '../support/dockerd.ts'
import { home, netlab, type Said, until } from '../support/netlab.ts'

const SMALL = join(home, 'test/support/labs/small')
const LAB = 'flannel-vxlan'
const DEBIAN = 'debian:bookworm-20250520-slim'
/** Room for the image of nodes and for what it is unpacked from, and one range, which Docker's own bridge takes. */
const POOR = { room: 800, settings: ['--default-address-pool', 'base=10.213.0.0/24,size=24'] }
const n = netlab()
afterAll(n.clean)

const at =
  (host: string) =>
  async (...args: string[]): Promise<Said> => {
    const { exitCode, stdout, stderr } = await execa(join(home, 'netlab'), args, {
      env: { NETLAB_STATE: n.root, DOCKER_HOST: host, NO_COLOR: '1' },
      reject: false,
      stdin: 'ignore',
    })
    return { code: exitCode, out: stdout, err: stderr }
  }

// Only root can start a Docker to be killed, and only others can be refused.
if (process.getuid?.() === 0) {
  let own: Dockerd
  let run: ReturnType<typeof at>
  const ok = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await run(...args)
    if (code !== 0) throw new Error(`netlab ${args.join(' ')} ended with ${code}\n${out}\n${err}`)
    return out
  }
  const held = async () => ({
    containers: await own.docker('ps', '-a', '--format', '{{.Names}}'),
    networks: (await own.docker('network', 'ls', '--format', '{{.Name}}')).filter((name) => !['bridge', 'host', 'none'].includes(name)),
  })
  const nothing = { containers: [], networks: [] }

  beforeAll(async () => {
    own = await ownDockerd(POOR)
    run = at(own.host)
    await own.start()
  })
  afterEach(() => run('clean', '--all'))
  afterAll(() => own.end())

  test('an image that cannot be built to its end is told of with the step that failed, and none of it stays', async () => {
    await own.sh(`tar --create --files-from /dev/null | docker --host ${own.host} import - ${DEBIAN}`)
    const { code, err } = await run('up', SMALL, '--driver', 'docker')
    expect({ code, err: err.replaceAll(/[0-9a-f]{12}/g, 'ID') }).toEqual({
      code: 4,
      err: expect.stringMatching(/netlab-node:ID could not be built: .*\n {2}Step \d/s),
    })
    expect([await held(), await own.docker('images', '--format', '{{.Repository}}'), await n.run('ls')]).toEqual([
      nothing,
      ['debian'],
      expect.objectContaining({ out: '' }),
    ])
    await own.docker('rmi', DEBIAN)
  })

  test('a lab on a Docker whose ranges are all taken brings its own', async () => {
    const there = await nodeImage(await openDocker(process.env), home, process.env, { say: () => {}, signal: new AbortController().signal })
    await execa('sh', ['-c', `docker save ${there} | docker --host ${own.host} load`])
    await expect(own.docker('network', 'create', 'another')).rejects.toThrow('could not find an available')
    await ok('up', LAB, '--driver', 'docker')
    expect(await ok('exec', 'client', '--', 'curl', '-s', 'http://frontend/hostname')).toMatch(/^frontend-/)
    expect((await held()).networks.length).toBe(2)
  })

  test('Docker is killed under a lab: status tells, up says why not, and repairs it when Docker is back, with a network that somebody removed', async () => {
    await ok('up', SMALL, '--driver', 'docker')
    await own.kill()
    await until(
      () => ok('status'),
      (said) => said.includes('0 of 2 nodes ready'),
    )
    const up = await run('up', SMALL)
    expect([up.code, up.err.includes(`Docker is not running: nobody listens at ${own.host}\n`)]).toEqual([4, true])
    await own.start()
    await until(
      async () => (await held()).containers,
      (some) => some.length === 0,
    )
    await own.docker('network', 'prune', '--force')
    await ok('up', SMALL)
    expect(await ok('exec', 'node-2', '--', 'curl', '-sm', '5', 'http://10.244.0.2:8080/hostname')).toBe('web')
    expect((await run('up', SMALL)).err).toContain('nothing to change')
  })

  test('Docker is killed, and then the lab: down says that something may be left, and clean removes it when Docker is back', async () => {
    await ok('up', SMALL, '--driver', 'docker')
    await own.kill()
    const down = await run('down')
    expect([down.code, /something may be left/.test(down.err), /netlab clean/.test(down.err), /bug/.test(down.err)]).toEqual([1, true, true, false])
    await own.start()
    expect((await run('clean')).err).toContain('removed from Docker: lab small')
    expect(await held()).toEqual(nothing)
  })

  test('on a full disk up says so and leaves nothing; with room again it works', async () => {
    await own.sh('head -c 1G /dev/zero >"$DATA/filler" || true')
    const { code, err } = await run('up', SMALL, '--driver', 'docker')
    await own.sh('rm "$DATA/filler"')
    expect({ code, err }).toEqual({ code: 4, err: expect.stringContaining('no space left on device') })
    expect([await held(), (await run('ls')).out]).toEqual([nothing, ''])
    await ok('up', SMALL, '--driver', 'docker')
  })

  test('clean --all takes down every lab on every driver, and what Docker holds of labs that nobody knows', async () => {
    await ok('up', SMALL, '--driver', 'netns')
    await ok('up', LAB, '--driver', 'docker')
    await own.docker('network', 'create', '--subnet', '10.99.0.0/24', '--label', 'dev.netlab.keeper=of another machine', 'netlab_old_nodes')
    await own.docker('network', 'create', '--subnet', '10.98.0.0/24', 'strangers')
    await ok('clean')
    expect((await held()).networks).toContain('netlab_old_nodes')
    await ok('clean', '--all')
    expect([await held(), (await run('ls')).out]).toEqual([{ containers: [], networks: ['strangers'] }, ''])
    await own.docker('network', 'rm', 'strangers')
  })
} else {
  test('who may not speak to Docker is told how to be allowed', async () => {
    const socket = join(n.root, '.docker.sock')
    const server = createServer().listen(socket)
    await new Promise((resolve) => server.once('listening', resolve))
    chmodSync(socket, 0)
    const { code, err } = await at(`unix://${socket}`)('up', SMALL, '--driver', 'docker')
    server.close()
    const user = userInfo().username
    expect({ code, err }).toEqual({
      code: 4,
      err: `netlab: user ${user} may not use Docker: no permission for ${socket}\nto allow it: sudo usermod -aG docker ${user}, and log in again (who is in that group is as good as root on this machine)`,
    })
  })
}
