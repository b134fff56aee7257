// One round of asking tracker and forge how things really are: each issue whose turn it is hears what it does not know.

import type { ActorSystem } from '../actors/system/index.ts'
import type { Forge, Tracker } from '../actors/ports.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import { isTerminal } from '../machines/issue/document.ts'
import type { ReconcileEvent } from '../machines/issue/events.ts'
import type { issueMachine } from '../machines/issue/machine.ts'
import { isNews } from '../machines/issue/poll.ts'
import type { Answer, ReconciliationContext } from '../machines/reconciliation/context.ts'
import type { ActorRow, StoreReader } from '../persistence/store.ts'
import type { definitions } from './definitions.ts'

export interface Reconciling {
  store: StoreReader
  system: () => ActorSystem<typeof definitions>
  forge: () => Forge
  tracker: () => Tracker
  now: () => number
  onProblem: (problem: { issue: string; error: unknown }) => void
}

const pageSize = 100

/** Asks about the issues of the turn. One that cannot be asked about is told to `onProblem`, and asked about at the next turn. */
export async function reconcile(turn: ReconciliationContext['turn'], host: Reconciling, signal: AbortSignal): Promise<Answer> {
  let told = 0
  const refreshed = new Map<string, Promise<void>>()
  const refresh = (project: string): Promise<void> => {
    if (!refreshed.has(project)) refreshed.set(project, host.forge().refresh(project))
    return refreshed.get(project)!
  }
  for (const row of rowsOf(turn, host.store)) {
    if (signal.aborted) break
    try {
      if (await ask(row, host, refresh)) told += 1
    } catch (error) {
      host.onProblem({ issue: row.address, error })
    }
  }
  // Facts of the embedded tracker and forge are rows of the same database: nobody waits for what may have been lost.
  return { told, awaiting: 0 }
}

function* rowsOf({ issues, everyone }: ReconciliationContext['turn'], store: StoreReader): Generator<ActorRow> {
  if (!everyone) {
    for (const issue of issues) {
      const row = store.actor(`issue/${issue}`)
      if (row !== undefined) yield row
    }
    return
  }
  for (let after = ''; ;) {
    const page = store.actors({ kind: 'issue', roots: true, after, limit: pageSize })
    yield* page
    if (page.length < pageSize) return
    after = page.at(-1)!.address
  }
}

/** Answers whether the issue was told something. */
async function ask(
  row: ActorRow,
  { system, forge, tracker, now }: Reconciling,
  refresh: (project: string) => Promise<void>,
): Promise<boolean> {
  if (row.snapshot === null || row.status !== 'active') return false
  const { value, context } = JSON.parse(row.snapshot) as { value: unknown; context: IssueContext }
  if (isTerminal(value)) return false
  const { project, id: issue, branch, pr } = context
  await refresh(project)
  const observedAt = now()
  const [seen, facts] = await Promise.all([
    tracker().facts({ project, issue }),
    forge().facts({ project, issue, number: pr?.number ?? null, branch }),
  ])
  const event: ReconcileEvent = {
    type: 'reconcile',
    source: 'poll',
    observedAt,
    tracker: seen,
    ...(facts === null ? {} : { pr: facts }),
  }
  if (!isNews(context, event)) return false
  await system()
    .ref<typeof issueMachine>(row.address)
    .send({ ...event })
  return true
}
