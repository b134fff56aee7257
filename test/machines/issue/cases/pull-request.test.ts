// Cases 107–140: the life of a pull request, what reviewers say of it, and approvals that come in between.

import { describe, expect, it } from 'vitest'
import { dawn, type Event } from '../../player.ts'
import {
  approved,
  changesRequested,
  closedAs,
  dismissed,
  entered,
  finished,
  granted,
  green,
  interrupted,
  isUnwanted,
  isWanted,
  merged,
  open,
  opened,
  output,
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
  runState,
  updated,
  type Happening,
  type Issue,
} from '../facts.ts'
import { given, polled, seenReview, waits, withoutPause } from '../stories.ts'

const landing: Happening[] = [approved(), green()]
const conflict = (headSha = 'A'): Event => ({ type: 'pr.updated', source: 'poll', ...pr(headSha), mergeable: 'conflict' })
const question = finished({ outcome: 'needs_input', question: 'Which?' })
/** Everything that the last step has asked of the world. */
const reported = (issue: Issue): string[] => issue.commands.flatMap((command) => (command.type === 'emit' ? [command.event.type] : []))

describe('a pull request', () => {
  it.each<[string, Happening[]]>([
    ['changes_requested', [...open, changesRequested()]],
    ['repairing_ci', [...open, red()]],
    ['awaiting_queue', [...open, ...landing]],
    ['awaiting_input', [...open, red(), granted, question]],
    ['escalated', [...open, changesRequested(), granted, finished({ outcome: 'no_change' })]],
    ['failed', [...open, closedAs('failed')]],
    ['done', [...open, merged()]],
  ])('that is told of anew leaves an issue that is %s as it is (case 107)', (name, story) => {
    const issue = play(...story)
    expect([phase(issue), phase(playOn(issue, opened()))]).toEqual([name, name])
  })

  it('that has landed ends the issue, here and in the tracker, once (cases 110, 293)', () => {
    const issue = play(...open, ...landing, entered(), merged())
    expect(phase(issue)).toBe('done')
    expect(issue.reports('tracker.report')).toMatchObject([{ kind: 'state', phase: 'done' }])
    const told = playOn(issue, updated({ state: 'Done', stateType: 'completed' }))
    expect([phase(told), told.reports('tracker.report')]).toEqual(['done', []])
  })

  it('that was pushed to after a review asks for no other one by itself (case 119)', () => {
    const issue = playOn(play(...open, changesRequested(), granted), published('B'))
    expect(new Set(reported(issue))).toEqual(new Set(['feed.posted', 'capacity.released']))
  })
})

describe('an approval', () => {
  it('of an issue at rest is known, and starts nothing (edge 165)', () => {
    const issue = play(...open, pending(), approved())
    expect([phase(issue), runState(issue), issue.reports('capacity.requested')]).toEqual(['pr_open', 'idle', []])
    expect(issue.context.heads['A']?.reviews['grace']?.verdict).toBe('approved')
    const wanted = playOn(issue, green())
    expect([phase(wanted), runState(wanted), wanted.reports('capacity.requested')]).toEqual(['awaiting_queue', 'idle', []])
  })

  it('during a run that answers no review is only known (case 122)', () => {
    const issue = play(...open, red(), granted, approved())
    expect([phase(issue), runState(issue), issue.messages('run-2')]).toEqual(['repairing_ci', 'active', []])
    expect(issue.context.heads['A']?.reviews['grace']?.verdict).toBe('approved')
  })

  it('of another head than that of the fix supersedes nothing (case 138)', () => {
    const issue = play(...open, changesRequested(), granted, approved('B'))
    expect([runState(issue), issue.messages('run-2')]).toEqual(['active', []])
  })

  it('that comes when the fix has ended finds nothing to supersede (case 140)', () => {
    const fixed = play(...open, changesRequested(), granted, published('B'))
    const issue = playOn(fixed, approved('B'))
    expect([issue.commands.filter(({ type }) => type === 'send'), issue.context.attempts.review_fix]).toEqual([[], 1])
    // And the fix, were it told, has answered already.
    expect(fixed.send({ type: 'run.finished', runId: 'run-2', ...output({ outcome: 'superseded' }) }).context.attempts.review_fix).toBe(1)
  })
})

