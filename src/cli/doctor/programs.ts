/** Programs of the host that labs run, and the Debian packages that hold them. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export type Program = {
  readonly name: string
  readonly package: string
  readonly need: Need
  /** What netlab does with it. */
  readonly uses: string
}

/** `ordinary`: required of everybody but root. */
export type Need = 'required' | 'ordinary' | 'optional'

export const programs: readonly Program[] = [
  { name: 'unshare', package: 'util-linux', need: 'required', uses: 'makes the namespaces a lab lives in' },
  { name: 'nsenter', package: 'util-linux', need: 'required', uses: 'goes into them' },
  { name: 'mount', package: 'mount', need: 'required', uses: "gives every node its own view of the host's files" },
  { name: 'newuidmap', package: 'uidmap', need: 'ordinary', uses: 'gives a lab without root more than one user' },
  { name: 'tini', package: 'tini', need: 'required', uses: "is the lab's first process and reaps the others" },
  { name: 'ip', package: 'iproute2', need: 'required', uses: 'makes links, addresses, routes' },
  { name: 'bridge', package: 'iproute2', need: 'required', uses: 'sets forwarding entries' },
  { name: 'iptables-restore', package: 'iptables', need: 'required', uses: "loads kube-proxy's rules" },
  { name: 'sysctl', package: 'procps', need: 'required', uses: 'switches forwarding on' },
  { name: 'ps', package: 'procps', need: 'required', uses: 'shows processes inside a node' },
  { name: 'conntrack', package: 'conntrack', need: 'required', uses: 'forgets connections to endpoints that went away' },
  { name: 'nginx', package: 'nginx-light', need: 'required', uses: 'answers in Pods as nginx' },
  { name: 'curl', package: 'curl', need: 'required', uses: 'asks over HTTP' },
  { name: 'dig', package: 'dnsutils', need: 'required', uses: 'asks DNS' },
  { name: 'ping', package: 'iputils-ping', need: 'required', uses: 'asks whether an address answers' },
  { name: 'tcpdump', package: 'tcpdump', need: 'required', uses: 'shows packets' },
  { name: 'nft', package: 'nftables', need: 'required', uses: 'shows and loads nftables rules' },
  { name: 'ipset', package: 'ipset', need: 'required', uses: 'holds sets of addresses' },
  { name: 'perl', package: 'perl', need: 'required', uses: 'answers in Pods as netlab/echo, and asks over TCP and UDP in probes' },
  { name: 'nc', package: 'netcat-openbsd', need: 'optional', uses: 'a tool of netshoot' },
  { name: 'traceroute', package: 'traceroute', need: 'optional', uses: 'a tool of netshoot' },
  { name: 'iperf3', package: 'iperf3', need: 'optional', uses: 'a tool of netshoot' },
  { name: 'ipvsadm', package: 'ipvsadm', need: 'optional', uses: "shows kube-proxy's IPVS tables" },
  { name: 'linux.uml', package: 'user-mode-linux', need: 'optional', uses: "is a kernel of the lab's own, for what this one lacks (--kernel uml)" },
  { name: 'docker', package: 'docker.io', need: 'optional', uses: 'makes nodes of containers (--driver docker)' },
  { name: 'docker-compose', package: 'docker-compose', need: 'optional', uses: 'runs netlab itself in one container (docker-compose.yml)' },
  { name: 'mmdebstrap', package: 'mmdebstrap', need: 'optional', uses: 'makes the base of their image where no registry answers' },
  { name: 'bird', package: 'bird2', need: 'optional', uses: 'speaks BGP on the nodes of Calico labs' },
  { name: 'tmux', package: 'tmux', need: 'optional', uses: 'is the terminal that tests of netlab dash look at' },
]

/** Debian leaves the sbin folders out of an ordinary user's PATH. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin']

export function hasProgram(name: string, path: string | undefined): boolean {
  return [...(path ?? '').split(':'), ...SBIN].some((folder) => {
    try {
      accessSync(join(folder || '.', name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export const missingPrograms = (path: string | undefined, root: boolean): readonly Program[] =>
  programs.filter((program) => isRequired(program.need, root) && !hasProgram(program.name, path))

export const isRequired = (need: Need, root: boolean): boolean => need === 'required' || (need === 'ordinary' && !root)

export const packagesOf = (missing: readonly Program[]): readonly string[] => [...new Set(missing.map((program) => program.package))]

export const aptCommand = (packages: readonly string[], root: boolean): string => `${root ? '' : 'sudo '}apt-get install -y ${packages.join(' ')}`
