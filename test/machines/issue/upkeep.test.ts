// What keeps an open pull request healthy: its base, its patch, checks that come and go, and clocks that start when a state is entered.

import { describe, expect, it } from 'vitest'
import type { RunInput } from '../../../src/machines/run/context.ts'
import { waitingFor } from '../../../src/machines/issue/document.ts'
import type { Event } from '../player.ts'
import {
  approved,
  changesRequested,
  dismissed,
  entered,
  failure,
  finished,
  granted,
  green,
  isUnwanted,
  merged,
  open,
  opened,
  paused,
  pending,
  phase,
  play,
  playOn,
  playWith,
  policy,
  pr,
  prompted,
  published,
  pushed,
  red,
  retried,
  runState,
  stopped,
  undelegated,
  updated,
  type Happening,
  type Issue,
} from './facts.ts'

const landing: Happening[] = [approved(), green()]
const runInput = (issue: Issue): RunInput => issue.children.get(issue.context.run!.id)!.input as RunInput
const conflict = (headSha = 'A'): Event => ({ type: 'pr.updated', source: 'poll', ...pr(headSha), mergeable: 'conflict' })
const clean = (headSha = 'A'): Event => ({ type: 'pr.updated', source: 'poll', ...pr(headSha), mergeable: 'clean' })
const waits = (issue: Issue): string[] => waitingFor(issue.context, issue.value, []).map(({ party, reason }) => `${party}: ${reason}`)
const needed = (issue: Issue): unknown => [phase(issue), runState(issue) === 'idle' ? null : runInput(granted(issue)).type]

describe('a pull request that does not merge into its base', () => {
  it.each<[string, Happening[], unknown]>([
    [
      'and that reviewers want is mended for the queue (cases 65, 177)',
      [approved(), green(), conflict()],
      ['repairing_queue', 'queue_repair'],
    ],
    ['and is approved before its checks have answered', [approved(), conflict()], ['repairing_queue', 'queue_repair']],
    [
      'and that reviewers want changed is mended and changed in one run (cases 65, 131)',
      [changesRequested(), conflict()],
      ['changes_requested', 'branch_upkeep'],
    ],
    ['and that nobody has judged is brought up to date: its checks may not even start', [conflict()], ['pr_open', 'branch_upkeep']],
    ['and is red is repaired first', [red(), conflict()], ['repairing_ci', 'ci_repair']],
    ['as a draft is left to its author', [{ ...opened('A', { draft: true, mergeable: 'conflict' }) }], ['pr_open', null]],
  ])('%s', (_what, facts, expected) => {
    expect(needed(play(...open, ...facts))).toEqual(expected)
  })

  it('tells the run of it, and of the review that it answers too', () => {
    expect(runInput(play(...open, changesRequested(), conflict(), granted))).toMatchObject({
      conflict: true,
      review: { reviewer: 'grace' },
    })
  })

  it('takes its landing back', () => {
    expect(
      play(...open, ...landing, conflict())
        .reports('landing.decided')
        .filter(isUnwanted),
    ).toHaveLength(1)
  })

  it('is well again when its base says so, or at its next head (case 180)', () => {
    expect(needed(play(...open, conflict(), clean()))).toEqual(['pr_open', null])
    expect(needed(play(...open, conflict(), granted, published('B')))).toEqual(['pr_open', null])
  })

  it('is brought up to date as often as the budget says, then a human decides', () => {
    let issue = play(...open)
    for (const head of ['A', 'B', 'C', 'D', 'E'])
      issue = playOn(issue, conflict(head), granted, published(String.fromCharCode(head.charCodeAt(0) + 1)))
    expect(phase(playOn(issue, conflict('F')))).toBe('escalated')
  })
})

