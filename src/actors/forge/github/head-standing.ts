// How a head stands under all that its base requires of it: named checks, workflows, and the results of code scanning. Pure.

import type { SeenContext } from './queries.ts'
import { nameOf, newest, settle, standingOf, type Required, type Standing } from './standing.ts'

/** A ruleset names a workflow by its file, wherever that is; all that has to be known is whether it is in the repository itself. */
export interface RequiredWorkflow {
  path: string
  isOwn: boolean
}

/** A tool of code scanning. Lenient: that it has results is enough, whatever alerts there are. */
export interface RequiredScanner {
  tool: string
  isLenient: boolean
}

export interface HeadRules {
  /** Null: no check is required by name. */
  checks: Required[] | null
  workflows: RequiredWorkflow[]
  scanners: RequiredScanner[]
}

/** A run of a workflow on a head, as its check suite tells of it. */
export interface SeenRun extends RequiredWorkflow {
  suite: number
  event: string
  status: string
  conclusion: string | null
  createdAt: number
}

/** Code scanning reports as this App, which had the other name before. */
const scanningApps = ['github-advanced-security', 'github-code-scanning']
/** What a required workflow runs for on a head; a run for a push says nothing of the merge. */
const events = ['pull_request', 'pull_request_target']
const passing = ['SUCCESS', 'NEUTRAL', 'SKIPPED']

export const nameOfWorkflow = ({ path }: RequiredWorkflow): string => `workflow ${path}`

export function namesOf({ checks, workflows, scanners }: HeadRules): string[] {
  return [...(checks ?? []).map(({ name }) => name), ...workflows.map(nameOfWorkflow), ...scanners.map(({ tool }) => tool)]
}

export const isRunOf = (workflow: RequiredWorkflow, run: SeenRun): boolean =>
  run.path === workflow.path && run.isOwn === workflow.isOwn && events.includes(run.event)

function ofWorkflow(workflow: RequiredWorkflow, contexts: readonly SeenContext[], runs: readonly SeenRun[]): Standing {
  const names = [nameOfWorkflow(workflow)]
  const all = runs.filter((run) => isRunOf(workflow, run))
  // A pull request that was opened again has several: the newest of each event counts.
  const counted = events.flatMap((event) =>
    all
      .filter((run) => run.event === event)
      .toSorted((a, b) => b.suite - a.suite)
      .slice(0, 1),
  )
  const jobsOf = ({ suite }: SeenRun): SeenContext[] =>
    newest(contexts.filter((context) => context.__typename === 'CheckRun' && context.checkSuite.databaseId === suite))
  const observedAt = Math.max(0, ...counted.flatMap((run) => [run.createdAt, settle(jobsOf(run), null, 0).observedAt]))
  const pending: Standing = { state: 'pending', names, failed: [], observedAt }
  if (counted.length === 0 || counted.some(({ status }) => status !== 'COMPLETED')) return pending
  // A job may fail and be forgiven by its workflow: the word of the run counts.
  const red = counted.filter(({ conclusion }) => !passing.includes(conclusion ?? ''))
  if (red.length === 0) return { state: 'passed', names, failed: [], observedAt }
  const failed = red.flatMap(jobsOf).filter((context) => standingOf(context) === 'failed')
  // Nothing has run that could be mended: somebody has to let it run, or to mend its file.
  return failed.length === 0 ? pending : { state: 'failed', names, failed, observedAt }
}

function ofScanner({ tool, isLenient }: RequiredScanner, contexts: readonly SeenContext[]): Standing {
  const reported = contexts.filter(
    (context) => context.__typename === 'CheckRun' && nameOf(context) === tool && scanningApps.includes(context.checkSuite.app?.slug ?? ''),
  )
  if (reported.length === 0) return { state: 'pending', names: [tool], failed: [], observedAt: 0 }
  const standing = settle(reported, null, 0)
  return isLenient && standing.state === 'failed' ? { ...standing, state: 'passed', failed: [] } : standing
}

/** `runs`: those of workflows on this head. Where nothing is required, whatever is reported counts; see `settle`. */
export function settleHead(
  contexts: readonly SeenContext[],
  { checks, workflows, scanners }: HeadRules,
  runs: readonly SeenRun[],
  quietFor: number,
): Standing {
  if (workflows.length === 0 && scanners.length === 0) return settle(contexts, checks, quietFor)
  const all = [
    ...(checks === null ? [] : [settle(contexts, checks, quietFor)]),
    ...workflows.map((workflow) => ofWorkflow(workflow, contexts, runs)),
    ...scanners.map((scanner) => ofScanner(scanner, contexts)),
  ]
  const names = [...new Set(all.flatMap((standing) => standing.names))]
  const observedAt = Math.max(...all.map((standing) => standing.observedAt))
  if (all.some(({ state }) => state === 'pending')) return { state: 'pending', names, failed: [], observedAt }
  const failed = [...new Set(all.flatMap((standing) => standing.failed))]
  return { state: failed.length > 0 ? 'failed' : 'passed', names, failed, observedAt }
}
