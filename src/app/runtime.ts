// Makes the issue runtime from a configuration: opens the database, joins machines, ports and effects, and carries on what was left.

import { dirname } from 'node:path'
import { createProcessRecords } from '../actors/agents/orphans.ts'
import { createNotification } from '../actors/notification.ts'
import type { Authorisation } from '../actors/ports.ts'
import { useProcessHost } from '../actors/process.ts'
import { createSystem, realClock, type ActorSystem, type Clock, type RandomSource } from '../actors/system/index.ts'
import { createInstructions } from '../actors/workspace/instructions.ts'
import { createReviewCheckouts } from '../actors/workspace/review-checkout.ts'
import { createWorkspace } from '../actors/workspace/worktree.ts'
import type { Config } from '../config.ts'
import { warningsOf } from '../config-warnings.ts'
import { FatalError, toErrorData } from '../errors.ts'
import type { CapacityContext } from '../machines/capacity/context.ts'
import type { capacityMachine } from '../machines/capacity/machine.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import { isTerminal } from '../machines/issue/document.ts'
import type { queueMachine } from '../machines/queue/machine.ts'
import type { Phase } from '../machines/vocabulary.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { createDeliveries, describeDeliveries } from '../persistence/deliveries.ts'
import { createFactOutbox } from '../persistence/fact-outbox.ts'
import { addToFeed, forgetNotified } from '../persistence/feed.ts'
import { startCheckpointer } from '../persistence/checkpointer.ts'
import { rememberSpending, totalSpending } from '../persistence/spending.ts'
import { sqliteStore } from '../persistence/sqlite-store.ts'
import { createAgents } from './agents.ts'
import { announceHandled } from './announcer.ts'
import type { App, FeedEntry } from './contract.ts'
import { definitions } from './definitions.ts'
import { createDelivery } from './delivery.ts'
import { createEffects } from './effects.ts'
import { createFactPump, type FactPump } from './facts.ts'
import { endFaultedRuns } from './faulted-runs.ts'
import { createLagMeter, metricsOf } from './health.ts'
import { startHousekeeping } from './housekeeping.ts'
import { createInbox, type Inbox } from './inbox.ts'
import { createLiveHub } from './live.ts'
import { createNotifier, type Notifier } from './notifier.ts'
import { createOperator } from './operator.ts'
import { createOverstepping } from './overstepping.ts'
import { tellPolicies } from './policies.ts'
import { projectOf } from './policy.ts'
import { createProviders, nameOf, type Providers } from './providers.ts'
import { createPreview } from './prompt-preview.ts'
import { createReader, worktreeFinder } from './reader.ts'
import { createLook, reconcile, type Reconciling } from './reconciliation.ts'
import { forget } from './retention.ts'
import { readSurroundings } from './surroundings.ts'
import { feedStately, type StatelyFeed } from './stately.ts'
import { takeUp } from './taking-up.ts'

export interface AppOptions {
  /** Unhandled events beyond which no more are taken. */
  limits?: { backlog?: number }
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
const longestBacklog = 50_000

type System = ActorSystem<typeof definitions>

/**
 * Resolves when it takes events. Rejects with FatalError `database-owned` or `machines-incompatible`, ConfigurationError for what the
 * configuration or the machine does not allow.
 */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const clock = options.clock ?? realClock
  const backlogLimit = options.limits?.backlog ?? longestBacklog
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
  let providers: Providers
  let inbox: Inbox
  let database: SqliteDatabase
  const opened = Promise.withResolvers<void>()

