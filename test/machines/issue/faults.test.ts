// The faults W1–W32 of the system that Signalbox replaces: each told as the story that went wrong there (docs/behaviour.md).

import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '../../../src/machines/issue/policy.ts'
import type { Event } from '../player.ts'
import * as runs from '../run/stories.ts'
import { given, notes, polled, seenReview, times, withoutPause } from './stories.ts'
import {
  agentFailed,
  approved,
  authority,
  changesRequested,
  closedAs,
  commented,
  dismissed,
  entered,
  environmentFailed,
  finished,
  granted,
  green,
  incident,
  interrupted,
  isUnwanted,
  isWanted,
  merged,
  open,
  opened,
  output,
  paused,
  pending,
  phase,
  play,
  playOn,
  playWith,
  policy,
  pr,
  prClosed,
  prompted,
  published,
  pushed,
  red,
  reopened,
  reviewCommented,
  runState,
  stopped,
  undelegated,
  updated,
  type Happening,
} from './facts.ts'

const landing: Happening[] = [approved(), green()]

/** Every kind of thing that a forge tells of a pull request. */
const forgeTells: Event[] = [
  ...[opened(), pushed('B'), changesRequested(), reviewCommented(), dismissed(), red(), green(), pending(), entered()],
  { type: 'queue.evicted', source: 'system', headSha: 'A', incident: incident() },
  ...[prClosed, reopened],
]

describe("a person's word", () => {
  it('W1 (case 321): an answer that finds no free place waits for one, whatever happens meanwhile', () => {
    const answered = play(granted, finished({ outcome: 'needs_input', question: 'Which?' }), prompted('the second'))
    const later = playOn(answered, ...times(12, polled()), updated({ title: 'Other' }))
    expect(later.at - answered.at).toBeGreaterThanOrEqual(60_000)
    expect(runState(later)).toEqual({ waiting: 'capacity' })
    expect([given(granted(later)).question, notes(granted(later))]).toEqual(['Which?', ['the second']])
  })

  it('W3 (case 323): beside red checks it is given to their repair, and to no run after it', () => {
    const issue = play(...open, prompted('and rename it'), red(), granted)
    expect([given(issue).type, notes(issue)]).toEqual(['ci_repair', ['and rename it']])
    const next = playOn(issue, published('B'), red('B', 'other'), granted)
    expect([given(next).type, notes(next)]).toEqual(['ci_repair', []])
    expect(runState(playOn(next, published('C'), green('C')))).toBe('idle')
  })

  it('W22, F34: outlives that a start is refused', () => {
    const blocked = play(prompted('in English'), updated({ blockedBy: [{ key: 'APP-0', resolved: false }] }))
    expect(runState(blocked)).toEqual({ waiting: 'dependency' })
    expect(notes(playOn(blocked, { type: 'blocker.changed', key: 'APP-0', resolved: true }, granted))).toEqual(['in English'])
    const spent = playWith({ policy: policy({ budgets: { ...defaultPolicy.budgets, runs: 0 } }) }, prompted('in English'))
    expect(runState(spent)).toEqual({ waiting: 'budget' })
    expect(notes(playOn(spent, { type: 'policy.changed', policy: policy() }, granted))).toEqual(['in English'])
  })

  it.each<[string, Happening]>([
    ['asks', finished({ outcome: 'needs_input', question: 'Which?' })],
    ['finds that nothing has to be changed', finished({ outcome: 'no_change', completion: 'done', reason: 'it is there' })],
    ['changes nothing', finished({ outcome: 'no_change', reason: 'hm' })],
    ['fails', finished({ outcome: 'failed', failure: 'agent', reason: 'it exited with 1' })],
    ['breaks', (issue) => issue.fail(issue.context.run!.id, { message: 'it broke' })],
  ])('W32 (case 350): that came during a run is for the next one, when the run %s', (_how, end) => {
    const ended = playOn(play(granted, prompted('the second')), end)
    // One that broke is a person's to look at, whose next word starts the next.
    const goesOn = phase(ended) === 'escalated' ? playOn(ended, prompted('go on')) : withoutPause(ended)
    expect(notes(granted(goesOn))[0]).toBe('the second')
  })

  it('W32 (case 350): is looked at before a run that did not hear it ends the issue or asks for more', () => {
    const heard = play(granted, prompted('the second'))
    for (const end of [
      finished({ outcome: 'no_change', completion: 'done', reason: 'it is there' }),
      finished({ outcome: 'no_change', reason: 'hm' }),
      finished({ outcome: 'needs_input', question: 'Which?' }),
    ]) {
      const next = playOn(heard, end)
      expect(runState(next)).toEqual({ waiting: 'capacity' })
      expect(notes(granted(next))).toEqual(['the second'])
    }
    expect(given(playOn(heard, finished({ outcome: 'needs_input', question: 'Which?' }), granted)).question).toBe('Which?')
  })

  it('W17 (case 324): is one only when it is said to us: remarks on a pull request, of whomever, start nothing', () => {
    for (const stranger of [reviewCommented('A', 'mallory'), commented('Do this instead.')]) {
      const issue = playOn(play(...open), stranger)
      expect([phase(issue), runState(issue)]).toEqual(['pr_open', 'idle'])
    }
    const away = play(...open, undelegated, prompted('go on'), reviewCommented('A', 'mallory'))
    expect([authority(away), runState(away)]).toEqual(['observing', 'idle'])
  })
})