describe('requested changes', () => {
  it('start a fix that is given the text, the findings and where they are (case 125)', () => {
    const comments = [{ path: 'src/a.ts', line: 3, body: 'Say which file.' }]
    const issue = play(...open, { ...changesRequested(), body: 'Not yet.', comments }, granted)
    expect(given(issue)).toMatchObject({
      ...{ type: 'review_fix', past: 'A', published: 'A' },
      review: { reviewer: 'grace', body: 'Not yet.', comments, headSha: 'A' },
    })
  })

  describe('during a run that was not told of them', () => {
    const during = [...open, red(), granted, changesRequested()]

    it('start no second run, and are made when this one has ended, also on the head that it pushes (case 126) (edges 162, 269)', () => {
      const issue = play(...during)
      expect([runState(issue), issue.children.size, issue.reports('capacity.requested')]).toEqual(['active', 1, []])
      const failed = finished({ outcome: 'failed', failure: 'environment', reason: 'no such command' })
      for (const end of [published('B'), finished({ headAfter: 'B', progressed: true }), failed]) {
        const next = playOn(issue, end, withoutPause, granted)
        expect(given(next)).toMatchObject({ type: 'review_fix', review: { reviewer: 'grace', body: 'name it' } })
        // The fix has heard of them: its own head asks its reviewer again.
        expect([phase(playOn(next, published('C'))), runState(playOn(next, published('C')))]).toEqual(['pr_open', 'idle'])
      }
    })

    it('are no longer asked for when their reviewer takes them back, or approves what came of it', () => {
      const issue = playOn(play(...during), published('B'))
      expect(phase(issue)).toBe('changes_requested')
      for (const word of [dismissed('A'), dismissed('B'), approved('A'), approved('B'), polled({ reviews: [] })])
        expect([phase(playOn(issue, word)), runState(playOn(issue, word))]).toEqual(['pr_open', 'idle'])
      expect(phase(playOn(issue, polled({ reviews: [{ ...seenReview('changes_requested'), observedAt: issue.at }] })))).toBe(
        'changes_requested',
      )
      const more = playOn(issue, { ...changesRequested('A'), body: 'name both' }, granted)
      expect(given(more).review?.body).toBe('name both')
    })

    it('count also when they are heard of after its push, and not after its end', () => {
      const pushing: Happening = (issue) => issue.send({ type: 'run.publishing', runId: issue.context.run!.id, head: 'B' })
      const late = play(
        ...open,
        red(),
        granted,
        pushing,
        pushed('B'),
        changesRequested('A'),
        finished({ headAfter: 'B', progressed: true }),
      )
      expect(phase(late)).toBe('changes_requested')
      expect(phase(play(...open, red(), granted, published('B'), changesRequested('A')))).toBe('pr_open')
      // What somebody else has pushed is theirs to have it looked at.
      expect(phase(playOn(play(...during), pushed('H'), finished({ outcome: 'superseded' })))).toBe('pr_open')
    })
  })

  it('are begun with one word to the tracker, which says the round (case 134)', () => {
    const words = (issue: Issue) => issue.reports('tracker.report').map(({ kind, text }) => `${kind as string}: ${text as string}`)
    const first = play(...open, changesRequested(), granted)
    expect(words(first)).toEqual(['comment: Review round 1: scripted makes the changes that were asked for on A.'])
    // The same round, begun again after an interruption, is not told again.
    expect(words(playOn(first, interrupted, granted))).toEqual([])
    const second = playOn(first, published('B'), changesRequested('B'), granted)
    expect(words(second)).toEqual(['comment: Review round 2: scripted makes the changes that were asked for on B.'])
    expect(words(play(...open, red(), granted))).toEqual([])
  })

  it('F26: by several reviewers are one fix, which is given what all of them say (case 128)', () => {
    const finding = (path: string) => ({ path, line: 1, body: path })
    const issue = play(
      ...open,
      { ...changesRequested('A', 'ada'), body: 'Name it.', comments: [finding('a.ts')] },
      { ...changesRequested('A', 'grace'), body: 'Test it.', comments: [finding('b.ts')] },
      granted,
    )
    const { review } = given(issue)
    expect([review?.reviewer, review?.body, review?.comments.map(({ path }) => path)]).toEqual([
      'ada, grace',
      'ada: Name it.\n\ngrace: Test it.',
      ['a.ts', 'b.ts'],
    ])
    expect([runState(playOn(issue, published('B'))), issue.context.attempts.review_fix]).toEqual(['idle', 1])
  })

  it('F45: that are taken back while their fix waits for a place start none; what else waits stays (case 129) (edge 236)', () => {
    const waiting = play(...open, changesRequested())
    for (const end of [dismissed(), approved(), polled({ reviews: [] })]) {
      const issue = playOn(waiting, end)
      expect([runState(issue), issue.reports('capacity.withdrawn').length, runState(granted(issue))]).toEqual(['idle', 1, 'idle'])
    }
    for (const end of [dismissed(), approved()]) expect(given(playOn(waiting, red(), end, granted)).type).toBe('ci_repair')
    expect(given(playOn(waiting, prClosed, granted)).type).toBe('implementation')
  })

  it('that are written anew before their fix begins are given to it as the last look has them', () => {
    const objecting = (body: string, after?: number): Happening =>
      polled({ reviews: [{ ...seenReview('changes_requested'), body }], ...(after === undefined ? {} : { after }) })
    const issue = play(...open, objecting('name it'), objecting('name both'))
    expect(given(granted(issue)).review?.body).toBe('name both')
    // A look that was sent before and is answered after it has seen what was there before.
    expect(given(playOn(issue, objecting('name it', -2_000), granted)).review?.body).toBe('name both')
  })

  it('are not made again once they were; a conflict that is left is (case 203) (edge 246)', () => {
    const fixed = play(...open, changesRequested(), granted, published('B'))
    expect(given(playOn(fixed, conflict('B'), granted))).toMatchObject({ type: 'branch_upkeep', review: null })
  })

  it('hold the head that they are of, and its next one waits for its reviewer (case 303)', () => {
    const same = play(...open, green(), changesRequested())
    expect([phase(same), waits(same)]).toEqual(['changes_requested', ['capacity: a free place for its run']])
    expect(same.reports('tracker.report')).toMatchObject([
      { text: expect.stringContaining('whose head A is blocked until another answers them') as string },
    ])
    const next = playOn(same, granted, published('B'), green('B'))
    expect([phase(next), waits(next)]).toEqual(['pr_open', ['reviewer: a review of pull request #7']])
  })
})

