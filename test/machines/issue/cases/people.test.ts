// Cases 69–105: what people say, and what they decide.

import { describe, expect, it } from 'vitest'
import { acceptedActions } from '../../../../src/machines/issue/actions.ts'
import { isTerminal } from '../../../../src/machines/issue/document.ts'
import type { Event } from '../../player.ts'
import {
  agentFailed,
  authority,
  changesRequested,
  closedAs,
  commented,
  finished,
  granted,
  green,
  merged,
  open,
  phase,
  play,
  playOn,
  pr,
  prClosed,
  prompted,
  red,
  removed,
  retried,
  runState,
  stopped,
  told,
  undelegated,
  updated,
  type Issue,
} from '../facts.ts'
import { given, notes, polled } from '../stories.ts'

const conflict = (headSha = 'A'): Event => ({ type: 'pr.updated', source: 'poll', ...pr(headSha), mergeable: 'conflict' })
const login = finished({ outcome: 'failed', failure: 'auth', reason: 'log in first' })

describe('an instruction', () => {
  it('to try again, in words, starts the run that is needed (case 80) (edge 81)', () => {
    const stuck = play(granted, finished({ outcome: 'no_change', reason: 'hm' }))
    expect(phase(stuck)).toBe('escalated')
    expect(given(playOn(stuck, prompted('retry'), granted))).toMatchObject({ type: 'implementation', messages: [{ text: 'retry' }] })
  })

  it('beside requested changes goes to their fix (case 83)', () => {
    const issue = play(...open, changesRequested(), prompted('and rename it'), granted)
    expect([given(issue).type, given(issue).review?.body, notes(issue)]).toEqual(['review_fix', 'name it', ['and rename it']])
  })

  it('and others that wait with it go to one run (case 84)', () => {
    const issue = play(...open, green(), prompted('first'), prompted('second'), told('third'), granted)
    expect(notes(issue)).toEqual(['first', 'second', 'third'])
    expect(runState(playOn(issue, finished({ outcome: 'completed', headAfter: 'B' })))).toBe('idle')
  })

  it('of an operator is kept for the next run, and offered to one that works (case 87) (edge 98)', () => {
    const idle = playOn(play(...open), told('rename it'))
    expect([runState(idle), notes(granted(idle))]).toEqual([{ waiting: 'capacity' }, ['rename it']])
    expect(playOn(play(granted), told('rename it')).messages('run-1')).toMatchObject([{ type: 'run.steer', text: 'rename it' }])
  })
})

describe('a word to an issue that is not ours', () => {
  it('in its session is answered with that, and starts nothing (case 56)', () => {
    const issue = playOn(play(...open, undelegated), prompted('rename it'))
    expect([authority(issue), runState(issue), issue.reports('capacity.requested')]).toEqual(['observing', 'idle', []])
    expect(issue.reports('tracker.report')).toMatchObject([
      { kind: 'comment', text: expect.stringContaining('It is not delegated') as string },
    ])
    // People who talk to each other, and to an issue that is ours, are not interrupted.
    expect(playOn(play(...open, undelegated), commented('nice')).reports('tracker.report')).toEqual([])
    expect(playOn(play(...open), prompted('rename it')).reports('tracker.report')).toEqual([])
  })

  it('is refused an operator, who can give it back first (case 86)', () => {
    const accepted = (issue: Issue) => acceptedActions(issue.context, isTerminal(issue.value))
    expect(accepted(play(...open))).toContain('prompt')
    const taken = accepted(play(...open, undelegated))
    expect([taken.includes('prompt'), taken.includes('retry'), taken.includes('delegate')]).toEqual([false, false, true])
  })
})

describe('the removal of an issue', () => {
  it('ends the agent and the issue (case 95) (edge 53)', () => {
    const issue = playOn(play(granted), removed)
    expect(issue.messages('run-1')).toMatchObject([{ type: 'run.stop' }])
    const rested = playOn(issue, finished({ outcome: 'superseded' }))
    expect([phase(rested), runState(rested), rested.context.run]).toEqual(['failed', 'idle', null])
  })

  it('ends what waits for a run, whatever was said to it (case 96) (edges 54, 96)', () => {
    const issue = playOn(play(prompted('in English')), removed)
    expect([phase(issue), runState(issue), issue.reports('capacity.withdrawn').length]).toEqual(['failed', 'idle', 1])
    expect(runState(granted(issue))).toBe('idle')
  })
})

describe('what was said and has started nothing yet', () => {
  it.each<[string, Event, string]>([
    ['stopped', stopped, 'stopped'],
    ['landed', merged(), 'acting'],
    ['closed', closedAs('done'), 'acting'],
    ['cancelled in the tracker', updated({ stateType: 'canceled' }), 'acting'],
  ])('starts nothing any more when the issue is %s, now or later (edges 239, 281)', (_how, end, standing) => {
    const asked = play(...open, prompted('first'), prompted('second'))
    expect(runState(asked)).toEqual({ waiting: 'capacity' })
    const ended = playOn(asked, end)
    expect([authority(ended), runState(ended), ended.reports('capacity.withdrawn').length]).toEqual([standing, 'idle', 1])
    const seen = polled({ tracker: { stateType: ended.context.issue.stateType } })
    for (const later of [granted, red(), seen]) expect(runState(playOn(ended, later))).toBe('idle')
  })
})

describe('a retry', () => {
  it('of what conflicts and is to be changed merges the base again (case 98) (edge 290)', () => {
    const stuck = play(...open, changesRequested(), conflict(), granted, login)
    expect(phase(stuck)).toBe('escalated')
    const again = playOn(stuck, retried(), granted)
    expect(given(again)).toMatchObject({ type: 'branch_upkeep', conflict: true, review: { body: 'name it' } })
    const tried = play(...open, changesRequested(), granted, agentFailed, conflict(), retried(), granted)
    expect([given(tried).type, tried.context.attempts.review_fix]).toEqual(['branch_upkeep', 0])
  })

  it('after the pull request was closed begins anew (case 99) (edge 291)', () => {
    const closed = play(...open, stopped, prClosed)
    expect([authority(closed), runState(closed)]).toEqual(['stopped', 'idle'])
    const again = playOn(closed, retried())
    expect(phase(again)).toBe('delegated')
    expect(given(granted(again))).toMatchObject({ type: 'implementation', replaces: { number: 7 } })
  })

  it('of a fix is given what the reviewer says now (case 104)', () => {
    const stuck = play(...open, changesRequested(), granted, login)
    const later = playOn(stuck, { ...changesRequested(), body: 'name both', comments: [{ path: 'a.ts', line: 1, body: 'here' }] })
    expect(given(playOn(later, retried(), granted)).review).toMatchObject({ body: 'name both', comments: [{ path: 'a.ts' }] })
  })
})
