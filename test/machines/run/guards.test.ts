// The truth table of every guard of the run's chart.

import {
  createContext,
  type Inspection,
  type Recovery,
  type RunContext,
  type RunLimits,
  type SessionResult,
} from '../../../src/machines/run/context.ts'
import * as guards from '../../../src/machines/run/guards.ts'
import { defaultLimits, reportEvery } from '../../../src/machines/run/policy.ts'
import { noUsage } from '../../../src/machines/vocabulary.ts'
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
      hasParent: true,
      commitsAhead: 1,
      files: [],
      patchId: null,
      tree: 't',
      reverts: [],
      protectedFiles: [],
    },
    ...changes,
  },
})
const inFlight = { number: 6, url: 'u', branch: 'other', head: 'O', files: ['a.ts'] }
const answer = (changes: Partial<SessionResult>): SessionResult => ({ outcome: 'completed', summary: 's', ...changes })
const blocking = { path: 'a.ts', line: 1, body: 'no', blocking: true }
const dirty = found({ dirty: ['a.ts'] })
const recovery = (cause: Recovery['cause']): Recovery => ({ cause, way: null, quiet: 0, lastLine: null })
/** As the project has it. */
const limits = (own: Partial<RunLimits>) => ({ limits: { run: 1, progress: 1, ...own } })
const stalled = { recovery: recovery('stalled') }

const budget = (usd: number, spent = 0) => ({ budget: { spent: { tokens: 0, usd: spent }, limits: { tokens: null, usd } } })
const used = (usd: number) => ({ type: 'session.used', usage: { ...noUsage, usd } })

