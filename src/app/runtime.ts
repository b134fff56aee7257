// Makes the issue runtime from a configuration: opens the database, joins machines, ports and effects, and carries on what was left.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createCommandAgent } from '../actors/agents/command.ts'
import { createProcessRecords, endOrphans } from '../actors/agents/orphans.ts'
import { createLocalForge, type LocalForge } from '../actors/forge/local.ts'
import type { Agent } from '../actors/ports.ts'
import {
  createSystem,
  defineActor,
  realClock,
  type ActorRef,
  type ActorSystem,
  type Clock,
  type Handled,
  type RandomSource,
} from '../actors/system/index.ts'
import { createLocalTracker, type LocalTracker } from '../actors/tracker/local.ts'
import { discoverBase } from '../actors/workspace/base.ts'
import { createWorkspace } from '../actors/workspace/worktree.ts'
import type { Config, ProjectConfig } from '../config.ts'
import { ConfigurationError, FatalError, toErrorData } from '../errors.ts'
import { capacityMachine } from '../machines/capacity/machine.ts'
import { checkMachine } from '../machines/check/machine.ts'
import { acceptedActions } from '../machines/issue/actions.ts'
import type { IssueContext, IssueInput } from '../machines/issue/context.ts'
import { isTerminal } from '../machines/issue/document.ts'
import type { TrackerFact } from '../machines/issue/events.ts'
import { issueMachine } from '../machines/issue/machine.ts'
import { queueMachine } from '../machines/queue/machine.ts'
import { runMachine } from '../machines/run/machine.ts'
import { runTypes } from '../machines/vocabulary.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { createFactOutbox, type Fact } from '../persistence/fact-outbox.ts'
import { addToFeed } from '../persistence/feed.ts'
import { findIssue, rememberKey, type IssueKey } from '../persistence/issue-keys.ts'
import { sqliteStore } from '../persistence/sqlite-store.ts'
import type { Action, App, FeedEntry } from './contract.ts'
import { createEffects } from './effects.ts'
import { createFactPump, type FactPump } from './facts.ts'
import { createLiveHub, type LiveHub } from './live.ts'
import { branchOf, toPolicy } from './policy.ts'
import { createReader, worktreeFinder } from './reader.ts'
import { feedStately, type StatelyFeed } from './stately.ts'

/** The versions of the machines of this build; each change of a chart's states or context raises one. */
export const definitions = {
  issue: defineActor(issueMachine, { version: 1 }),
  run: defineActor(runMachine, { version: 1 }),
  queue: defineActor(queueMachine, { version: 1 }),
  capacity: defineActor(capacityMachine, { version: 1 }),
  check: defineActor(checkMachine, { version: 1 }),
}

export interface AppOptions {
  clock?: Clock
  random?: RandomSource
  /** Structured log lines; `msg` is the sentence. */
  logger?: {
    info: (line: object, msg: string) => void
    warn: (line: object, msg: string) => void
    error: (line: object, msg: string) => void
  }
  /** Feeds Stately's inspector at this address, or at its usual one. */
  stately?: boolean | string
}

const statelyRelay = 'ws://127.0.0.1:8080'
/** How long agents get to end when the runtime stops. */
const endingTime = 8_000
const sweepEvery = 3_600_000
const refsEvery = 30_000

type System = ActorSystem<typeof definitions>