describe('a run that works while the pull request is open', () => {
  it('does not show as another phase (case 300)', () => {
    const issue = playOn(play(...open, prompted('rename it')), granted)
    expect([phase(issue), runState(issue), issue.reports('tracker.report')]).toEqual(['pr_open', 'active', []])
  })

  it('is ended by a landing, and that is the end (cases 242, 245) (edge 180)', () => {
    for (const told of [merged(), polled({ pr: { state: 'merged', mergedSha: 'M' } })]) {
      const issue = playOn(play(...open, red(), granted), told)
      expect([phase(issue), runState(issue)]).toEqual(['done', 'stopping'])
      expect(issue.reports('tracker.report')).toMatchObject([{ kind: 'state', phase: 'done' }])
      for (const end of [finished({ outcome: 'superseded' }), finished({ outcome: 'interrupted' })]) {
        const rested = playOn(issue, end)
        expect([phase(rested), runState(rested), rested.reports('capacity.requested')]).toEqual(['done', 'idle', []])
      }
    }
  })
})

describe('a run that ends well', () => {
  it('leaves the pull request open, or where the facts have taken it meanwhile (case 200)', () => {
    const during = (...told: Happening[]) => phase(play(granted, opened(), ...told, finished({ headAfter: 'A', progressed: true })))
    expect([during(), during(...landing), during(...landing, merged())]).toEqual(['pr_open', 'awaiting_queue', 'done'])
  })

  it.each<[string, Happening[]]>([
    ['review_fix', [changesRequested()]],
    ['ci_repair', [red()]],
    ['queue_repair', [...landing, entered(), { type: 'queue.evicted', source: 'system', headSha: 'A', incident: null }]],
    ['branch_upkeep', [conflict()]],
  ])('as %s leaves behind what was said of the head before (case 201)', (type, story) => {
    const issue = play(...open, ...story, granted)
    expect(given(issue).type).toBe(type)
    const done = playOn(issue, published('B'), red('A'), changesRequested('A'))
    expect([phase(done), runState(done)]).toEqual(['pr_open', 'idle'])
    const wanted = playOn(done, approved('B'), green('B'))
    expect([phase(wanted), wanted.reports('landing.decided').filter(isWanted).length]).toEqual(['awaiting_queue', 1])
  })

  it.each(['human', 'none'] as const)('does not land over whom the forge still counts against it, where %s has to review', (review) => {
    const looked = (head: string, ...by: string[]) =>
      polled({
        pr: { headSha: head, objectors: by },
        reviews: [seenReview('changes_requested', 'A', 'rob'), { ...seenReview('approved', 'B'), observedAt: dawn + 60_000 }],
        checks: { state: 'passed' },
      })
    const fixed = [...open, changesRequested('A', 'rob'), granted, published('B')]
    const held = playWith({ policy: policy({ review }) }, ...fixed, looked('B', 'rob'))
    expect([phase(held), runState(held), waits(held)]).toEqual(['pr_open', 'idle', ['reviewer: another review of pull request #7 by rob']])
    // What comes by itself says nothing about it.
    expect(phase(playOn(held, { type: 'pr.updated', source: 'webhook', ...pr('B') }))).toBe('pr_open')
    expect(phase(playOn(held, looked('B')))).toBe('awaiting_queue')
    const queued = playOn(held, looked('B'), looked('B', 'rob'))
    expect([phase(queued), queued.reports('landing.decided').filter(isUnwanted).length]).toEqual(['pr_open', 1])
  })

  it('is looked at by a reviewing agent once, while the forge still waits for somebody else', () => {
    const seen = polled({
      pr: { headSha: 'B', objectors: ['rob'] },
      reviews: [{ ...seenReview('approved', 'B'), observedAt: dawn + 60_000 }],
      checks: { state: 'passed' },
    })
    const issue = playWith({ policy: policy({ review: 'agent' }) }, ...open, changesRequested('A', 'rob'), granted, published('B'), seen)
    expect([phase(issue), runState(issue)]).toEqual(['pr_open', 'idle'])
  })

  it('or badly is followed by what came meanwhile (case 204)', () => {
    const issue = play(...open, changesRequested(), granted, prompted('and test it'))
    expect(given(playOn(issue, published('B'), granted)).messages).toMatchObject([{ text: 'and test it' }])
    const failed = playOn(issue, finished({ outcome: 'failed', failure: 'environment', reason: 'no such command' }))
    expect(given(playOn(failed, withoutPause, granted)).messages).toMatchObject([{ text: 'and test it' }])
  })

  it('and was found by a poll, since its forge had not told, counts as published (case 224)', () => {
    const seen: Happening = (issue) =>
      issue.send({
        ...{ type: 'reconcile', source: 'poll', observedAt: issue.at + 1_000 },
        pr: {
          ...pr('A', { state: 'open', mergeable: 'clean', mergedSha: null }),
          ...{ reviews: [seenReview('approved')], checks: { headSha: '', state: 'none', names: [], failures: [], observedAt: 0 } },
          ...{ queue: { headSha: '', state: 'none', incident: null, observedAt: 0 }, observedAt: issue.at + 1_000 },
        },
      })
    const issue = play(granted, seen)
    expect([phase(issue), issue.context.pr?.number, runState(issue)]).toEqual(['pr_open', 7, 'active'])
    expect(phase(playOn(issue, finished({ outcome: 'completed', headAfter: 'A' }), green()))).toBe('awaiting_queue')
  })
})
