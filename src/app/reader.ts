// Everything that can be read of a database without owning it: documents, explanations, timelines, replays.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Warning } from '../config-warnings.ts'
import { FatalError } from '../errors.ts'
import { readHealth } from '../actors/tracker/linear/health.ts'
import {
  chainOf,
  entriesOf,
  replay,
  retrace,
  stateOfShape,
  toView,
  verify,
  type ActorView,
  type JournalEntry,
  type Kind,
} from '../actors/system/index.ts'
import { describeMachine } from '../machines/definition.ts'
import { explainIssue } from '../machines/explain.ts'
import { createContext, type CapacityContext } from '../machines/capacity/context.ts'
import { heldBack, type Hold } from '../machines/capacity/policy.ts'
import { acceptedActions } from '../machines/issue/actions.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import { isTerminal, phaseIn, toDocument } from '../machines/issue/document.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { readFeed, type FeedRow } from '../persistence/feed.ts'
import { readSpending } from '../persistence/spending.ts'
import { addUsage, noUsage } from '../machines/vocabulary.ts'
import { findIssue, listIssues, type IssueKey } from '../persistence/issue-keys.ts'
import type { ActorRow, MachineRow, StoreReader } from '../persistence/store.ts'
import type { Preview } from './prompt-preview.ts'
import type { Explanation, FeedEntry, IssueDocument, Reader, TimelineEntry } from './contract.ts'

export interface ReaderOptions {
  store: StoreReader
  database: SqliteDatabase
  kinds: ReadonlyMap<string, Kind>
  /** The worktree of an issue, when there is one. */
  worktreeOf: (project: string, key: string) => string | null
  /** Whether pull requests are at a forge elsewhere. */
  hosted: boolean
  /** Whether issues are those of Linear. */
  linear: boolean
  /** Told with every list of issues. */
  warnings: Warning[]
  preview: Preview
  /** Epoch ms. */
  now: () => number
  close: () => void
}

const iso = (at: number): string => new Date(at).toISOString()

