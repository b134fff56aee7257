// How the checks of one head stand, from everything that is reported on it. Pure.

import type { SeenContext } from './queries.ts'

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

/** Of each name, from each of its sources, the newest: one that was run again has several. */
export function newest(contexts: readonly SeenContext[]): SeenContext[] {
  const found = new Map<string, SeenContext>()
  for (const context of contexts) {
    const key = JSON.stringify([context.__typename, appOf(context), nameOf(context)])
    const known = found.get(key)
    if (known === undefined || isNewer(context, known)) found.set(key, context)
  }
  return [...found.values()]
}

function isNewer(context: SeenContext, known: SeenContext): boolean {
  if (context.__typename === 'CheckRun' && known.__typename === 'CheckRun' && context.databaseId !== null && known.databaseId !== null)
    return context.databaseId > known.databaseId
  return timeOf(context) > timeOf(known)
}

/**
 * `required` null: nothing is, and whatever is reported counts. `quietFor`: milliseconds since the head was seen first. A required check
 * that has not reported is pending.
 */
export function settle(contexts: readonly SeenContext[], required: readonly Required[] | null, quietFor: number): Standing {
  const latest = newest(contexts)
  const counted = required === null ? latest : latest.filter((context) => required.some((rule) => matches(rule, context)))
  const missing = (required ?? []).filter((rule) => !latest.some((context) => matches(rule, context)))
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

const matches = ({ name, app }: Required, context: SeenContext): boolean =>
  nameOf(context) === name && (app === null || app === appOf(context) || context.__typename === 'StatusContext')
