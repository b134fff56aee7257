// Tells the live stream what was handled and which issues have changed, once anybody listens.

import type { ActorSystem, Handled } from '../actors/system/index.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { findIssue } from '../persistence/issue-keys.ts'
import type { Reader } from './contract.ts'
import type { definitions } from './definitions.ts'
import type { LiveHub } from './live.ts'
import { toTimelineEntry } from './reader.ts'

/** Actors whose state value is remembered to tell whether it has changed. */
const remembered = 10_000

export function announceHandled(system: ActorSystem<typeof definitions>, hub: LiveHub, reader: Reader, database: SqliteDatabase): void {
  const keyOf = (id: string): string | null => {
    try {
      return findIssue(database, id).key
    } catch {
      return null
    }
  }
  const values = new Map<string, string>()
  /** Of an actor that nothing was told of yet, the first value is news. */
  const isNews = (address: string, value: unknown): boolean => {
    const text = JSON.stringify(value)
    const before = values.get(address)
    if (before === undefined && values.size >= remembered) values.clear()
    values.set(address, text)
    return before !== text
  }
  const publish = (handled: Handled, key: string): void => {
    const { address, seq, snapshot } = handled
    const value = snapshot === null ? undefined : (JSON.parse(snapshot) as { value: unknown }).value
    const body = JSON.parse(system.store.entry(seq)!.body) as Record<string, unknown>
    const entry = {
      ...toTimelineEntry(address, { ...handled, body }),
      ...(value === undefined || !isNews(address, value) ? {} : { value }),
    }
    hub.publish({ type: 'event', key, entry }, key)
    if (value !== undefined) hub.publish({ type: 'microstep', key, address, value }, key)
  }
  system.onHandled((handled) => {
    if (!hub.wanted) return
    for (const each of handled) {
      const id = issueOf(each.address)
      const key = id === undefined ? null : keyOf(id)
      if (key !== null) publish(each, key)
    }
  })
  // Faults and their ends too, which are no events.
  system.onChanged((addresses) => {
    if (!hub.wanted) return
    for (const id of new Set(addresses.map(issueOf))) {
      if (id === undefined || keyOf(id) === null) continue
      const document = reader.issue(id)
      hub.publish({ type: 'issue', document }, document.key)
    }
  })
}

const issueOf = (address: string): string | undefined => {
  const [kind, id] = address.split('/')
  return kind === 'issue' ? id : undefined
}
