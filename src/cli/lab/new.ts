/** `netlab lab new`: a small lab with an exercise that passes its own trial, to be changed into one's own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Io, stop, USAGE } from '../io.ts'

export function newLab(word: string, io: Io): number {
  const folder = resolve(io.cwd, word)
  const name = basename(folder)
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) throw stop(USAGE, `a lab's name is of lower-case letters, digits and dashes, not "${name}"`)
  if (existsSync(folder)) throw stop(USAGE, `${word} is there already`)
  for (const [file, text] of Object.entries(template(name))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text.trimStart())
  }
  const shown = word.includes('/') ? word : `./${word}`
  io.out(`${shown} has a lab and its first exercise. Next:\n  netlab lab test ${shown}\n  netlab learn ${shown}\n`)
  return 0
}

const service = (port: number): string => `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: ${port}}]
`

const EXERCISE = 'exercises/wrong-port'

const template = (name: string): Readonly<Record<string, string>> => ({
  'lab.yaml': `
# netlab schema Lab tells all that may stand here.
apiVersion: netlab.dev/v1
kind: Lab
metadata: {name: ${name}, labels: {level: beginner, minutes: "15"}}
spec:
  nodes: 2
  cni: flannel-vxlan
  proxy: iptables
`,
  'manifests/client.yaml': `
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers: [{name: netshoot, image: netlab/netshoot}]
`,
  'manifests/web.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: netlab/echo
          args: [netexec, --http-port=8080]
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
---${service(8080)}`,
  'check.yaml': `
# What holds in this lab while nothing is broken: netlab check ${name}
apiVersion: netlab.dev/v1
kind: Check
metadata: {name: ${name}}
spec:
  groups:
    - id: services
      title: Services
      probes:
        - {id: web, title: web answers, http: {from: pod/client, url: "http://web/hostname", backend: "pods[app=web]"}}
`,
  'README.md': `
# ${name}

\`\`\`sh
netlab up ./${name}
\`\`\`

## The picture

## The idea

## Try

## Check

\`\`\`sh
netlab check ./${name}
\`\`\`
`,
  [`${EXERCISE}/exercise.yaml`]: `
# netlab schema Exercise tells all that may stand here; src/probe/README.md what can be asked.
apiVersion: netlab.dev/v1
kind: Exercise
metadata: {name: wrong-port, labels: {minutes: "5"}}
spec:
  tasks:
    - id: wrong-port
      title: web refuses
      text: text/01.md
      points: 3
      hints:
        - {when: {probe: answers, observed: refused}, say: "A refusal comes from a machine that is there. Which port does the Service lead to, and which does the Pod listen on?"}
        - {say: "\`netlab describe service web\` and \`netlab exec deploy/web -- ss -ltn\`"}
        - {cost: 1, say: "The targetPort is 8081, the Pods listen on 8080."}
      probes:
        - {id: answers, title: web answers by its name, http: {from: pod/client, url: "http://web/hostname", backend: "pods[app=web]"}, within: 15s, points: 2}
        - {id: all, title: Both of its Pods answer, balance: {from: pod/client, to: svc/web, path: /hostname, backends: ["pods[app=web]"], count: 2}, needs: [answers]}
`,
  [`${EXERCISE}/text/01.md`]: `
Since this morning nobody gets an answer from \`web\`:

    netlab exec client -- curl -sS -m 3 http://web/hostname

Make the Service \`web\` answer, with both of its Pods.
`,
  [`${EXERCISE}/text/why.md`]: `
A Service's \`port\` is what callers use, \`targetPort\` what the Pods listen on. Kubernetes does not compare the latter with anything: the rule is written,
the packet arrives at a port where nobody listens, and the Pod's kernel refuses.
`,
  [`${EXERCISE}/start/manifests/web.yaml`]: service(8081),
  [`${EXERCISE}/solution/manifests/web.yaml`]: service(8080),
  [`${EXERCISE}/wrong/other-port/manifests/web.yaml`]: service(80),
  [`${EXERCISE}/wrong/other-port/verdicts.yaml`]: `
# What each scored probe says when somebody hands this in.
answers: fail
all: blocked
`,
})
