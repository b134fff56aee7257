// The truth table of every guard of the landing queue's chart.

import { createContext, createEntry, type QueueContext, type QueueEntry } from '../../../src/machines/queue/context.ts'
import * as guards from '../../../src/machines/queue/guards.ts'
import { describeGuards, type Row as TableRow } from '../truth-table.ts'

type Row = TableRow<Partial<QueueContext>>

const entry = (number: number, changes: Partial<QueueEntry> = {}): QueueEntry => ({
  ...createEntry({ project: 'app', issue: 'i', key: 'APP-1', number, headSha: 'A', priority: 0 }, 0),
  ...changes,
})
const first = { number: 1, headSha: 'A' }
const placed = { isBegun: true, place: { round: 3, onto: null } }

const tables: Record<keyof typeof guards, Row[]> = {
  hasEntries: [
    ['somebody waits', true, { entries: [entry(1)] }],
    ['nobody', false, {}],
  ],
  isEmpty: [
    ['nobody waits', true, {}],
    ['somebody does', false, { entries: [entry(1)] }],
  ],
  isKnown: [
    ['it waits', true, { entries: [entry(1)] }, first],
    ['it is leaving', false, { entries: [entry(1, { isLeaving: true })] }, first],
    ['it is leaving and was asked for anew', true, { entries: [entry(1, { isLeaving: true }), entry(1)] }, first],
    ['another head waits', false, { entries: [entry(1, { headSha: 'B' })] }, first],
    ['nobody waits', false, {}, first],
  ],
  isCurrent: [
    ['it is about the present place', true, { entries: [entry(1, placed)] }, { number: 1, round: 3 }],
    ['about a former one', false, { entries: [entry(1, placed)] }, { number: 1, round: 2 }],
    ['about another entry', false, { entries: [entry(1, placed)] }, { number: 2, round: 3 }],
    ['the entry has none', false, { entries: [entry(1, { isBegun: true })] }, { number: 1, round: 3 }],
    ['it has no actor', false, { entries: [entry(1, { ...placed, isBegun: false })] }, { number: 1, round: 3 }],
  ],
}

describeGuards(guards, tables, (changes, event) => ({ context: { ...createContext({}), ...changes }, event: { type: 'any', ...event } }))