/**
 * Resolves when it takes events. Rejects with FatalError `database-owned` or `machines-incompatible`, ConfigurationError for what the
 * configuration or the machine does not allow.
 */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const clock = options.clock ?? realClock
  const logger = options.logger ?? { info() {}, warn() {}, error() {} }
  const hub = createLiveHub()
  const log = (level: 'info' | 'warn' | 'error', line: Record<string, unknown>, message: string): void => {
    logger[level](line, message)
    if (hub.wanted)
      hub.publish({ type: 'log', line: { level, ...line, msg: message } }, typeof line['issue'] === 'string' ? line['issue'] : null)
  }

  const store = sqliteStore(config.store.path)
  const records = createProcessRecords(config.dataFolder)
  const agents = createAgents(config, records)
  let system: System
  let forge: LocalForge
  let tracker: LocalTracker
  let database: SqliteDatabase
  const opened = Promise.withResolvers<void>()

  const workspace = createWorkspace({
    folder: config.dataFolder,
    env: records.environment,
    prepareHook: (id) => {
      const { prepare, timeout } = projectOf(config, id).hooks
      return prepare === null ? null : { command: prepare, timeout }
    },
    repository: (project) => forge.repository(project),
  })
  const { effects, sessions, works } = createEffects({
    config,
    ready: opened.promise,
    forge: () => forge,
    tracker: () => tracker,
    workspace,
    agents,
    postToFeed: (id, report) => {
      const { level, kind, issue, phase, status, summary } = report as unknown as FeedEntry
      const row = addToFeed(database, id, { at: clock.now(), level, kind, issue, phase, status, summary })
      if (row && hub.wanted) hub.publish({ type: 'feed', entry: { ...row, at: new Date(row.at).toISOString() } }, issue)
      log(level, { issue, kind, phase }, summary)
    },
    log: ({ message, ...line }) => log('info', line, message),
    after: clock.after,
  })

  system = await createSystem({
    store,
    actors: definitions,
    effects,
    routes: {
      'capacity.requested': () => 'capacity/main',
      'capacity.withdrawn': () => 'capacity/main',
      'capacity.released': () => 'capacity/main',
      'capacity.granted': ({ issue }) => `issue/${String(issue)}`,
      'queue.held': ({ issue }) => `issue/${String(issue)}`,
      'queue.resumed': ({ issue }) => `issue/${String(issue)}`,
    },
    clock,
    ...(options.random ? { random: options.random } : {}),
    onProblem: ({ code, message, address, error }) => log(code === 'dead-letter' ? 'warn' : 'error', { code, address, error }, message),
  })
  database = store.database

  let pump: FactPump
  const outbox = createFactOutbox({ database, now: clock.now, wake: () => pump.wake() })
  const shared = { database, now: clock.now, wake: () => pump.wake() }
  tracker = createLocalTracker({
    ...shared,
    projects: config.projects,
    url: ({ key }) => issueUrl(config, key),
  })
  forge = createLocalForge({
    ...shared,
    folder: config.dataFolder,
    projects: config.projects.map(({ id, repo, baseBranch, ci }) => ({ id, repo, baseBranch, ci })),
    discoverBase: async (repo) => (await discoverBase(repo, null)).branch,
    spawnCheck: async (check) => void (await system.spawn('check', `${check.project}.${check.number}.${check.headSha}`, check)),
    requestQueue: async (request) =>
      void (await system.ref<typeof queueMachine>(`queue/${request.project}`).send({ type: 'landing.requested', ...request })),
    withdrawQueue: async (request) =>
      void (await system.ref<typeof queueMachine>(`queue/${request.project}`).send({ type: 'landing.withdrawn', ...request })),
  })
  pump = createFactPump({
    outbox,
    clock,
    deliver: (fact) => deliver(fact),
    onProblem: ({ code, message }) => log('error', { code }, message),
  })

  /** Issues whose actors are being made: facts that come in the meantime wait for them. */
  const births = new Map<string, Promise<unknown>>()
  async function deliver(fact: Fact): Promise<void> {
    const ref = system.ref(`issue/${fact.issue}`)
    // Only the tracker's own facts name the issue; a pull request may have a title too.
    const isWhole = fact.event.type.startsWith('tracker.') && 'title' in fact.event
    if (isWhole) rememberKey(database, { project: projectIdOf(fact), key: String(fact.event['key']), issue: fact.issue })
    if (births.has(fact.issue)) await births.get(fact.issue)
    else if (!ref.exists()) {
      if (!isWhole) throw new FatalError('unknown-issue', `its issue is not known`)
      const birth = inputOf(fact)
        .then((input) => system.spawn('issue', fact.issue, input))
        .finally(() => births.delete(fact.issue))
      births.set(fact.issue, birth)
      await birth
    }
    await ref.send(fact.event, { key: `fact:${fact.seq}` })
  }
  const projectIdOf = (fact: Fact): string =>
    (database.prepare('SELECT project FROM tracker_issue WHERE id = ?').get(fact.issue) as { project: string }).project
  async function inputOf(fact: Fact): Promise<IssueInput> {
    const project = projectOf(config, projectIdOf(fact))
    const issue = fact.event as unknown as TrackerFact & { delegated?: boolean }
    return {
      id: fact.issue,
      project: project.id,
      policy: toPolicy(config, project),
      branch: branchOf(project.branchPrefix, issue.key, issue.title),
      base: project.baseBranch ?? '',
      issue,
      delegated: issue.delegated ?? false,
      observedAt: fact.event.observedAt,
    }
  }

  // --- start -------------------------------------------------------------------------------------
  try {
    await takeUp()
  } catch (error) {
    // Whoever embeds this may mend the cause and open it again: nothing may go on, and the database is given back.
    pump.stop()
    await system.stop()
    throw error
  }
  opened.resolve()
  await applyPolicies()
  pump.wake()

  async function takeUp(): Promise<void> {
    const orphans = await endOrphans(config.dataFolder)
    if (orphans.groups.length + orphans.marked > 0) {
      log('warn', { groups: orphans.groups.length, marked: orphans.marked }, 'Processes that outlived the former server were ended')
    }
    await system.spawn('capacity', 'main', { limit: config.limits.activeRuns })
    await system.ref<typeof capacityMachine>('capacity/main').send({ type: 'capacity.limited', limit: config.limits.activeRuns })
    for (const { id } of config.projects) await system.spawn('queue', id, { project: id })
    const { incidents, failures } = await forge.start()
    for (const incident of incidents)
      log('warn', { ...incident }, `A ref was moved without Signalbox and has been put back: ${incident.ref}`)
    for (const { project, error } of failures)
      log('error', { project, error: toErrorData(error) }, `The repository of '${project}' cannot be used: ${toErrorData(error).message}`)
    if (failures.length === config.projects.length) throw failures[0]!.error
  }

  /** A changed configuration reaches the issues that live. */
  async function applyPolicies(): Promise<void> {
    const policies = new Map(config.projects.map((project) => [project.id, toPolicy(config, project)]))
    const sends: Promise<unknown>[] = []
    for (let after = ''; ;) {
      const page = store.actors({ kind: 'issue', after, limit: 500 })
      for (const row of page) {
        if (row.snapshot === null || row.status !== 'active') continue
        const { context } = JSON.parse(row.snapshot) as { context: IssueContext }
        const policy = policies.get(context.project)
        if (policy && JSON.stringify(policy) !== JSON.stringify(context.policy)) {
          sends.push(system.ref<typeof issueMachine>(row.address).send({ type: 'policy.changed', policy }))
        }
      }
      if (page.length < 500) break
      after = page.at(-1)!.address
    }
    await Promise.all(sends)
  }

  const lag = monitorEventLoopDelay({ resolution: 20 })
  lag.enable()
  let phase: 'ready' | 'draining' | 'stopped' = 'ready'
  let stopping: Promise<void> | undefined
  const stately: StatelyFeed | undefined = options.stately
    ? feedStately(system as unknown as ActorSystem, typeof options.stately === 'string' ? options.stately : statelyRelay)
    : undefined
  system.stopped.catch((error: unknown) => {
    phase = 'stopped'
    pump.stop()
    log('error', { error: toErrorData(error) }, toErrorData(error).message)
  })
  const cancels = [
    every(clock, sweepEvery, () => {
      const before = clock.now() - config.store.retention
      system.sweep(before)
      outbox.prune(before)
    }),
    every(clock, refsEvery, async () => {
      for (const incident of await forge.checkRefs())
        log('warn', { ...incident }, `A ref was moved without Signalbox and has been put back: ${incident.ref}`)
    }),
  ]

  const reader = createReader({ store, database, kinds: system.kinds, worktreeOf: worktreeFinder(config.dataFolder), close() {} })
  publishLive(system, hub, reader, database)

  const contextOf = (issue: string): { context: IssueContext; value: unknown } => {
    const row = store.actor(`issue/${issue}`)
    if (!row?.snapshot) throw new FatalError('not-ready', 'The issue has just been filed; try again in a moment.')
    return JSON.parse(row.snapshot) as { context: IssueContext; value: unknown }
  }

  async function act(key: string, action: Action, idempotencyKey?: string): Promise<void> {
    const known = findIssue(database, key)
    await pump.idle()
    const { context, value } = contextOf(known.issue)
    const accepted = acceptedActions(context, isTerminal(value))
    const repeated =
      idempotencyKey !== undefined &&
      database.prepare('SELECT 1 FROM tracker_request WHERE key = ?').get(`action:${known.issue}:${idempotencyKey}`)
    if (repeated) return
    if (!accepted.includes(action.action)) {
      throw Object.assign(
        new FatalError(
          'not-accepted',
          `${known.key} does not accept '${action.action.replace('_', '-')}' now. It accepts: ${accepted.join(', ').replaceAll('_', '-')}.`,
        ),
        { accepted },
      )
    }
    await perform(known, action, context, idempotencyKey)
    await pump.idle()
    if (idempotencyKey !== undefined) {
      database
        .prepare('INSERT OR IGNORE INTO tracker_request (key, issue, at) VALUES (?, ?, ?)')
        .run(`action:${known.issue}:${idempotencyKey}`, known.issue, clock.now())
    }
  }

  async function perform(known: IssueKey, action: Action, context: IssueContext, key: string | undefined): Promise<void> {
    const ref: ActorRef<typeof issueMachine> = system.ref(`issue/${known.issue}`)
    const author = action.author ?? 'operator'
    const asking = { author, ...(key === undefined ? {} : { key }) }
    const tell = (event: Parameters<typeof ref.send>[0]) => ref.send(event, key === undefined ? {} : { key: `action:${key}` })
    switch (action.action) {
      case 'prompt':
        return tracker.prompt(known.issue, action.text, asking)
      case 'comment':
        return tracker.comment(known.issue, action.text, asking)
      case 'delegate':
        return tracker.delegate(known.issue, asking)
      case 'undelegate':
        return tracker.undelegate(known.issue, asking)
      case 'cancel':
        return tracker.cancel(known.issue, asking)
      case 'stop':
        await tell({ type: 'operator.stopped', author, reason: action.reason ?? 'asked to stop', source: 'operator' })
        // A faulted actor takes no event: the host ends its agent.
        for (const child of store.children(store.actor(ref.address)!.id)) {
          if (store.actor(ref.address)!.fault !== null && child.status === 'active') {
            await system
              .ref<typeof runMachine>(child.address)
              .send({ type: 'run.stop', outcome: 'released', reason: `Stopped by ${author}.` })
          }
        }
        return
      case 'retry': {
        const { runType } = action
        if (runType !== undefined && !runTypes.includes(runType as never)) {
          throw new ConfigurationError('unknown-run-type', `There is no run type '${runType}'. There are: ${runTypes.join(', ')}.`)
        }
        const row = store.actor(ref.address)!
        for (const faulted of [row, ...store.children(row.id)].filter(({ fault }) => fault !== null))
          await system.ref(faulted.address).retryFaulted()
        await tell({ type: 'operator.retried', author, source: 'operator', ...(runType === undefined ? {} : { runType }) })
        return
      }
      case 'close':
        await tell({ type: 'operator.closed', as: action.as ?? 'done', author, source: 'operator' })
        return
      case 'approve':
      case 'request_changes':
        forge.review({
          project: known.project,
          number: context.pr!.number,
          verdict: action.action === 'approve' ? 'approved' : 'changes_requested',
          reviewer: author,
          ...(action.body === undefined ? {} : { body: action.body }),
          ...(action.action === 'request_changes' && action.comments ? { comments: action.comments } : {}),
          ...(key === undefined ? {} : { key }),
        })
    }
  }

  const control = (event: { type: 'operator.paused' | 'operator.resumed'; project?: string } | { type: 'operator.drained' }) => {
    const { project } = event as { project?: string }
    if (project !== undefined) projectOf(config, project)
    return system.ref<typeof capacityMachine>('capacity/main').send(event)
  }
  const isRunning = (): boolean => {
    const row = store.actor('capacity/main')!
    return (JSON.parse(row.snapshot!) as { context: { holders: unknown[] } }).context.holders.length > 0
  }

  return {
    ...reader,
    async submit(submission, key) {
      const filed = tracker.submit(submission, key === undefined ? {} : { key })
      await pump.idle()
      return { key: filed.key, url: filed.url }
    },
    act,
    pause: async (project) => void (await control({ type: 'operator.paused', ...(project === undefined ? {} : { project }) })),
    async resume(project) {
      await control({ type: 'operator.resumed', ...(project === undefined ? {} : { project }) })
      if (phase === 'draining') phase = 'ready'
    },
    async drain() {
      phase = 'draining'
      await control({ type: 'operator.drained' })
      while (isRunning() && phase === 'draining') await new Promise<void>((resolve) => void clock.after(200, resolve))
    },
    retryActor: (address) => system.ref(address).retryFaulted(),
    live: ({ key, since }, listener) =>
      hub.subscribe({ ...(key === undefined ? {} : { key }), ...(since === undefined ? {} : { since }) }, listener),
    health() {
      const { state, backlog, oldestUnhandledMs, faulted } = system.health()
      return { state: state === 'ready' ? phase : state, backlog, oldestUnhandledMs, eventLoopLagMs: lag.mean / 1e6 || 0, faulted }
    },
    metrics: () => metricsOf(system, sessions.active),
    stop: () =>
      (stopping ??= (async () => {
        pump.stop()
        for (const cancel of cancels) cancel()
        stately?.stop()
        lag.disable()
        await system.stop()
        phase = 'stopped'
        await Promise.all([sessions.ended(endingTime), works.ended(endingTime)])
      })()),
  }
}