describe('what a run is for', () => {
  const on = (moved: boolean, headSha = 'A'): Event => ({
    ...{ type: 'pr.updated', source: 'system', ...pr(headSha, { baseRef: 'theirs' }), parent: { number: 3, moved } },
  })

  it('W2: a pull request follows the one that it is based on as such, also when that moved during a run', () => {
    expect(given(play(...open, on(true), granted)).type).toBe('branch_upkeep')
    const during = play(...open, on(false), red(), granted, on(true))
    expect(runState(during)).toBe('active')
    expect(given(playOn(during, published('B'), on(true, 'B'), green('B'), granted)).type).toBe('branch_upkeep')
  })

  it('W30 (case 348): reviews of two heads are one fix, and nothing is left to do after it', () => {
    const issue = play(...open, changesRequested('A', 'ada'), pushed('B'), changesRequested('B', 'grace'), granted)
    expect(given(issue)).toMatchObject({ type: 'review_fix', review: { headSha: 'B' } })
    const fixed = playOn(issue, published('C'), green('C'))
    expect([phase(fixed), runState(fixed), fixed.context.attempts.review_fix]).toEqual(['pr_open', 'idle', 1])
    expect(
      runState(playOn(fixed, polled({ reviews: [seenReview('changes_requested', 'A', 'ada'), seenReview('changes_requested', 'B')] }))),
    ).toBe('idle')
  })

  it('W12 (case 330): a remark of a reviewer takes back nothing that was asked for', () => {
    const issue = play(...open, changesRequested(), reviewCommented(), granted)
    expect(given(issue)).toMatchObject({ type: 'review_fix', review: { reviewer: 'grace', body: 'name it' } })
  })
})

describe('who may act', () => {
  it('W4 (case 324): nothing that a forge tells starts a run of an issue that was taken back', () => {
    for (const told of [...forgeTells, polled({ checks: { state: 'failed' }, reviews: [seenReview('changes_requested')] })]) {
      const issue = playOn(play(...open, undelegated), told)
      expect([authority(issue), runState(issue), issue.reports('capacity.requested')]).toEqual(['observing', 'idle', []])
    }
  })

  it('W9 (case 327): what a person has closed stays closed, whatever a poll sees', () => {
    const closed = play(...open, undelegated, closedAs('failed'))
    for (const seen of [
      { checks: { state: 'failed' } },
      { reviews: [seenReview('changes_requested')] },
      { tracker: { state: 'In Progress' } },
    ]) {
      const issue = playOn(closed, ...times(3, polled(seen)))
      expect([phase(issue), runState(issue)]).toEqual(['failed', 'idle'])
    }
  })

  it('W10: no checks, review or queue undo a stop', () => {
    const rested = play(...open, red(), granted, stopped, finished({ outcome: 'released' }))
    for (const told of forgeTells) {
      const issue = playOn(rested, told)
      expect([authority(issue), runState(issue), issue.reports('landing.decided').filter(isWanted)]).toEqual(['stopped', 'idle', []])
    }
  })

  it('W13: a stop outlives a restart', () => {
    // What a restart is to an issue: its stored bytes, and a poll that tells everything.
    const rested = play(granted, stopped, finished({ outcome: 'released' }))
    const again = playOn(rested, polled({ tracker: { delegated: true } }), { type: 'policy.changed', policy: policy() }, updated())
    expect([authority(again), runState(again), again.reports('capacity.requested')]).toEqual(['stopped', 'idle', []])
  })

  it('W27 (case 345): an issue that the tracker has closed starts nothing, also when that is only seen after a restart', () => {
    for (const stateType of ['completed', 'canceled']) {
      const issue = playWith({ issue: { stateType } })
      expect([runState(issue), issue.reports('capacity.requested')]).toEqual(['idle', []])
      const seen = play(polled({ tracker: { stateType } }))
      expect([runState(seen), seen.reports('capacity.withdrawn').length]).toEqual(['idle', 1])
    }
  })
})

