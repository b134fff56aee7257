// Looks whether Linear can be used as it is configured, and says of each thing that is not what to do. Changes nothing.

import type { ProjectConfig } from '../../../config.ts'
import { FatalError, RetryableError, toErrorData } from '../../../errors.ts'
import type { SqliteDatabase } from '../../../persistence/database.ts'
import { createCalls, type LinearCalls } from './client.ts'
import { listStates } from './documents/issue.ts'
import { getIdentity, listLabels, listProjects, listTeams, listWebhooks, type Team } from './documents/workspace.ts'
import { missingAccess, remedies, scopesOf } from './health.ts'
import { createIssueRows } from './issue-rows.ts'
import { scopes, type LinearSettings } from './oauth.ts'
import { createVault } from './vault.ts'
import { createWorkspaces, type WorkspaceRow } from './workspaces.ts'

export interface Check {
  what: string
  level: 'pass' | 'warn' | 'fail'
  message: string
  /** What to do; empty where nothing is to be done. */
  remedy: string
}

export interface CheckLinearOptions {
  settings: LinearSettings
  projects: readonly ProjectConfig[]
  database: SqliteDatabase
  now: () => number
  after: (ms: number, callback: () => void) => () => void
  /** Where Linear is to post its webhooks; null where it cannot reach us. */
  webhookUrl: string | null
  /** Whether they are wanted. */
  webhooks: boolean
  /** Whether the issue has its end. */
  isTerminal: (issue: string) => boolean
  timeout?: number
}

/** What has to be told by webhook for everything to be noticed at once. */
const resourceTypes = ['Issue', 'Comment', 'AgentSessionEvent'] as const

/** More than this between Linear's clock and ours, and fresh webhooks look old. */
const skew = 30_000

/** A token that ends sooner is refreshed before it is used, which is the server's to do. */
const soon = 5 * 60_000

const how = { priority: 'polling' as const }

const pass = (what: string, message: string): Check => ({ what, level: 'pass', message, remedy: '' })
const warn = (what: string, message: string, remedy: string): Check => ({ what, level: 'warn', message, remedy })
const fail = (what: string, message: string, remedy: string): Check => ({ what, level: 'fail', message, remedy })

export async function checkLinear(options: CheckLinearOptions): Promise<Check[]> {
  const { settings, database, now, after, timeout } = options
  const checks = checkSettings(options)
  if (settings.tokenKey === null) return checks
  const vault = createVault(settings)
  // A token is not refreshed here: the server may be doing so, and a refresh token is good once.
  const refresh = async (): Promise<never> => {
    throw new FatalError('linear-unauthorized', 'It was refused.')
  }
  const workspaces = createWorkspaces({ database, vault, now, refresh, log: () => {}, readOnly: true })
  const calls = createCalls({ apiUrl: settings.apiUrl, workspaces: () => workspaces, now, after, timeout })
  const all = workspaces.all()
  if (all.length === 0) checks.push(fail('workspaces', 'No Linear workspace is connected.', 'Run `signalbox connect linear`.'))
  const seen: { teams: Team[]; projects: { id: string; name: string }[]; labels: { id: string; name: string }[] } = {
    teams: [],
    projects: [],
    labels: [],
  }
  let isComplete = all.length > 0
  for (const workspace of all) {
    if (workspace.expires_at !== null && workspace.expires_at - now() < soon) {
      isComplete = false
      checks.push(warn(workspace.name, 'Its token has ended, or is about to.', 'Start the server, which refreshes it, and look again.'))
      continue
    }
    try {
      checks.push(...(await checkWorkspace(workspace, calls, options, seen)))
    } catch (error) {
      isComplete = false
      checks.push(toCheck(workspace, error))
    }
  }
  if (isComplete) checks.push(...checkRouting(options.projects, seen))
  return checks
}

function checkSettings({ settings, webhookUrl, webhooks }: CheckLinearOptions): Check[] {
  const { clientId, clientSecret, webhookSecret, tokenKey } = settings
  return [
    clientId === null || clientSecret === null
      ? fail(
          'OAuth application',
          'tracker.clientId or tracker.clientSecret is not set.',
          "Create an OAuth application in Linear's settings, under API, and set both.",
        )
      : pass('OAuth application', 'clientId and clientSecret are set.'),
    tokenKey === null
      ? fail('token key', 'tracker.tokenKey is not set: no workspace can be connected.', 'Set it to a long random text, and keep it.')
      : pass('token key', 'Tokens are encrypted.'),
    ...(webhooks ? checkAddress(webhookSecret !== null, webhookUrl) : []),
  ]
}