function createAgents(config: Config, processes: ReturnType<typeof createProcessRecords>): Map<string, Agent> {
  const agents = new Map<string, Agent>()
  for (const [name, agent] of Object.entries(config.agents)) {
    if (agent.kind === 'command') agents.set(name, createCommandAgent({ name, command: agent.command, env: agent.env, processes }))
  }
  return agents
}

function projectOf(config: Config, id: string): ProjectConfig {
  const project = config.projects.find((candidate) => candidate.id === id)
  if (!project)
    throw new FatalError('unknown-project', `There is no project '${id}'. There are: ${config.projects.map((p) => p.id).join(', ')}.`)
  return project
}

const issueUrl = (config: Config, key: string): string =>
  `${config.server.publicUrl ?? `http://${config.server.host}:${config.server.port}`}/#/issues/${encodeURIComponent(key)}`

/** Calls `work` every `ms` until cancelled; the next time begins when the last has ended. */
function every(clock: Clock, ms: number, work: () => unknown): () => void {
  let cancel: () => void = () => {}
  let stopped = false
  const arm = (): void => {
    cancel = clock.after(ms, async () => {
      try {
        await work()
      } catch {
        // Looked at again at the next time; what stays broken shows where it is used.
      }
      if (!stopped) arm()
    })
  }
  arm()
  return () => {
    stopped = true
    cancel()
  }
}

