import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { endpointOf, unreachable } from './endpoint.ts'

const home = mkdtempSync(join(tmpdir(), 'netlab-docker-'))
const config = join(home, '.docker')
const context = (name: string, host: string, keys = false): void => {
  const id = createHash('sha256').update(name).digest('hex')
  mkdirSync(join(config, 'contexts/meta', id), { recursive: true })
  writeFileSync(join(config, 'contexts/meta', id, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }))
  if (!keys) return
  const folder = join(config, 'contexts/tls', id, 'docker')
  mkdirSync(folder, { recursive: true })
  for (const key of ['ca', 'cert', 'key']) writeFileSync(join(folder, `${key}.pem`), key)
}
context('lab', 'ssh://ann@lab.example:2222')
context('safe', 'tcp://safe.example:2376', true)
writeFileSync(join(config, 'config.json'), JSON.stringify({ currentContext: 'lab' }))
for (const key of ['ca', 'cert', 'key']) writeFileSync(join(config, `${key}.pem`), key)
afterAll(() => rmSync(home, { recursive: true }))

test('Docker is where its own command line finds it: DOCKER_HOST, DOCKER_CONTEXT, the current context, the socket of the system', () => {
  const pem = { ca: Buffer.from('ca'), cert: Buffer.from('cert'), key: Buffer.from('key') }
  expect([
    endpointOf({ HOME: home, DOCKER_HOST: 'unix:///run/podman.sock' }).options,
    endpointOf({ HOME: home, DOCKER_HOST: 'tcp://far.example' }).options,
    endpointOf({ HOME: home, DOCKER_HOST: 'tcp://far.example:1', DOCKER_TLS_VERIFY: '1' }).options,
    endpointOf({ HOME: home, DOCKER_CONTEXT: 'safe' }).options,
    endpointOf({ HOME: home, SSH_AUTH_SOCK: '/agent' }).options,
    endpointOf({ HOME: '/nowhere' }).options,
  ]).toEqual([
    { socketPath: '/run/podman.sock' },
    { protocol: 'http', host: 'far.example', port: 2375 },
    { protocol: 'https', host: 'far.example', port: '1', ...pem },
    { protocol: 'https', host: 'safe.example', port: '2376', ...pem },
    { protocol: 'ssh', host: 'lab.example', port: '2222', username: 'ann', sshOptions: { agent: '/agent' } },
    { socketPath: '/var/run/docker.sock' },
  ])
  expect(() => endpointOf({ HOME: home, DOCKER_CONTEXT: 'other' })).toThrow(
    `there is no Docker context named other in ${config}; docker context ls shows those there are`,
  )
})

test('where the config cannot be read, docker is not shown it, and says nothing of it to a learner', () => {
  const [unreadable, broken] = [join(home, 'unreadable'), join(home, 'broken')]
  // As to another user's: even root cannot read a folder like a file.
  mkdirSync(join(unreadable, 'config.json'), { recursive: true })
  mkdirSync(broken)
  writeFileSync(join(broken, 'config.json'), '{')
  expect([unreadable, broken, join(home, 'none'), config].map((folder) => endpointOf({ DOCKER_CONFIG: folder, DOCKER_HOST: 'unix:///d.sock' }).flags)).toEqual([
    ['--config', '/nonexistent/.docker', '--host', 'unix:///d.sock'],
    ['--config', '/nonexistent/.docker', '--host', 'unix:///d.sock'],
    ['--config', join(home, 'none'), '--host', 'unix:///d.sock'],
    ['--config', config, '--host', 'unix:///d.sock'],
  ])
  expect(endpointOf({ DOCKER_CONFIG: unreadable }).flags).toEqual(['--config', '/nonexistent/.docker', '--host', 'unix:///var/run/docker.sock'])
})

test('a Docker that does not answer is told with the way out', () => {
  const at = endpointOf({ DOCKER_HOST: 'unix:///d.sock' })
  const told = (code: string) => unreachable(at, Object.assign(new Error('words'), { code }), 'ann')
  expect(['ENOENT', 'ECONNREFUSED', 'EACCES', 'ETIMEDOUT', 'EPROTO'].map(told)).toMatchInlineSnapshot(`
    [
      "no Docker here: there is no socket /d.sock
    start it (systemctl start docker; Debian's package is docker.io), or set DOCKER_HOST",
      "Docker is not running: nobody listens at unix:///d.sock
    start it: systemctl start docker",
      "user ann may not use Docker: no permission for /d.sock
    to allow it: sudo usermod -aG docker ann, and log in again (who is in that group is as good as root on this machine)",
      "Docker at unix:///d.sock cannot be reached: words",
      "Docker at unix:///d.sock does not answer as it should: words",
    ]
  `)
})
