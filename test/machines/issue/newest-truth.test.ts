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
  playWith,
  policy,
  pr,
  prClosed,
  pushed,
  red,
  removed,
  reopened,
  reviewCommented,
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

it.each([reviewCommented(), { type: 'capacity.revoked', issue: '1', request: 1 } as Event])(
  'of what changes nothing the time is known: $type',
  (event) => {
    const before = play(...open)
    const after = playOn(before, event)
    expect([after.context.now, after.value]).toEqual([after.at, before.value])
    expect(after.at).toBeGreaterThan(before.context.now)
  },
)

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

  it('nor does what a run had just published when it landed', () => {
    const landing = playOn(play(...open), prompted('and b'), granted, merged('A'))
    for (const head of ['A', 'B']) {
      const late = { ...pr(head, { number: head === 'A' ? 7 : 8 }), state: 'open' as const }
      expect(phase(playOn(landing, finished({ headAfter: head, pr: late })))).toBe('done')
    }
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

describe('what is known of a pull request', () => {
  const known = (issue: Issue) => issue.context.pr
  const clean = play(granted, opened('A', { mergeable: 'clean' }))

  it('is whether it merges, of this head only', () => {
    expect(known(playOn(clean, pushed('A')))?.mergeable).toBe('clean')
    expect(known(playOn(clean, pushed('B')))?.mergeable).toBe('unknown')
    const at = { observedAt: known(clean)!.observedAt }
    const unknown = playOn(clean, pushed('B'))
    const same = { observedAt: known(unknown)!.observedAt }
    expect(known(unknown.send({ ...opened('B', { mergeable: 'conflict', number: 8 }), ...same }))?.mergeable).toBe('unknown')
    expect(known(unknown.send({ ...opened('A', { mergeable: 'conflict' }), ...same }))?.mergeable).toBe('unknown')
    expect(known(clean.send({ ...opened('A', { mergeable: 'conflict' }), ...at }))?.mergeable).toBe('clean')
  })

  it('is its landing, also when it is told again without the commit', () => {
    const landed = playOn(clean, merged())
    expect(known(landed)?.mergedSha).toBe('M')
    expect(known(playOn(landed, { ...merged(), mergedSha: null }))?.mergedSha).toBe('M')
  })

  it('is not what became of another one before', () => {
    expect(known(clean.send({ ...merged(), number: 6, observedAt: dawn + 1 }))?.state).toBe('open')
    const closed = playOn(clean, prClosed)
    expect(known(playOn(closed, { ...prClosed, number: 8 }))?.number).toBe(8)
  })

  it('is what we have published, until the forge tells of it, of something newer, or of its end', () => {
    const [begin, publish] = open as [Happening, (issue: Issue) => Issue]
    const first = publish(playOn(play(), begin))
    const published = playOn(first, prompted('and b'), granted, finished({ headAfter: 'B' }))
    expect(published.context.published).toBe('B')
    // A late word about our own former head: the forge has not caught up.
    const behind = playOn(published, pushed('A'))
    expect([behind.context.published, known(behind)?.headSha]).toEqual(['B', 'A'])
    for (const fact of [pushed('B'), pushed('H'), prClosed, merged('A')]) expect(playOn(behind, fact).context.published).toBeNull()
  })
})

describe('a deployment', () => {
  const deployed = (sha: string, type = 'deploy.succeeded') => ({ type, source: 'webhook', sha, url: null })
  const landed = playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...open, approved(), green(), merged())

  it('of the landed commit ends the watch; of another it says nothing', () => {
    expect([phase(landed), landed.context.deploy?.sha]).toEqual(['deploying', 'M'])
    expect(phase(playOn(landed, deployed('X'), deployed('X', 'deploy.failed')))).toBe('deploying')
    expect(phase(playOn(landed, deployed('M')))).toBe('done')
    expect(phase(playOn(landed, deployed('M', 'deploy.failed')))).toBe('escalated')
  })

  it('that succeeded once stays so, and is watched once', () => {
    const done = playOn(landed, deployed('M'), deployed('M', 'deploy.failed'), { ...merged(), mergedSha: 'N' })
    expect([phase(done), done.context.deploy]).toMatchObject(['done', { sha: 'M', state: 'succeeded' }])
  })

  it('of a landing without a commit is of its head', () => {
    const { mergedSha: _mergedSha, ...bare } = merged()
    const issue = playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...open, bare)
    expect(issue.context.deploy?.sha).toBe('A')
  })

  it('says nothing where none is watched', () => {
    expect(playOn(play(...open), deployed('M'), deployed('M', 'deploy.failed')).context.deploy).toBeNull()
  })
})

