import { expect, test } from 'vitest'
import { type Container, schemas } from '#api/kinds.ts'
import { expand } from './expand.ts'
import { argvOf, findImage, knownImages } from './images.ts'

const containerOf = (text: object): Container =>
  schemas.Pod.parse({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'busybox', ...text }] } }).spec
    .containers[0] as Container

const argv = (image: string, text: object, env: Record<string, string> = {}) => {
  const found = findImage(image)
  return found && argvOf(found, containerOf(text), env)
}

test('registry, tag and digest do not matter, the repository does', () => {
  const references = [
    'netlab/echo',
    'docker.io/netlab/echo:latest',
    'registry.k8s.io/e2e-test-images/agnhost:2.43',
    'localhost:5000/nginx@sha256:abc',
    'docker.io/library/nginx:1.27',
    'nicolaka/netshoot',
    'busybox:1.36',
    'registry.k8s.io/coredns/coredns:v1.11.1',
    'k8s.gcr.io/pause:3.9',
    'someone/nginx',
    'postgres',
    '',
  ]
  expect(references.map((reference) => findImage(reference)?.name)).toEqual([
    'netlab/echo',
    'netlab/echo',
    'netlab/echo',
    'nginx',
    'nginx',
    'netlab/netshoot',
    'busybox',
    'coredns/coredns',
    'registry.k8s.io/pause',
    undefined,
    undefined,
    undefined,
  ])
})

test('every image that is offered is found', () => {
  expect(knownImages.filter((name) => findImage(name) === undefined)).toEqual([])
})

test('command stands for the entrypoint, args for the arguments, a command alone drops the arguments', () => {
  expect([
    argv('nginx', {}),
    argv('nginx', { args: ['-t'] }),
    argv('nginx', { command: ['nginx', '-v'] }),
    argv('netlab/netshoot', {}),
    argv('netlab/netshoot', { command: ['sh'], args: ['-c', 'dig web'] }),
    argv('busybox', {}),
    argv('busybox', { command: ['/bin/busybox', 'sleep', '5'] }),
    argv('registry.k8s.io/pause', {}),
    argv('coredns/coredns', { args: ['-conf', '/etc/coredns/Corefile'] }),
  ]).toEqual([
    ['/opt/netlab/bin/netlab-nginx', '-g', 'daemon off;'],
    ['/opt/netlab/bin/netlab-nginx', '-t'],
    ['/opt/netlab/bin/netlab-nginx', '-v'],
    ['sleep', 'infinity'],
    ['sh', '-c', 'dig web'],
    ['sh'],
    ['sleep', '5'],
    ['sleep', 'infinity'],
    ['/opt/netlab/bin/coredns', '-conf', '/etc/coredns/Corefile'],
  ])
})

test('the echo server listens on the declared ports, else on 8080, and takes arguments as they are given', () => {
  expect([
    argv('netlab/echo', {}),
    argv('netlab/echo', { ports: [{ containerPort: 3000 }, { containerPort: 53, protocol: 'UDP' }] }),
    argv('agnhost', { args: ['netexec', '--http-port=80'], ports: [{ containerPort: 80 }] }),
    argv('agnhost', { command: ['/agnhost', 'serve-hostname'] }),
  ]).toEqual([
    ['/opt/netlab/bin/netlab-echo', '--http-port', '8080', '--udp-port', '8080'],
    ['/opt/netlab/bin/netlab-echo', '--http-port', '3000', '--udp-port', '53'],
    ['/opt/netlab/bin/netlab-echo', 'netexec', '--http-port=80'],
    ['/opt/netlab/bin/netlab-echo', 'serve-hostname'],
  ])
})

test('variables expand as Kubernetes expands them', () => {
  const env = { A: '1', EMPTY: '' }
  expect(['$(A)', 'x$(A)y', '$$(A)', '$(B)', '$A', '$', '$(A', '$(EMPTY)', '$$$(A)', '$(toString)'].map((text) => expand(text, env))).toEqual([
    '1',
    'x1y',
    '$(A)',
    '$(B)',
    '$A',
    '$',
    '$(A',
    '',
    '$1',
    '$(toString)',
  ])
})

test('command and args see the container’s variables', () => {
  expect(argv('busybox', { command: ['echo', '$(NAME)'], args: ['$(NAME)!'] }, { NAME: 'web' })).toEqual(['echo', 'web', 'web!'])
})
