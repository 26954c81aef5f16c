/** Everything that happens during a run, one after another. RunState is their fold; the screen, the text, JSON, JUnit and the exit code are read from it. */
import type { ProbeResult } from '#probe/probe.ts'

export type Event =
  | { readonly kind: 'begin'; readonly verb: string; readonly lab: string; readonly phases: readonly { readonly id: string; readonly title: string }[] }
  | {
      readonly kind: 'phase'
      readonly id: string
      readonly state: 'start' | 'done' | 'fail'
      readonly ms: number
      readonly says?: string
      readonly about?: string
    }
  | { readonly kind: 'note'; readonly level: 'info' | 'warn' | 'error'; readonly says: string }
  | { readonly kind: 'probes'; readonly probes: readonly { readonly id: string; readonly title: string; readonly group: string }[] }
  | { readonly kind: 'probing'; readonly id: string }
  | { readonly kind: 'result'; readonly result: ProbeResult }
  /** `exit` follows LABS §4; `next` are commands to type; `about`, as with a phase, the object that was refused: `Service default/web`. */
  | { readonly kind: 'end'; readonly exit: number; readonly says: string; readonly next: readonly string[]; readonly ms: number; readonly about?: string }
