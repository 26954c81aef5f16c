/** The apps netlab has built in. There is no registry: `image:` names one of these, and its programs come from the machine or from netlab. */
import type { Container } from '#api/kinds.ts'
import { NETLAB_BIN } from '#kernel/step.ts'
import { expand } from './expand.ts'

export const ECHO_PROGRAM = `${NETLAB_BIN}/netlab-echo`

/** What a program may know of the Pod it runs in. `dir` is the container's own folder on its machine. */
export type PodFacts = {
  readonly namespace: string
  readonly pod: string
  readonly node: string
  readonly ip: string
  readonly dir: string
}

export type Image = {
  /** The name netlab prints. */
  readonly name: string
  /** Every repository it is known under, registry and tag left out. */
  readonly repositories: readonly string[]
  /** ENTRYPOINT and CMD of the image. */
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[] | ((container: Container) => readonly string[])
  /** Programs of the image that are called something else on a netlab machine. */
  readonly programs: Readonly<Record<string, string>>
  readonly env: (facts: PodFacts) => Readonly<Record<string, string>>
  /** Files the image brings, by their path in the container. */
  readonly files: (facts: PodFacts) => readonly { readonly path: string; readonly text: string }[]
  /** Folders of the container that hold the image's files and nothing of the machine's. */
  readonly folders: readonly string[]
}

/** The image a reference names: registry, tag and digest do not matter. */
export function findImage(reference: string): Image | undefined {
  const repository = repositoryOf(reference)
  return images.find((image) => image.repositories.includes(repository))
}

/** The process a container starts: `command` stands for ENTRYPOINT, `args` for CMD, and a `command` alone drops CMD. */
export function argvOf(image: Image, container: Container, env: Readonly<Record<string, string>>): readonly string[] {
  const cmd = typeof image.cmd === 'function' ? image.cmd(container) : image.cmd
  const command = container.command?.length ? container.command.map((word) => expand(word, env)) : undefined
  const args = container.args?.length ? container.args.map((word) => expand(word, env)) : undefined
  const [program = '', ...rest] = [...(command ?? image.entrypoint), ...(args ?? (command === undefined ? cmd : []))]
  if (/^(.*\/)?busybox$/.test(program) && rest.length > 0) return rest
  return [image.programs[program] ?? program, ...rest]
}