describe('what people are shown', () => {
  it('W5: is what was last, not what was first', () => {
    const failed = (reason: string) => finished({ outcome: 'failed', failure: 'agent', reason })
    const issue = play(granted, failed('no compiler'), paused, granted, failed('one test fails'), prompted('status?'))
    const answer = String(issue.reports('tracker.report')[0]!['text'])
    expect(answer).toContain('one test fails')
    expect(answer).not.toContain('no compiler')
    // A run that works is offered the newest word.
    expect(play(granted, prompted('first'), prompted('second')).messages('run-1')).toMatchObject([{ text: 'second' }])
  })
})

describe('facts', () => {
  it('W6: of red branch checks are information while the change is queued, whether they are told or polled', () => {
    const queued = play(...open, ...landing, entered())
    const failures = red()['failures']
    for (const told of [
      red(),
      polled({ reviews: [seenReview('approved')], checks: { state: 'failed', failures }, queue: { state: 'queued' } }),
    ]) {
      const issue = playOn(queued, told)
      expect([phase(issue), runState(issue), issue.reports('landing.decided')]).toEqual(['awaiting_queue', 'idle', []])
    }
  })

  it('W7 (case 276): that a poll brings decide in the same step (edge 242)', () => {
    const issue = playOn(play(...open, green()), polled({ reviews: [seenReview('approved')], checks: { state: 'passed' } }))
    expect([phase(issue), issue.reports('landing.decided').filter(isWanted).length]).toEqual(['awaiting_queue', 1])
  })

  it('W11 (case 329): start a repair only when the checks of the present head are decided and red', () => {
    const unsettled = { ...pending(), failures: red()['failures'] }
    for (const told of [unsettled, red('0'), polled({ checks: { state: 'pending' } })]) {
      const issue = playOn(play(...open, pending()), told)
      expect([phase(issue), runState(issue)]).toEqual(['pr_open', 'idle'])
    }
  })

  it('W18 (case 336): of a landing lead to one phase, whichever path sees it first', () => {
    const watched = { policy: policy({ deploy: { timeout: 60_000 } }) }
    const waiting = playWith(watched, ...open, ...landing, entered())
    const seen = polled({ pr: { state: 'merged', mergedSha: 'M' }, reviews: [seenReview('approved')], checks: { state: 'passed' } })
    for (const told of [merged(), seen]) {
      const issue = playOn(waiting, told)
      expect(phase(issue)).toBe('deploying')
      expect(issue.reports('tracker.report').map((report) => report['phase'])).toEqual(['deploying'])
      expect(playOn(issue, merged(), seen).reports('tracker.report')).toEqual([])
    }
  })

  it('W20 (case 338): approved and red is repaired first, and queued when it is green', () => {
    const issue = play(...open, red(), approved())
    expect([phase(issue), issue.reports('landing.decided')]).toEqual(['repairing_ci', []])
    const mended = playOn(issue, granted, published('B'), approved('B'))
    expect([phase(mended), mended.reports('landing.decided')]).toEqual(['pr_open', []])
    expect(phase(playOn(mended, green('B')))).toBe('awaiting_queue')
  })

  it('W28: that come late say nothing of a change that has landed', () => {
    const watched = playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...open, ...landing, merged())
    for (const told of forgeTells) {
      const issue = playOn(watched, told)
      expect([phase(issue), runState(issue)]).toEqual(['deploying', 'idle'])
    }
  })

  it('W29 (case 347): an approval that a push or a dismissal takes away is noticed, told or polled', () => {
    const waiting = play(...open, ...landing)
    const gone = [pushed('B'), dismissed(), polled({ pr: { headSha: 'B' } }), polled({ checks: { state: 'passed' } })]
    for (const told of gone) {
      const issue = playOn(waiting, told)
      expect([phase(issue), issue.reports('landing.decided').filter(isUnwanted).length]).toEqual(['pr_open', 1])
    }
  })
})

