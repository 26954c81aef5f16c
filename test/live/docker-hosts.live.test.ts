/** Where Docker may be besides the socket of the system: behind TLS, behind ssh, and Podman in its stead; and a registry that answers. All in a network of their own. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { nodeImage, openDocker } from '#daemon/docker.ts'
import { type Dockerd, ownDockerd } from '../support/dockerd.ts'
import { home, netlab, type Said } from '../support/netlab.ts'

const SMALL = join(home, 'test/support/labs/small')
const DEBIAN = /^ARG BASE=(\S+)/m.exec(readFileSync(join(home, 'images/node/Dockerfile'), 'utf8'))?.[1] ?? ''
const BUILD_MS = 900_000

/** An authority, a server and a client that it vouches for; a client that nobody vouches for, and one that trusts another authority. And keys of ssh. */
const KEYS = `mkdir -p "$KEYS" && cd "$KEYS" && mkdir client stranger elsewhere
own() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$2" -out "$3"; }
signed() {
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$2" -out request.pem
  echo "$4" >extensions
  openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile extensions -out "$3"
}
own authority ca-key.pem ca.pem
signed server server-key.pem server.pem subjectAltName=IP:127.0.0.1
signed client client/key.pem client/cert.pem extendedKeyUsage=clientAuth
own stranger stranger/key.pem stranger/cert.pem
cp ca.pem client && cp ca.pem stranger
cp client/key.pem client/cert.pem elsewhere && cp stranger/cert.pem elsewhere/ca.pem
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f user`

/** The user's side is told by the file that every user's ssh reads, in this mount namespace only. */
const sshd = (keys: string, docker: string): string => `cat >${keys}/sshd_config <<'E'
Port 2222
ListenAddress 127.0.0.1
HostKey ${keys}/host
AuthorizedKeysFile ${keys}/user.pub
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
SetEnv DOCKER_HOST=${docker}
E
cat >${keys}/ssh_config <<'E'
Host *
  IdentityFile ${keys}/user
  UserKnownHostsFile ${keys}/known_hosts
  StrictHostKeyChecking yes
E
mount --bind ${keys}/ssh_config /etc/ssh/ssh_config
setsid unshare --mount sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -f ${keys}/sshd_config' >${keys}/sshd.log 2>&1 </dev/null &
timeout 20 sh -c 'until ssh-keyscan -p 2222 127.0.0.1 2>/dev/null | grep -q .; do sleep 0.1; done'`