describe('what holds a landing up', () => {
  it('is over with a newer word of the queue about its head, and with no other', () => {
    const held = { type: 'queue.held', headSha: 'A', reason: 'dirty', files: ['a.ts'] }
    const issue = play(...open, approved(), green(), entered(), held)
    expect(playOn(issue, entered('Z')).context.held?.headSha).toBe('A')
    expect(issue.send({ ...entered(), observedAt: dawn + 1 }).context.held?.headSha).toBe('A')
    expect(playOn(issue, { ...entered(), type: 'queue.left' }).context.held).toBeNull()
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

  it('is taken in every state, and changes nothing that is newer (case 257)', () => {
    const issue = play(...open, approved(), green())
    expect(phase(playOn(issue, { ...facts({}, dawn + minute), observedAt: dawn + minute }))).toBe('awaiting_queue')
  })

  it('sees who asks for changes, and what the queue said', () => {
    const objection = { ...review, verdict: 'changes_requested', body: 'name it' }
    expect(phase(play(...open, facts({ reviews: [objection], checks })))).toBe('changes_requested')
    const incident = { class: 'conflict', files: ['a.ts'], failures: [], baseSha: 'base', headSha: 'A', summary: 's' }
    const queue = { headSha: 'A', state: 'evicted', incident, observedAt: dawn + 30 * minute }
    expect(phase(play(...open, facts({ reviews: [review], checks, queue })))).toBe('repairing_queue')
    expect(Object.keys(play(...open, facts({ queue: { ...queue, headSha: '' } })).context.heads)).not.toContain('')
  })

  it('knows two words of one second apart, and the later one stands', () => {
    const objection = { ...review, verdict: 'changes_requested', body: 'name it' }
    const seen = (one: object, sooner = 0) => facts({ reviews: [one], checks }, dawn + 60 * minute - sooner)
    const asked = play(...open, seen(objection, 1_000), granted)
    const publishing: Happening = (issue) => issue.send({ type: 'run.publishing', runId: issue.context.run!.id, head: 'B' })
    const moved = { ...pushed('B'), observedAt: dawn + 61 * minute }
    const passedOn = (one: object) => playOn(asked, seen(one), publishing, moved).context.heads['B']?.reviews ?? {}
    expect(passedOn({ ...objection, id: '2', body: 'test it' })).toMatchObject({ grace: { body: 'test it' } })
    expect(passedOn({ ...objection, body: 'name it well' })).toEqual({})
    expect(phase(playOn(play(...open, seen(objection, 1_000)), seen({ ...review, id: '2' })))).toBe('awaiting_queue')
    expect(phase(playOn(play(...open, seen({ ...review, id: '2' })), seen(objection, 1_000)))).toBe('awaiting_queue')
  })

  it('hears of a check that has come to be required, which nothing that was reported tells; one that lags behind changes nothing', () => {
    const green = play(...open, facts({ reviews: [review], checks }))
    const look = (seen: object) =>
      playOn(green, facts({ reviews: [review], checks: { ...checks, state: 'pending', ...seen } }, dawn + 61 * minute))
    expect([phase(green), phase(look({})), phase(look({ observedAt: dawn }))]).toEqual(Array.from({ length: 3 }, () => 'awaiting_queue'))
    const more = { names: ['ci', 'audit'], observedAt: dawn + 19 * minute }
    expect(phase(look(more))).toBe('pr_open')
    const later = (seen: object) => playOn(look(more), facts({ reviews: [review], checks: { ...checks, ...seen } }, dawn + 62 * minute))
    expect([phase(later({})), phase(later({ names: ['ci', 'audit'], observedAt: dawn + 21 * minute }))]).toEqual([
      'awaiting_queue',
      'awaiting_queue',
    ])
  })

  it('that sees nothing new leaves an escalation, however often it looks', () => {
    const objection = { ...review, verdict: 'changes_requested' }
    const stuck = play(...open, dismissed('A', 'ada'), facts({ reviews: [objection] }), granted, finished({ outcome: 'no_change' }))
    expect(phase(stuck)).toBe('escalated')
    const later = dawn + 90 * minute
    const again = playOn(stuck, facts({ reviews: [objection] }, later), facts({ reviews: [objection] }, later + minute))
    expect(phase(again)).toBe('escalated')
    expect(phase(playOn(again, facts({ reviews: [{ ...objection, observedAt: later }] }, later + 2 * minute)))).toBe('changes_requested')
  })

  it('takes back only the verdicts that it does not see, of this head', () => {
    const verdicts = (issue: Issue) =>
      Object.fromEntries(Object.entries(issue.context.heads['A']!.reviews).map(([reviewer, { verdict }]) => [reviewer, verdict]))
    const both = play(...open, approved('A', 'grace'), approved('A', 'ada'))
    expect(verdicts(playOn(both, facts({ reviews: [review] })))).toEqual({ grace: 'approved', ada: 'dismissed' })
    const elsewhere = { ...review, reviewer: 'ada', headSha: 'Z' }
    expect(verdicts(playOn(both, facts({ reviews: [review, elsewhere] })))).toEqual({ grace: 'approved', ada: 'dismissed' })
    // Given in the very moment that the poll is about: it may not have been seen yet.
    const now = both.context.heads['A']!.reviews['ada']!.observedAt
    expect(verdicts(playOn(both, facts({ reviews: [], observedAt: now })))).toMatchObject({ ada: 'approved', grace: 'dismissed' })
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

describe('blockers and children', () => {
  const blocker = (key: string, resolved: boolean) => ({ type: 'blocker.changed', key, resolved })
  const both = { blockedBy: ['APP-8', 'APP-9'].map((key) => ({ key, resolved: false })), children: [{ key: 'APP-5', state: 'Todo' }] }
  const states = ({ context: { issue } }: Issue) => [issue.blockedBy.map(({ resolved }) => resolved), issue.children]

  it('are each known by their own newest word', () => {
    const issue = playOn(playWith({ issue: both }), blocker('APP-8', true), { type: 'child.changed', key: 'APP-6', state: 'Todo' })
    const later = playOn(issue, blocker('APP-9', true), { type: 'child.changed', key: 'APP-7', state: 'Done' })
    expect(states(later)).toEqual([
      [true, true],
      [...both.children, { key: 'APP-6', state: 'Todo' }, { key: 'APP-7', state: 'Done' }],
    ])
    const at = { observedAt: later.context.blockers['APP-8']!.observedAt }
    expect(states(later.send({ ...blocker('APP-8', false), ...at }))).toEqual(states(later))
    const ofChild = { observedAt: later.context.children['APP-6']!.observedAt }
    const again = { type: 'child.changed', key: 'APP-6', state: 'Canceled' }
    expect(states(later.send({ ...again, ...ofChild }))).toEqual(states(later))
    expect(states(later.send({ ...again, observedAt: ofChild.observedAt - 1 }))).toEqual(states(later))
  })

  it('are as the issue says that was seen later', () => {
    const issue = playOn(playWith({ issue: both }), blocker('APP-8', true), { type: 'child.changed', key: 'APP-6', state: 'Todo' })
    const seen = playOn(issue, updated(both))
    expect([states(seen), seen.context.blockers, seen.context.children]).toEqual([[[false, false], both.children], {}, {}])
    const same = { observedAt: issue.context.blockers['APP-8']!.observedAt }
    expect(states(issue.send({ ...updated(both), ...same }))[0]).toEqual([false, false])
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
