// The truth table of every guard of the landing queue's chart.

import { createContext, type QueueContext, type QueueEntry } from '../../../src/machines/queue/context.ts'
import * as guards from '../../../src/machines/queue/guards.ts'
import { mostObstacles } from '../../../src/machines/queue/policy.ts'
import { describeGuards, type Row as TableRow } from '../truth-table.ts'

type Row = TableRow<Partial<QueueContext>>

const entry = (number: number, headSha = 'A'): QueueEntry => ({
  ...{ project: 'app', issue: 'i', key: 'APP-1', number, headSha, priority: 0, enqueuedAt: 0 },
})
const first = { number: 1, headSha: 'A' }
const output = (value: object) => ({ output: value })
const error = (code: string) => ({ error: { code } })

const tables: Record<keyof typeof guards, Row[]> = {
  hasEntries: [
    ['somebody waits', true, { entries: [entry(1)] }],
    ['nobody', false, {}],
  ],
  isKnown: [
    ['it waits', true, { entries: [entry(1)] }, first],
    ['it is under test', true, { head: entry(1) }, first],
    ['it is leaving', false, { head: entry(1), withdrawn: first }, first],
    ['another head waits', false, { entries: [entry(1, 'B')] }, first],
    ['nobody waits', false, {}, first],
  ],
  isUnderTest: [
    ['it is', true, { head: entry(1) }, first],
    ['another head is', false, { head: entry(1, 'B') }, first],
    ['another pull request is', false, { head: entry(2) }, first],
    ['nothing is', false, {}, first],
  ],
  isWithdrawn: [
    ['it was', true, { head: entry(1), withdrawn: first }],
    ['another was', false, { head: entry(1), withdrawn: { number: 1, headSha: 'B' } }],
    ['none was', false, { head: entry(1) }],
    ['nothing is under test', false, { withdrawn: first }],
  ],
  isConflict: [
    ['it does not merge', true, {}, output({ kind: 'conflict' })],
    ['it merges', false, {}, output({ kind: 'candidate' })],
  ],
  hasLandedAlready: [
    ['the base has it', true, {}, output({ kind: 'already_landed' })],
    ['it has not', false, {}, output({ kind: 'candidate' })],
  ],
  hasPassed: [
    ['green', true, {}, output({ state: 'passed' })],
    ['no checks', true, {}, output({ state: 'none' })],
    ['red', false, {}, output({ state: 'failed' })],
  ],
  hasLanded: [
    ['landed', true, {}, output({ kind: 'landed' })],
    ['held up', false, {}, output({ kind: 'blocked' })],
  ],
  hasBaseMoved: [
    ['moved', true, {}, output({ kind: 'base_moved' })],
    ['landed', false, {}, output({ kind: 'landed' })],
  ],
  isInterruption: [
    ['the process died', true, {}, error('interrupted')],
    ['the checks were ended', true, {}, error('check-aborted')],
    ['they failed', false, {}, error('environment')],
  ],
  isGone: [
    ['another head', true, {}, error('stale-head')],
    ['closed', true, {}, error('pull-request-closed')],
    ['unknown', true, {}, error('unknown-pull-request')],
    ['something else', false, {}, error('git-failed')],
    ['no error', false, {}],
  ],
  canTryAgain: [
    ['some are left', true, { obstacles: mostObstacles - 1 }],
    ['none is left', false, { obstacles: mostObstacles }],
  ],
}

describeGuards(guards, tables, (changes, event) => ({ context: { ...createContext({}), ...changes }, event: { type: 'any', ...event } }))