const tables: Record<keyof typeof guards, Row[]> = {
  hasEscaped: [
    ['it left its bounds', true, {}, { type: 'session.finished', result: answer({ outcome: 'failed', failure: 'escape' }) }],
    ['it failed', false, {}, finished('failed')],
    ['no result', false, {}],
  ],
  hasLeftBounds: [
    ['a turn that was cut off had', true, {}, { type: 'xstate.done.actor.closing', output: { left: [], escape: 'e' } }],
    ['it had not', false, {}, { type: 'xstate.done.actor.closing', output: { left: [] } }],
    ['nothing is known of it', false, {}, { type: 'xstate.done.actor.closing', output: null }],
  ],
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
    ['it has a thread', true, { thread: 't' }],
    ['resumed before', true, { thread: 't', resumes: defaultLimits.resumes - 1 }],
    ['too often', false, { thread: 't', resumes: defaultLimits.resumes }],
    ['more often, as the project has it', true, { thread: 't', resumes: 8, ...limits({ resumes: 9 }) }],
    ['never, as the project has it', false, { thread: 't', ...limits({ resumes: 0 }) }],
    ['no thread', false, {}],
    ['stalled as often as it may', true, { thread: 't', stalls: defaultLimits.stalls, ...stalled }],
    ['stalled too often', false, { thread: 't', stalls: defaultLimits.stalls + 1, ...stalled }],
    ['stalled more often, as the project has it', true, { thread: 't', stalls: 9, ...stalled, ...limits({ stalls: 9 }) }],
    ['cut off, and stalled before', true, { thread: 't', stalls: defaultLimits.stalls + 1, recovery: recovery('interrupted') }],
  ],
  canFork: [
    ['it can', true, { thread: 't', abilities: { steer: false, fork: true } }],
    ['it cannot', false, { thread: 't', abilities: { steer: true, fork: false } }],
    ['no thread', false, { abilities: { steer: false, fork: true } }],
    ['too often', false, { thread: 't', abilities: { steer: false, fork: true }, forks: defaultLimits.forks }],
    [
      'more often, as the project has it',
      true,
      { thread: 't', abilities: { steer: false, fork: true }, forks: 8, ...limits({ forks: 9 }) },
    ],
    ['stalled too often', false, { thread: 't', abilities: { steer: false, fork: true }, stalls: defaultLimits.stalls + 1, ...stalled }],
  ],
  canStartAfresh: [
    ['in the place of a thread', true, { thread: 't' }],
    ['too often', false, { thread: 't', restarts: defaultLimits.restarts }],
    ['more often, as the project has it', true, { thread: 't', restarts: 8, ...limits({ restarts: 9 }) }],
    ['cut off without a thread', false, { recovery: recovery('interrupted') }],
    ['stalled without a thread', true, { stalls: defaultLimits.stalls, ...stalled, restarts: defaultLimits.restarts }],
    ['stalled too often', false, { thread: 't', stalls: defaultLimits.stalls + 1, ...stalled }],
  ],
  hasStalled: [
    ['it has', true, stalled],
    ['it was cut off', false, { recovery: recovery('interrupted') }],
    ['neither', false, {}],
  ],
  isThreadLost: [
    ['it is', true, { thread: 't' }, { type: 'session.finished', result: { outcome: 'failed', lost: true, summary: '' } }],
    ['there was none', false, {}, { type: 'session.finished', result: { outcome: 'failed', lost: true, summary: '' } }],
    ['it failed', false, { thread: 't' }, finished('failed')],
    ['no result', false, { thread: 't' }],
  ],
  isThreadExhausted: [
    ['it is', true, { thread: 't' }, { type: 'session.finished', result: { outcome: 'failed', exhausted: true, summary: '' } }],
    ['there was none', false, {}, { type: 'session.finished', result: { outcome: 'failed', exhausted: true, summary: '' } }],
    [
      ...(['once more', false] as const),
      { thread: 't', restarts: defaultLimits.restarts },
      { type: 'session.finished', result: { outcome: 'failed', exhausted: true, summary: '' } },
    ],
    ['it failed', false, { thread: 't' }, finished('failed')],
    ['no result', false, { thread: 't' }],
  ],
  hasDied: [
    ['it has', true, { thread: 't' }, { type: 'session.finished', result: { outcome: 'failed', died: true, summary: '' } }],
    ['it has no thread', false, {}, { type: 'session.finished', result: { outcome: 'failed', died: true, summary: '' } }],
    [
      ...(['it always does', false] as const),
      { thread: 't', resumes: defaultLimits.resumes, restarts: defaultLimits.restarts },
      { type: 'session.finished', result: { outcome: 'failed', died: true, summary: '' } },
    ],
    ['it failed', false, {}, finished('failed')],
    ['no result', false, {}],
  ],
  hasWorked: [
    ['later than anything that was heard', true, { stillSince: 1_000 }, { output: { changedAt: 1_001 } }],
    ['before', false, { stillSince: 1_000 }, { output: { changedAt: 1_000 } }],
    ['no change at all', false, { stillSince: 1_000 }, { output: { changedAt: null } }],
    ['no answer', false, { stillSince: 1_000 }],
  ],
  canNudge: [
    ['it takes texts in', true, { abilities: { steer: true, fork: false } }],
    ['it does not', false, { abilities: { steer: false, fork: true } }],
    ['nudged already', false, { abilities: { steer: true, fork: false }, nudged: true }],
  ],
  isNudge: [
    ['one of ours', true, {}, { id: 'nudge-2' }],
    ["a person's message", false, {}, { id: 'message-2' }],
    ['nothing', false, {}],
  ],
  isNudgeRefused: [
    ['the last one', true, { nudges: 2 }, { id: 'nudge-2', taken: false }],
    ['taken', false, { nudges: 2 }, { id: 'nudge-2', taken: true }],
    ['one before', false, { nudges: 2 }, { id: 'nudge-1', taken: false }],
    ["a person's message", false, { nudges: 2 }, { id: 'message-2', taken: false }],
  ],
  isOverBudget: [
    ['it has none', false, {}, used(99)],
    ['less than it has', false, budget(100), used(99)],
    ['all of it', true, budget(100), used(100)],
    ['with the runs before', true, budget(100, 40), used(60)],
    ['with the turns before', true, { ...budget(100), usageBefore: { ...noUsage, usd: 40 } }, used(60)],
    ['more was told before', true, { ...budget(100), usage: { ...noUsage, usd: 100 } }, used(1)],
    [
      'tokens of both kinds',
      true,
      { budget: { spent: { tokens: 1, usd: 0 }, limits: { tokens: 4, usd: null } } },
      { type: 'session.used', usage: { ...noUsage, inputTokens: 2, outputTokens: 1 } },
    ],
  ],
  canTellUsage: [
    ['long ago', true, { ...budget(100), now: reportEvery }, { ...used(99), at: reportEvery }],
    ['lately', false, { ...budget(100), now: reportEvery, toldAt: 1 }, { ...used(99), at: reportEvery }],
    ['over its budget', false, { ...budget(100), now: reportEvery }, { ...used(100), at: reportEvery }],
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
  isAccessRefused: [
    ['a token that is none any more', true, {}, error('github-unauthorized')],
    ['a permission that is missing', true, {}, error('github-forbidden')],
    ['a forge that is not there', false, {}, error('github-unreachable')],
    ['no error', false, {}],
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
    ['never asked to', true, { ...dirty, turns: 4 }],
    ['asked to already', false, { ...dirty, commits: defaultLimits.commits }],
    ['asked to again, as the project has it', true, { ...dirty, commits: 8, ...limits({ commits: 9 }) }],
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
  isUmbrellaChange: [
    ['it has commits', true, { type: 'implementation', umbrella: { children: [] }, ...found({ commitsAhead: 1 }) }],
    ['it has none', false, { type: 'implementation', umbrella: { children: [] }, ...found({ commitsAhead: 0 }) }],
    ['it has been published', false, { type: 'implementation', umbrella: { children: [] }, published: 'A', ...found({ commitsAhead: 1 }) }],
    ['a repair', false, { type: 'review_fix', umbrella: { children: [] }, ...found({ commitsAhead: 1 }) }],
    ['it is no umbrella', false, { type: 'implementation', ...found({ commitsAhead: 1 }) }],
    ['nobody looked', false, { type: 'implementation', umbrella: { children: [] } }],
  ],
  isOutOfScope: [
    ['a review fix takes a commit back', true, { ...found({ reverts: ['Revert "a"'] }), type: 'review_fix' }],
    ['a repair of checks does', true, { ...found({ reverts: ['Revert "a"'] }), type: 'ci_repair' }],
    ['a repair for the queue does', true, { ...found({ reverts: ['Revert "a"'] }), type: 'queue_repair' }],
    ['upkeep does', true, { ...found({ reverts: ['Revert "a"'] }), type: 'branch_upkeep' }],
    ['an implementation does', false, { ...found({ reverts: ['Revert "a"'] }), type: 'implementation' }],
    ['a review fix touches a protected path', true, { ...found({ protectedFiles: ['AGENTS.md'] }), type: 'review_fix' }],
    ['a repair of checks does', true, { ...found({ protectedFiles: ['AGENTS.md'] }), type: 'ci_repair' }],
    ['a repair for the queue does', false, { ...found({ protectedFiles: ['AGENTS.md'] }), type: 'queue_repair' }],
    ['upkeep does', false, { ...found({ protectedFiles: ['AGENTS.md'] }), type: 'branch_upkeep' }],
    ['an implementation does', false, { ...found({ protectedFiles: ['AGENTS.md'] }), type: 'implementation' }],
    ['it keeps to its task', false, { ...found(), type: 'review_fix' }],
    ['nobody looked', false, { type: 'review_fix' }],
  ],
  isSamePatch: [
    ['the change that was reviewed', true, { ...found({ patchId: 'p' }), type: 'review_fix', pastPatch: 'p' }],
    ['another change', false, { ...found({ patchId: 'q' }), type: 'review_fix', pastPatch: 'p' }],
    ['what was reviewed has no identity', false, { ...found(), type: 'review_fix', pastPatch: null }],
    ['it conflicts with the base', false, { ...found({ patchId: 'p' }), type: 'review_fix', pastPatch: 'p', conflict: true }],
    ['upkeep', false, { ...found({ patchId: 'p' }), type: 'branch_upkeep', pastPatch: 'p' }],
    ['a repair of checks', false, { ...found({ patchId: 'p' }), type: 'ci_repair', pastPatch: 'p' }],
    ['a repair for the queue', false, { ...found({ patchId: 'p' }), type: 'queue_repair', pastPatch: 'p' }],
    ['no new commit', false, { ...found({ patchId: 'p' }), type: 'review_fix', pastPatch: 'p', published: 'A' }],
    ['nobody looked', false, { type: 'review_fix', pastPatch: 'p' }],
  ],
  canCheckCompletion: [
    ['never asked', true, { type: 'implementation' }],
    ['asked once', true, { type: 'implementation', checksMade: defaultLimits.completionChecks - 1 }],
    ['asked often enough', false, { type: 'implementation', checksMade: defaultLimits.completionChecks }],
    ['never, as the project has it', false, { type: 'implementation', ...limits({ completionChecks: 0 }) }],
    ['something is published', false, { type: 'implementation', published: 'P' }],
    ['it coordinates others', false, { type: 'implementation', umbrella: { children: [] } }],
    ['a repair', false, { type: 'ci_repair' }],
  ],
  canGoOn: [
    ['work is left', true, { completion: { verdict: 'continue', reason: 'r' }, checksMade: defaultLimits.completionChecks - 1 }],
    ['it said so before', false, { completion: { verdict: 'continue', reason: 'r' }, checksMade: defaultLimits.completionChecks }],
    ['nothing to do', false, { completion: { verdict: 'done', reason: 'r' } }],
    ['not asked', false, {}],
  ],
  isAskingInstead: [
    ['a question', true, { completion: { verdict: 'needs_input', reason: 'r' } }],
    ['nothing to do', false, { completion: { verdict: 'done', reason: 'r' } }],
    ['not asked', false, {}],
  ],
  canCompare: [
    ['a first implementation', true, { ...found(), sequencing: true }],
    ['switched off', false, found()],
    ['compared before', false, { ...found(), sequencing: true, sequence: { parent: null, before: found().inspection! } }],
    ['published before', false, { ...found(), sequencing: true, published: 'P' }],
    ['based on another change', false, { ...found(), sequencing: true, onto: 'x' }],
    ['a repair', false, { ...found(), sequencing: true, type: 'ci_repair' }],
    ['not fit to be published', false, { ...dirty, sequencing: true }],
  ],
  hasConflict: [
    ['a change', true, {}, { type: 'xstate.done.actor.comparison', output: inFlight }],
    ['none', false, {}, { type: 'xstate.done.actor.comparison', output: null }],
    ['no answer', false, {}],
  ],
  isStacking: [
    ['based on another', true, { turnKind: 'stack' }],
    ['at work', false, { turnKind: 'work' }],
  ],
  isNotStacked: [
    ['clean, with all of the other', false, { ...found(), turnKind: 'stack' }],
    ['without the other', true, { ...found({ hasParent: false }), turnKind: 'stack' }],
    ['in the middle of the merge', true, { ...found({ operation: 'merge' }), turnKind: 'stack' }],
    ['rewritten', true, { ...found({ descendsFromSince: false }), turnKind: 'stack' }],
    ['another turn', false, { ...found({ hasParent: false }), turnKind: 'work' }],
  ],
  isReview: [
    ['a review', true, { type: 'review' }],
    ['the fix of one', false, { type: 'review_fix' }],
  ],
  hasTampered: [
    ['files were changed', true, { ...found({ dirty: ['a.ts'] }), type: 'review', past: 'A' }],
    ['its head has moved', true, { ...found({ head: 'B' }), type: 'review', past: 'A' }],
    ['everything is as it was', false, { ...found(), type: 'review', past: 'A' }],
    ['files were left beside it', false, { ...found({ review: { bound: [], others: [], left: ['n'] } }), type: 'review', past: 'A' }],
    ['nobody looked', false, { type: 'review', past: 'A' }],
    ['it is no review', false, { ...dirty, type: 'review_fix', past: 'A' }],
  ],
  hasVerdict: [
    ['an approval', true, { type: 'review', past: 'A', result: answer({ verdict: 'approve' }) }],
    ['a blocking finding and no word', true, { type: 'review', past: 'A', result: answer({ findings: [blocking] }) }],
    ['changes wanted, as the summary says', true, { type: 'review', past: 'A', result: answer({ verdict: 'request_changes' }) }],
    [
      'changes wanted, and none is named',
      false,
      { type: 'review', past: 'A', result: answer({ verdict: 'request_changes', summary: '' }) },
    ],
    ['advice and no word', false, { type: 'review', past: 'A', result: answer({ findings: [{ ...blocking, blocking: false }] }) }],
    ['nothing', false, { type: 'review', past: 'A', result: answer({}) }],
    ['no findings and no word', false, { type: 'review', past: 'A', result: answer({ findings: [] }) }],
    ['no answer', false, { type: 'review', past: 'A' }],
    ['of no head', false, { type: 'review', result: answer({ verdict: 'approve' }) }],
    ['of an implementation', false, { type: 'implementation', past: 'A', result: answer({ verdict: 'approve' }) }],
  ],
  isCounted: [
    ['taken', true, {}, { output: { counts: true } }],
    ['about another head', false, {}, { output: { counts: false } }],
    ['no answer', false, {}],
  ],
  canPublish: [
    ['clean, new, on the branch', true, found()],
    ['uncommitted', false, dirty],
    ['on another branch', false, found({ branch: 'x' })],
    ['rewritten', false, found({ descendsFromSince: false })],
    ['nothing new', false, found({ commitsAhead: 0 })],
    ['of a reviewer', false, { ...found(), type: 'review' }],
  ],
}

describeGuards(guards, tables, (changes, event) => ({ context: { ...createContext({}), ...changes }, event: { type: 'any', ...event } }))