  const reconciling: Reconciling = {
    ...{ store, system: () => system, forge: () => providers.forge, tracker: () => providers.tracker, now: clock.now },
    catchUp: async (signal) => {
      for (const inlet of providers.inlets.values()) {
        const { notices, seen } = await inlet.catchUp(signal)
        await inbox.apply(notices)
        seen()
      }
    },
    isOnlyAsked: !config.webhooks && (config.forge.kind !== 'local' || config.tracker.kind !== 'local'),
    onProblem: ({ issue, error }) => log('warn', { issue, error: toErrorData(error) }, `${issue} could not be asked about`),
  }
  const look = createLook(reconciling)
  const workspace = createWorkspace({
    folder: config.dataFolder,
    env: records.environment,
    prepareHook: (id) => {
      const { prepare, timeout } = projectOf(config, id).hooks
      return prepare === null ? null : { command: prepare, timeout }
    },
    repository: (project) => providers.forge.repository(project),
    now: clock.now,
    boundary: {
      async userRepository(project) {
        const { base } = await providers.forge.repository(project)
        return base.folder === null ? null : base.source()
      },
      async movedRefs(project, since) {
        await checkRefs(project)
        return providers.forge.refIncidents(project, since)
      },
    },
  })
  const checkRefs = async (project?: string): Promise<void> => {
    for (const incident of await providers.forge.checkRefs(project))
      log('warn', { ...incident }, `A ref was moved without Signalbox and has been put back: ${incident.ref}`)
  }
  const postToFeed = (id: string, report: Record<string, unknown>): void => {
    const { level, kind, issue, phase, status, summary } = report as unknown as FeedEntry
    const row = addToFeed(database, id, { at: clock.now(), level, kind, issue, phase, status, summary })
    if (row) notifier?.wake()
    if (row && hub.wanted) hub.publish({ type: 'feed', entry: { ...row, at: new Date(row.at).toISOString() } }, issue)
    log(level, { issue, kind, phase }, summary)
  }
  let notifier: Notifier | undefined
  const phaseOf = (issue: string): Phase | null => snapshotOf(issue)?.context.phase ?? null
  const { effects, sessions, works } = createEffects({
    config,
    ready: opened.promise,
    forge: () => providers.forge,
    embedded: () => providers.embedded.forge,
    tracker: () => providers.tracker,
    workspace,
    reviews: createReviewCheckouts({ folder: config.dataFolder }),
    instructions: createInstructions({ folder: config.dataFolder }),
    surroundings: (issue, runId) => readSurroundings(store, issue, runId),
    agents,
    postToFeed,
    overstepped: createOverstepping({ post: postToFeed, phaseOf }),
    count: (report) => rememberSpending(database, report),
    log: ({ message, ...line }) => log('info', line, message),
    onLine: ({ project, key, runId, line }) => {
      log('info', { issue: key, run: runId }, line)
      providers.tracker.progress?.({ project, key, runId, line })
    },
    reconcile: (turn, signal) => reconcile(turn, reconciling, signal),
    async lookAtTracker(issue) {
      if (providers.tracker.inlet === undefined) return
      try {
        await look(issue, 'tracker')
      } catch (error) {
        // A tracker that does not answer keeps no run from its start: what it has to say is told, or asked for, later.
        log('info', { issue, error: toErrorData(error) }, `${issue} could not be asked about before its run`)
      }
    },
    phaseOf,
    hasRun: (address) => {
      const snapshot = store.actor(address)?.snapshot
      return snapshot != null && (JSON.parse(snapshot) as { context: IssueContext }).context.run !== null
    },
    after: clock.after,
  })

  system = await createSystem({
    store,
    actors: definitions,
    effects,
    routes: {
      'capacity.requested': () => 'capacity/main',
      'capacity.urged': () => 'capacity/main',
      'landing.urged': ({ project }) => `queue/${String(project)}`,
      'capacity.withdrawn': () => 'capacity/main',
      'capacity.released': () => 'capacity/main',
      'capacity.spent': () => 'capacity/main',
      'agent.exhausted': () => 'capacity/main',
      'agent.restored': () => 'capacity/main',
      'capacity.granted': ({ issue }) => `issue/${String(issue)}`,
      'facts.wanted': () => 'reconciliation/main',
      'queue.held': ({ issue }) => `issue/${String(issue)}`,
      'queue.resumed': ({ issue }) => `issue/${String(issue)}`,
    },
    clock,
    limits: { backlog: backlogLimit },
    ...(options.random ? { random: options.random } : {}),
    onProblem: ({ code, message, address, error }) => log(code === 'dead-letter' ? 'warn' : 'error', { code, address, error }, message),
  })
  database = store.database
  // What is started by the hundred is not forked from a process as large as this one.
  const releaseHost = useProcessHost()