describe('a pull request that is based on another one', () => {
  const on = (moved: boolean, headSha = 'A'): Event => ({
    type: 'pr.updated',
    source: 'system',
    ...pr(headSha, { baseRef: 'theirs' }),
    parent: { number: 3, moved },
  })
  const alone: Event = { type: 'pr.updated', source: 'system', ...pr('A'), parent: null }

  it('waits for that one to land, however approved and green it is, and then lands itself', () => {
    const issue = play(...open, on(false), approved(), green())
    expect([phase(issue), waits(issue)]).toEqual(['pr_open', ['dependency: pull request #3, which it is based on, to land']])
    expect(phase(playOn(issue, alone))).toBe('awaiting_queue')
  })

  it('follows it when it moves, on its branch, as often as the budget says (case 314) (edge 197)', () => {
    const issue = play(...open, on(true), granted)
    expect(runInput(issue)).toMatchObject({ type: 'branch_upkeep', onto: 'theirs' })
    expect(runState(playOn(issue, published('B'), on(false, 'B')))).toBe('idle')
  })

  it('that moves during a run is followed afterwards (edge 197)', () => {
    const issue = play(...open, on(false), red(), granted, on(true))
    expect(runInput(playOn(issue, published('B'), on(true, 'B'), green('B'), granted)).type).toBe('branch_upkeep')
  })

  it('that is closed does not land with it, and nothing but a person helps', () => {
    const closed = { ...on(false), parent: { number: 3, moved: false, closed: true } }
    const issue = play(...open, closed, approved(), green())
    expect([phase(issue), runState(issue), waits(issue)]).toEqual([
      'pr_open',
      'idle',
      ['human: pull request #3, which it is based on, was closed: open it again, or close this one too'],
    ])
  })

  it('takes its landing back when it comes to stand on another one', () => {
    expect(
      play(...open, ...landing, on(false))
        .reports('landing.decided')
        .filter(isUnwanted),
    ).toHaveLength(1)
  })
})

describe('an unchanged patch on a new head', () => {
  const same: Happening[] = [opened('A', { patchId: 'p' })]
  const next = { ...pushed('B'), patchId: 'p' }

  it('keeps its approval, and an objection too', () => {
    expect(phase(play(granted, ...same, finished({ headAfter: 'A' }), approved(), green(), next, green('B')))).toBe('awaiting_queue')
    expect(phase(play(granted, ...same, finished({ headAfter: 'A' }), changesRequested(), next, green('B')))).toBe('changes_requested')
  })

  it('is asked about anew by a reviewer who looks again, and a dismissal counts for all of its heads', () => {
    const kept = play(granted, ...same, finished({ headAfter: 'A' }), approved(), next, green('B'))
    expect(phase(playOn(kept, changesRequested('B')))).toBe('changes_requested')
    expect(phase(playOn(kept, dismissed('A')))).toBe('pr_open')
  })

  it('is asked about anew when the patch is another, or is not known', () => {
    const issue = play(granted, ...same, finished({ headAfter: 'A' }), approved(), green())
    for (const patchId of ['q', null]) expect(phase(playOn(issue, { ...pushed('B'), patchId }, green('B')))).toBe('pr_open')
  })
})

describe('a failure that is known to come and go', () => {
  const flaky = (headSha = 'A'): Event => ({ ...red(headSha), failures: [{ ...failure(), flaky: true }] })

  it('is run once more before a repair is spent', () => {
    const issue = play(...open, flaky())
    expect([phase(issue), runState(issue), waits(issue)]).toEqual([
      ...['repairing_ci', 'idle'],
      ['ci: its red checks to run once more: they may come and go by themselves'],
    ])
    expect(issue.reports('rerun.wanted')).toEqual([{ type: 'rerun.wanted', project: 'app', issue: '1', number: 7, headSha: 'A' }])
    expect(phase(playOn(issue, pending(), green()))).toBe('pr_open')
  })

  it('is asked for once, however often it is told', () => {
    const issue = play(...open, flaky())
    const again = issue.send({ ...flaky(), observedAt: issue.context.heads['A']!.checks!.observedAt })
    expect([again.reports('rerun.wanted'), runState(again)]).toEqual([[], 'idle'])
  })

  it('that fails again is repaired, and a new head may be run again anew', () => {
    const issue = play(...open, flaky(), pending(), flaky())
    expect(needed(issue)).toEqual(['repairing_ci', 'ci_repair'])
    expect(playOn(issue, granted, published('B'), flaky('B')).reports('rerun.wanted')).toHaveLength(1)
  })

  it('beside one that is not is repaired', () => {
    expect(needed(play(...open, { ...red(), failures: [{ ...failure('x'), flaky: true }, failure('y')] }))).toEqual([
      'repairing_ci',
      'ci_repair',
    ])
  })

  it('is a repair when a person asks for one', () => {
    expect(needed(play(...open, flaky(), retried()))).toEqual(['repairing_ci', null])
    expect(needed(play(...open, flaky(), retried('ci_repair')))).toEqual(['repairing_ci', 'ci_repair'])
    expect(needed(play(...open, flaky(), prompted('mend it')))).toEqual(['repairing_ci', 'ci_repair'])
  })

  it('that an agent cannot reproduce is run once more, then a human decides', () => {
    const nothing = finished({ outcome: 'no_change', summary: 'green here' })
    const issue = play(...open, red(), granted, nothing)
    expect([issue.reports('rerun.wanted').length, runState(issue), phase(issue)]).toEqual([1, 'idle', 'repairing_ci'])
    expect(phase(playOn(issue, pending(), green(), approved()))).toBe('awaiting_queue')
    expect(phase(playOn(issue, pending(), red(), granted, nothing))).toBe('escalated')
  })
})

