/** How IPVS chooses a real server: the kernel's modules ip_vs_rr and so on. */
export const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'mh', 'sed', 'nq'] as const
export type Scheduler = (typeof SCHEDULERS)[number]

/** On a Service: its scheduler in the place of the node's. */
export const SCHEDULER_ANNOTATION = 'service.kubernetes.io/ipvs-scheduler'

export const isScheduler = (text: string | undefined): text is Scheduler => SCHEDULERS.some((one) => one === text)
