// One round of asking tracker and forge how things really are: each issue whose turn it is hears what it does not know.

import type { ActorSystem } from '../actors/system/index.ts'
import { RetryableError } from '../errors.ts'
import type { Forge, Tracker } from '../actors/ports.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import { isTerminal } from '../machines/issue/document.ts'
import type { PolledPullRequest, ReconcileEvent } from '../machines/issue/events.ts'
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
  /** Takes in what was told while nobody listened. */
  catchUp: (signal: AbortSignal) => Promise<void>
  /** Whether nothing comes by itself: then what is not asked for is not known. */
  isOnlyAsked: boolean
  onProblem: (problem: { issue: string; error: unknown }) => void
}

const pageSize = 100
/** A forge elsewhere is asked about many at once, and puts them together; the embedded one works on this machine. */
const atOnce = { embedded: 1, elsewhere: 50 }

/** Asks about the issues of the turn. One that cannot be asked about is told to `onProblem`, and asked about at the next turn. */
export async function reconcile(turn: ReconciliationContext['turn'], host: Reconciling, signal: AbortSignal): Promise<Answer> {
  let told = 0
  const refreshed = new Map<string, Promise<void>>()
  const refresh = (project: string): Promise<void> => {
    if (!refreshed.has(project)) refreshed.set(project, host.forge().refresh(project))
    return refreshed.get(project)!
  }
  await host.catchUp(signal).catch((error: unknown) => host.onProblem({ issue: 'What was told meanwhile', error }))
  const rows = rowsOf(turn, host.store)
  const askOneByOne = async (): Promise<void> => {
    for (const row of rows) {
      if (signal.aborted) return
      try {
        // What could not be read is read at the next turn.
        if ((await ask(row, host, { refresh })).isTold) told += 1
      } catch (error) {
        host.onProblem({ issue: row.address, error })
      }
    }
  }
  const lines = host.forge().inlet === undefined ? atOnce.embedded : atOnce.elsewhere
  await Promise.all(Array.from({ length: lines }, askOneByOne))
  // Facts of the embedded tracker and forge are rows of the same database, and webhooks come by themselves: nobody waits for an answer.
  return { told, awaiting: host.isOnlyAsked ? 1 : 0 }
}

/**
 * Answers what asks one side about one issue at once; of those who ask while it is being asked, one asks after it. Rejects with
 * RetryableError; whatever else is wrong is told to `onProblem`, and seen at the next turn.
 */
export function createLook(host: Reconciling): (issue: string, at: 'forge' | 'tracker') => Promise<void> {
  const asking = new Map<string, { now: Promise<void>; next: Promise<void> | null }>()
  const askNow = async (issue: string, at: 'forge' | 'tracker'): Promise<void> => {
    const row = host.store.actor(`issue/${issue}`)
    if (row === undefined) return
    const { unread } = await ask(row, host, { at }).catch((error: unknown) => {
      if (error instanceof RetryableError) throw error
      host.onProblem({ issue: row.address, error })
      return { unread: undefined }
    })
    if (unread) throw unread
  }
  return function look(issue, at): Promise<void> {
    const name = `${at} ${issue}`
    const known = asking.get(name)
    if (known?.next) return known.next
    const begin = (): Promise<void> => {
      const now = askNow(issue, at).finally(() => {
        if (asking.get(name)?.next === null) asking.delete(name)
      })
      asking.set(name, { now, next: null })
      return now
    }
    if (known === undefined) return begin()
    known.next = known.now.then(begin, begin)
    return known.next
  }
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

/** Answers whether the issue was told something, and what is left to be asked for later. `at`: the one side that is asked; without it both are, and the base is looked at before. */
async function ask(
  row: ActorRow,
  { system, forge, tracker, now }: Reconciling,
  { at, refresh }: { at?: 'forge' | 'tracker'; refresh?: (project: string) => Promise<void> },
): Promise<{ isTold: boolean; unread?: RetryableError | undefined }> {
  if (row.snapshot === null || row.status !== 'active') return { isTold: false }
  const { value, context } = JSON.parse(row.snapshot) as { value: unknown; context: IssueContext }
  if (isTerminal(value)) return { isTold: false }
  const { project, id: issue, branch, pr } = context
  await refresh?.(project)
  const observedAt = now()
  const [seen, facts] = await Promise.all([
    at === 'forge' ? undefined : tracker().facts({ project, issue }),
    at === 'tracker' ? null : forge().facts({ project, issue, number: pr?.number ?? null, branch }),
  ])
  const { unread, ...pullRequest } = facts ?? {}
  const event: ReconcileEvent = {
    type: 'reconcile',
    source: at === undefined ? 'poll' : 'webhook',
    observedAt,
    ...(seen === undefined ? {} : { tracker: seen }),
    ...(facts === null ? {} : { pr: pullRequest as PolledPullRequest }),
  }
  if (!isNews(context, event)) return { isTold: false, unread }
  await system()
    .ref<typeof issueMachine>(row.address)
    .send({ ...event })
  return { isTold: true, unread }
}
