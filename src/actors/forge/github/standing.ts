// How the checks of one head stand, from everything that is reported on it. Pure.

import type { SeenCheckRun, SeenContext } from './queries.ts'

/** What has to pass: a name, and the App that has to say so, where the rule names one. */
export interface Required {
  name: string
  app: number | null
}

export interface Standing {
  state: 'pending' | 'passed' | 'failed'
  names: string[]
  /** The contexts that have failed, once everything that is required has ended. */
  failed: SeenContext[]
  /** GitHub's time of the newest word; 0 where there is none. */
  observedAt: number
}

/** Where nothing is required and nothing has been reported for so long on a head, nothing will be. In milliseconds. */
export const silence = 60_000

const passing = new Set(['SUCCESS', 'NEUTRAL', 'SKIPPED'])

export const nameOf = (context: SeenContext): string => (context.__typename === 'CheckRun' ? context.name : context.context)

export function standingOf(context: SeenContext): 'pending' | 'passed' | 'failed' {
  if (context.__typename === 'CheckRun') {
    if (context.status !== 'COMPLETED') return 'pending'
    return passing.has(context.conclusion ?? '') ? 'passed' : 'failed'
  }
  if (context.state === 'SUCCESS') return 'passed'
  return context.state === 'PENDING' || context.state === 'EXPECTED' ? 'pending' : 'failed'
}

const timeOf = (context: SeenContext): number =>
  context.__typename === 'CheckRun' ? Math.max(context.startedAt ?? 0, context.completedAt ?? 0) : context.createdAt

const appOf = (context: SeenContext): number | null =>
  context.__typename === 'CheckRun' ? (context.checkSuite.app?.databaseId ?? null) : null

/** The job of GitHub Actions that a check run is of, by the address of its details; null for what an App, or a step of a job, reports. */
export const jobOf = ({ detailsUrl }: SeenCheckRun): number | null => {
  const [, job] = /\/actions\/runs\/\d+\/jobs?\/(\d+)/.exec(detailsUrl ?? '') ?? []
  return job === undefined ? null : Number(job)
}

/**
 * Who says it. All jobs of GitHub Actions are of one App: of the same name, they are told apart by their workflow and by what has begun
 * it, for a run that is made anew stays in both. Where these are not told, each check suite, which is one run of a workflow, speaks for
 * itself: red is rather not taken back than hidden. Whatever else is reported hangs on any suite of its App, and is told apart by its name.
 */
function sourceOf(context: SeenContext): unknown[] {
  if (context.__typename === 'StatusContext') return []
  if (jobOf(context) === null) return [appOf(context)]
  const { databaseId, workflowRun } = context.checkSuite
  return [appOf(context), ...(workflowRun === null ? [databaseId] : [workflowRun.workflow.databaseId, workflowRun.event])]
}

/** Names what is reported once: what is run again, or told anew, has another name. */
export const reportOf = (context: SeenContext): string =>
  context.__typename === 'CheckRun'
    ? `check ${context.databaseId ?? context.url} ${context.completedAt}`
    : `status ${context.context} ${context.createdAt} ${context.targetUrl}`

/** Whether jobs of one name have to be told apart by their workflows, which are not told. */
export function isAmbiguous(contexts: readonly SeenContext[]): boolean {
  const suites = new Map<string, number>()
  return contexts.some((context) => {
    if (context.__typename !== 'CheckRun' || jobOf(context) === null || context.checkSuite.workflowRun !== null) return false
    const { databaseId } = context.checkSuite
    const known = suites.get(context.name)
    suites.set(context.name, databaseId)
    return known !== undefined && known !== databaseId
  })
}

/** Of each name, from each of its sources, the newest: one that was run again has several. */
export function newest(contexts: readonly SeenContext[]): SeenContext[] {
  const found = new Map<string, SeenContext>()
  for (const context of contexts) {
    const key = JSON.stringify([context.__typename, nameOf(context), ...sourceOf(context)])
    const known = found.get(key)
    if (known === undefined || isNewer(context, known)) found.set(key, context)
  }
  const all = [...found.values()]
  return all.filter((context) => !isCutOff(context) || !all.some((other) => !isCutOff(other) && isSameJob(context, other)))
}

/** Of a workflow that runs for pushes and for pull requests, one run may cancel the other: that says nothing of the change. */
const isCutOff = (context: SeenContext): boolean =>
  context.__typename === 'CheckRun' && ['CANCELLED', 'STALE'].includes(context.conclusion ?? '')

function isSameJob(context: SeenContext, other: SeenContext): boolean {
  const [workflow, another] = [context, other].map((each) =>
    each.__typename === 'CheckRun' ? each.checkSuite.workflowRun?.workflow.databaseId : null,
  )
  return workflow != null && workflow === another && nameOf(context) === nameOf(other)
}

/** The newest of all of them, whoever says it. */
export const last = (contexts: readonly SeenContext[]): SeenContext | undefined =>
  contexts.reduce<SeenContext | undefined>(
    (known, context) => (known === undefined || isNewer(context, known) ? context : known),
    undefined,
  )

function isNewer(context: SeenContext, known: SeenContext): boolean {
  if (context.__typename === 'CheckRun' && known.__typename === 'CheckRun' && context.databaseId !== null && known.databaseId !== null)
    return context.databaseId > known.databaseId
  return timeOf(context) > timeOf(known)
}

/** The newest of what has to pass. `required` null: nothing is, and whatever is reported counts. */
export function countedOf(contexts: readonly SeenContext[], required: readonly Required[] | null): SeenContext[] {
  const latest = newest(contexts)
  return required === null ? latest : latest.filter((context) => required.some((rule) => matches(rule, context)))
}

/**
 * `required` null: nothing is, and whatever is reported counts. `quietFor`: milliseconds since the head was seen first. A required check
 * that has not reported is pending.
 */
export function settle(contexts: readonly SeenContext[], required: readonly Required[] | null, quietFor: number): Standing {
  const counted = countedOf(contexts, required)
  const missing = (required ?? []).filter((rule) => !counted.some((context) => matches(rule, context)))
  const names = [...new Set([...(required ?? []).map(({ name }) => name), ...counted.map(nameOf)])]
  const observedAt = Math.max(0, ...counted.map(timeOf))
  const failed = counted.filter((context) => standingOf(context) === 'failed')
  const isWaiting = missing.length > 0 || counted.some((context) => standingOf(context) === 'pending')
  if (isWaiting) return { state: 'pending', names, failed: [], observedAt }
  if (failed.length > 0) return { state: 'failed', names, failed, observedAt }
  // Later than the silence before it, and earlier than whatever is reported after all.
  if (counted.length === 0)
    return quietFor < silence ? { state: 'pending', names, failed, observedAt: 0 } : { state: 'passed', names, failed, observedAt: 1 }
  return { state: 'passed', names, failed, observedAt }
}

/** A status tells no App: one that a bot has set may be that of the App, and one of a person is of none. */
const isBy = (app: number, context: SeenContext): boolean =>
  context.__typename === 'StatusContext' ? context.creator?.__typename === 'Bot' : appOf(context) === app

const matches = ({ name, app }: Required, context: SeenContext): boolean => nameOf(context) === name && (app === null || isBy(app, context))