// Only root can start what is asked here.
if (process.getuid?.() === 0) {
  const n = netlab()
  const keys = join(n.root, '.keys')
  let own: Dockerd
  let image: string
  type Env = Readonly<Record<string, string>>
  const there = (env: Env, ...argv: string[]) => {
    const [program = '', ...rest] = own.inside
    return execa(program, [...rest, ...argv], { env: { NETLAB_STATE: n.root, NO_COLOR: '1', ...env }, reject: false, stdin: 'ignore' })
  }
  const at =
    (env: Env) =>
    async (...args: string[]): Promise<Said> => {
      const { exitCode, stdout, stderr } = await there(env, join(home, 'netlab'), ...args)
      return { code: exitCode, out: stdout, err: stderr }
    }
  /** Up, by `docker exec` into a node and from there to a Pod, down: and nothing is left. */
  const lives = async (env: Env): Promise<void> => {
    const run = at(env)
    const up = await run('up', SMALL, '--driver', 'docker')
    expect({ code: up.code, err: up.err }).toEqual({ code: 0, err: expect.not.stringMatching(/warning|deprecat/i) })
    expect([(await run('exec', 'node-2', '--', 'curl', '-sm', '5', 'http://10.244.0.2:8080/hostname')).out, (await run('down')).code]).toEqual(['web', 0])
    const held = [await there(env, 'docker', 'ps', '-aq'), await there(env, 'docker', 'network', 'ls', '-q', '--filter', 'label=dev.netlab.lab')]
    expect(held.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual([
      [0, ''],
      [0, ''],
    ])
  }
  const tls = { DOCKER_HOST: 'tcp://127.0.0.1:2376', DOCKER_TLS_VERIFY: '1' }

  beforeAll(async () => {
    execFileSync('sh', ['-ec', KEYS], { env: { ...process.env, KEYS: keys }, stdio: 'ignore' })
    own = await ownDockerd({
      room: 2_500,
      settings: [
        ...['--host', 'tcp://127.0.0.1:2376', '--tlsverify', '--tlscacert', `${keys}/ca.pem`, '--tlscert', `${keys}/server.pem`],
        ...['--tlskey', `${keys}/server-key.pem`, '--registry-mirror', 'http://127.0.0.1:5000'],
      ],
    })
    await own.sh('ip link set dev lo up')
    await own.start()
    image = await nodeImage(await openDocker(process.env), home, process.env, { say: () => {}, signal: new AbortController().signal })
    await execa('sh', ['-c', `docker save ${image} | docker --host ${own.host} load`])
  }, BUILD_MS)
  afterEach(() => at({ DOCKER_HOST: own.host })('clean', '--all'))
  afterAll(async () => {
    await own.end()
    await n.clean()
  })

  test('a Docker behind TLS is reached by the variables, and by a context', { timeout: 180_000 }, async () => {
    await lives({ ...tls, DOCKER_CERT_PATH: `${keys}/client` })
    const config = join(n.root, '.config-of-docker')
    const files = ['ca', 'cert', 'key'].map((name) => `${name}=${keys}/client/${name}.pem`)
    await execa('docker', ['--config', config, 'context', 'create', 'safe', '--docker', [`host=${tls.DOCKER_HOST}`, ...files].join(',')])
    await lives({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'safe', DOCKER_HOST: '' })
  })

  test('who is not let in, or does not know who is there, is told what is wrong with which key', { timeout: 60_000 }, async () => {
    const told = async (env: Env) => {
      const { code, err } = await at({ DOCKER_HOST: tls.DOCKER_HOST, ...env })('up', SMALL, '--driver', 'docker')
      return [code, err.split(/: (?=\S+:error:|unable)/)[0]]
    }
    const keyed = (folder: string) => told({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder })
    const docker = `netlab: Docker at ${tls.DOCKER_HOST}`
    expect([await keyed(`${keys}/stranger`), await keyed(`${keys}/elsewhere`), await told({}), await keyed('/nowhere')]).toEqual([
      [4, `${docker} does not take the key and certificate that are shown to it (cert.pem, key.pem)`],
      [4, `${docker} is not who the authority in ca.pem knows`],
      [4, `${docker} speaks TLS only: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem`],
      [
        4,
        `${docker} is to be reached by TLS, and /nowhere/ca.pem cannot be read: it is not there\nDOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem`,
      ],
    ])
  })

  test('a Docker behind ssh is reached with the keys and the known hosts of the user’s own ssh', { timeout: 180_000 }, async () => {
    const host = { DOCKER_HOST: 'ssh://root@127.0.0.1:2222' }
    await own.sh(sshd(keys, own.host))
    const stranger = await at(host)('up', SMALL, '--driver', 'docker')
    expect([stranger.code, /cannot be reached: .*Host key verification failed/s.test(stranger.err)]).toEqual([4, true])
    await own.sh(`echo "[127.0.0.1]:2222 $(cat ${keys}/host.pub)" >${keys}/known_hosts`)
    await lives(host)
  })

  test('Podman answers where Docker is asked for', { timeout: 180_000 }, async () => {
    // Its own limits of open files and processes are more than some machines let root give.
    const settings = [
      ...['[engine]', 'runtime = "runc"', 'cgroup_manager = "cgroupfs"', 'events_logger = "file"'],
      ...['[containers]', 'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]'],
    ]
    writeFileSync(join(keys, 'containers.conf'), settings.join('\n'))
    const host = { DOCKER_HOST: `unix://${keys}/podman.sock` }
    // In a network of its own: Docker has what it does not know dropped.
    await own.sh(`export CONTAINERS_CONF=${keys}/containers.conf
      podman="podman --root $DATA/podman --runroot $DATA/podman-run"
      docker --host ${own.host} save ${image} | $podman load --quiet
      setsid unshare --net $podman system service --time=0 ${host.DOCKER_HOST} >${keys}/podman.log 2>&1 </dev/null &
      timeout 20 sh -c 'until docker --host ${host.DOCKER_HOST} version; do sleep 0.1; done'`)
    await lives(host)
  })

  test('where a registry answers, the base of the nodes’ image is pulled from it', { timeout: 300_000 }, async () => {
    const name = `127.0.0.1:5000/library/${DEBIAN}`
    const settings = { version: 0.1, storage: { filesystem: { rootdirectory: `${keys}/registry` } }, http: { addr: '127.0.0.1:5000' } }
    writeFileSync(join(keys, 'registry.yml'), JSON.stringify(settings))
    // What it has under Debian's name holds the packages already: the mirrors of Debian are not to be had from here.
    await own.sh(`setsid docker-registry serve ${keys}/registry.yml >${keys}/registry.log 2>&1 </dev/null &
      timeout 20 sh -c 'until curl -sf http://127.0.0.1:5000/v2/; do sleep 0.1; done'
      export DOCKER_HOST=${own.host}
      printf 'FROM ${image}\\nRUN rm /etc/calico\\n' | docker build --tag ${name} -
      docker push ${name}
      docker rmi --force ${name} ${image}`)
    const { code, err } = await at({ DOCKER_HOST: own.host })('up', SMALL, '--driver', 'docker')
    expect([code, err.split('\n').slice(0, 2)], err).toEqual([0, [`pulling ${DEBIAN} …`, `building ${image} from ${DEBIAN} …`]])
  })
}

test('where ssh does not get in, that is said in ssh’s words', { timeout: 60_000 }, async () => {
  const env = { DOCKER_HOST: 'ssh://netlab.invalid' }
  const { exitCode, stderr } = await execa(join(home, 'netlab'), ['up', SMALL, '--driver', 'docker'], { env, reject: false })
  expect([exitCode, stderr.split('\n')]).toEqual([
    4,
    [
      expect.stringMatching(/^netlab: Docker at ssh:\/\/netlab.invalid cannot be reached: .*netlab.invalid/),
      'netlab asks for no password: ssh must come in without one, and find docker there',
    ],
  ])
})
