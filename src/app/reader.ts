// Everything that can be read of a database without owning it: documents, explanations, timelines, replays.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FatalError } from '../errors.ts'
import { replay, retrace, verify, type Kind } from '../actors/system/index.ts'
import { chainOf, entriesOf, toView, type ActorView } from '../actors/system/index.ts'
import { describeMachine } from '../machines/definition.ts'
import { explainIssue } from '../machines/explain.ts'
import { acceptedActions } from '../machines/issue/actions.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import { isTerminal, toDocument } from '../machines/issue/document.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { readFeed, type FeedRow } from '../persistence/feed.ts'
import { findIssue, listIssues, type IssueKey } from '../persistence/issue-keys.ts'
import type { ActorRow, MachineRow, StoreReader } from '../persistence/store.ts'
import type { Explanation, FeedEntry, IssueDocument, Reader, TimelineEntry } from './contract.ts'

export interface ReaderOptions {
  store: StoreReader
  database: SqliteDatabase
  kinds: ReadonlyMap<string, Kind>
  /** The worktree of an issue, when there is one. */
  worktreeOf: (project: string, key: string) => string | null
  close: () => void
}

const iso = (at: number): string => new Date(at).toISOString()

export function createReader({ store, database, kinds, worktreeOf, close }: ReaderOptions): Reader {
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
  const documentOf = ({ project, key, issue }: IssueKey): IssueDocument => {
    const root = need(`issue/${issue}`)
    const children = store.children(root.id)
    const live = children.find((row) => row.status === 'active')
    return toDocument({
      issue: view(root),
      run: live ? view(live) : null,
      timers: store.timersOf(root.id).map(({ name, due }) => ({ name, due })),
      worktree: worktreeOf(project, key),
      faulted: faultOf([root, ...children]),
    })
  }
  const timelineOf = (root: ActorRow, since: number): TimelineEntry[] => {
    const entries: TimelineEntry[] = []
    for (const row of family(root)) {
      for (const entry of entriesOf(store, row.lastSeq)) {
        if (entry.seq <= since) continue
        const { event, ...rest } = entry.body as { event?: Record<string, unknown> }
        entries.push({
          seq: entry.seq,
          at: iso(entry.at),
          address: row.address,
          event: { ...rest, ...event, type: entry.type },
          cause: entry.cause === null ? 'external' : `seq ${entry.cause}`,
          ...(entry.ignored === null ? {} : { ignored: entry.ignored }),
        })
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
  const toFeedEntry = ({ at, ...row }: FeedRow): FeedEntry => ({ ...row, at: iso(at) })

  return {
    issues(query = {}) {
      const limit = query.limit ?? Infinity
      const issues: IssueDocument[] = []
      let after = query.cursor === undefined ? 0 : fromCursor(query.cursor)
      for (;;) {
        const page = listIssues(database, { after, limit: 200, ...(query.project === undefined ? {} : { project: query.project }) })
        for (const known of page) {
          after = known.position
          if (!store.actor(`issue/${known.issue}`)) continue
          const document = documentOf(known)
          if (query.phase !== undefined && document.phase !== query.phase) continue
          issues.push(document)
          if (issues.length === limit) return { issues, next: toCursor(after) }
        }
        if (page.length < 200) return { issues, next: null }
      }
    },
    issue: (key) => documentOf(findIssue(database, key)),
    explain(key): Explanation {
      const found = findIssue(database, key)
      const root = need(`issue/${found.issue}`)
      const document = documentOf(found)
      return {
        ...explainIssue({
          value: view(root).value,
          context: view(root).context,
          timers: store.timersOf(root.id).map(({ name, due }) => ({ name, due })),
          now: root.updatedAt,
        }),
        actions: acceptedActions(view(root).context as IssueContext, isTerminal(view(root).value)),
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
    feed: ({ since, level, limit = 200 } = {}) =>
      readFeed(database, { limit, ...(since === undefined ? {} : { since }), ...(level === undefined ? {} : { level }) }).map(toFeedEntry),
    machines: () => [...kinds.values()].filter((kind) => kind.original).map((kind) => ({ id: kind.name, version: kind.version })),
    machine(id) {
      const kind = kinds.get(id)
      if (!kind?.original)
        throw new FatalError('unknown-machine', `There is no machine '${id}'. There are: ${[...kinds.keys()].join(', ')}.`)
      return describeMachine(kind.original, { id, version: kind.version })
    },
    actors: (kind) =>
      store
        .actors({ limit: 1_000_000, ...(kind === undefined ? {} : { kind }) })
        .map(view)
        .map(({ address, kind: name, status, version, updatedAt }) => ({
          address,
          kind: name,
          status,
          version,
          updatedAt: iso(updatedAt),
        })),
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
