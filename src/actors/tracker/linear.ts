// The tracker Linear: issues that are delegated to our app there, and the agent sessions in which people look on.

import type { ProjectConfig } from '../../config.ts'
import { FatalError } from '../../errors.ts'
import type { SqliteDatabase } from '../../persistence/database.ts'
import { createFactOutbox } from '../../persistence/fact-outbox.ts'
import type { Authorisation, ContextRequest, PromptContext, Tracker } from '../ports.ts'
import { createAccess } from './linear/access.ts'
import { createLinearCatchUp } from './linear/catch-up.ts'
import { createCalls } from './linear/client.ts'
import { createFarewell } from './linear/farewell.ts'
import { createGreeting } from './linear/greeting.ts'
import { createHeartbeat } from './linear/heartbeat.ts'
import { createInlet } from './linear/inlet.ts'
import { createSessionReader } from './linear/inlet-sessions.ts'
import { createIssueRows } from './linear/issue-rows.ts'
import { createIssues } from './linear/issues.ts'
import { createOauth, createTokenEndpoint, type Connection, type LinearSettings } from './linear/oauth.ts'
import { createProgress } from './linear/progress.ts'
import { createPromptContext } from './linear/prompt-context.ts'
import { createReports } from './linear/reports.ts'
import { createRequests } from './linear/requests.ts'
import { createSessionRows } from './linear/session-rows.ts'
import { createSessions } from './linear/sessions.ts'
import { createStops } from './linear/stops.ts'
import { createVault } from './linear/vault.ts'
import { createWorkflow } from './linear/workflow.ts'
import { createWorkspaces } from './linear/workspaces.ts'

export { checkLinear, type Check, type CheckLinearOptions } from './linear/doctor.ts'
export type { Connection, LinearSettings }

export interface LinearTrackerOptions {
  settings: LinearSettings
  projects: readonly ProjectConfig[]
  /** Whether Linear tells us by webhook what happens. */
  webhooks: boolean
  database: SqliteDatabase
  now: () => number
  after: (ms: number, callback: () => void) => () => void
  /** Called after a commit that added facts. */
  wake: () => void
  /** Our page of an issue; null where people cannot reach it. */
  url: (issue: { project: string; key: string }) => string | null
  /** Where Linear sends a person back to who has let us in. */
  callbackUrl: () => string
  /** The address of the issue's pull request, when it has one. */
  pullRequest: (issue: string) => string | null
  /** Whether the issue has its end. */
  isTerminal: (issue: string) => boolean
  log: (level: 'info' | 'warn', message: string, issue?: string) => void
  /** Milliseconds for one request, and for all images of an issue together. */
  timeout?: number
  patience?: number
}

export interface LinearTracker extends Tracker {
  readonly kind: 'linear'
  /** Encrypts tokens anew where the key has changed, and keeps sessions alive from now on. Throws ConfigurationError `wrong-token-key`. */
  start: () => void
  /** Resolves when nothing more is said by itself. */
  stop: () => Promise<void>
  /** Where a person lets us in. Throws ConfigurationError `no-linear-app`, `no-token-key`. */
  connect: () => { url: string; state: string }
  /** The return of that person. Throws FatalError `unknown-state`, `linear-refused`, and what a call does. */
  finish: (answer: {
    code?: string | undefined
    state: string
    error?: string | undefined
  }) => Promise<{ workspace: { id: string; name: string } }>
  /** How an attempt to let us in stands. Throws FatalError `unknown-state`. */
  connection: (state: string) => Connection
  /** The end of it: its tokens are given back and forgotten. Throws FatalError `unknown-workspace`, and what a call does. */
  disconnect: Authorisation['disconnect']
  /** Forgets what was carried out and which sessions had ended before `time` (epoch ms), and answers how much. */
  prune: (time: number) => number
  promptContext: (request: ContextRequest) => Promise<PromptContext>
  progress: NonNullable<Tracker['progress']>
  inlet: NonNullable<Tracker['inlet']>
}

/**
 * What an agent is to know of an issue, asked by somebody who owns nothing: with the tokens as they are, which are not refreshed, and
 * nothing is written but the images.
 */
