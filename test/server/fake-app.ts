// A runtime in memory that the server's tests drive. It stands in for the part that is written at the same time;
// the end-to-end tests use the real one.

import type { Action, App, FeedEntry, IssueDocument, LiveMessage, Submission, TimelineEntry } from '../../src/app.ts'
import { ConfigurationError, FatalError } from '../../src/errors.ts'
import { fakeIssueMachine, fakePhases, fakeRunMachine } from './fake-machine.ts'

export interface FakeApp extends App {
  /** Every changing call, as it arrived. */
  readonly calls: unknown[][]
  /** Thrown by the next call of any kind. */
  failWith: unknown
  /** Puts a document in place of the one with its id, and tells it to those who listen. */
  put: (document: IssueDocument) => void
  say: (message: Unnumbered<LiveMessage>) => void
  readonly listeners: number
  finishDrain: () => void
  state: ReturnType<App['health']>['state']
}

type Unnumbered<T> = T extends { seq: number } ? Omit<T, 'seq'> : never

/** Which event of the machine an action sends, for the fake's own explanation. */
const accepts: Partial<Record<Action['action'], string>> = {
  prompt: 'operator.prompted',
  stop: 'operator.stopped',
  retry: 'operator.retried',
  close: 'operator.closed',
  undelegate: 'tracker.undelegated',
  approve: 'review.approved',
  request_changes: 'review.changesRequested',
}