describe('time', () => {
  it('W8 (cases 170, 326): the queue is asked how it goes two minutes after it was entered, however often a poll looks meanwhile', () => {
    const waiting = play(...open, ...landing)
    const seen = { reviews: [seenReview('approved')], checks: { state: 'passed' } }
    const watched = playOn(waiting, ...times(20, polled(seen)))
    const due = [...watched.timers].find(([name]) => name.includes('.queueHealth.'))![1].due
    expect([watched.at - waiting.at, due - waiting.at]).toEqual([100_000, 120_000])
    const asked = watched.fire('queueHealth')
    expect(asked.reports('facts.wanted')).toHaveLength(1)
    const answered = playOn(asked, polled({ ...seen, queue: { state: 'evicted', incident: incident() } }))
    expect([phase(answered), given(granted(answered)).type]).toEqual(['repairing_queue', 'queue_repair'])
  })

  it('W21 (cases 210, 339): an escalation stays until a new head, a new review or a person', () => {
    const stuck = play(...open, changesRequested(), granted, finished({ outcome: 'no_change', reason: 'the same head' }))
    const objection = { ...seenReview('changes_requested'), observedAt: stuck.context.heads['A']!.reviews['grace']!.observedAt }
    const later = playOn(stuck, ...times(10, polled({ reviews: [objection] })))
    expect([phase(later), runState(later), later.context.attempts.review_fix]).toEqual(['escalated', 'idle', 1])
    expect(phase(playOn(later, pushed('B')))).toBe('pr_open')
    expect(runState(playOn(later, changesRequested()))).toEqual({ waiting: 'capacity' })
    expect(runState(playOn(later, prompted('try the other way')))).toEqual({ waiting: 'capacity' })
  })

  it('W15 (case 333): a failed start is tried again after a pause, with all that it was given', () => {
    const failed = runs.answerOf(runs.runOf({}, runs.notPrepared))
    expect(failed).toMatchObject({ outcome: 'failed', failure: 'environment', headBefore: null })
    const issue = playOn(play(prompted('in English'), granted), finished(failed))
    expect([phase(issue), runState(issue), issue.context.attempts.implementation]).toEqual(['implementing', { waiting: 'backoff' }, 0])
    expect(notes(playOn(issue, paused, granted))).toEqual(['in English'])
  })

  it('W16: an agent that dies after every start is started a bounded number of times', () => {
    let issue = play()
    let starts = 0
    for (; phase(issue) !== 'escalated' && starts < 100; starts++) {
      // That it has started is no progress.
      issue = playOn(withoutPause(issue), granted, (now) => now.send({ type: 'run.started', runId: now.context.run!.id }), interrupted)
    }
    expect(starts).toBe(defaultPolicy.budgets.interruptions + defaultPolicy.budgets.recovery + 1)
    expect([runState(issue), issue.context.attempts.implementation]).toEqual(['idle', 0])
  })

  it('W31: a worktree that cannot be read is not taken for one with work in it, and is not tried for ever', () => {
    const unread = runs.runOf({}, runs.prepared, runs.started(), runs.finishes(), runs.unreadable('git-failed'))
    expect(runs.answerOf(unread)).toMatchObject({ outcome: 'failed', failure: 'environment', dirty: [] })
    let issue = play(granted)
    let runCount = 1
    for (; phase(issue) !== 'escalated' && runCount < 100; runCount++) {
      issue = playOn(issue, environmentFailed)
      if (phase(issue) !== 'escalated') issue = playOn(issue, paused, granted)
    }
    expect(runCount).toBeLessThan(10)
  })
})

