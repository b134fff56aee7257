// The tracker on a database of its own, connected to the twin, with everything that the twin tells by webhook at hand.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Delivery, Notice } from '../../../../src/actors/ports.ts'
import {
  checkLinear,
  createLinearTracker,
  type CheckLinearOptions,
  type LinearSettings,
  type LinearTracker,
  type LinearTrackerOptions,
} from '../../../../src/actors/tracker/linear.ts'
import { configSchema } from '../../../../src/config-schema.ts'
import { Secret } from '../../../../src/config-values.ts'
import type { ProjectConfig } from '../../../../src/config.ts'
import { openDatabase, type SqliteDatabase } from '../../../../src/persistence/database.ts'
import { createFactOutbox } from '../../../../src/persistence/fact-outbox.ts'
import { realClock, type Clock } from '../../../twins/clock.ts'
import { linearSchema } from '../../../twins/linear/schema.ts'
import { createReceiver } from '../../../twins/linear/receiver.ts'
import { createLinearTwin, type LinearTwin, type LinearTwinOptions } from '../../../twins/linear/twin.ts'
import type { WorkspaceTwin } from '../../../twins/linear/workspace-twin.ts'

export const callback = 'http://127.0.0.1/oauth/linear/callback'

export const secret = (value: string): Secret => new Secret('tracker', 'the configuration', null, () => value)

export interface BenchOptions {
  twin?: LinearTwinOptions
  projects?: Record<string, unknown>[]
  clock?: Clock
  settings?: Partial<LinearSettings>
  /** Left out: the one workspace is connected at once. */
  connect?: boolean
}

/** For calls that are not answered: long enough for those that are, on a machine that is busy. */
export const impatient = { timeout: 700 }

export interface Bench {
  twin: LinearTwin
  workspace: WorkspaceTwin
  tracker: LinearTracker
  database: SqliteDatabase
  settings: LinearSettings
  projects: ProjectConfig[]
  logged: string[]
  /** Addresses of pull requests, by issue. */
  pullRequests: Map<string, string>
  terminal: Set<string>
  /** Reads the deliveries that have come since the last call, each acknowledged first. */
  told: () => Promise<Notice[]>
  /** The deliveries that have come since the last call, unread. */
  deliveries: () => Promise<Delivery[]>
  /** The facts that the tracker has recorded by itself. */
  recorded: () => { issue: string; event: Record<string, unknown> }[]
  /** Walks through OAuth as a person does. */
  connect: (workspace?: string) => Promise<string>
  /** The tracker anew on the same database. */
  reopen: (settings?: Partial<LinearSettings>, options?: Partial<LinearTrackerOptions>) => LinearTracker
}

export function projectsOf(all: Record<string, unknown>[]): ProjectConfig[] {
  const agents = { a: { kind: 'command', command: 'true' } }
  return configSchema.parse({ agents, projects: all.map((one) => ({ repo: '/repository', agent: 'a', ...one })) })
    .projects as ProjectConfig[]
}

export async function createBench(options: BenchOptions = {}): Promise<Bench> {
  const clock = options.clock ?? realClock
  // It is derived by the first call else, which takes longer than some tests wait for an answer.
  linearSchema()
  const twin = await createLinearTwin({ clock, ...options.twin })
  onTestFinished(() => twin.close())
  const receiver = await createReceiver()
  onTestFinished(() => receiver.close())
  twin.app.webhookUrl = receiver.url
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-linear-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const database = openDatabase(join(folder, 'signalbox.db'))
  onTestFinished(() => void database.close())

  const settings: LinearSettings = {
    kind: 'linear',
    apiUrl: twin.apiUrl,
    authorizeUrl: `${twin.url}/oauth/authorize`,
    clientId: twin.app.clientId,
    clientSecret: secret(twin.app.clientSecret),
    webhookSecret: secret(twin.app.webhookSecret),
    tokenKey: secret('a key for tests'),
    formerTokenKeys: [],
    ...options.settings,
  }
  const projects = projectsOf(options.projects ?? [{ id: 'app' }])
  const logged: string[] = []
  const pullRequests = new Map<string, string>()
  const terminal = new Set<string>()
  const outbox = createFactOutbox({ database, now: clock.now, wake: () => {} })
  const open = (changed: Partial<LinearSettings> = {}, more: Partial<LinearTrackerOptions> = {}): LinearTracker => {
    const opened = createLinearTracker({
      settings: { ...settings, ...changed },
      projects,
      webhooks: true,
      database,
      now: () => clock.now(),
      after: (ms, callback_) => clock.after(ms, callback_),
      wake: () => {},
      url: ({ key }) => `https://box.example/issues/${key}`,
      callbackUrl: () => callback,
      pullRequest: (issue) => pullRequests.get(issue) ?? null,
      isTerminal: (issue) => terminal.has(issue),
      log: (level, message) => void logged.push(`${level}: ${message}`),
      ...more,
    })
    onTestFinished(() => opened.stop())
    return opened
  }
  let taken = 0
  const bench: Bench = {
    twin,
    workspace: twin.workspace(),
    tracker: open(),
    database,
    settings,
    projects,
    logged,
    pullRequests,
    terminal,
    async deliveries() {
      await twin.idle()
      const fresh = receiver.received.slice(taken)
      taken = receiver.received.length
      return fresh.map(({ headers, raw }) => ({
        id: String(headers['linear-delivery']),
        event: String(headers['linear-event']),
        body: raw.toString('utf8'),
        receivedAt: clock.now(),
      }))
    },
    async told() {
      const notices: Notice[] = []
      for (const delivery of await bench.deliveries()) {
        await bench.tracker.inlet.acknowledge?.(delivery)
        notices.push(...(await bench.tracker.inlet.read(delivery)))
      }
      return notices
    },
    recorded() {
      const facts = outbox.undelivered()
      outbox.markDelivered(facts.map(({ seq }) => seq))
      return facts.map(({ issue, event }) => ({ issue, event }))
    },
    async connect(workspace) {
      const { url, state } = bench.tracker.connect()
      const back = new URL(await twin.oauth.approve(url, workspace === undefined ? {} : { workspace }))
      await bench.tracker.finish({ code: back.searchParams.get('code') ?? undefined, state: back.searchParams.get('state')! })
      return state
    },
    reopen(changed, more) {
      bench.tracker = open(changed, more)
      return bench.tracker
    },
  }
  if (options.connect !== false) await bench.connect()
  return bench
}

/** What `signalbox doctor` finds. */
export const check = (bench: Bench, options: Partial<CheckLinearOptions> = {}) =>
  checkLinear({
    ...{ settings: bench.settings, projects: bench.projects, database: bench.database },
    ...{ now: realClock.now, after: realClock.after, isTerminal: (issue) => bench.terminal.has(issue) },
    ...{ webhookUrl: 'https://box.example/webhooks/linear', webhooks: true },
    ...options,
  })

/** The facts among the notices, as issue and type. */
export const typesOf = (notices: Notice[]): string[] =>
  notices.map((notice) => (notice.kind === 'fact' ? notice.event.type : `look ${notice.at}`))

export const factsOf = (notices: Notice[], type: string) =>
  notices.flatMap((notice) => (notice.kind === 'fact' && notice.event.type === type ? [notice] : []))

/** What stands in a session, oldest first: its type and what it says. */
export const saidIn = (workspace: WorkspaceTwin, session: { id: string }): string[] =>
  workspace
    .activities(session)
    .map(
      ({ content, ephemeral }) => `${ephemeral ? '~' : ''}${content.type}: ${content.body ?? `${content.action} (${content.parameter})`}`,
    )
