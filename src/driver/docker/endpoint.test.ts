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
  const ssh = ['-T', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15']
  expect(
    [
      { HOME: home, DOCKER_HOST: 'unix:///run/podman.sock' },
      { HOME: home, DOCKER_HOST: 'tcp://far.example' },
      { HOME: home, DOCKER_HOST: 'tcp://far.example:1', DOCKER_TLS_VERIFY: '1' },
      { HOME: home, DOCKER_HOST: 'https://[2001:db8::1]' },
      { HOME: home, DOCKER_HOST: 'ssh://far.example' },
      { HOME: home, DOCKER_CONTEXT: 'safe' },
      { HOME: home },
      { HOME: '/nowhere' },
    ].map((env) => endpointOf(env).way),
  ).toEqual([
    { kind: 'unix', path: '/run/podman.sock' },
    { kind: 'tcp', host: 'far.example', port: 2375 },
    { kind: 'tcp', host: 'far.example', port: 1, tls: pem },
    { kind: 'tcp', host: '2001:db8::1', port: 2376, tls: {} },
    { kind: 'ssh', argv: [...ssh, '--', 'far.example', 'docker', 'system', 'dial-stdio'] },
    { kind: 'tcp', host: 'safe.example', port: 2376, tls: pem },
    { kind: 'ssh', argv: [...ssh, '-l', 'ann', '-p', '2222', '--', 'lab.example', 'docker', 'system', 'dial-stdio'] },
    { kind: 'unix', path: '/var/run/docker.sock' },
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
  const far = endpointOf({ DOCKER_HOST: 'tcp://far.example:2376' })
  const words = [
    { code: 'ERR_SSL_TLS_ALERT_BAD_CERTIFICATE', message: 'alert' },
    { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', message: 'cannot verify' },
    { statusCode: 400, message: '(HTTP code 400) unexpected - Client sent an HTTP request to an HTTPS server.' },
    { code: 'ESSH', message: 'Permission denied (publickey).' },
  ]
  expect(words.map((error) => unreachable(far, error, 'ann'))).toMatchInlineSnapshot(`
    [
      "Docker at tcp://far.example:2376 does not take the key and certificate that are shown to it (cert.pem, key.pem): alert",
      "Docker at tcp://far.example:2376 is not who the authority in ca.pem knows: cannot verify",
      "Docker at tcp://far.example:2376 speaks TLS only: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem",
      "Docker at tcp://far.example:2376 cannot be reached: Permission denied (publickey).
    netlab asks for no password: ssh must come in without one, and find docker there",
    ]
  `)
  expect(() => endpointOf({ DOCKER_HOST: 'tcp://far.example', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' })).toThrowErrorMatchingInlineSnapshot(`
    [Error: Docker at tcp://far.example is to be reached by TLS, and /nowhere/ca.pem cannot be read: it is not there
    DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem]
  `)
})