export function createLinearContext(
  options: Pick<LinearTrackerOptions, 'settings' | 'database' | 'now' | 'after' | 'timeout'> & { log: (message: string) => void },
): LinearTracker['promptContext'] {
  const { settings, database, now, after, timeout, log } = options
  const refresh = async (): Promise<never> => {
    throw new FatalError('linear-unauthorized', 'Its token has to be refreshed, which is for the server to do.')
  }
  const workspaces = createWorkspaces({ database, vault: createVault(settings), now, refresh, log() {}, readOnly: true })
  const calls = createCalls({ apiUrl: settings.apiUrl, workspaces: () => workspaces, now, after, timeout })
  const rows = createIssueRows({ database, now })
  const need = (id: string) => {
    const row = rows.byId(id)
    if (row !== undefined) return row
    throw new FatalError('unknown-issue', `There is no issue ${id} of Linear.`)
  }
  const sessionRows = createSessionRows({ database, now })
  return createPromptContext({ issues: { need }, sessionRows, workspaces, calls, apiUrl: settings.apiUrl, now, timeout, log })
}

export function createLinearTracker(options: LinearTrackerOptions): LinearTracker {
  const { settings, projects, database, now, after, wake, timeout } = options
  const warn = (message: string, issue?: string): void => options.log('warn', message, issue)
  const vault = createVault(settings)
  const endpoint = createTokenEndpoint(settings, now, timeout)
  const workspaces = createWorkspaces({ database, vault, now, refresh: endpoint.refresh, log: options.log })
  const calls = createCalls({ apiUrl: settings.apiUrl, workspaces: () => workspaces, now, after, timeout })
  const rows = createIssueRows({ database, now })
  const access = createAccess({ rows, workspaces, calls, isTerminal: options.isTerminal })
  const oauth = createOauth({ ...options, vault, workspaces, calls, endpoint, access })
  const sessionRows = createSessionRows({ database, now })
  const outbox = createFactOutbox({ database, now, wake })
  const issues = createIssues({ rows, access, workspaces, calls, projects, now })
  const sessions = createSessions({ rows: sessionRows, calls })
  const workflow = createWorkflow({ rows, calls, now, log: options.log })
  const farewell = createFarewell({ sessionRows, sessions, log: warn })
  const stops = createStops({ rows, sessionRows, sessions, projects, log: warn })
  const shared = { rows, issues, sessionRows, sessions, stops, farewell, access, workspaces, calls, projects, now, log: warn }
  const connectUrl = (): string | null => (settings.clientId === null || settings.tokenKey === null ? null : oauth.connect().url)
  const sessionReader = createSessionReader({ ...shared, connectUrl })
  const catchUp = createLinearCatchUp({ ...shared, sessionReader, isTerminal: options.isTerminal })
  const greeting = createGreeting({ ...shared, after })
  const heartbeat = createHeartbeat({ ...shared, after, isTerminal: options.isTerminal })
  const { progress, ended } = createProgress(shared)
  const report = createReports({ ...shared, workflow, url: options.url, pullRequest: options.pullRequest })

  return {
    kind: 'linear',
    inlet: createInlet({ ...shared, sessionReader, greeting, catchUp, inform: (message) => options.log('info', message) }),
    projectOf: (issue) => rows.byId(issue)?.project,
    ...createRequests({ ...shared, outbox }),
    progress,
    report,
    promptContext: createPromptContext({ ...shared, apiUrl: settings.apiUrl, timeout, patience: options.patience }),
    async facts({ issue }) {
      const row = rows.byId(issue)
      if (row === undefined) return null
      const sight = await issues.look(row.workspace, issue, { priority: 'polling', keep: true })
      if (sight.kind === 'here') return sight.facts
      if (sight.kind === 'gone') return null
      throw new FatalError('unknown-project', `No project of the configuration is for ${row.key} any more.`)
    },

    start() {
      if (workspaces.all().length > 0) workspaces.encryptAnew()
      heartbeat.start()
      if (!options.webhooks) greeting.start()
    },
    async stop() {
      await heartbeat.stop()
      await greeting.stop()
      await stops.end()
      await ended()
    },
    prune: (time) => rows.pruneRequests(time) + sessionRows.prune(time),
    connect: oauth.connect,
    finish: oauth.finish,
    connection: oauth.connection,
    disconnect: oauth.disconnect,
  }
}
