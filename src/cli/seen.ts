/** Objects as the API sends them: what holds nothing is left out. */
export type Meta = {
  readonly name: string
  readonly namespace?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
}
export type Condition = { readonly type: string; readonly status: string; readonly message?: string }
export type Seen = { readonly metadata: Meta; readonly status?: { readonly conditions?: readonly Condition[] } }

export type PodSeen = Seen & {
  readonly spec: {
    readonly nodeName?: string
    readonly hostNetwork?: boolean
    readonly containers: readonly { readonly name: string }[]
    readonly initContainers?: readonly { readonly name: string }[]
  }
  readonly status?: {
    readonly phase?: string
    readonly podIP?: string
    readonly reason?: string
    readonly message?: string
    readonly containerStatuses?: readonly { readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } } }[]
  }
}

export const isReady = ({ status }: Seen): boolean => status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false
