// Cases 198–294: runs that are not needed any more, that are interrupted, and what a start of the server and a poll find.

import { describe, expect, it } from 'vitest'
import type { Event } from '../../player.ts'
import {
  approved,
  authority,
  changesRequested,
  closedAs,
  commented,
  entered,
  evicted,
  finished,
  granted,
  green,
  interrupted,
  merged,
  open,
  opened,
  paused,
  phase,
  play,
  playOn,
  playWith,
  policy,
  pr,
  prClosed,
  prompted,
  red,
  retried,
  runState,
  stopped,
  updated,
  type Happening,
  type Issue,
} from '../facts.ts'
import { given, notes, polled, seenReview, times, waits } from '../stories.ts'

const conflict: Event = { type: 'pr.updated', source: 'poll', ...pr(), mergeable: 'conflict' }

describe('a run that is due', () => {
  it('for a change that lands meanwhile does not start (case 198)', () => {
    const issue = play(...open, red(), merged())
    expect([phase(issue), issue.reports('capacity.withdrawn').length]).toEqual(['done', 1])
    const late = granted(issue)
    expect([runState(late), late.reports('capacity.released').length]).toEqual(['idle', 1])
  })
})

describe('a run that is alive', () => {
  it('is left alone by polls before it has said anything, and while it says nothing (cases 239, 254) (edge 222)', () => {
    const begun = play(granted)
    const issue = playOn(begun, ...times(10, polled({ after: 60_000 })))
    expect([runState(issue), issue.context.run?.id, [...issue.children.keys()]]).toEqual(['active', 'run-1', ['run-1']])
    expect([issue.context.interruptions, issue.context.attempts.implementation]).toEqual([0, 1])
  })

  it('has no other beside it, whatever happens (case 260)', () => {
    const issue = play(...open, red(), granted)
    for (const told of [
      changesRequested(),
      red('A', 'another'),
      prompted('rename it'),
      conflict,
      polled({ checks: { state: 'failed' } }),
    ]) {
      const next = playOn(issue, told)
      expect([runState(next), next.reports('capacity.requested'), next.children.size]).toEqual(['active', [], 1])
    }
  })
})

describe('an interrupted run', () => {
  it('whose pull request is there already has done its work (case 231) (edge 228)', () => {
    const issue = play(granted, opened(), interrupted)
    expect([phase(issue), runState(issue)]).toEqual(['pr_open', 'idle'])
    expect(phase(play(granted, opened(), approved(), green(), interrupted))).toBe('awaiting_queue')
  })

  it('of a repair for the queue is due again (case 233) (edge 230)', () => {
    const issue = play(...open, approved(), green(), entered(), evicted(), granted, interrupted)
    expect([phase(issue), given(granted(issue))]).toMatchObject(['repairing_queue', { type: 'queue_repair', attempt: 1 }])
  })

  it.each<[string, Happening[]]>([
    ['review_fix', []],
    ['branch_upkeep', [conflict]],
  ])('that answered a review is due again as %s, with the review (case 234) (edge 231)', (type, more) => {
    const again = play(...open, changesRequested(), ...more, granted, interrupted, granted)
    expect(given(again)).toMatchObject({ type, attempt: 1, review: { reviewer: 'grace', body: 'name it' } })
  })
})

describe('a pause after interruptions', () => {
  const pausing = play(granted, ...times(5, interrupted, granted), interrupted)
  const soon = (told: Event): Issue => pausing.send({ ...told, observedAt: pausing.at + 1, at: pausing.at + 1 })

  it('is waited for to its end, whatever is told meanwhile, and the next run is given it (edge 224)', () => {
    for (const told of [updated(), red(), conflict, commented('in English')]) {
      const issue = soon(told)
      expect([runState(issue), issue.reports('capacity.requested'), issue.context.notBefore]).toEqual([
        { waiting: 'backoff' },
        [],
        pausing.context.notBefore,
      ])
    }
    const over = paused(soon(commented('in English')))
    expect([runState(over), notes(granted(over))]).toEqual([{ waiting: 'capacity' }, ['in English']])
  })

  it('is over when a person asks for a run', () => {
    for (const word of [prompted('go on'), retried()]) expect(runState(soon(word))).toEqual({ waiting: 'capacity' })
  })
})

