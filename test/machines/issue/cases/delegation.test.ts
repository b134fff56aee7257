// Cases 2–56: what is delegated, what blocks it, and what happens when it is taken back and given again.

import { describe, expect, it } from 'vitest'
import { toDocument } from '../../../../src/machines/issue/document.ts'
import type { Event } from '../../player.ts'
import {
  authority,
  changesRequested,
  delegated,
  finished,
  granted,
  open,
  phase,
  play,
  playOn,
  playWith,
  prompted,
  red,
  runState,
  undelegated,
  updated,
  type Issue,
} from '../facts.ts'
import { given, polled, times, waits } from '../stories.ts'

const blockers = (...resolved: boolean[]) => ({ blockedBy: resolved.map((each, n) => ({ key: `APP-${n + 8}`, resolved: each })) })
const became = (key: string, resolved: boolean): Event => ({ type: 'blocker.changed', key, resolved })
const places = (issue: Issue): number => issue.reports('capacity.requested').length
const asked = [granted, finished({ outcome: 'needs_input', question: 'Which?' })]

describe('a delegation', () => {
  it('of an issue whose blockers are all resolved starts at once (case 3) (edge 32)', () => {
    const issue = playWith({ issue: blockers(true, true) })
    expect([places(issue), runState(granted(issue))]).toEqual([1, 'active'])
  })

  it('of a blocked issue is answered with what blocks it, and starts nothing (case 5) (edge 74)', () => {
    const issue = playWith({ issue: blockers(false, true) })
    expect(issue.reports('tracker.report')).toMatchObject([{ phase: 'delegated', text: expect.stringContaining('APP-8') as string }])
    expect(issue.reports('tracker.report')[0]!['text']).not.toContain('APP-9')
    expect([places(issue), runState(issue)]).toEqual([0, { waiting: 'dependency' }])
  })

  it('of a blocked issue that was known and not ours is taken, and starts nothing (case 8)', () => {
    const issue = playOn(playWith({ delegated: false, issue: blockers(false) }), { ...delegated, ...blockers(false) })
    expect([phase(issue), authority(issue), runState(issue)]).toEqual(['delegated', 'acting', { waiting: 'dependency' }])
  })

  it('is not repeated by the tracker saying that our change is in review (case 14)', () => {
    const issue = playOn(play(...open), updated({ state: 'In Review', stateType: 'started' }))
    expect([phase(issue), runState(issue), places(issue)]).toEqual(['pr_open', 'idle', 0])
  })

  it('that is taken back together with a change of the state is taken back (case 15)', () => {
    for (const type of ['tracker.undelegated', 'tracker.updated']) {
      const issue = playOn(play(granted), { ...updated({ state: 'Done soon', stateType: 'started' }), type, delegated: false })
      expect([authority(issue), runState(issue), issue.context.issue.state]).toEqual(['observing', 'stopping', 'Done soon'])
    }
  })
})

describe('blockers', () => {
  it('are waited for until the last one is resolved, and those that are left are named (case 23)', () => {
    const issue = playOn(playWith({ issue: blockers(false, false) }), became('APP-8', true))
    expect([waits(issue), runState(issue)]).toEqual([['dependency: blocked by APP-9'], { waiting: 'dependency' }])
    expect(places(playOn(issue, became('APP-9', true)))).toBe(1)
  })

  it('are the same wherever one looks, and nobody calls the issue ready (case 24)', () => {
    const issue = playWith({ issue: blockers(false) })
    const document = toDocument({
      ...{ issue: { value: issue.value, context: issue.context, version: 1, updatedAt: issue.at }, timers: [], worktree: null },
      ...{ faulted: null, heldBack: () => null, run: null },
    })
    expect(document.waitsFor).toMatchObject([{ party: 'dependency', reason: 'blocked by APP-8' }])
    expect(document.blockedBy).toMatchObject([{ key: 'APP-8', resolved: false }])
    const answer = playOn(issue, prompted('status?'))
    expect(answer.reports('tracker.report')[0]!['text']).toContain('Blocked by APP-8')
    expect([places(issue), places(answer), runState(granted(issue))]).toEqual([0, 0, { waiting: 'dependency' }])
  })

  it('hold repairs back too, and what is repaired afterwards is what is broken (case 26)', () => {
    const issue = play(...open, updated(blockers(false)), red())
    expect([phase(issue), runState(issue)]).toEqual(['repairing_ci', { waiting: 'dependency' }])
    expect(given(playOn(issue, became('APP-8', true), granted)).type).toBe('ci_repair')
  })

  it('that appear during the first run end it, and the issue waits as if it had not begun (case 27) (edge 36)', () => {
    const issue = playOn(play(granted), updated(blockers(false)))
    expect(issue.messages('run-1')).toMatchObject([{ type: 'run.stop', outcome: 'superseded' }])
    const rested = playOn(issue, finished({ outcome: 'superseded' }))
    expect([phase(rested), runState(rested), places(rested), rested.context.attempts.implementation]).toEqual([
      'delegated',
      { waiting: 'dependency' },
      ...[0, 0],
    ])
    expect(phase(playOn(rested, became('APP-8', true), granted))).toBe('implementing')
  })

  it('stay known when a look at the tracker says nothing of them (case 29) (edge 38)', () => {
    const issue = playOn(playWith({ issue: blockers(false) }), { type: 'reconcile', source: 'poll' })
    expect([runState(issue), waits(issue)]).toEqual([{ waiting: 'dependency' }, ['dependency: blocked by APP-8']])
  })

  it('that were resolved without a word are found so by a poll (case 32) (edge 240)', () => {
    const issue = playOn(playWith({ issue: blockers(false) }), polled({ tracker: blockers(true) }))
    expect([places(issue), runState(issue)]).toEqual([1, { waiting: 'capacity' }])
  })
})