describe('a change in the landing queue', () => {
  const queued = [...open, ...landing, entered()]

  it('stays there when its branch turns red: what the queue tests is what counts (W6) (edge 177)', () => {
    const issue = play(...queued, red())
    expect([phase(issue), runState(issue), issue.reports('landing.decided')]).toEqual(['awaiting_queue', 'idle', []])
  })

  it('leaves it with its approval, and comes back only green', () => {
    const left = play(...queued, red(), dismissed())
    expect(phase(left)).toBe('repairing_ci')
    expect(phase(playOn(left, approved()))).toBe('repairing_ci')
  })

  it('asks again for what the queue has let go although it is wanted, as long as it is', () => {
    const left: Event = { ...entered(), type: 'queue.left' }
    const issue = play(...open, ...landing, entered())
    // Who stands in the queue is asked about, every two minutes, and not taken in twice.
    const asked = issue.fire('queueHealth')
    expect([asked.reports('landing.decided'), asked.reports('facts.wanted').length]).toEqual([[], 1])
    expect(asked.fire('queueHealth').reports('facts.wanted')).toHaveLength(1)
    const gone = playOn(issue, left)
    expect([phase(gone), gone.reports('landing.decided')]).toEqual(['awaiting_queue', []])
    const again = gone.fire('queueHealth')
    expect(again.reports('landing.decided')).toMatchObject([{ wanted: true, headSha: 'A' }])
    expect(again.fire('queueHealth').reports('landing.decided')).toMatchObject([{ wanted: true, headSha: 'A' }])
    expect(playOn(again, entered()).fire('queueHealth').reports('landing.decided')).toEqual([])
    expect(playOn(gone, stopped).timers.size).toBe(0)
  })

  it('asks how things are when the queue says nothing for two minutes, again and again (W8)', () => {
    const issue = play(...open, ...landing)
    const once = issue.fire('queueHealth')
    expect([once.at - issue.context.since.lifecycle, once.reports('facts.wanted')]).toEqual([
      ...[120_000],
      [{ type: 'facts.wanted', project: 'app', issue: '1' }],
    ])
    // To ask twice is to ask once.
    expect(once.reports('landing.decided')).toMatchObject([{ wanted: true }])
    expect(once.fire('queueHealth').reports('facts.wanted')).toHaveLength(1)
    // Polls in between do not put it off (core W8).
    expect(playOn(issue, updated({ title: 'Other' })).timers).toEqual(issue.timers)
  })
})