/** Tells the live stream what was handled, once anybody listens. */
function publishLive(system: System, hub: LiveHub, reader: ReturnType<typeof createReader>, database: SqliteDatabase): void {
  const keyOf = (id: string): string | null => {
    try {
      return findIssue(database, id).key
    } catch {
      return null
    }
  }
  const publish = ({ address, seq, at, type, cause, ignored, snapshot }: Handled, key: string): void => {
    const value = snapshot === null ? undefined : (JSON.parse(snapshot) as { value: unknown }).value
    const entry = {
      seq,
      at: new Date(at).toISOString(),
      address,
      event: { type },
      cause: cause === null ? 'external' : `seq ${cause}`,
      ...(ignored === null ? {} : { ignored }),
      ...(value === undefined ? {} : { value }),
    }
    hub.publish({ type: 'event', key, entry }, key)
    if (value !== undefined) hub.publish({ type: 'microstep', key, address, value }, key)
  }
  system.onHandled((handled) => {
    if (!hub.wanted) return
    const changed = new Set<string>()
    for (const each of handled) {
      const [kind, id] = each.address.split('/')
      if (kind !== 'issue') continue
      const key = keyOf(id!)
      if (key === null) continue
      publish(each, key)
      changed.add(id!)
    }
    for (const id of changed) {
      const document = reader.issue(id)
      hub.publish({ type: 'issue', document }, document.key)
    }
  })
}

function metricsOf(system: System, activeTurns: number): string {
  const { backlog, oldestUnhandledMs, faulted, runningEffects, pendingEffects, cachedBytes } = system.health()
  const gauges: [string, string, number][] = [
    ['signalbox_backlog', 'Events that wait to be handled', backlog],
    ['signalbox_oldest_unhandled_seconds', 'Age of the oldest of them', oldestUnhandledMs / 1_000],
    ['signalbox_faulted_actors', 'Actors that need an operator', faulted.length],
    ['signalbox_effects_running', 'Effects at work', runningEffects],
    ['signalbox_effects_pending', 'Effects that wait for their turn', pendingEffects],
    ['signalbox_agent_turns', 'Agent turns under way', activeTurns],
    ['signalbox_cached_bytes', 'Bytes of committed snapshots in memory', cachedBytes],
  ]
  return gauges.map(([name, help, value]) => `# HELP ${name} ${help}.\n# TYPE ${name} gauge\n${name} ${value}\n`).join('')
}