  let pump: FactPump
  const outbox = createFactOutbox({ database, now: clock.now, wake: () => pump.wake() })
  const snapshotOf = (issue: string): { value: unknown; context: IssueContext } | null => {
    const snapshot = store.actor(`issue/${issue}`)?.snapshot
    return snapshot == null ? null : (JSON.parse(snapshot) as { value: unknown; context: IssueContext })
  }
  providers = await createProviders({
    ...{ config, database, now: clock.now, after: clock.after, wake: () => pump.wake(), log },
    isOver: (issue) => {
      const snapshot = snapshotOf(issue)
      return snapshot !== null && isTerminal(snapshot.value)
    },
    pullRequestOf: (issue) => snapshotOf(issue)?.context.pr?.url ?? null,
    spawnCheck: async ({ attempt, ...check }) => {
      const head = `${check.project}.${check.number}.${check.headSha}`
      const retry = projectOf(config, check.project).ci?.retry
      await system.spawn('check', attempt === 1 ? head : `${head}.${attempt}`, { ...check, ...(retry && { retry }) })
    },
    requestQueue: async (request) =>
      void (await system.ref<typeof queueMachine>(`queue/${request.project}`).send({ ...request, type: 'landing.requested' })),
    withdrawQueue: async (request) =>
      void (await system.ref<typeof queueMachine>(`queue/${request.project}`).send({ ...request, type: 'landing.withdrawn' })),
  })
  const { forge, tracker } = providers
  pump = createFactPump({
    outbox,
    clock,
    deliver: (fact) => deliver(fact),
    onProblem: ({ code, message }) => log('error', { code }, message),
  })

  const deliveries = createDeliveries({ database, now: clock.now, defer: clock.defer, after: clock.after })
  inbox = createInbox({
    ...{ inlets: providers.inlets, deliveries, outbox, database, clock, look, limit: backlogLimit },
    hasActor: (issue) => store.actor(`issue/${issue}`) !== undefined,
    onProblem: ({ code, message, error }) => log('warn', { code, error: toErrorData(error) }, message),
  })

  const deliver = createDelivery({ config, system, database, tracker })

  // --- start -------------------------------------------------------------------------------------
  try {
    await takeUp({ config, system, forge, log })
    providers.start()
  } catch (error) {
    // Whoever embeds this may mend the cause and open it again: nothing may go on, and the database is given back.
    pump.stop()
    await system.stop()
    releaseHost()
    throw error
  }
  opened.resolve()
  await tellPolicies(config, { system, store, database })
  pump.wake()
  inbox.start()
  if (config.notify === null) forgetNotified(database)
  else {
    const send = createNotification(config.notify, dirname(config.file))
    notifier = createNotifier({ send, level: config.notify.level, database, clock, log })
  }
  const checkpointer = startCheckpointer(config.store.path, (error) =>
    log('warn', { code: 'checkpointer-ended', error: toErrorData(error) }, 'Commits make their checkpoints themselves from here on'),
  )

  const capacityNow = (): CapacityContext => (JSON.parse(store.actor('capacity/main')!.snapshot!) as { context: CapacityContext }).context
  const lag = createLagMeter()
  // A drain outlives a restart: nobody has said that runs may start again.
  let phase: 'ready' | 'draining' | 'stopped' = capacityNow().closed ? 'draining' : 'ready'
  let stopping: Promise<void> | undefined
  const stately: StatelyFeed | undefined = options.stately
    ? feedStately(system as unknown as ActorSystem, typeof options.stately === 'string' ? options.stately : statelyRelay)
    : undefined
  system.stopped.catch((error: unknown) => {
    phase = 'stopped'
    pump.stop()
    log('error', { error: toErrorData(error) }, toErrorData(error).message)
  })
  const endHousekeeping = startHousekeeping({
    clock,
    dataFolder: config.dataFolder,
    forget: () =>
      forget(
        clock.now() - config.store.retention,
        {
          ...{
            sweep: system.sweep,
            prune: (time) => outbox.prune(time) + providers.prune(time),
            pruneDeliveries: deliveries.prune,
            database,
            dataFolder: config.dataFolder,
          },
          pause: () => new Promise((resolve) => clock.defer(resolve)),
        },
        () => phase === 'stopped' || stopping !== undefined,
      ),
    checkRefs,
    turnLag: lag.turn,
  })

  const hosted = config.forge.kind !== 'local'
  const worktreeOf = worktreeFinder(config.dataFolder)
  const reader = createReader({
    store,
    database,
    kinds: system.kinds,
    worktreeOf,
    hosted,
    linear: config.tracker.kind === 'linear',
    warnings: warningsOf(config),
    preview: createPreview({ config, store, database }),
    now: clock.now,
    close() {},
  })
  announceHandled(system, hub, reader, database)

