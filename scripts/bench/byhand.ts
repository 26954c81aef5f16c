/**
 * The shell scripts that somebody would write by hand for the same nodes and Pods: netlab's own lines, with one `nsenter … ip -batch` per namespace.
 * They have it easier in three things: their nodes see the host's files as they are and have no pids of their own, and their Pods have no files.
 */
import { change } from '#kernel/compile.ts'
import { commandLine, heredoc } from '#kernel/shell.ts'
import type { NodeProgram } from '#kernel/step.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { type Ip, prefixOf } from '#net/net.ts'
import { programsOf } from '#plan/plan.ts'

/** File name → text. `build.sh` fills the nodes one after the other, `together.sh` side by side. */
export function byHand(cluster: Cluster): ReadonlyMap<string, string> {
  const [segment] = cluster.segments
  if (segment === undefined) throw new Error('a lab has a segment')
  const prefix = prefixOf(segment.cidr)
  const { nodes } = cluster
  const fill = ({ name, index }: Node): string => `nsenter -t $n${index} -n -m -u sh "$PWD/${name}.sh"`
  const build = (filling: readonly string[]): string =>
    [
      'set -eu',
      'cd "$(dirname "$0")"',
      'rm -f ready; mkfifo ready; exec 3<>ready',
      'sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1',
      heredoc('ip -batch -', `link set dev lo up\nlink add name nodes type bridge\naddress add ${segment.gateway}/${prefix} dev nodes\nlink set dev nodes up`),
      ...nodes.map(({ name, index }) => `unshare --net --mount --uts sh node.sh ${name} & n${index}=$!`),
      ...nodes.map(() => 'read -r _ <&3'),
      'ip -batch - <<EOF',
      ...nodes.map(({ index }) => `link add name to-${index} type veth peer name eth0 netns $n${index}\nlink set dev to-${index} master nodes up`),
      'EOF',
      ...filling,
      '',
    ].join('\n')
  return new Map([
    ['build.sh', build(nodes.map(fill))],
    ['together.sh', build([...nodes.map((node) => `${fill(node)} & p${node.index}=$!`), ...nodes.map(({ index }) => `wait $p${index}`)])],
    ['node.sh', 'hostname "$1"; mount -t tmpfs tmpfs /run; mkdir /run/netns; echo >&3; exec sleep infinity 3>&-\n'],
    ...nodes.map(({ name, ip }) => [`${name}.sh`, nodeScript(programsOf(cluster).get(name) ?? [], { ip, prefix, gateway: segment.gateway })] as const),
  ])
}

function nodeScript(program: NodeProgram, o: { readonly ip: Ip; readonly prefix: number; readonly gateway: Ip }): string {
  const wire = [
    'link set dev lo up',
    'link set dev eth0 addrgenmode none',
    'link set dev eth0 up',
    `address add ${o.ip}/${o.prefix} dev eth0`,
    `route add default via ${o.gateway} dev eth0`,
  ]
  const commands = change([], program).flatMap((command) => {
    if (command.kind === 'write') return []
    const line = commandLine([...(command.in === undefined ? [] : ['nsenter', `--net=/run/netns/${command.in}`]), ...command.argv])
    return command.stdin === undefined ? [line] : [heredoc(line, command.stdin)]
  })
  return `${['set -eu', heredoc('ip -batch -', wire.join('\n')), ...commands].join('\n')}\n`
}
