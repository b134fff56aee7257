// The one strict schema of signalbox.config.json. Numbers of the issue policy (budgets, delays) have their defaults in
// src/machines/issue/policy.ts: here they are only read, so that a project overrides what it names and nothing else.

import { z } from 'zod'
import { Secret } from './config-values.ts'
import { leastConfidence } from './machines/issue/intent.ts'

/** The kinds of agent runs a project can give to an agent of its own (interface.md §5). */
export const runTypes = ['implementation', 'review_fix', 'ci_repair', 'queue_repair', 'branch_upkeep', 'review'] as const

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const durationPattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** Milliseconds of `"15s"`, `"20m"`, `"1.5h"`; undefined for anything else. */
export function toMilliseconds(text: string): number | undefined {
  const match = durationPattern.exec(text)
  return match ? Math.round(Number(match[1]) * units[match[2] as keyof typeof units]) : undefined
}

/** Beyond it a date would leave what clocks and timers can count, and no wait is meant to be that long. */
const longestDuration = toMilliseconds('365d')!

// `format` tells the reader of the file (config.ts) what to do with a string before it is checked.
const anyDuration = z
  .string()
  .regex(durationPattern)
  .transform((text) => toMilliseconds(text)!)
  .refine((ms) => ms <= longestDuration, { error: 'must be at most 365d' })
const asDuration = { format: 'duration', examples: ['15s', '20m', '14d'] }
/** Of what may also not be waited for at all. */
const durationOrNone = anyDuration.meta(asDuration)
/** Of what ends something, or comes round again: without any length it would do so at once, and again and again. */
const duration = anyDuration.refine((ms) => ms >= 1, { error: 'must be at least 1ms' }).meta(asDuration)
/** What a shell runs: taken literally, also when it begins with a dollar sign. */
const command = z.string().min(1).meta({ format: 'command' })
const path = z.string().min(1).meta({ format: 'path' })
const secret = z.custom<Secret>((value) => value instanceof Secret).meta({ type: 'string', format: 'secret' })
const text = z.string().min(1)
const url = z.url({ protocol: /^https?$/ }).transform((value) => value.replace(/\/+$/, ''))
const environment = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())

const count = z.int().min(0)
const amount = z.number().min(0)

const server = z.strictObject({
  host: text.default('127.0.0.1').describe('The address that the server binds.'),
  port: z.int().min(0).max(65_535).default(8787).describe('The port that the server binds; 0 takes a free one.'),
  publicUrl: url.nullable().default(null).describe('The address under which people and webhooks reach the server.'),
  operatorToken: secret.nullable().default(null).describe('Required for everything under /api and /live. `init` creates one.'),
  metrics: z.enum(['token', 'open']).default('token').describe('Whether /metrics needs the operator token.'),
})

const store = z.strictObject({
  path: path.optional().describe('The database. Its folder is the data folder.'),
  retention: durationOrNone
    .prefault('14d')
    .describe('How long dedupe keys, payloads, logs and finished actors are kept. Journals of unfinished actors always are.'),
})

const tracker = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local') }).describe('The embedded tracker: issues in the same database.'),
  z
    .strictObject({
      kind: z.literal('linear'),
      apiUrl: url.prefault('https://api.linear.app/graphql'),
      authorizeUrl: url.prefault('https://linear.app/oauth/authorize').describe('Where a person lets us in.'),
      clientId: text.nullable().default(null).describe('Of the OAuth application, whose agent is the one that issues are delegated to.'),
      clientSecret: secret.nullable().default(null),
      webhookSecret: secret.nullable().default(null).describe('Without it the webhook route is disabled.'),
      tokenKey: secret
        .nullable()
        .default(null)
        .describe('Encrypts the tokens of workspaces in the database; without it nothing can be connected.'),
      formerTokenKeys: z
        .array(secret)
        .default([])
        .describe('Keys that were used before: what they have encrypted is encrypted anew at the start.'),
    })
    .describe('Linear.'),
])

const forge = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local') }).describe('The embedded forge: a bare repository of our own for each project.'),
  z
    .strictObject({
      kind: z.literal('github'),
      apiUrl: url.prefault('https://api.github.com'),
      appId: z
        .union([text, z.int().min(1)])
        .transform(String)
        .nullable()
        .default(null),
      privateKey: secret.nullable().default(null).describe('The private key of the GitHub App, in PEM.'),
      token: secret.nullable().default(null).describe('A token, instead of an App.'),
      webhookSecret: secret.nullable().default(null).describe('Without it the webhook route is disabled.'),
    })
    .describe('GitHub.'),
])