describe('a pull request that is open for long', () => {
  it('is told of every half hour, with what is missing (case 176)', () => {
    const issue = play(...open, green())
    const stuck = issue.fire('reviewStuck')
    expect(stuck.reports('feed.posted')).toMatchObject([
      { level: 'warn', kind: 'review.stuck', summary: 'Pull request #7 has been open for long: nobody has reviewed it' },
    ])
    expect([phase(stuck), stuck.at - issue.context.since.lifecycle]).toEqual(['pr_open', 30 * 60_000])
    expect(stuck.fire('reviewStuck').reports('feed.posted')).toHaveLength(1)
    expect(stuck.context.since).toEqual(issue.context.since)
  })

  it('and red is told of too, and its checks are repaired when the second try never answers (case 176)', () => {
    const flaky = { ...red(), failures: [{ ...failure(), flaky: true }] }
    const issue = play(...open, approved(), flaky)
    expect([phase(issue), runState(issue), waits(issue)]).toEqual([
      'repairing_ci',
      'idle',
      [expect.stringContaining('once more') as string],
    ])
    const stuck = issue.fire('reviewStuck')
    expect(stuck.reports('feed.posted')).toMatchObject([
      { kind: 'review.stuck', summary: expect.stringContaining('its checks are red') as string },
    ])
    expect([phase(stuck), runState(stuck)]).toEqual(['repairing_ci', { waiting: 'capacity' }])
    expect(stuck.reports('rerun.wanted')).toEqual([])
    const working = granted(stuck).fire('reviewStuck')
    expect([runState(working), working.reports('feed.posted')]).toMatchObject([
      'active',
      [{ summary: expect.stringContaining('run-2 is at work') as string }],
    ])
  })
})

describe('a landed change of which a person wants more', () => {
  const landed = [...open, approved(), green(), merged()]

  it('goes on, on a branch of its own, told of what it follows (case 81)', () => {
    const more = play(...landed, prompted('also the other file'))
    expect([phase(more), runState(more), more.context.branch]).toEqual([
      'delegated',
      { waiting: 'capacity' },
      'signalbox/APP-1-say-which-file-2',
    ])
    const running = granted(more)
    expect(runInput(running)).toMatchObject({
      type: 'implementation',
      published: null,
      replaces: { number: 7 },
      messages: [{ text: 'also the other file' }],
    })
    const third = playOn(running, finished({ headAfter: 'N' }), { ...pushed('N'), number: 8 }, approved('N'), green('N'))
    const again = playOn(third, { ...merged('N'), number: 8 }, prompted('once more'))
    expect([phase(again), again.context.branch]).toEqual(['delegated', 'signalbox/APP-1-say-which-file-3'])
  })

  it('hears nothing new of the pull request that has landed', () => {
    const more = play(...landed, prompted('more'))
    expect(phase(playOn(more, merged(), pushed('Z'), { ...pr(), type: 'pr.closed', source: 'poll' }))).toBe('delegated')
  })

  it('stays done when nobody may act on it, or people only talk', () => {
    expect(phase(play(...landed, undelegated, prompted('more')))).toBe('done')
    expect(phase(play(...landed, { type: 'tracker.prompted', source: 'webhook', text: 'nice', author: 'ada', via: 'comment' }))).toBe(
      'done',
    )
  })
})

describe('words that are no instruction', () => {
  it('that ask how it goes are answered at once, and no run hears of them (cases 71, 72) (edges 80, 87)', () => {
    const issue = play(...open, red(), granted, prompted('status?'))
    expect(issue.reports('tracker.report')).toMatchObject([
      { kind: 'comment', text: expect.stringContaining('run-2 (ci repair by scripted) is at work.') as string },
    ])
    expect([issue.messages('run-2'), issue.context.inbox]).toEqual([[], []])
    const idle = play(...open, prompted('How is it going?'))
    expect([runState(idle), idle.reports('tracker.report').length]).toEqual(['idle', 1])
    const comments = [
      { ...prompted('Signalbox, how is it going?'), via: 'comment' },
      { ...prompted('how is it going?'), via: 'mention' },
    ]
    for (const comment of comments) {
      const asked = play(...open, comment)
      expect([runState(asked), asked.context.inbox]).toEqual(['idle', []])
      expect(asked.reports('tracker.report')).toMatchObject([{ kind: 'comment' }])
    }
  })

  it('that tell us to stop are a stop', () => {
    const issue = play(...open, red(), granted, prompted('Stop!'))
    expect([(issue.value as { authority: string }).authority, runState(issue)]).toEqual(['stopped', 'stopping'])
  })
})

