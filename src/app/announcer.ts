// Tells the live stream what was handled, once anybody listens.

import type { ActorSystem, Handled } from '../actors/system/index.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { findIssue } from '../persistence/issue-keys.ts'
import type { Reader } from './contract.ts'
import type { definitions } from './definitions.ts'
import type { LiveHub } from './live.ts'

export function announceHandled(system: ActorSystem<typeof definitions>, hub: LiveHub, reader: Reader, database: SqliteDatabase): void {
  const keyOf = (id: string): string | null => {
    try {
      return findIssue(database, id).key
    } catch {
      return null
    }
  }
  const publish = ({ address, seq, at, type, cause, ignored, snapshot }: Handled, key: string): void => {
    const value = snapshot === null ? undefined : (JSON.parse(snapshot) as { value: unknown }).value
    const entry = {
      seq,
      at: new Date(at).toISOString(),
      address,
      event: { type },
      cause: cause === null ? 'external' : `seq ${cause}`,
      ...(ignored === null ? {} : { ignored }),
      ...(value === undefined ? {} : { value }),
    }
    hub.publish({ type: 'event', key, entry }, key)
    if (value !== undefined) hub.publish({ type: 'microstep', key, address, value }, key)
  }
  system.onHandled((handled) => {
    if (!hub.wanted) return
    const changed = new Set<string>()
    for (const each of handled) {
      const [kind, id] = each.address.split('/')
      if (kind !== 'issue') continue
      const key = keyOf(id!)
      if (key === null) continue
      publish(each, key)
      changed.add(id!)
    }
    for (const id of changed) {
      const document = reader.issue(id)
      hub.publish({ type: 'issue', document }, document.key)
    }
  })
}