describe('the end of a turn', () => {
  it('W14 (case 332): is asked about once: whatever is told of it a second time is told to nobody', () => {
    const ended = runs.runOf({}, runs.prepared, runs.started(), runs.finishes({ outcome: 'no_change' }))
    expect(() => runs.runOn(ended, runs.finishes({ outcome: 'no_change' }))).toThrow("no child 'session'")
    const asked = runs.runOn(ended, runs.unchanged)
    const isAsked = (run: runs.Run): unknown[] =>
      run.commands.flatMap((command) =>
        command.type === 'spawn' && command.child === 'session' ? [(command.input as { turnKind: string }).turnKind] : [],
      )
    expect([isAsked(asked), asked.context.checksMade]).toEqual([['completion_check'], 1])
    const answered = runs.runOn(asked, runs.finishes({ completion: 'failed', summary: 'no' }), runs.unchanged)
    expect([isAsked(answered), runs.answerOf(answered).completion]).toEqual([[], 'failed'])

    const question = { type: 'run.finished', runId: 'run-1', ...output({ outcome: 'needs_input', question: 'Which?' }) }
    const once = play(granted).send(question)
    const twice = once.send(question)
    expect([twice.reports('tracker.report'), twice.context.attempts, phase(twice)]).toEqual([[], once.context.attempts, 'awaiting_input'])
  })

  it('W19 (case 230): by an interruption means the same, wherever it is noticed', () => {
    const where: runs.Turn[][] = [
      [runs.prepared],
      [runs.prepared, runs.started()],
      [runs.prepared, runs.started(), runs.finishes({ outcome: 'no_change' }), runs.unchanged],
    ]
    for (const before of where) {
      const answer = runs.answerOf(runs.runOf({}, ...before, runs.dies))
      expect(answer).toMatchObject({ outcome: 'interrupted', failure: null })
      const issue = playOn(play(granted), finished(answer))
      expect([phase(issue), runState(issue), issue.context.attempts.implementation]).toEqual(['implementing', { waiting: 'capacity' }, 0])
    }
  })

  it('W24 (case 342): is of the run that has the thread now, not of the first that had it', () => {
    const resumed = runs.runOf({}, runs.prepared, runs.started('thread-1'), runs.progressed, runs.dies)
    expect(runs.sessionOf(resumed)['thread']).toBe('thread-1')
    const later = runs.runOn(resumed, runs.started('thread-1'), (run) =>
      run.says('session', { type: 'session.progressed', line: '', at: run.at + runs.minute }),
    )
    expect(later.context.lastProgressAt).toBe(later.at)
    expect(runs.runOn(later, runs.finishes()).value).toEqual({ verifying: 'inspecting' })

    const second = play(granted, interrupted, granted)
    const progress = { type: 'run.progressed', phase: 'working', lastSignalAt: 5, lastProgressAt: 5, usage: output({}).usage }
    expect(second.send({ ...progress, runId: 'run-2' }).context.run?.lastSignalAt).toBe(5)
    expect(second.send({ ...progress, runId: 'run-1' }).context.run?.lastSignalAt).toBeNull()
    const late = second.send({ type: 'run.finished', runId: 'run-1', ...output({ outcome: 'failed', failure: 'auth' }) })
    expect([runState(late), phase(late)]).toEqual(['active', 'implementing'])
    expect(runState(playOn(late, agentFailed))).toEqual({ waiting: 'backoff' })
  })

  it('W25: that nobody tells of comes by the clock, and frees the place (edge 252)', () => {
    const silence = runs.runOf({}, runs.prepared, runs.started(), runs.times('runLimit'), runs.silent)
    const issue = playOn(play(granted), finished(runs.answerOf(silence)))
    expect(issue.commands.filter((command) => command.type === 'emit').map(({ event }) => event.type)).toContain('capacity.released')
    // And a run that goes without having answered is no run any more.
    const gone = play(granted).done('run-1', {})
    expect([gone.context.run, gone.reports('capacity.released').length]).toEqual([null, 1])
  })

  it('W26, F35 (case 344): that leaves work unfinished leaves it in the worktree for the run that goes on with it', () => {
    for (const left of [
      finished({ outcome: 'no_change', completion: 'continue', reason: 'the tests are left' }),
      finished({ outcome: 'failed', failure: 'agent', reason: 'no', dirty: ['a.ts'] }),
    ]) {
      const next = playOn(play(granted), left, (issue) => withoutPause(issue), granted)
      expect(given(next)).toMatchObject({ type: 'implementation', keep: true, restartFrom: null })
    }
    const blocked = playOn(play(granted), updated({ blockedBy: [{ key: 'APP-0', resolved: false }] }), finished({ outcome: 'superseded' }))
    expect(given(playOn(blocked, updated(), granted))).toMatchObject({ type: 'implementation', keep: true })
    // The run hands it on to whoever prepares the worktree.
    expect(runs.runOf({ keep: true }).children.get('prepare')?.input).toMatchObject({ keep: true })
  })
})