function checkAddress(hasSecret: boolean, webhookUrl: string | null): Check[] {
  return [
    !hasSecret
      ? fail(
          'webhook secret',
          'tracker.webhookSecret is not set: the webhook route is closed, and a new session is noticed by polling alone, which is too late for Linear.',
          "Set it to the signing secret of the webhook in the application's settings, or webhooks to false.",
        )
      : pass('webhook secret', 'tracker.webhookSecret is set.'),
    webhookUrl === null
      ? warn(
          'webhook address',
          'server.publicUrl is not set: Linear cannot reach the server.',
          'Set it to the address under which it is reached.',
        )
      : pass('webhook address', `Linear is to post to ${webhookUrl}.`),
  ]
}

async function checkWorkspace(
  workspace: WorkspaceRow,
  calls: LinearCalls,
  options: CheckLinearOptions,
  seen: { teams: Team[]; projects: { id: string; name: string }[]; labels: { id: string; name: string }[] },
): Promise<Check[]> {
  const { id, name } = workspace
  const checks: Check[] = []
  // Which teams are shown to us is seen here.
  if (workspace.health === 'revoked' || workspace.health === 'unauthorized')
    checks.push(warn(name, workspace.reason ?? `It is ${workspace.health}.`, remedies[workspace.health]))
  const { viewer, organization } = await calls.call(id, getIdentity, {}, how)
  checks.push(pass(name, `Connected as ${viewer.displayName ?? viewer.name}.`))
  if (organization.id !== id) checks.push(fail(name, 'Its token belongs to another workspace.', 'Run `signalbox connect linear` again.'))
  const granted = scopesOf(workspace)
  const missing = scopes.filter((scope) => !granted.includes(scope))
  checks.push(
    missing.length === 0
      ? pass(`${name}: scopes`, scopes.join(', '))
      : fail(`${name}: scopes`, `Not granted: ${missing.join(', ')}.`, 'Run `signalbox connect linear` again and grant them.'),
  )
  const teams = await calls.pages(id, listTeams, {}, how, (answer) => answer.teams)
  seen.teams.push(...teams)
  const open = createIssueRows({ database: options.database, now: options.now })
    .ofWorkspace(id)
    .filter((issue) => !options.isTerminal(issue.id))
  const lost = missingAccess(open, teams)
  if (lost !== null) checks.push(warn(name, lost, remedies.permissions_changed))
  seen.projects.push(...(await calls.pages(id, listProjects, {}, how, (answer) => answer.projects)))
  seen.labels.push(...(await calls.pages(id, listLabels, {}, how, (answer) => answer.issueLabels)))
  const wanted = options.projects.flatMap(({ tracker }) => tracker.teams).map((one) => one.toLowerCase())
  const ours = teams.filter((team) => wanted.length === 0 || [team.id, team.key].some((one) => wanted.includes(one.toLowerCase())))
  for (const team of ours) checks.push(await checkStates(id, team, calls))
  checks.push(await checkWebhook(workspace, calls, options))
  checks.push(await checkClock(name, options))
  return checks
}

/** Whether the team's columns can show how an issue stands. */
async function checkStates(workspace: string, team: Team, calls: LinearCalls): Promise<Check> {
  const what = `team ${team.key}: states`
  const states = await calls.pages(workspace, listStates, { team: team.id }, how, (answer) => answer.team.states)
  const of = (type: string) => states.filter((state) => state.type === type).toSorted((one, other) => one.position - other.position)
  const missing = ['unstarted', 'started', 'completed', 'canceled'].filter((type) => of(type).length === 0)
  const remedy = `Add a state of that kind to the workflow of ${team.name}.`
  if (missing.length > 0) return warn(what, `There is none of the kind ${missing.join(', ')}: such issues stay where they are.`, remedy)
  const started = of('started')
  const review = started.length > 1 ? started.at(-1)!.name : "the label 'in-review'"
  return pass(
    what,
    `work: ${started[0]!.name}, review: ${review}, landed: ${of('completed')[0]!.name}, given up: ${of('canceled')[0]!.name}`,
  )
}

