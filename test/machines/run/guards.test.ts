// The truth table of every guard of the run's chart.

import { createContext, type Inspection, type RunContext } from '../../../src/machines/run/context.ts'
import * as guards from '../../../src/machines/run/guards.ts'
import { mostResumes, mostTurns, reportEvery } from '../../../src/machines/run/policy.ts'
import { describeGuards, type Row as TableRow } from '../truth-table.ts'

type Row = TableRow<Partial<RunContext>>

const finished = (outcome: string) => ({ type: 'session.finished', result: { outcome, summary: '' } })
const error = (code: string) => ({ error: { code } })
const found = (changes: Partial<Inspection> = {}): Partial<RunContext> => ({
  branch: 'b',
  inspection: {
    ...{
      head: 'A',
      branch: 'b',
      dirty: [],
      operation: null,
      descendsFromSince: true,
      commitsAhead: 1,
      files: [],
      patchId: null,
      tree: 't',
    },
    ...changes,
  },
})
const dirty = found({ dirty: ['a.ts'] })

const tables: Record<keyof typeof guards, Row[]> = {
  isForVerification: [
    ['done', true, {}, finished('completed')],
    ['nothing to do', true, {}, finished('no_change')],
    ['a question', false, {}, finished('needs_input')],
    ['failed', false, {}, finished('failed')],
    ['no result', false, {}],
  ],
  hasQuestion: [
    ['a question', true, {}, finished('needs_input')],
    ['done', false, {}, finished('completed')],
  ],
  isInterruption: [
    ['its process died', true, {}, error('interrupted')],
    ['it failed', false, {}, error('git-failed')],
    ['no error', false, {}],
  ],
  canResume: [
    ['it has a thread', true, { thread: 't' }, error('interrupted')],
    ['resumed before', true, { thread: 't', resumes: mostResumes - 1 }, error('interrupted')],
    ['too often', false, { thread: 't', resumes: mostResumes }, error('interrupted')],
    ['no thread', false, {}, error('interrupted')],
    ['it failed', false, { thread: 't' }, error('git-failed')],
  ],
  canTellProgress: [
    ['long ago', true, { toldAt: 1_000 }, { at: 1_000 + reportEvery }],
    ['just now', false, { toldAt: 1_000 }, { at: 999 + reportEvery }],
    ['by the time that is kept', true, { now: reportEvery }, { at: undefined }],
  ],
  isBrokenWorktree: [
    ['gone', true, {}, error('worktree-missing')],
    ['replaced', true, {}, error('worktree-broken')],
    ['unreadable now', false, {}, error('git-timeout')],
  ],
  isOnOtherBranch: [
    ['another', true, found({ branch: 'x' })],
    ['none', true, found({ branch: null })],
    ['its own', false, found()],
    ['nobody looked', false, {}],
  ],
  hasRewrittenHistory: [
    ['what was there is gone', true, found({ descendsFromSince: false })],
    ['it is there', false, found()],
    ['nobody looked', false, {}],
  ],
  isDirty: [
    ['uncommitted', true, dirty],
    ['a merge in progress', true, found({ operation: 'merge' })],
    ['clean', false, found()],
    ['nobody looked', false, {}],
  ],
  canContinue: [
    ['after the first turn', true, { ...dirty, turns: 1 }],
    ['after the last one', false, { ...dirty, turns: mostTurns }],
    ['clean', false, { ...found(), turns: 1 }],
  ],
  hasAdvanced: [
    ['new commits', true, found()],
    ['on top of what is published', true, { ...found(), published: 'P', past: 'P' }],
    ['none', false, found({ commitsAhead: 0 })],
    ['published already', false, { ...found(), published: 'A' }],
    ['the head that was found wanting', false, { ...found(), past: 'A' }],
    ['nobody looked', false, {}],
  ],
  canPublish: [
    ['clean, new, on the branch', true, found()],
    ['uncommitted', false, dirty],
    ['on another branch', false, found({ branch: 'x' })],
    ['rewritten', false, found({ descendsFromSince: false })],
    ['nothing new', false, found({ commitsAhead: 0 })],
  ],
}

describeGuards(guards, tables, (changes, event) => ({ context: { ...createContext({}), ...changes }, event: { type: 'any', ...event } }))