const sizeUnits = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 } as const
const size = z
  .string()
  .regex(/^[1-9][0-9]*[kmg]$/)
  .meta({ examples: ['512m', '8g'] })
  .transform((written) => Number(written.slice(0, -1)) * sizeUnits[written.at(-1) as keyof typeof sizeUnits])

/** Of every kind of agent. */
const anyAgent = {
  namespace: z.boolean().default(true).describe('Its processes live and end in a PID namespace of their own, where the system allows one.'),
  bounds: z
    .strictObject({
      memory: size.nullable().default(null).describe("Of all its processes together; null is three quarters of the machine's."),
      cpu: duration.nullable().default(null).describe('Processor time of all its processes together, in one turn.'),
      file: size
        .nullable()
        .default(null)
        .describe('The largest file that each of its processes may write; what all files take together is held to `free`.'),
      free: size
        .nullable()
        .default(null)
        .describe('What has to stay free of the disk that its worktree is on; null is 256m of a disk of 10g or more.'),
    })
    .prefault({}),
}

const agentName = text
  .nullable()
  .default(null)
  .describe('Of `agents`: the one that does its work while its provider has no room; it may have one of its own.')

const modelAgent = {
  ...anyAgent,
  failover: agentName,
  model: text.nullable().default(null),
  effort: text.nullable().default(null),
  sandbox: z.enum(['read-only', 'workspace-write', 'danger-full-access']).default('workspace-write'),
  env: environment.default({}).describe('What the agent gets beside the fixed list. Secrets of Signalbox never go there by themselves.'),
}

const agent = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('command'),
      command,
      classify: command
        .nullable()
        .default(null)
        .describe('Reads what a person asks for: gets { text, issue, intents } on standard input, prints { intent, confidence }.'),
      confidence: z
        .number()
        .min(0)
        .max(1)
        .default(leastConfidence)
        .describe('How sure `classify` has to be, from 0 to 1, to be believed instead of the fixed rules.'),
      env: environment.default({}),
      ...anyAgent,
      failover: agentName,
    })
    .describe('Any command line, run in the worktree by /bin/sh -c.'),
  z.strictObject({ kind: z.literal('codex'), command: command.default('codex app-server'), ...modelAgent }).describe('Codex.'),
  z.strictObject({ kind: z.literal('claude'), command: command.default('claude'), ...modelAgent }).describe('Claude Code.'),
  z.strictObject({ kind: z.literal('acp'), command, ...modelAgent }).describe('An agent that speaks the Agent Client Protocol.'),
])

const limits = z.strictObject({
  activeRuns: z.int().min(1).default(4).describe('How many agent runs may be active at once.'),
  checks: z
    .int()
    .min(1)
    .default(4)
    .describe('Embedded forge: how many checks may run at once over all projects, those of heads and those of what is to land.'),
  run: duration.prefault('120m').describe('The longest that one run may take.'),
  progress: duration.prefault('15m').describe('Without progress for this long, a run is probed, nudged and then interrupted.'),
  nudge: duration.prefault('5m').describe('After a nudge, and still without progress for this long, a run is interrupted.'),
  signal: duration.optional().describe('Without any sign of life of its process for this long, an agent is ended. Default: `run`.'),
  ending: duration.prefault('15s').describe('For an agent to end after an interrupt; then its process is killed.'),
  probe: duration.prefault('30s').describe('For the look at the worktree of an agent that makes no progress.'),
  completion: duration.prefault('90s').describe('For the answer of an agent that is asked why it has changed nothing.'),
  stalls: count.default(1).describe('How often an interrupted agent is started again in one run before a human is asked.'),
  commits: count.default(1).describe('How often an agent is asked in one run to commit what it has left uncommitted.'),
  completionChecks: count.default(2).describe('How often an agent is asked in one run why it has changed nothing.'),
  resumes: count.default(3).describe('How often the thread of a turn that was cut off is resumed in one run,'),
  forks: count.default(1).describe('how often a new one is made of it when it cannot be,'),
  restarts: count.default(1).describe('and how often another is begun in its place.'),
  usdPerDay: amount
    .nullable()
    .default(null)
    .describe('US dollars for all projects together in one day, in UTC: then no run starts before midnight.'),
})

const polling = z
  .strictObject({
    shortest: duration.prefault('10s').describe('While something is awaited or new.'),
    longest: duration.prefault('5m').describe('When nothing has been new for long.'),
    everyone: z
      .int()
      .min(1)
      .default(6)
      .describe('Of the shortest pauses: so often all open issues are asked about while something is new.'),
  })
  .prefault({})
  .describe('How often tracker and forge are asked how things really are, whatever webhooks tell.')