export function createFakeApp(options: { issues?: number } = {}): FakeApp {
  const documents = new Map<string, IssueDocument>()
  for (let n = 1; n <= (options.issues ?? 3); n++) documents.set(`id-${n}`, fakeDocument(n))
  const listeners = new Set<{ key: string | undefined; listener: (message: LiveMessage) => void }>()
  const timeline: (TimelineEntry & { key: string })[] = []
  const feed: FeedEntry[] = []
  const submitted = new Map<string, { key: string; url: string }>()
  let seq = 0
  let finishDrain = () => {}

  const find = (key: string): IssueDocument => {
    fake.throwIfAsked()
    const [project, bare] = key.includes('/') ? (key.split('/', 2) as [string, string]) : [undefined, key]
    const found = [...documents.values()].filter((document) => document.key === bare && (project ?? document.project) === document.project)
    if (found.length === 0) throw new FatalError('unknown-issue', `There is no issue "${key}".`)
    if (found.length === 1) return found[0]!
    const keys = found.map((document) => `${document.project}/${document.key}`)
    throw Object.assign(new FatalError('ambiguous-key', `"${key}" names ${keys.join(' and ')}: say which.`), { keys })
  }

  const fake = {
    calls: [] as unknown[][],
    failWith: undefined as unknown,
    state: 'ready' as FakeApp['state'],
    throwIfAsked() {
      const error = fake.failWith
      fake.failWith = undefined
      if (error !== undefined) throw error
    },
    get listeners() {
      return listeners.size
    },
    finishDrain: () => finishDrain(),
    put(document: IssueDocument) {
      documents.set(document.id, document)
      fake.say({ type: 'issue', document })
    },
    say(body: Unnumbered<LiveMessage>) {
      const message = { ...body, seq: ++seq } as LiveMessage
      if (message.type === 'event') timeline.push({ ...message.entry, key: message.key })
      if (message.type === 'feed') feed.push(message.entry)
      const key =
        message.type === 'issue'
          ? message.document.key
          : message.type === 'feed'
            ? message.entry.issue
            : message.type === 'log'
              ? undefined
              : message.key
      for (const { key: wanted, listener } of listeners) if (wanted === undefined || wanted === key) listener(message)
    },

    issues({ project, phase, limit = 100, cursor }: Parameters<App['issues']>[0] = {}) {
      fake.throwIfAsked()
      const all = [...documents.values()].filter((d) => (project ?? d.project) === d.project && (phase ?? d.phase) === d.phase)
      const start = cursor === undefined ? 0 : Number(Buffer.from(cursor, 'base64url').toString())
      if (cursor !== undefined && !(start > 0)) throw new ConfigurationError('invalid-cursor', 'This cursor was not given by this server.')
      const end = start + limit
      return { issues: all.slice(start, end), next: end < all.length ? Buffer.from(String(end)).toString('base64url') : null }
    },
    issue: find,
    explain(key: string) {
      const document = find(key)
      return {
        key: document.key,
        phase: document.phase,
        authority: document.authority,
        states: [{ id: `issue.lifecycle.${document.phase}`, description: 'What this state is about.' }],
        actions: [...acceptedBy(document)],
        waitsFor: document.waitsFor,
        events: [
          ...acceptedBy(document).map((action) => ({ type: accepts[action]!, by: 'a human', enabled: true, guards: [], target: null })),
          {
            type: 'run.finished',
            by: 'the run',
            enabled: false,
            guards: [{ name: 'hasBudget', holds: false, reads: { used: 3, limit: 3 } }],
            target: 'issue.run.idle',
          },
        ],
        timers: [{ name: 'stall', due: '2026-07-01T12:15:00.000Z' }],
        causes: [],
      }
    },
    timeline(key: string, { since }: { since?: number; limit?: number } = {}) {
      const document = find(key)
      return timeline.filter((entry) => entry.key === document.key && entry.seq > (since ?? 0))
    },
    snapshot(key: string, at?: number) {
      const document = find(key)
      return [
        { seq: at ?? 9, at: document.updatedAt, address: `issue/${document.id}`, value: document.value, context: {}, status: 'active' },
      ]
    },
    feed: ({ since, limit = 100 }: Parameters<App['feed']>[0] = {}) => page(feed, since, limit),
    machines: () => [fakeIssueMachine, fakeRunMachine].map(({ id, version }) => ({ id, version })),
    machine(id: string) {
      const machine = [fakeIssueMachine, fakeRunMachine].find((one) => one.id === id)
      if (machine === undefined) throw new FatalError('unknown-machine', `There is no machine "${id}".`)
      return machine
    },
    actors: (kind?: string) =>
      [...documents.values()]
        .map((document) => ({
          address: `issue/${document.id}`,
          kind: 'issue',
          status: 'active',
          version: document.version,
          updatedAt: document.updatedAt,
        }))
        .filter((actor) => (kind ?? actor.kind) === actor.kind),
    actor(address: string) {
      const found = fake.actors().find((actor) => actor.address === address)
      if (found === undefined) throw new FatalError('unknown-actor', `There is no actor at "${address}".`)
      return found
    },
    verify: () => ({ actors: 0, events: 0, different: [], notCheckable: [] }),
    close() {},

    async submit(submission: Submission, key?: string) {
      fake.throwIfAsked()
      fake.calls.push(['submit', submission, key])
      const before = key === undefined ? undefined : submitted.get(key)
      if (before !== undefined) return before
      if (submission.blockedBy?.includes('NONE-1'))
        throw new ConfigurationError('unknown-blocker', 'There is no issue "NONE-1" to wait for.')
      const document = { ...fakeDocument(documents.size + 1), title: submission.title }
      fake.put(document)
      const filed = { key: document.key, url: document.url }
      if (key !== undefined) submitted.set(key, filed)
      return filed
    },
    async act(key: string, action: Action, idempotencyKey?: string) {
      const document = find(key)
      fake.calls.push(['act', key, action, idempotencyKey])
      const accepted = acceptedBy(document)
      if (action.action in accepts && !accepted.includes(action.action)) {
        throw Object.assign(new FatalError('not-accepted', `${document.key} does not accept ${action.action} now.`), { accepted })
      }
      if (action.action === 'prompt' && document.question !== null) {
        fake.put({
          ...document,
          question: null,
          phase: 'implementing',
          value: valueOf('implementing', 'active'),
          waitsFor: [],
          version: document.version + 1,
        })
      }
    },
    async pause(project?: string) {
      fake.calls.push(['pause', project])
    },
    async resume(project?: string) {
      fake.calls.push(['resume', project])
    },
    drain() {
      fake.calls.push(['drain'])
      return new Promise<void>((resolve) => (finishDrain = resolve))
    },
    async retryActor(address: string) {
      fake.throwIfAsked()
      fake.actor(address)
      fake.calls.push(['retryActor', address])
    },
    live({ key }: { key?: string; since?: number }, listener: (message: LiveMessage) => void) {
      const subscription = { key, listener }
      listeners.add(subscription)
      return () => void listeners.delete(subscription)
    },
    health: () => ({ state: fake.state, backlog: 2, oldestUnhandledMs: 5, eventLoopLagMs: 1, faulted: ['issue/id-1'] }),
    metrics: () => 'signalbox_issues 3\n',
    async stop() {},
  }
  return fake
}

