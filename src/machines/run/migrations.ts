// How snapshots of earlier versions of the run's chart become those of this one.

import { createContext } from './context.ts'

type Snapshot = Record<string, any>

/**
 * To 2: a run knows more of its assignment; what a run of version 1 was not told stays as a run without it has it. Its second
 * turn was the one that commits.
 */
const toVersion2 = (snapshot: Snapshot): Snapshot => {
  const isCommitting = snapshot['context']['turns'] > 1
  const turn = { turnKind: isCommitting ? 'commit' : 'work', commits: isCommitting ? 1 : 0 }
  const { lastProgressAt, startedAt } = snapshot['context'] as Snapshot
  return { ...snapshot, context: { ...createContext({}), ...turn, stillSince: lastProgressAt ?? startedAt, ...snapshot['context'] } }
}

/** To 3: it knows what it has passed on. What was passed on before is with the agent that it was said to. */
const toVersion3 = (snapshot: Snapshot): Snapshot => ({ ...snapshot, context: { ...snapshot['context'], said: [] } })

/** To 4: a turn is counted while it runs. What was counted is that of the turns before it. */
const toVersion4 = (snapshot: Snapshot): Snapshot => {
  const { usage } = snapshot['context'] as Snapshot
  return { ...snapshot, context: { ...snapshot['context'], usageBefore: usage } }
}

export const migrations = {
  1: { to: 2, migrate: toVersion2 },
  2: { to: 3, migrate: toVersion3 },
  3: { to: 4, migrate: toVersion4 },
}