const price = z
  .strictObject({
    input: amount,
    cached: amount.optional().describe('Of the input, what was read from a cache. Default: `input`.'),
    cacheWrite: amount.optional().describe('Of the input, what was written to a cache. Default: `input`.'),
    output: amount,
  })
  .describe('US dollars for a million tokens of one model.')

const notify = z
  .strictObject({
    command: command.optional().describe('Run by `/bin/sh -c` in the folder of this file, with the entry as JSON on standard input.'),
    url: secret.optional().describe('Gets the entry as JSON by POST.'),
    level: z.enum(['warn', 'error']).default('warn').describe('What is told, of this level and above.'),
  })
  .describe('Where entries of the feed go that people have to see: questions, escalations, agents that have left their bounds.')

const budgets = z
  .strictObject({
    implementation: count.nullable(),
    ci_repair: count.nullable(),
    queue_repair: count.nullable(),
    review_fix: count.nullable(),
    branch_upkeep: count.nullable(),
    review: count.nullable().describe('Reviews by an agent.'),
    interruptions: count.nullable().describe('In a row without progress, each started again at once.'),
    recovery: count.nullable().describe('Interruptions after those, each after a pause.'),
    environment: count.nullable().describe('Failures of the environment in a row.'),
    capacity: count.nullable().describe('Waits in a row for an agent whose provider has no room, and does not say until when.'),
    resets: count.nullable().describe('Waits in a row until a time that the provider has told.'),
    runs: count.nullable().describe('All runs of an issue, for life.'),
    hours: amount.nullable().describe('Hours of agent work on an issue, for life.'),
    tokens: count.nullable().describe('Tokens of input and output on an issue, for life.'),
    usd: amount.nullable().describe('US dollars for an issue, for life.'),
    usdPerDay: amount
      .nullable()
      .describe('US dollars for all issues of the project in one day, in UTC: then no run starts before midnight.'),
  })
  .partial()
  .describe('What one issue may spend, and what a project may in a day; null is no limit.')

const delays = z
  .strictObject({
    recovery: durationOrNone.describe('The first pause after a failure; doubled each time,'),
    longest: durationOrNone.describe('up to this.'),
    settle: durationOrNone.describe('Without news of its children before an umbrella is looked at.'),
    confirmation: durationOrNone.describe('From a publication until what the forge says instead of it is believed.'),
    queueHealth: duration.describe('Without a word of the landing queue before it is asked.'),
    reviewStuck: duration.describe('In review before people are told.'),
  })
  .partial()

