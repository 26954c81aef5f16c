/** Runs the trials on this machine. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { aptCommand, hasProgram, isRequired, programs } from './programs.ts'
import { type Outcome, readOutcomes, scriptOf, type Trial, trials } from './trials.ts'

export type Diagnosis = {
  readonly programs: readonly Outcome[]
  readonly user: readonly Outcome[]
  readonly kernel: readonly Outcome[]
  readonly required: readonly string[]
}

const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--uts', '--ipc', '--mount-proc']

export async function diagnose(path: string | undefined, coredns: Outcome, root: boolean): Promise<Diagnosis> {
  const user = root ? [] : ['--user', '--map-root-user']
  const [plain, range] = await Promise.all([
    run(['unshare', ...user, ...NAMESPACES, 'true']),
    root ? { code: 0, stdout: '', stderr: '' } : run(['unshare', ...user, '--map-auto', ...NAMESPACES, 'true']),
  ])
  const tried = trials.filter((trial) => trial.with === undefined || hasProgram(trial.with, path))
  const mapped = range.code === 0 && !root ? [...user, '--map-auto'] : user
  const kernel = plain.code === 0 ? await run(['unshare', ...mapped, ...NAMESPACES, 'sh'], scriptOf(tried)) : { code: 1, stdout: '', stderr: '' }
  const seen: Diagnosis = {
    programs: [...programs.map((program) => programOutcome(program, path, root)), coredns],
    user: [
      outcome('namespaces', root ? 'namespaces' : 'namespaces without root', plain, namespaceFix()),
      ...(root ? [] : [outcome('subuid', 'a range of user ids', range, subuidFix())]),
    ],
    kernel: readOutcomes(tried, kernel.stdout),
    required: [],
  }
  const broken = [...seen.programs, ...seen.user, ...seen.kernel].filter((each) => !each.works && isRequired(each.need, root))
  return { ...seen, required: broken.map((each) => each.id) }
}

/** Some trials only, for one lab. */
export async function tryOut(tried: readonly Trial[], root: boolean): Promise<readonly Outcome[]> {
  const user = root ? [] : ['--user', '--map-root-user']
  const { stdout } = await run(['unshare', ...user, ...NAMESPACES, 'sh'], scriptOf(tried))
  return readOutcomes(tried, stdout)
}

function programOutcome(program: (typeof programs)[number], path: string | undefined, root: boolean): Outcome {
  const { name: id, uses, need } = program
  const works = hasProgram(id, path)
  return {
    id,
    title: `${id}, which ${uses.startsWith('a tool') ? `is ${uses}` : uses}`,
    need,
    works,
    ...(!works && { says: 'not found', fix: aptCommand([program.package], root) }),
  }
}

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

const outcome = (id: string, title: string, ended: Ended, fix: string): Outcome => ({
  id,
  title,
  need: 'required',
  works: ended.code === 0,
  ...(ended.code !== 0 && { says: ended.stderr.trim().split('\n').at(-1) ?? '', fix }),
})

function namespaceFix(): string {
  const reads = (key: string): string => (existsSync(`/proc/sys/${key}`) ? readFileSync(`/proc/sys/${key}`, 'utf8').trim() : '')
  if (reads('kernel/apparmor_restrict_unprivileged_userns') === '1')
    return 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (AppArmor forbids it here), or run netlab as root'
  if (reads('kernel/unprivileged_userns_clone') === '0') return 'sudo sysctl -w kernel.unprivileged_userns_clone=1, or run netlab as root'
  if (reads('user/max_user_namespaces') === '0') return 'sudo sysctl -w user.max_user_namespaces=10000, or run netlab as root'
  return 'run netlab as root; in a container, one with CAP_SYS_ADMIN'
}

const subuidFix = (): string => `sudo apt-get install -y uidmap; sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${userInfo().username}`

function run(argv: readonly string[], stdin = ''): Promise<Ended> {
  const [program = '', ...rest] = argv
  return new Promise((resolve) => {
    const child = spawn(program, rest, { stdio: 'pipe', timeout: 30_000 })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      stderr += chunk
    })
    child.stdin.on('error', () => {})
    child.on('error', (error) => resolve({ code: 127, stdout, stderr: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }))
    child.stdin.end(stdin)
  })
}
