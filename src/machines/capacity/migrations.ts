// How snapshots of earlier versions of the capacity's chart become those of this one.

import { createContext } from './context.ts'

type Snapshot = Record<string, any>

/** To 2: it knows what a day costs and which agents have room; until it is told, nothing is held back by either. */
const toVersion2 = (snapshot: Snapshot): Snapshot => ({
  ...snapshot,
  value: { door: snapshot['value'], money: 'lasting', agents: 'roomy' },
  context: { ...createContext({}), ...snapshot['context'] },
})

export const migrations = { 1: { to: 2, migrate: toVersion2 } }