/** The first after `since`; without it the newest. */
function page<T extends { seq: number }>(entries: T[], since: number | undefined, limit: number): T[] {
  return since === undefined ? entries.slice(-limit) : entries.filter((entry) => entry.seq > since).slice(0, limit)
}

function acceptedBy(document: IssueDocument): Action['action'][] {
  if (document.phase === 'done') return ['retry', 'comment']
  return [...(['prompt', 'stop', 'close', 'undelegate', 'comment'] as const), ...(document.pr ? (['approve', 'request_changes'] as const) : [])]
}

function valueOf(phase: string, run: unknown) {
  return { lifecycle: phase, run, authority: 'acting' }
}

const titles = [
  'Export invoices as CSV',
  'Retry webhooks with backoff',
  'Show the time zone in reports',
  'Remove the legacy parser',
  'Cache the price list for a minute',
]

/** An issue in one of the phases, by turns, with the rest of its document to match. */
export function fakeDocument(n: number): IssueDocument {
  const phase = fakePhases[(n * 5) % fakePhases.length]!
  const at = (minutes: number) => new Date(Date.UTC(2026, 6, 1, 12) - minutes * 60_000).toISOString()
  const isRunning = ['implementing', 'changes_requested', 'repairing_ci', 'repairing_queue'].includes(phase)
  const hasPr = !['delegated', 'implementing', 'awaiting_input'].includes(phase)
  const party = {
    delegated: 'capacity',
    pr_open: 'reviewer',
    awaiting_queue: 'queue',
    deploying: 'deploy',
    awaiting_input: 'human',
    escalated: 'operator',
  } as const
  const waiting = isRunning ? 'agent' : party[phase as keyof typeof party]
  return {
    key: `APP-${n}`,
    id: `id-${n}`,
    title: titles[n % titles.length]!,
    url: `http://127.0.0.1:8787/#/issues/APP-${n}`,
    project: 'app',
    phase,
    authority: 'acting',
    value: valueOf(phase, isRunning ? 'active' : phase === 'delegated' ? { waiting: 'capacity' } : 'idle'),
    waitsFor:
      waiting === undefined
        ? []
        : [{ party: waiting, reason: 'The reason in a few plain words.', since: at(n), until: n % 2 ? at(-20) : null }],
    run: isRunning
      ? {
          id: `run-${n}`,
          type: phase === 'implementing' ? 'implementation' : 'ci_repair',
          phase: 'working',
          agent: 'codex',
          startedAt: at(7),
          lastSignalAt: at(0),
          lastProgressAt: at(1),
          usage: { inputTokens: 48_210, cachedTokens: 30_000, outputTokens: 5_120, usd: 0.42 },
        }
      : null,
    pr: hasPr
      ? {
          number: n,
          url: `http://127.0.0.1:8787/pulls/${n}`,
          state: phase === 'done' ? 'merged' : 'open',
          headSha: 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3',
          draft: false,
          review: phase === 'changes_requested' ? 'changes_requested' : phase === 'pr_open' ? 'none' : 'approved',
          checks: phase === 'repairing_ci' ? 'failed' : phase === 'pr_open' ? 'pending' : 'passed',
          mergeable: 'clean',
        }
      : null,
    question:
      phase === 'awaiting_input'
        ? 'Should the export use a comma or a semicolon as separator? German spreadsheets expect a semicolon.'
        : null,
    branch: hasPr ? `signalbox/APP-${n}-export` : null,
    worktree: isRunning ? `/var/lib/signalbox/worktrees/app/APP-${n}` : null,
    budgets: {
      implementation: { used: 1, limit: 3 },
      ci_repair: { used: n % 11, limit: 10 },
      runs: { used: 4, limit: 40 },
      usd: { used: 1.27, limit: null },
    },
    attempts: { implementation: 1 },
    blockedBy: n % 7 === 0 ? [{ key: 'APP-1', resolved: false }] : [],
    delegated: true,
    faulted: null,
    version: n,
    updatedAt: at(n * 3),
  }
}
