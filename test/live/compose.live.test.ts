/** netlab in one container, as docker-compose.yml makes it where no registry answers. */
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Dockerd, ownDockerd } from '../support/dockerd.ts'
import { home, until } from '../support/netlab.ts'

const LAB = 'flannel-vxlan'
const BUILD_MS = 900_000

// One image is enough, and only root can start a Docker that holds it for no longer than this test.
if (process.getuid?.() === 0) {
  let own: Dockerd
  const compose = async (...args: string[]): Promise<string> => {
    const env = { DOCKER_HOST: own.host, NETLAB_BASE: 'netlab-base', COMPOSE_PROJECT_NAME: 'netlab-test' }
    const { stdout } = await execa('docker-compose', ['--file', join(home, 'docker-compose.yml'), ...args], { env, stdin: 'ignore' })
    return stdout.trim()
  }

  beforeAll(async () => {
    own = await ownDockerd({ room: 3_000 })
    await own.start()
    await execa('sh', ['-c', `${home}/scripts/base-image --with-node | docker --host ${own.host} import - netlab-base`])
    await compose('build')
  }, BUILD_MS)
  afterAll(() => own.end())

  test('a lab runs in the container that run makes, and ends with it, also by kill -9; the volume keeps the state folder', { timeout: 300_000 }, async () => {
    await compose('run', '-T', '-d', '--name', 'one', 'netlab', 'up', LAB)
    const inside = (...args: string[]): Promise<string> => own.docker('exec', 'one', 'netlab', ...args).then((lines) => lines.join('\n'))
    await until(
      () => inside('status').catch(() => ''),
      (said) => said.includes('3 of 3 nodes ready, 10 of 10 Pods ready'),
      60_000,
    )
    expect(await inside('check')).toMatch(/(\d+) of \1 probes passed/)
    await own.docker('kill', 'one')
    expect(await compose('run', '-T', '--rm', '--entrypoint', 'ls', 'netlab', '/var/lib/netlab')).toBe(LAB)
    expect(await compose('run', '-T', '--rm', 'netlab', 'ls')).toBe('')
    expect(await compose('run', '-T', '--rm', '--entrypoint', 'ls', 'netlab', '/var/lib/netlab')).toBe('')
  })

  test('a container that stays holds labs until down', async () => {
    await compose('up', '-d')
    const inside = (...args: string[]): Promise<string> => compose('exec', '-T', 'netlab', 'netlab', ...args)
    await inside('up', LAB)
    expect(await inside('exec', 'client', '--', 'curl', '-s', 'http://frontend/hostname')).toMatch(/^frontend-/)
    await inside('down')
    expect(await inside('ls')).toBe('')
    await compose('down', '--volumes')
    expect([await own.docker('ps', '-aq'), await own.docker('volume', 'ls', '-q')]).toEqual([[], []])
  })
}

test('docker-compose.yml is one that docker-compose reads', async () => {
  const { stdout } = await execa('docker-compose', ['--file', join(home, 'docker-compose.yml'), 'config', '--services'])
  expect(stdout).toBe('netlab')
})
