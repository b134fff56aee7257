// Facts in any order, late, twice or about a former head: what the issue knows in the end is the newest truth.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IssueContext } from '../../../src/machines/issue/context.ts'
import { dawn, type Event } from '../player.ts'
import {
  approved,
  changesRequested,
  delegated,
  dismissed,
  entered,
  evicted,
  finished,
  granted,
  green,
  merged,
  open,
  opened,
  pending,
  phase,
  play,
  playOn,
  pr,
  prClosed,
  pushed,
  red,
  removed,
  reopened,
  stopped,
  tracked,
  undelegated,
  updated,
  prompted,
  isWanted,
  type Happening,
  type Issue,
} from './facts.ts'

const minute = 60_000
/** What facts alone decide: neither counters nor what people were told. */
const truth = ({ context: { pr: pullRequest, heads, issue, delegated: isOurs, removed: isGone, blockers, phase: name } }: Issue) => ({
  ...{ pullRequest, heads, issue, isOurs, isGone, blockers, name },
})
const observed = (facts: Event[]): Event[] => facts.map((fact, i) => ({ ...fact, observedAt: dawn + (i + 1) * minute }))
const tell = (issue: Issue, facts: Event[]): Issue => facts.reduce((now, fact) => now.send(fact), issue)

describe('the newest truth wins', () => {
  const fact = fc.constantFrom(
    opened('A'),
    pushed('A'),
    pushed('B'),
    pushed('C'),
    { ...pushed('B'), draft: true },
    approved('A'),
    approved('B'),
    approved('C', 'ada'),
    changesRequested('B'),
    dismissed('B'),
    pending('B'),
    green('A'),
    green('B'),
    red('B'),
    green('C'),
    entered('B'),
    evicted('conflict', 'B'),
    { ...entered('B'), type: 'queue.left' },
  )

  it('in whatever order facts about a pull request come', () => {
    fc.assert(
      fc.property(
        fc.array(fact, { minLength: 1, maxLength: 10 }).chain((facts) => {
          const inOrder = observed(facts)
          return fc.tuple(fc.constant(inOrder), fc.shuffledSubarray(inOrder, { minLength: inOrder.length, maxLength: inOrder.length }))
        }),
        ([inOrder, shuffled]) => {
          const begin = play(granted)
          expect(truth(tell(begin, shuffled))).toEqual(truth(tell(begin, inOrder)))
        },
      ),
      { numRuns: process.env['SIGNALBOX_NIGHTLY'] ? 20_000 : 300 },
    )
  })

  it('in whatever order facts about the issue come', () => {
    const facts = observed([
      updated({ title: 'one' }),
      undelegated,
      { type: 'blocker.changed', key: 'APP-0', resolved: true },
      updated({ title: 'two', blockedBy: [{ key: 'APP-0', resolved: false }], delegated: false }),
      { type: 'blocker.changed', key: 'APP-0', resolved: true },
      removed,
    ])
    fc.assert(
      fc.property(fc.shuffledSubarray(facts, { minLength: facts.length, maxLength: facts.length }), (shuffled) => {
        expect(truth(tell(play(), shuffled))).toEqual(truth(tell(play(), facts)))
      }),
    )
  })

  it('and an older fact about the pull request changes nothing', () => {
    const issue = play(...open, pushed('B'))
    expect(issue.send({ ...opened('A'), observedAt: dawn + 1 }).context.pr?.headSha).toBe('B')
  })

  it('and nothing reopens what has landed', () => {
    const landed = play(...open, approved(), green(), merged())
    expect(phase(playOn(landed, reopened, pushed('B'), red('B'), prClosed, { ...opened('C'), number: 8 }))).toBe('done')
  })

  it('and a dismissed approval does not come back with a late webhook', () => {
    const issue = play(...open, green(), approved(), dismissed())
    expect(phase(issue.send({ ...approved(), observedAt: dawn + minute }))).toBe('pr_open')
  })

  it('and the end of another pull request says nothing about the open one', () => {
    const other = { ...prClosed, number: 6 }
    expect(phase(playOn(play(...open), other))).toBe('pr_open')
    expect(phase(playOn(play(...open), { ...merged(), number: 6 }))).toBe('done')
  })
})

