// The truth table of every guard in the chart of a landing queue's entry.

import { createContext, type EntryContext } from '../../../src/machines/entry/context.ts'
import * as guards from '../../../src/machines/entry/guards.ts'
import { defaultRetry } from '../../../src/machines/entry/policy.ts'
import { describeGuards, type Row as TableRow } from '../truth-table.ts'

type Row = TableRow<Partial<EntryContext>>

const onBase = { round: 1, onto: null }
const onAnother = { round: 1, onto: 'm1' }
const output = (value: object) => ({ output: value })
const error = (code: string) => ({ error: { code } })
const failed = (...flaky: boolean[]) => output({ state: 'failed', failures: flaky.map((each) => (each ? { flaky: true } : {})) })

const tables: Record<keyof typeof guards, Row[]> = {
  hasPlace: [
    ['it has one', true, { place: onBase }],
    ['it has none', false, {}],
  ],
  isElsewhere: [
    ['another round', true, { place: onBase }, { place: { round: 2, onto: null } }],
    ['it loses its place', true, { place: onBase }, { place: null }],
    ['it gets one', true, {}, { place: onBase }],
    ['the same round', false, { place: onBase }, { place: onAnother }],
    ['none as before', false, {}, { place: null }],
  ],
  isFirst: [
    ['it is', true, { isFirst: true }],
    ['it is not', false, {}],
  ],
  isWithdrawn: [
    ['it was', true, { isWithdrawn: true }],
    ['it was not', false, {}],
  ],
  isConflict: [
    ['it does not merge', true, {}, output({ kind: 'conflict' })],
    ['it merges', false, {}, output({ kind: 'candidate' })],
  ],
  hasLandedAlready: [
    ['the base has it', true, { place: onBase }, output({ kind: 'already_landed' })],
    ['the candidate before it has', false, { place: onAnother }, output({ kind: 'already_landed' })],
    ['the base has it not', false, { place: onBase }, output({ kind: 'candidate' })],
  ],
  isContained: [
    ['the candidate before it has it', true, { place: onAnother }, output({ kind: 'already_landed' })],
    ['the base has it', false, { place: onBase }, output({ kind: 'already_landed' })],
    ['neither has', false, { place: onAnother }, output({ kind: 'candidate' })],
  ],
  hasPassed: [
    ['green', true, {}, output({ state: 'passed' })],
    ['no checks', true, {}, output({ state: 'none' })],
    ['red', false, {}, output({ state: 'failed' })],
  ],
  canRerun: [
    ['everything comes and goes', true, {}, failed(true, true)],
    ['something does not', false, {}, failed(true, false)],
    ['they ran once more', false, { isRerun: true }, failed(true)],
    ['nothing is named', false, {}, failed()],
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
    ['some are left', true, { obstacles: defaultRetry.attempts - 1 }],
    ['none is left', false, { obstacles: defaultRetry.attempts }],
    ['the queue is configured to give up sooner', false, { obstacles: 1, retry: { ...defaultRetry, attempts: 1 } }],
  ],
  isBuilt: [
    ['it is', true, { candidate: { base: 'b', commit: 'm' } }],
    ['it is not', false, {}],
  ],
  isTested: [
    ['it has passed', true, { isTested: true }],
    ['it has not', false, {}],
  ],
}

describeGuards(guards, tables, (changes, event) => ({ context: { ...createContext({}), ...changes }, event: { type: 'any', ...event } }))