/** `docker.io/library/nginx:1.27@sha256:…` is `nginx`. */
function repositoryOf(reference: string): string {
  const untagged = reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
  const [first = '', ...rest] = untagged.split('/')
  const path = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? rest.join('/') : untagged
  return path.replace(/^library\//, '')
}

const FOREVER = ['sleep', 'infinity']
const nothing = () => ({})
const noFiles = () => []

const echo: Image = {
  name: 'netlab/echo',
  repositories: ['netlab/echo', 'agnhost', 'e2e-test-images/agnhost', 'kubernetes-e2e-test-images/agnhost'],
  entrypoint: [ECHO_PROGRAM],
  cmd: echoPorts,
  programs: { '/agnhost': ECHO_PROGRAM, agnhost: ECHO_PROGRAM, 'netlab-echo': ECHO_PROGRAM },
  env: (facts) => ({
    POD_NAME: facts.pod,
    POD_NAMESPACE: facts.namespace,
    NODE_NAME: facts.node,
    POD_IP: facts.ip,
    NETLAB_UNREADY_FILE: `${facts.dir}/unready`,
  }),
  files: noFiles,
  folders: [],
}

/** Without arguments the echo server listens on the ports the container declares, else on 8080. */
function echoPorts(container: Container): readonly string[] {
  const flags = container.ports.flatMap(({ containerPort, protocol }) =>
    protocol === 'TCP' ? ['--http-port', `${containerPort}`] : protocol === 'UDP' ? ['--udp-port', `${containerPort}`] : [],
  )
  return flags.length > 0 ? flags : ['--http-port', '8080', '--udp-port', '8080']
}

const nginx: Image = {
  name: 'nginx',
  repositories: ['nginx', 'e2e-test-images/nginx'],
  entrypoint: [`${NETLAB_BIN}/netlab-nginx`],
  cmd: ['-g', 'daemon off;'],
  programs: { nginx: `${NETLAB_BIN}/netlab-nginx` },
  env: nothing,
  files: (facts) => [
    { path: '/etc/nginx/nginx.conf', text: nginxConf(facts) },
    { path: '/etc/nginx/conf.d/default.conf', text: nginxSite },
    { path: '/usr/share/nginx/html/index.html', text: welcome(facts) },
  ],
  folders: ['/etc/nginx/conf.d', '/usr/share/nginx/html'],
}

/** Runs as root because a lab's user namespace may hold no other user; everything it writes is in the container's own folder. */
const nginxConf = ({ dir }: PodFacts): string => `user root;
worker_processes 1;
error_log stderr notice;
pid ${dir}/nginx.pid;

events { worker_connections 1024; }

http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"';
    access_log /dev/stdout main;
    sendfile on;
    keepalive_timeout 65;
    client_body_temp_path ${dir}/body;
    proxy_temp_path ${dir}/proxy;
    fastcgi_temp_path ${dir}/fastcgi;
    uwsgi_temp_path ${dir}/uwsgi;
    scgi_temp_path ${dir}/scgi;
    include /etc/nginx/conf.d/*.conf;
}
`

const nginxSite = `server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
`

const welcome = ({ namespace, pod, node, ip }: PodFacts): string => `<!DOCTYPE html>
<html>
<head><title>Welcome to nginx!</title></head>
<body>
<h1>Welcome to nginx!</h1>
<p>Pod ${pod} in namespace ${namespace}, on node ${node}, address ${ip}.</p>
</body>
</html>
`

const netshoot: Image = {
  name: 'netlab/netshoot',
  repositories: ['netlab/netshoot', 'nicolaka/netshoot'],
  entrypoint: [],
  cmd: FOREVER,
  programs: {},
  env: nothing,
  files: noFiles,
  folders: [],
}

const busybox: Image = {
  name: 'busybox',
  repositories: ['busybox', 'e2e-test-images/busybox'],
  entrypoint: [],
  cmd: ['sh'],
  programs: {},
  env: nothing,
  files: noFiles,
  folders: [],
}

const coredns: Image = {
  name: 'coredns/coredns',
  repositories: ['coredns/coredns', 'coredns'],
  entrypoint: [`${NETLAB_BIN}/coredns`],
  cmd: [],
  programs: { '/coredns': `${NETLAB_BIN}/coredns`, coredns: `${NETLAB_BIN}/coredns` },
  env: nothing,
  files: noFiles,
  folders: [],
}

/** While this process runs, the engine writes the node's rules and answers kube-proxy's health checks (src/proxy); the process itself does nothing. */
const kubeProxy: Image = {
  name: 'registry.k8s.io/kube-proxy',
  repositories: ['kube-proxy', 'google-containers/kube-proxy', 'google_containers/kube-proxy'],
  entrypoint: FOREVER,
  cmd: [],
  programs: {},
  env: nothing,
  files: noFiles,
  folders: [],
}

const pause: Image = {
  name: 'registry.k8s.io/pause',
  repositories: ['pause', 'google-containers/pause', 'google_containers/pause'],
  entrypoint: FOREVER,
  cmd: [],
  programs: { '/pause': 'sleep' },
  env: nothing,
  files: noFiles,
  folders: [],
}

const images: readonly Image[] = [echo, nginx, netshoot, busybox, coredns, kubeProxy, pause]

/** For the sentence about an unknown image: our own names and the aliases people know. */
export const knownImages: readonly string[] = [
  'netlab/echo',
  'netlab/netshoot',
  'nginx',
  'busybox',
  'nicolaka/netshoot',
  'registry.k8s.io/e2e-test-images/agnhost',
  'registry.k8s.io/coredns/coredns',
  'registry.k8s.io/kube-proxy',
  'registry.k8s.io/pause',
]
