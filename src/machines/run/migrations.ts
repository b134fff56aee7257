// How snapshots of earlier versions of the run's chart become those of this one.

import { createContext } from './context.ts'

type Snapshot = Record<string, any>

/** To 2: a run knows more of its assignment; what a run of version 1 was not told stays as a run without it has it. */
const toVersion2 = (snapshot: Snapshot): Snapshot => ({ ...snapshot, context: { ...createContext({}), ...snapshot['context'] } })

export const migrations = { 1: { to: 2, migrate: toVersion2 } }