export function createReader({ store, database, kinds, worktreeOf, hosted, linear, warnings, preview, now, close }: ReaderOptions): Reader {
  const machines = new Map<number, MachineRow>()
  const machineOf = (id: number): MachineRow => {
    if (!machines.has(id)) for (const machine of store.state().machines) machines.set(machine.id, machine)
    return machines.get(id)!
  }
  const need = (address: string): ActorRow => {
    const row = store.actor(address)
    if (!row) throw new FatalError('unknown-actor', `There is no actor '${address}'.`)
    return row
  }
  const faulted = (): string[] => store.faulted().map(({ address }) => address)
  const view = (row: ActorRow): ActorView => toView(row, machineOf(row.machine), faulted())

  /** The actor and everything below it, parents first. */
  const family = (root: ActorRow): ActorRow[] => [root, ...store.children(root.id).flatMap(family)]

  const faultOf = (rows: ActorRow[]): IssueDocument['faulted'] => {
    const faulted = rows.find((row) => row.fault !== null)
    if (!faulted) return null
    const { error } = JSON.parse(faulted.fault!) as { error: { code?: string; message: string } }
    return { code: error.code ?? 'step-failed', message: error.message, address: faulted.address }
  }
  const rootOf = (issue: string): ActorRow => {
    const root = store.actor(`issue/${issue}`)
    if (!root?.snapshot) throw new FatalError('not-ready', 'The issue has just been filed; try again in a moment.')
    return root
  }
  /** Answers for each issue what keeps places from it; looks once. */
  const holds = (): ((one: { issue: string; project: string }) => Hold | null) => {
    let capacity: CapacityContext | null | undefined
    return (one) => {
      if (capacity === undefined) {
        const snapshot = store.actor('capacity/main')?.snapshot
        capacity = snapshot ? { ...createContext({}), ...(JSON.parse(snapshot) as { context: CapacityContext }).context } : null
      }
      return capacity && heldBack(capacity, one)
    }
  }
  const documentOf = ({ project, key, issue }: IssueKey, holdOf = holds()): IssueDocument => {
    const root = rootOf(issue)
    const children = store.children(root.id)
    const live = children.find((row) => row.status === 'active')
    return toDocument({
      issue: view(root),
      run: live ? view(live) : null,
      timers: store.timersOf(root.id).map(({ name, due }) => ({ name, due })),
      worktree: worktreeOf(project, key),
      faulted: faultOf([root, ...children]),
      heldBack: () => holdOf({ issue, project }),
    })
  }
  /** The shapes in which an issue is in the phase: the machine says so, and no issue is looked at to find it out. */
  const shapesIn = (phase: string): number[] => {
    const { machines: known, shapes } = store.state()
    const issues = new Set(known.filter(({ kind }) => kind === 'issue').map(({ id }) => id))
    return shapes.filter(({ machine, key }) => issues.has(machine) && phaseIn(stateOfShape(key)) === phase).map(({ id }) => id)
  }
  const timelineOf = (root: ActorRow, since: number): TimelineEntry[] => {
    const entries: TimelineEntry[] = []
    for (const row of family(root)) {
      for (const entry of entriesOf(store, row.lastSeq)) {
        if (entry.seq > since) entries.push(toTimelineEntry(row.address, entry))
      }
    }
    return entries.sort((a, b) => a.seq - b.seq)
  }
  /** Adds the state value after each entry that changed it, as far back as the journal can be repeated. */
  const withValues = (root: ActorRow, entries: TimelineEntry[]): TimelineEntry[] => {
    const values = new Map<string, unknown>()
    const wanted = new Set(entries.map(({ address }) => address))
    for (const row of family(root).filter(({ address }) => wanted.has(address))) {
      let before: string | undefined
      try {
        for (const { seq, bytes } of retrace(store, kinds, row)) {
          if (bytes === null) continue
          const { value } = JSON.parse(bytes) as { value?: unknown }
          const text = JSON.stringify(value)
          if (text !== before) values.set(`${row.address} ${seq}`, value)
          before = text
        }
      } catch (error) {
        // Handled by another version, or trimmed: the events are told without their states. `verify` tells what differs.
        if (!(error instanceof FatalError)) throw error
      }
    }
    return entries.map((entry) => {
      const value = values.get(`${entry.address} ${entry.seq}`)
      return value === undefined ? entry : { ...entry, value }
    })
  }
  const warned = warnings.length === 0 ? {} : { warnings }
  const toFeedEntry = ({ at, ...row }: FeedRow): FeedEntry => ({ ...row, at: iso(at) })

  return {
    issues({ project, phase, limit = Infinity, cursor } = {}) {
      const after = cursor === undefined ? 0 : fromCursor(cursor)
      // One moment of the database: an issue that was found in a phase is shown in it.
      return database.transaction(() => {
        const shapes = phase === undefined ? undefined : shapesIn(phase)
        if (shapes?.length === 0) return { issues: [], next: null, ...warned }
        const known = listIssues(database, {
          after,
          limit: limit === Infinity ? -1 : limit + 1,
          ...(project === undefined ? {} : { project }),
          ...(shapes === undefined ? {} : { shapes }),
        })
        const page = known.slice(0, limit)
        const holdOf = holds()
        const next = known.length > limit ? toCursor(page.at(-1)!.position) : null
        return { issues: page.map((each) => documentOf(each, holdOf)), next, ...warned }
      })()
    },
    issue: (key) => documentOf(findIssue(database, key)),
    explain(key): Explanation {
      const found = findIssue(database, key)
      const root = rootOf(found.issue)
      const document = documentOf(found)
      return {
        ...explainIssue({
          value: view(root).value,
          context: view(root).context,
          timers: store.timersOf(root.id).map(({ name, due }) => ({ name, due })),
          now: root.updatedAt,
        }),
        actions: acceptedActions(view(root).context as IssueContext, isTerminal(view(root).value), hosted),
        key: document.key,
        phase: document.phase,
        authority: document.authority,
        waitsFor: document.waitsFor,
        causes: timelineOf(root, 0).slice(-5),
      }
    },
    timeline(key, { since = 0, limit = Infinity } = {}) {
      const root = need(`issue/${findIssue(database, key).issue}`)
      const entries = timelineOf(root, since)
      return withValues(root, limit === Infinity ? entries : entries.slice(0, limit))
    },
    snapshot(key, at) {
      const root = need(`issue/${findIssue(database, key).issue}`)
      return family(root).flatMap((row) => {
        const first = chainOf(store, row.lastSeq).next().value
        if (!first || (at !== undefined && first.seq > at && row !== root)) return []
        const replayed = replay(store, kinds, row, at)
        const snapshot = JSON.parse(replayed.bytes ?? '{}') as { value?: unknown; context?: unknown }
        return [
          {
            seq: replayed.seq,
            at: iso(replayed.at),
            address: row.address,
            value: snapshot.value,
            context: snapshot.context,
            status: replayed.status,
          },
        ]
      })
    },
    async preview(key, runType) {
      const found = findIssue(database, key)
      const { value, context } = view(rootOf(found.issue))
      return preview(value, context as IssueContext, runType)
    },
    feed: ({ since, level, limit = 200 } = {}) =>
      readFeed(database, { limit, ...(since === undefined ? {} : { since }), ...(level === undefined ? {} : { level }) }).map(toFeedEntry),
    costs({ project, days, by }) {
      const from = new Date(now() - (days - 1) * 86_400_000).toISOString().slice(0, 10)
      const rows = readSpending(database, { from, by, ...(project === undefined ? {} : { project }) })
      const costs = rows.map(({ runs, input, cached, output, unpriced, usd, ...names }) => {
        const usage = {
          inputTokens: input,
          cachedTokens: cached,
          outputTokens: output,
          usd,
          ...(unpriced > 0 && { unpricedTokens: unpriced }),
        }
        return { ...names, project: names.project!, runs, usage }
      })
      // A run that goes on over midnight is one of both days, and one in all.
      const { length: runs } = readSpending(database, { from, by: 'run', ...(project === undefined ? {} : { project }) })
      return { by, from, costs, total: { runs, usage: costs.reduce((sum, one) => addUsage(sum, one.usage), noUsage) } }
    },
    troubles: () =>
      (linear ? readHealth(database) : []).flatMap(({ name, reason, remedy }) =>
        remedy === null ? [] : [{ provider: 'linear', name, reason: reason ?? 'Signalbox is not let in.', remedy }],
      ),
    machines: () => [...kinds.values()].filter((kind) => kind.original).map((kind) => ({ id: kind.name, version: kind.version })),
    machine(id) {
      const kind = kinds.get(id)
      if (!kind?.original)
        throw new FatalError('unknown-machine', `There is no machine '${id}'. There are: ${[...kinds.keys()].join(', ')}.`)
      return describeMachine(kind.original, { id, version: kind.version })
    },
    actors(kind, { after = '', limit = Infinity } = {}) {
      const rows: ReturnType<Reader['actors']> = []
      for (let last = after; rows.length < limit;) {
        const size = Math.min(limit - rows.length, 1_000)
        const page = store.actors({ after: last, limit: size, ...(kind === undefined ? {} : { kind }) })
        for (const { address, machine, fault, status, version, updatedAt } of page) {
          const shown = fault === null ? status : 'faulted'
          rows.push({ address, kind: machineOf(machine).kind, status: shown, version, updatedAt: iso(updatedAt) })
          last = address
        }
        if (page.length < size) break
      }
      return rows
    },
    actor(address) {
      const row = need(address)
      return { ...view(row), createdAt: iso(row.createdAt), updatedAt: iso(row.updatedAt) }
    },
    verify(progress) {
      const total = store.counts().actors
      const result: ReturnType<Reader['verify']> = { actors: 0, events: 0, different: [], notCheckable: [] }
      for (const verdict of verify(store, kinds)) {
        result.actors++
        result.events += verdict.entries
        const { address, seq = 0, message = '' } = verdict
        if (verdict.outcome === 'different') result.different.push({ address, seq, message })
        if (verdict.outcome === 'not-checkable') result.notCheckable.push({ address, reason: message })
        if (result.actors % 100 === 0) progress?.(result.actors, total)
      }
      return result
    },
    close,
  }
}