describe('a run that is released', () => {
  it('gives its place back, and what was asked meanwhile is given a new one (edge 287)', () => {
    const stopping = play(granted, stopped, prompted('go on'))
    expect([authority(stopping), runState(stopping), stopping.reports('capacity.requested')]).toEqual(['acting', 'stopping', []])
    const released = playOn(stopping, finished({ outcome: 'released' }))
    const places = released.commands.flatMap((command) => (command.type === 'emit' ? [command.event.type] : []))
    expect(places.filter((type) => type.startsWith('capacity.'))).toEqual(['capacity.released', 'capacity.requested'])
    expect(notes(granted(released))).toEqual(['go on'])
  })
})

describe('a poll', () => {
  it('that sees changes requested of an issue at rest starts their fix, after a start of the server too (case 272) (edge 152)', () => {
    const issue = playOn(
      play(...open),
      { type: 'policy.changed', policy: policy() },
      polled({ reviews: [seenReview('changes_requested')] }),
    )
    expect([phase(issue), given(granted(issue)).type]).toEqual(['changes_requested', 'review_fix'])
  })

  it('gives no attempts back to what has used them up (case 282)', () => {
    const budgets = { ...policy().budgets, review_fix: 1 }
    const fix = finished({ outcome: 'failed', failure: 'agent', reason: 'no' })
    const spent = playWith({ policy: policy({ budgets }) }, ...open, changesRequested(), granted, fix)
    expect(phase(spent)).toBe('escalated')
    const { observedAt } = spent.context.heads['A']!.reviews['grace']!
    const seen = polled({ reviews: [{ ...seenReview('changes_requested'), observedAt }] })
    const later = playOn(spent, ...times(5, seen))
    expect([phase(later), runState(later), later.context.attempts.review_fix]).toEqual(['escalated', 'idle', 1])
  })

  it('that sees the pull request of a done issue closed opens nothing (case 285)', () => {
    const done = play(...open, closedAs('done'))
    for (const told of [prClosed, polled({ pr: { state: 'closed' } })]) {
      const issue = playOn(done, told)
      expect([phase(issue), runState(issue)]).toEqual(['done', 'idle'])
    }
  })

  it('that sees it closed starts no fix of what a reviewer had asked of it, also after a retry (edge 182)', () => {
    const done = play(...open, changesRequested(), closedAs('done'))
    for (const told of [prClosed, polled({ pr: { state: 'closed' }, reviews: [seenReview('changes_requested')] })]) {
      const issue = playOn(done, told)
      expect([phase(issue), runState(issue), waits(issue)]).toEqual(['done', 'idle', []])
      expect(given(playOn(issue, retried(), granted))).toMatchObject({ type: 'implementation', replaces: { number: 7 } })
    }
  })
})

describe('a landing', () => {
  it('is watched where the project deploys, and the end where it does not (case 288)', () => {
    const landed = [...open, approved(), green(), merged()]
    expect(phase(play(...landed))).toBe('done')
    expect(phase(playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...landed))).toBe('deploying')
  })
})

describe('an issue that its agent found to need no change', () => {
  it('is told to the tracker as done, and stays so while the tracker is behind (case 296) (edges 141, 264)', () => {
    const said = finished({ outcome: 'no_change', completion: 'done', reason: 'it is there' })
    expect(play(granted, said).reports('tracker.report')).toMatchObject([
      { kind: 'comment', text: 'it is there' },
      { kind: 'state', phase: 'done', text: 'Done without a pull request' },
    ])
    const behind = playOn(play(granted, said), updated({ state: 'Implementing', stateType: 'started' }), polled())
    expect([phase(behind), runState(behind), behind.reports('tracker.report')]).toEqual(['done', 'idle', []])
  })
})