describe('facts of the same second', () => {
  const second = { observedAt: dawn + 10 * minute }
  const at = (fact: Event): Event => ({ ...fact, ...second })
  const present = (issue: Issue) => issue.context.pr?.headSha

  it('take a head that was never the present one for the newer, and do not bring back one that was left', () => {
    const issue = playOn(play(granted), at(opened('A')), at(pushed('B')))
    expect(present(issue)).toBe('B')
    expect(present(playOn(issue, at(opened('A')), at(pushed('A'))))).toBe('B')
  })

  it('do not undo our own publication', () => {
    const [begin, publish] = open as [Happening, (issue: Issue) => Issue]
    const opening = publish(playOn(play(), begin))
    const known = opening.context.pr!.observedAt
    const again = playOn(opening, prompted('and b'), granted, finished({ headAfter: 'B' }), { ...opened('A'), observedAt: known })
    expect([present(again), phase(again)]).toEqual(['B', 'pr_open'])
    expect(present(playOn(again, { ...pushed('B'), observedAt: known }))).toBe('B')
  })

  it('take a landing for the end, whenever it was observed', () => {
    const issue = playOn(play(granted), at(opened('A')), at(pushed('B')))
    expect(phase(playOn(issue, at(merged('B'))))).toBe('done')
    expect(phase(playOn(issue, at(merged('B')), at(pushed('C')), at(prClosed)))).toBe('done')
    expect(phase(issue.send({ ...merged('B'), observedAt: dawn + minute }))).toBe('done')
  })

  it('take the graver of two words of a reviewer, and of two results of the checks, in whatever order they come', () => {
    const facts = [approved('A'), changesRequested('A'), dismissed('A'), pending('A'), green('A'), red('A')].map(at)
    const all = { reviews: { grace: { verdict: 'dismissed' } }, checks: { state: 'failed' } }
    fc.assert(
      fc.property(fc.shuffledSubarray(facts, { minLength: facts.length, maxLength: facts.length }), (shuffled) => {
        expect(tell(play(granted, opened('A')), [...shuffled, ...shuffled]).context.heads['A']).toMatchObject(all)
      }),
    )
    expect(tell(play(granted, opened('A')), [pending('A'), green('A')].map(at)).context.heads['A']?.checks?.state).toBe('passed')
  })

  it('know whether it merges once one of them does', () => {
    const issue = playOn(play(granted), at(opened('A', { mergeable: 'unknown' })), at(opened('A', { mergeable: 'conflict' })))
    expect(issue.context.pr?.mergeable).toBe('conflict')
    expect(playOn(issue, at(opened('A', { mergeable: 'unknown' }))).context.pr?.mergeable).toBe('conflict')
  })

  it('give way to a poll that was sent after what is known came, and to no other', () => {
    const poll = (headSha: string, sentAt: number): Event => ({
      ...{ type: 'reconcile', source: 'poll', observedAt: sentAt },
      pr: {
        ...pr(headSha, { state: 'open', mergeable: 'clean', mergedSha: null }),
        reviews: [],
        checks: { headSha: '', state: 'none', names: [], failures: [], observedAt: 0 },
        queue: { headSha: '', state: 'none', incident: null, observedAt: 0 },
        ...second,
      },
    })
    // The webhooks have come in the wrong order.
    const issue = playOn(play(granted), at(pushed('B')), at(opened('A')))
    expect(present(issue)).toBe('A')
    expect(present(playOn(issue, poll('B', issue.at + 1)))).toBe('B')
    expect(present(playOn(issue, poll('B', issue.at - 1)))).toBe('A')
    expect(present(playOn(issue, poll('B', issue.at + 1), poll('A', issue.at)))).toBe('B')
  })
})

describe('attempts', () => {
  it('come back with a head that somebody else pushed, once', () => {
    const tried = play(...open, red(), granted, finished({ outcome: 'failed', failure: 'agent', reason: 'no' }))
    expect(tried.context.attempts.ci_repair).toBe(1)
    expect(playOn(tried, pushed('H')).context.attempts.ci_repair).toBe(0)
    const again = playOn(tried, pushed('H'), red('H'))
    expect(playOn(again, granted, pushed('H')).context.attempts.ci_repair).toBe(1)
  })
})