describe('an agent that reviews', () => {
  const byAgent = (...happenings: Happening[]) => playWith({ policy: policy({ review: 'agent' }) }, ...happenings)
  const verdict = (word: 'approved' | 'changes_requested'): Happening =>
    finished({ outcome: 'completed', review: { verdict: word, body: 'b', findings: [], headSha: 'A' } })

  it('looks at what is green and not reviewed', () => {
    expect(needed(byAgent(...open, pending()))).toEqual(['pr_open', null])
    expect(needed(byAgent(...open, green()))).toEqual(['pr_open', 'review'])
    expect(needed(byAgent(...open, green(), approved()))).toEqual(['awaiting_queue', null])
    expect(needed(play(...open, green()))).toEqual(['pr_open', null])
  })

  it('decides as any reviewer, at once and when the forge tells of it', () => {
    const issue = byAgent(...open, green(), granted)
    expect(phase(playOn(issue, verdict('approved')))).toBe('awaiting_queue')
    const objecting = playOn(issue, verdict('changes_requested'))
    expect(needed(objecting)).toEqual(['changes_requested', 'review_fix'])
    expect(needed(playOn(objecting, changesRequested('A', 'scripted')))).toEqual(['changes_requested', 'review_fix'])
  })

  it('looks at the next head anew, unless its patch is the same', () => {
    const fixed = byAgent(...open, green(), granted, verdict('changes_requested'), granted, published('B'), green('B'))
    expect(needed(fixed)).toEqual(['pr_open', 'review'])
  })

  it('that gives no verdict is tried again while its own budget lasts, then a person is asked', () => {
    const budgets = { ...policy().budgets, review: 2 }
    const issue = playWith({ policy: policy({ review: 'agent', budgets }) }, ...open, green())
    const failed: Happening = finished({ outcome: 'failed', failure: 'agent', reason: 'no verdict' })
    const once = playOn(issue, granted, failed, paused)
    expect(needed(once)).toEqual(['pr_open', 'review'])
    expect(runInput(granted(once)).lastFailure).toBe('no verdict')
    const twice = playOn(once, granted, failed)
    expect([phase(twice), runState(twice)]).toEqual(['escalated', 'idle'])
    expect(waits(twice)[0]).toContain('no verdict')
    expect(twice.context.attempts).toMatchObject({ review: 2, review_fix: 0 })
    // What a person says goes: the escalation was about a head that nobody had judged.
    expect(needed(playOn(twice, approved()))).toEqual(['awaiting_queue', null])
    expect(needed(playOn(twice, changesRequested()))).toEqual(['changes_requested', 'review_fix'])
  })

  it('of heads that come and come has its budget too', () => {
    const budgets = { ...policy().budgets, review: 1 }
    const issue = playWith(
      { policy: policy({ review: 'agent', budgets }) },
      ...[...open, green(), granted, verdict('changes_requested'), granted, published('B'), green('B')],
    )
    expect(phase(issue)).toBe('escalated')
    expect(waits(issue)[0]).toContain('review')
  })

  it('that asks a person is given the answer itself', () => {
    const issue = byAgent(...open, green(), granted, finished({ outcome: 'needs_input', question: 'Is this meant?' }))
    expect(phase(issue)).toBe('awaiting_input')
    const answered = playOn(issue, prompted('Yes.'))
    expect(needed(answered)).toEqual(['pr_open', 'review'])
    expect(runInput(granted(answered))).toMatchObject({ question: 'Is this meant?', messages: [{ text: 'Yes.' }] })
    expect(needed(playOn(answered, granted, verdict('approved')))).toEqual(['awaiting_queue', null])
  })

  it("leaves the issue's worktree as it was, however it ends", () => {
    const before = byAgent(...open, green()).context
    for (const end of [
      { outcome: 'interrupted' as const, headBefore: 'A' },
      { outcome: 'needs_input' as const, headBefore: 'A', question: '?' },
      { outcome: 'failed' as const, failure: 'agent' as const, headBefore: 'A', dirty: ['a.ts'] },
    ]) {
      const { keep, restartFrom } = byAgent(...open, green(), granted, finished(end)).context
      expect({ keep, restartFrom }).toEqual({ keep: before.keep, restartFrom: before.restartFrom })
    }
  })

  it('is named where it is waited for', () => {
    expect(waits(byAgent(...open, green()))).toContain('reviewer: a review of pull request #7 by the agent scripted')
    expect(waits(play(...open, green()))).toContain('reviewer: a review of pull request #7')
  })

  it('is called off when the head moves on', () => {
    expect(runState(byAgent(...open, green(), granted, pushed('B')))).toBe('stopping')
    expect(runState(byAgent(...open, green(), granted, stopped))).toBe('stopping')
  })
})