async function checkWebhook({ id, name }: WorkspaceRow, calls: LinearCalls, { webhookUrl }: CheckLinearOptions): Promise<Check> {
  const what = `${name}: webhook`
  const remedy = `In the application's settings at Linear, enable webhooks to ${webhookUrl ?? 'the public address'} for ${resourceTypes.join(', ')}.`
  try {
    const webhooks = await calls.pages(id, listWebhooks, {}, how, (answer) => answer.webhooks)
    const ours = webhooks.filter(({ url }) => url != null && url === webhookUrl)
    if (ours.length === 0) return warn(what, 'There is none that posts to this server.', remedy)
    if (ours.every(({ enabled }) => !enabled)) return fail(what, 'It is disabled.', remedy)
    const missing = resourceTypes.filter((type) => !ours.some((one) => one.enabled && one.resourceTypes.includes(type)))
    return missing.length === 0 ? pass(what, 'It is enabled.') : fail(what, `It does not tell of ${missing.join(', ')}.`, remedy)
  } catch (error) {
    const { code, message } = toErrorData(error)
    // Linear shows webhooks to administrators alone, and an app that works on issues need not be one.
    if (code === 'linear-forbidden' || code === 'linear-refused') return warn(what, 'Linear does not show webhooks to our app.', remedy)
    return warn(what, message, remedy)
  }
}

async function checkClock(name: string, { settings, now, timeout = 15_000 }: CheckLinearOptions): Promise<Check> {
  const what = `${name}: clock`
  try {
    const response = await fetch(settings.apiUrl, { method: 'HEAD', signal: AbortSignal.timeout(timeout) })
    await response.body?.cancel()
    const theirs = Date.parse(response.headers.get('date') ?? '')
    if (Number.isNaN(theirs)) return pass(what, 'Linear does not tell its time.')
    const apart = Math.abs(now() - theirs)
    if (apart <= skew) return pass(what, "It agrees with Linear's.")
    return fail(
      what,
      `It is ${Math.round(apart / 1_000)} s apart from Linear's: webhooks would be refused as old.`,
      'Set the clock, for example with NTP.',
    )
  } catch (error) {
    return warn(what, `Linear could not be asked for its time: ${toErrorData(error).message}`, 'Try again.')
  }
}

/** Whether what the configuration names is there. */
function checkRouting(
  projects: readonly ProjectConfig[],
  seen: { teams: Team[]; projects: { id: string; name: string }[]; labels: { id: string; name: string }[] },
): Check[] {
  return projects.map(({ id, tracker }) => {
    const missing = (kind: string, wanted: readonly string[], names: readonly string[]): string[] => {
      const known = new Set(names.map((one) => one.toLowerCase()))
      return wanted.filter((one) => !known.has(one.toLowerCase())).map((one) => `${kind} ${one}`)
    }
    const all = [
      ...missing(
        'team',
        tracker.teams,
        seen.teams.flatMap((team) => [team.id, team.key]),
      ),
      ...missing(
        'project',
        tracker.projects,
        seen.projects.flatMap((project) => [project.id, project.name]),
      ),
      ...missing(
        'label',
        tracker.labels,
        seen.labels.map(({ name }) => name),
      ),
    ]
    const what = `project ${id}: tracker`
    if (all.length === 0) return pass(what, 'Everything that it names is there.')
    return fail(
      what,
      `Not there, or not shown to our app: ${all.join(', ')}.`,
      "Correct the names, or give the app access to the team in Linear's settings, under Applications.",
    )
  })
}

function toCheck({ name }: WorkspaceRow, error: unknown): Check {
  const { code, message } = toErrorData(error)
  if (error instanceof RetryableError) return warn(name, message, 'Try again in a moment.')
  if (code === 'wrong-token-key') return fail(name, message, 'Put the key that was used before into tracker.formerTokenKeys.')
  return fail(name, message, code === 'linear-unauthorized' ? remedies.unauthorized : 'Look at what Linear says.')
}