describe('a poll', () => {
  const facts = (changes: object = {}, at = dawn + 60 * minute) => ({
    ...{ type: 'reconcile', source: 'poll', observedAt: at },
    tracker: { ...tracked(), delegated: true, observedAt: at },
    pr: {
      ...pr('A', { state: 'open', mergeable: 'clean', mergedSha: null, title: 'T' }),
      reviews: [],
      checks: { headSha: 'A', state: 'none', names: [], failures: [], observedAt: at },
      queue: { headSha: 'A', state: 'none', incident: null, observedAt: at },
      observedAt: at,
      ...changes,
    },
  })
  const review = {
    ...{ id: '1', reviewer: 'grace', headSha: 'A', body: '', comments: [] },
    verdict: 'approved',
    observedAt: dawn + 20 * minute,
  }
  const checks = { headSha: 'A', state: 'passed', names: ['ci'], failures: [], observedAt: dawn + 20 * minute }

  it('gives what lost webhooks would have given', () => {
    const told = play(granted, opened(), finished({ headAfter: 'A' }), approved(), green())
    const polled = play(granted, finished({ headAfter: 'A' }), facts({ reviews: [review], checks }))
    expect([phase(polled), polled.reports('landing.decided').filter(isWanted).length]).toEqual([
      phase(told),
      told.reports('landing.decided').filter(isWanted).length,
    ])
  })

  it('is taken in every state, and changes nothing that is newer', () => {
    const issue = play(...open, approved(), green())
    expect(phase(playOn(issue, { ...facts({}, dawn + minute), observedAt: dawn + minute }))).toBe('awaiting_queue')
  })

  it('that does not see a verdict any more has seen it dismissed', () => {
    const issue = play(...open, approved(), green(), facts({ checks }))
    expect(phase(issue)).toBe('pr_open')
    expect(phase(issue.send({ ...approved(), observedAt: dawn + 30 * minute }))).toBe('pr_open')
    expect(phase(issue.send({ ...approved(), observedAt: dawn + 90 * minute }))).toBe('awaiting_queue')
  })

  it('of what was not asked leaves it as it is', () => {
    const issue = play(...open, approved(), green(), { type: 'reconcile', source: 'poll' })
    expect(phase(issue)).toBe('awaiting_queue')
    expect(phase(play(...open, { type: 'reconcile', source: 'poll', pr: null }))).toBe('pr_open')
  })

  it('that finds the issue gone ends it, and one that finds it again goes on', () => {
    const gone = play({ type: 'reconcile', source: 'poll', tracker: null })
    expect(phase(gone)).toBe('failed')
    expect(phase(playOn(gone, facts({}, gone.at + minute)))).not.toBe('failed')
  })

  it('that finds it delegated lifts a stop only when it had been taken back meanwhile', () => {
    const at = dawn + 60 * minute
    const isStopped = (issue: Issue): boolean => issue.context.stop !== null
    expect(isStopped(playOn(play(stopped), facts({}, at)))).toBe(true)
    expect(isStopped(playOn(play(stopped, undelegated), facts({}, at)))).toBe(false)
  })
})

describe('a child', () => {
  it('is known by its newest state', () => {
    const issue = playOn(
      play(),
      { type: 'child.changed', key: 'APP-2', state: 'started' },
      { type: 'child.changed', key: 'APP-2', state: 'completed' },
    )
    expect(issue.context.issue.children).toEqual([{ key: 'APP-2', state: 'completed' }])
    expect(issue.send({ type: 'child.changed', key: 'APP-3', state: 'x', observedAt: dawn - 1 }).context.issue.children).toHaveLength(1)
  })
})

describe('a fact', () => {
  const all: Event[] = [
    updated(),
    delegated,
    opened(),
    approved(),
    changesRequested(),
    green(),
    red(),
    pending(),
    entered(),
    evicted(),
    merged(),
  ]
  it.each(all.map((fact) => [fact.type, fact] as const))('%s told twice equals once', (_type, fact) => {
    const once = play(granted).send({ ...fact, observedAt: dawn + minute })
    const twice = once.send({ ...fact, observedAt: dawn + minute })
    const known = ({ now: _now, ...rest }: IssueContext) => rest
    expect([known(twice.context), twice.value, twice.commands]).toEqual([known(once.context), once.value, []])
  })

  it('is remembered of the newest heads only', () => {
    const issue = playOn(play(...open, pending()), ...Array.from('BCDEFGHIJKLM', (sha) => red(sha)))
    expect(Object.keys(issue.context.heads)).toHaveLength(8)
    expect(issue.context.heads).toHaveProperty('A')
    expect(issue.context.heads).toHaveProperty('M')
  })
})
