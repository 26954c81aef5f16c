/** What runs programs on a machine that may have to be stopped: they are forked there, which costs less than to start nsenter from here. */
import { spawn } from 'node:child_process'
import { type Agent, openAgent } from '../agent.ts'
import { killGroup } from '../kill.ts'
import { MACHINE_ENV } from './launcher.ts'

/** As the machine sees it. */
const AGENT = '/opt/netlab/bin/netlab-agent'

export type Standing = Pick<Agent, 'run'> & {
  /** Ends it and what it runs. */
  readonly close: () => void
}

/** `enter` puts a program on the machine. The agent is started when there is first something for it, and again when somebody killed it. */
export function agentOn(enter: readonly string[]): Standing {
  let now: Agent | undefined
  let end = (): void => {}
  const start = (): Agent => {
    const [program = '', ...args] = [...enter, AGENT]
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true, env: MACHINE_ENV })
    const { agent, heard, closed } = openAgent((bytes) => child.stdin.write(bytes))
    const over = (): void => {
      if (now === agent) now = undefined
      closed()
    }
    child.stdin.on('error', () => {})
    child.stdout.on('data', heard)
    child.on('error', over).on('close', over)
    end = () => killGroup(child)
    return agent
  }
  return {
    run(asked, options) {
      now ??= start()
      return now.run(asked, options)
    },
    close: () => end(),
  }
}
