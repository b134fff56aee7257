// The words of the contract: value sets and payloads that machines, ports and documents share.

export const runTypes = ['implementation', 'review_fix', 'ci_repair', 'queue_repair', 'branch_upkeep', 'review'] as const
export type RunType = (typeof runTypes)[number]

export const parties = [
  'agent',
  'ci',
  'reviewer',
  'queue',
  'deploy',
  'dependency',
  'capacity',
  'provider',
  'timer',
  'human',
  'operator',
] as const
export type Party = (typeof parties)[number]

/** The `lifecycle` region's states, in the order of the happy path, escapes last. */
export const phases = [
  'delegated',
  'implementing',
  'pr_open',
  'changes_requested',
  'repairing_ci',
  'awaiting_queue',
  'repairing_queue',
  'deploying',
  'awaiting_input',
  'escalated',
  'failed',
  'done',
] as const
export type Phase = (typeof phases)[number]

export const authorities = ['acting', 'observing', 'stopped'] as const
export type Authority = (typeof authorities)[number]

/** Why a run ended without the result it was for; each class is a transition of its own (design §5). */
export const failureClasses = ['capacity', 'auth', 'environment', 'agent', 'dirty', 'scope', 'escape', 'stalled', 'budget', 'bug'] as const
export type FailureClass = (typeof failureClasses)[number]

export const runOutcomes = ['completed', 'no_change', 'needs_input', 'failed', 'interrupted', 'superseded', 'released'] as const
export type RunOutcome = (typeof runOutcomes)[number]

/** Cumulative for what it describes. The input is all of it: with what was read from a cache, and what was written to one. */
export interface Usage {
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  usd: number
  /** Of the input, what was written to a cache, where the provider tells it apart. */
  writtenTokens?: number
  /** Of input and output, what has no known cost: nothing of it is in `usd`. */
  unpricedTokens?: number
}

export const noUsage: Usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: 0 }

const joined = (a: Usage, b: Usage, join: (one: number, other: number) => number): Usage => ({
  inputTokens: join(a.inputTokens, b.inputTokens),
  cachedTokens: join(a.cachedTokens, b.cachedTokens),
  outputTokens: join(a.outputTokens, b.outputTokens),
  usd: join(a.usd, b.usd),
  ...written(join(a.writtenTokens ?? 0, b.writtenTokens ?? 0)),
})

const written = (tokens: number): Partial<Usage> => (tokens === 0 ? {} : { writtenTokens: tokens })
const unpriced = (tokens: number): Partial<Usage> => (tokens === 0 ? {} : { unpricedTokens: tokens })

export const addUsage = (a: Usage, b: Usage | undefined): Usage => ({
  ...joined(a, b ?? noUsage, (one, other) => one + other),
  ...unpriced((a.unpricedTokens ?? 0) + (b?.unpricedTokens ?? 0)),
})

/** The more of each, of two words about one and the same usage; what of it has no known cost says the later one. */
export const moreOf = (a: Usage, later: Usage): Usage => ({ ...joined(a, later, Math.max), ...unpriced(later.unpricedTokens ?? 0) })

export interface Finding {
  path: string
  line: number | null
  body: string
  /** Whether the change must not land with it; only of a reviewing agent. */
  blocking?: boolean | undefined
  /** The forge's name of the conversation that it began, where it can be answered. */
  id?: string | undefined
  /** Who has made it, where several have. */
  author?: string | undefined
  /** What was said to it, oldest first. */
  replies?: { author: string; body: string }[] | undefined
}

/** What is said to one finding, by its id. */
export interface FindingAnswer {
  id: string
  body: string
}

export interface CheckFailure {
  name: string
  url: string | null
  summary: string
  /** What its checks say of single lines, each with path and line; the one that says most is the summary too. */
  annotations?: string[]
  logTail: string
  /** Equal for the same failure on another head; tells a repeated failure from a new one. */
  signature: string
  /** This signature has been seen to fail and to pass on one and the same commit. */
  flaky?: boolean
}

export interface QueueIncident {
  class: 'conflict' | 'checks' | 'environment' | 'withdrawn' | 'base_rewound'
  files: string[]
  failures: CheckFailure[]
  baseSha: string
  headSha: string
  summary: string
}

/** Something a person said, and the run that was given it. */
export interface HumanMessage {
  id: string
  text: string
  author: string
  via: string
  at: number
  givenTo: string | null
}

/** Who a state waits for; a row of the document. `since` and `until` are epoch ms. */
export interface Waiting {
  party: Party
  reason: string
  since: number
  until: number | null
}

/** Whether an error's code says that a service does not let us in, or not do that: nothing but a person changes it. */
export const isRefusedAccess = (code: string | null | undefined): boolean => /-(unauthorized|forbidden)$/.test(code ?? '')