/** An entry of the journal of the actor at `address`, as people read it. */
export function toTimelineEntry(
  address: string,
  entry: Pick<JournalEntry, 'seq' | 'at' | 'type' | 'body' | 'cause' | 'ignored'>,
): TimelineEntry {
  const { event, ...rest } = entry.body as { event?: Record<string, unknown> }
  return {
    seq: entry.seq,
    at: iso(entry.at),
    address,
    event: { ...rest, ...event, type: entry.type },
    cause: entry.cause === null ? 'external' : `seq ${entry.cause}`,
    ...(entry.ignored === null ? {} : { ignored: entry.ignored }),
  }
}

/** Where the worktree of an issue is, when it is there. */
export const worktreeFinder =
  (dataFolder: string) =>
  (project: string, key: string): string | null => {
    const path = join(dataFolder, 'worktrees', project, key)
    return existsSync(path) ? path : null
  }

const toCursor = (position: number): string => Buffer.from(String(position)).toString('base64url')

function fromCursor(cursor: string): number {
  const position = Number(Buffer.from(cursor, 'base64url').toString())
  if (!Number.isInteger(position) || position < 0 || toCursor(position) !== cursor)
    throw new FatalError('bad-cursor', `'${cursor}' is not a cursor of this list. Use the \`next\` of the page before.`)
  return position
}