  const settled = async () => {
    await inbox.idle()
    await pump.idle()
  }
  const warn = (issue: string, message: string) => log('warn', { issue }, message)
  const act = createOperator({
    ...{ system, store, database, tracker, forge, embedded: providers.embedded.forge },
    agents,
    warn,
    done: deliveries,
    settled,
    faultedRuns: endFaultedRuns(system, ({ address, error }) =>
      log('error', { address, error: toErrorData(error) }, `The faulted run of '${address}' could not be given up`),
    ),
  })
  const capacity = system.ref<typeof capacityMachine>('capacity/main')
  /** Throws FatalError `unknown-project`. */
  const about = (project: string | undefined): { project?: string } =>
    project === undefined ? {} : { project: projectOf(config, project).id }
  const authorisationOf = (provider: string): Authorisation => {
    const found = providers.authorisations.get(provider)
    if (found) return found
    throw new FatalError('nothing-to-connect', `There is nothing to connect with ${provider} in this configuration.`)
  }
  const isRunning = (): boolean => capacityNow().holders.length > 0

  return {
    ...reader,
    async submit(submission, key) {
      const { tracker: embedded } = providers.embedded
      if (embedded === null)
        throw new FatalError('not-embedded', `Issues are filed in ${nameOf(tracker.kind)}: file it there, and delegate it to Signalbox.`)
      const filed = embedded.submit(submission, key === undefined ? {} : { key })
      await pump.idle()
      return { key: filed.key, url: filed.url }
    },
    act,
    receive: (delivery) => inbox.take(delivery),
    deliveries: (provider) => describeDeliveries(database, provider),
    connect: async (provider) => authorisationOf(provider).connect(),
    finishConnection: (provider, answer) => authorisationOf(provider).finish(answer),
    connection: async (provider, state) => authorisationOf(provider).connection(state),
    disconnect: async (provider, workspace) => authorisationOf(provider).disconnect(workspace),
    pause: async (project, key) => void (await capacity.send({ type: 'operator.paused', ...about(project) }, keyed(key))),
    liftBudget: async (project, key) => void (await capacity.send({ type: 'operator.budgetLifted', ...about(project) }, keyed(key))),
    async resume(project, key) {
      const { duplicate } = await capacity.send({ type: 'operator.resumed', ...about(project) }, keyed(key))
      if (phase === 'draining' && !duplicate) phase = 'ready'
    },
    async drain(key) {
      const { duplicate } = await capacity.send({ type: 'operator.drained' }, keyed(key))
      if (phase === 'ready' && !duplicate) phase = 'draining'
      while (isRunning() && phase === 'draining') await new Promise<void>((resolve) => void clock.after(200, resolve))
    },
    recoverActor(address, way) {
      const ref = system.ref(address)
      return { retry: ref.retryFaulted, skip: ref.skipFaulted, abandon: ref.abandon }[way]()
    },
    live: ({ key, since }, listener) =>
      hub.subscribe({ ...(key === undefined ? {} : { key }), ...(since === undefined ? {} : { since }) }, listener),
    health() {
      const { state, backlog, oldestUnhandledMs, faulted } = system.health()
      const isRefusing = phase === 'ready' && backlog >= backlogLimit
      return {
        state: state !== 'ready' ? state : isRefusing ? 'refusing' : phase,
        backlog: backlog + inbox.backlog(),
        oldestUnhandledMs,
        eventLoopLagMs: lag.read(),
        faulted,
        troubles: reader.troubles(),
      }
    },
    metrics: () =>
      metricsOf(system, {
        activeTurns: sessions.active,
        troubles: reader.troubles().length,
        aside: inbox.aside,
        spending: totalSpending(database),
      }),
    stopped: system.stopped,
    stop: () =>
      (stopping ??= (async () => {
        pump.stop()
        endHousekeeping()
        stately?.stop()
        lag.stop()
        await Promise.all([inbox.stop(), providers.stop(), checkpointer.stop(), notifier?.stop()])
        await system.stop()
        phase = 'stopped'
        await Promise.all([sessions.ended(endingTime), works.ended(endingTime)])
        releaseHost()
      })()),
  }
}

const keyed = (key: string | undefined): { key?: string } => (key === undefined ? {} : { key: `control:${key}` })