describe('an issue that is taken back', () => {
  it('during its first run keeps its state; the agent is ended, and nothing is pending (case 36) (edge 39)', () => {
    const issue = playOn(play(granted), undelegated)
    expect(issue.messages('run-1')).toMatchObject([{ type: 'run.stop', outcome: 'released' }])
    const rested = playOn(issue, finished({ outcome: 'released' }))
    expect([phase(rested), runState(rested), places(rested)]).toEqual(['implementing', 'idle', 0])
    expect(waits(rested)).toEqual(['human: not delegated: `signalbox delegate` gives it back'])
  })

  it('is seen to be so by any look at the tracker, whatever else that look is about (case 41) (edge 42)', () => {
    for (const look of [updated({ state: 'In Progress', delegated: false }), polled({ tracker: { delegated: false } })])
      expect(authority(playOn(play(), look))).toBe('observing')
    // A word that says nothing of it takes nothing back.
    expect(authority(playOn(play(), updated({ state: 'In Progress' })))).toBe('acting')
  })

  it('without a word loses its run to the poll that sees it, which is told; its state stays (case 45)', () => {
    const issue = playOn(play(...open, red(), granted), polled({ tracker: { delegated: false }, checks: { state: 'failed' } }))
    expect([phase(issue), authority(issue), runState(issue)]).toEqual(['repairing_ci', 'observing', 'stopping'])
    expect(issue.reports('feed.posted')).toMatchObject([{ kind: 'authority', status: 'observing' }])
  })

  it('shows what is asked of its pull request, and does nothing about it (case 47) (edge 164)', () => {
    const issue = playOn(play(...open, undelegated), changesRequested())
    expect([phase(issue), runState(issue), places(issue)]).toEqual(['changes_requested', 'idle', 0])
    expect(issue.context.heads['A']?.reviews['grace']?.body).toBe('name it')
  })
})

describe('an issue that is given again', () => {
  it('before there was a pull request goes on with what was left in its worktree (edge 47)', () => {
    const issue = playOn(play(granted, undelegated, finished({ outcome: 'released' })), delegated)
    expect([phase(issue), authority(issue), runState(issue)]).toEqual(['implementing', 'acting', { waiting: 'capacity' }])
    expect(given(granted(issue))).toMatchObject({ type: 'implementation', keep: true })
  })

  it('while its question is open waits for the answer (case 53) (edge 48)', () => {
    const issue = playOn(play(...asked), undelegated, delegated)
    expect([phase(issue), authority(issue), runState(issue)]).toEqual(['awaiting_input', 'acting', 'idle'])
    expect(phase(playOn(play(...asked), delegated))).toBe('awaiting_input')
  })

  it('without a word is taken up by the next look that shows it (case 54) (edge 45)', () => {
    for (const look of [updated({ delegated: true }), polled({ tracker: { delegated: true } })])
      expect([places(playOn(play(undelegated), look)), authority(playOn(play(undelegated), look))]).toEqual([1, 'acting'])
  })
})

describe('a start of the server', () => {
  it('finds a blocked issue blocked, and starts nothing of it (case 273)', () => {
    const issue = playOn(playWith({ issue: blockers(false) }), ...times(2, polled({ tracker: blockers(false) })))
    expect([phase(issue), runState(issue), places(issue)]).toEqual(['delegated', { waiting: 'dependency' }, 0])
  })
})