const project = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/)
    .describe('Short and stable: keys of the embedded tracker are made of it (`app` gives APP-1).'),
  repo: text.describe('A path, a URL, or owner/name on GitHub.'),
  baseBranch: text.nullable().default(null).describe('Where changes land; null discovers it.'),
  network: z.boolean().default(false).describe('Whether the commands of a sandboxed agent reach the network.'),
  branchPrefix: z
    .string()
    .regex(/^(?!.*(\.\.|\.(lock)?(\/|$)))[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/)
    .meta({ format: 'branch' })
    .default('signalbox')
    .describe('What the names of branches begin with, as git allows it.'),
  protectedPaths: z
    .array(text)
    .optional()
    .describe(
      'What a repair must not touch, as patterns; a change of these goes to a human. Default: workflows, instructions, package and lock files.',
    ),
  agent: text.optional().describe('The name of one of `agents`; may be left out when there is only one.'),
  agents: z.partialRecord(z.enum(runTypes), text).default({}).describe('Another agent for some types of runs.'),
  tracker: z
    .strictObject({ teams: z.array(text).default([]), projects: z.array(text).default([]), labels: z.array(text).default([]) })
    .prefault({}),
  trustedActors: z
    .strictObject({ emails: z.array(text).default([]), domains: z.array(text).default([]), ids: z.array(text).default([]) })
    .prefault({}),
  checks: z
    .strictObject({
      required: z.array(text).nullable().default(null).describe('Names of the checks that must pass; null reads branch protection.'),
      queue: text.default('merge-steward/queue'),
    })
    .prefault({}),
  ci: z
    .strictObject({
      command,
      timeout: duration.prefault('20m'),
      env: environment.default({}),
      retry: z
        .strictObject({ pause: duration.prefault('5s'), longest: duration.prefault('5m') })
        .prefault({})
        .describe('After the environment kept the check from running: the first pause, doubled each time, up to the longest.'),
    })
    .nullable()
    .default(null)
    .describe('Embedded forge: the check, run in a clean worktree of the head. null: the project declares none.'),
  review: z
    .strictObject({ by: z.enum(['human', 'agent', 'none']).default('human') })
    .prefault({})
    .describe('Embedded forge: who reviews. `agent`: a run of type review, by `agents.review` within `budgets.review`.'),
  landing: z
    .strictObject({
      method: z.enum(['queue', 'manual']).default('queue').describe('`manual` stops at approved and green and waits for a human.'),
      depth: z
        .int()
        .min(1)
        .max(32)
        .default(4)
        .describe(
          'Embedded forge: how many changes are tested at once on top of each other before they land; 1 is one after the other; `limits.checks` bounds all projects together.',
        ),
      lander: z
        .enum(['auto', 'merge_queue', 'auto_merge', 'external', 'embedded'])
        .default('auto')
        .describe(
          "GitHub: who lands. `auto` takes the repository's merge queue where its base branch has one, then an external lander that reports `checks.queue`, then auto-merge where it is allowed, else the embedded landing queue.",
        ),
      merge: z.enum(['merge', 'squash', 'rebase']).default('merge').describe('GitHub: how auto-merge lands a change.'),
      sequencing: z
        .enum(['stack', 'off'])
        .default('stack')
        .describe('What becomes of a new change that contradicts one in flight: based on it before it is published, or left to the queue.'),
      retry: z
        .strictObject({
          attempts: count.default(5).describe('So many failures of the environment, and the change is given back.'),
          pause: duration.prefault('2s').describe('The first pause after one; doubled each time,'),
          longest: duration.prefault('1m').describe('up to this.'),
          held: duration.prefault('10s').describe("Until a landing that something in the user's checkout holds up is tried again."),
        })
        .prefault({})
        .describe('Embedded forge: how its landing queue tries again.'),
    })
    .prefault({})
    .describe('How approved and green changes land.'),
  deploy: z
    .strictObject({
      workflow: text.nullable().default(null).describe('GitHub: the workflow that deploys the base branch; null watches none.'),
      command: command.nullable().default(null).describe('Embedded forge: deploys a landed commit, in a clean worktree of it. null: none.'),
      env: environment.default({}),
      timeout: duration.prefault('20m').describe('How long a deployment is watched.'),
    })
    .prefault({}),
  budgets: budgets.default({}),
  delays: delays.default({}),
  hooks: z
    .strictObject({
      prepare: command.nullable().default(null).describe('Run once in a new worktree, for example to install dependencies.'),
      timeout: duration.prefault('120s'),
    })
    .prefault({}),
  prompts: z
    .strictObject({
      implementation: text.nullable().default('IMPLEMENTATION_WORKFLOW.md'),
      review: text.nullable().default('REVIEW_WORKFLOW.md'),
      extra: path.nullable().default(null).describe('A file of more instructions for every run.'),
    })
    .prefault({})
    .describe('Workflow files are read from the base branch.'),
})

export const configSchema = z
  .strictObject({
    $schema: z.string().optional(),
    server: server.prefault({}),
    store: store.prefault({}),
    tracker: tracker.prefault({ kind: 'local' }),
    forge: forge.prefault({ kind: 'local' }),
    agents: z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/), agent).describe('The agents, by a name of your choice.'),
    limits: limits.prefault({}),
    polling,
    prices: z
      .record(text, price)
      .default({})
      .describe('By the name of a model, or what names begin with: the longest counts. It goes before what an agent says of its cost.'),
    notify: notify.nullable().default(null),
    webhooks: z.boolean().default(true).describe('false: polling alone.'),
    projects: z.array(project).min(1),
  })
  .meta({ title: 'Signalbox configuration' })

/** The published JSON Schema of the file; config.ts reads the file along it as well. */
export function toJsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
}

/** The part of JSON Schema that this schema uses. */
export interface JsonSchema {
  type?: string | string[]
  format?: string
  const?: unknown
  enum?: unknown[]
  pattern?: string
  description?: string
  properties?: Record<string, JsonSchema>
  propertyNames?: JsonSchema
  additionalProperties?: boolean | JsonSchema
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
}

/** The branch of a union that `value` is meant to be, by its `kind`; the one that is not null when there is no kind. */
export function branchOf(schema: JsonSchema | undefined, value?: unknown): JsonSchema | undefined {
  const branches = schema?.oneOf ?? schema?.anyOf
  if (!branches) return schema
  const kind = (value as { kind?: unknown } | null | undefined)?.kind
  const chosen = branches.find((branch) => branch.properties?.['kind']?.const === kind) ?? branches.find((branch) => branch.type !== 'null')
  return branchOf(chosen, value)
}
