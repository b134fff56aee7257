// What people are told is true at the moment when they are told it.

import { describe, expect, it } from 'vitest'
import {
  agentFailed,
  approved,
  closedAs,
  evicted,
  entered,
  finished,
  granted,
  green,
  isUnwanted,
  open,
  phase,
  play,
  playOn,
  playWith,
  policy,
  pr,
  prClosed,
  prompted,
  stopped,
  undelegated,
  updated,
  type Happening,
  type Issue,
} from './facts.ts'
import { waits } from './stories.ts'

const answerOf = (issue: Issue): string => String(playOn(issue, prompted('status?')).reports('tracker.report').at(-1)?.['text'])
const nothing = finished({ outcome: 'no_change' })
const children = (state: string) => ({ children: [{ key: 'APP-2', state }] })

describe('the answer to how it goes', () => {
  it('names what a stopped run has left uncommitted, once its agent has ended and until another run has (case 92)', () => {
    const left = ['src/a.ts', 'notes.md']
    const texts = (issue: Issue) => [...waits(issue), answerOf(issue)].join(' ')
    expect(texts(play(granted, stopped))).not.toContain('uncommitted')
    const rests = play(granted, stopped, finished({ outcome: 'released', left }))
    expect(waits(rests)).toEqual([expect.stringContaining('; uncommitted in its worktree: src/a.ts, notes.md:')])
    expect(answerOf(rests)).toContain('; uncommitted in its worktree: src/a.ts, notes.md:')
    expect(texts(play(granted, undelegated, finished({ outcome: 'released', left })))).toContain('uncommitted in its worktree: src/a.ts')
    expect(texts(play(granted, stopped, finished({ outcome: 'released', left: [] })))).not.toContain('uncommitted')
  })

  it('says that an agent is at work only when one is', () => {
    expect(answerOf(play(granted))).toContain('An agent works on it.')
    const pausing = answerOf(play(granted, agentFailed))
    expect(pausing).not.toContain('An agent works on it')
    expect(pausing).toMatch(/The next run begins after a pause, at 20\d\d-/)
    expect(answerOf(play())).toContain('It waits for a free place.')
    expect(answerOf(play(granted, undelegated, finished({ outcome: 'released' })))).not.toContain('An agent works on it')
  })

  it('of an umbrella names what is under way', () => {
    const resting = playWith({ issue: children('started') }, (issue) => issue.fire('settle'), granted, nothing)
    expect(answerOf(resting)).toContain('Its parts are under way: APP-2.')
  })

  it('names a blocker that was cancelled', () => {
    const blockedBy = [{ key: 'APP-0', resolved: true, state: 'canceled' as const }]
    expect(answerOf(play(updated({ blockedBy })))).toContain('APP-0 was cancelled and blocks it no more.')
  })

  it('comes without being asked for when nothing will come of what a person says', () => {
    const failed = play(closedAs('failed'), prompted('and the other file'))
    expect([phase(failed), failed.reports('tracker.report').at(-1)]).toMatchObject([
      'failed',
      { kind: 'comment', text: expect.stringContaining('A retry takes it up again.') as string },
    ])
  })
})

describe('a landing that is not wanted any more', () => {
  const landing = [...open, approved(), green(), entered()]
  const reason = (...more: Happening[]) =>
    play(...landing, ...more)
      .reports('landing.decided')
      .filter(isUnwanted)
      .map((report) => report['reason'])

  it('says why', () => {
    expect(reason(stopped)).toEqual(['stopped'])
    expect(reason(undelegated)).toEqual(['taken back'])
    expect(reason(closedAs('done'))).toEqual(['the issue has its end'])
    expect(reason(updated({ stateType: 'canceled' }))).toEqual(['the issue has its end'])
    expect(reason(prClosed)).toEqual(['its pull request was closed'])
    expect(reason(prompted('also the other file'))).toEqual(['a person asks for more'])
  })
})

describe('what keeps a pull request waiting', () => {
  const stuck = (...more: Happening[]) =>
    playWith({ policy: policy() }, ...open, ...more)
      .fire('reviewStuck')
      .reports('feed.posted')
      .map((report) => report['summary'])
  const on = (closed: boolean): Happening => ({
    ...{ type: 'pr.updated', source: 'system', ...pr('A', { baseRef: 'theirs' }) },
    parent: { number: 3, moved: false, ...(closed ? { closed } : {}) },
  })

  it('is named as it is', () => {
    expect(stuck(approved(), green(), on(false))).toEqual([expect.stringMatching(/#3, which it is based on, has not landed$/)])
    expect(stuck(approved(), green(), on(true))).toEqual([expect.stringMatching(/#3, which it is based on, has been closed$/)])
    expect(stuck(approved(), green(), prompted('rename it'))).toEqual([expect.stringMatching(/its run waits for a free place$/)])
    expect(stuck(approved(), green(), prompted('rename it'), granted)).toEqual([expect.stringMatching(/run-2 is at work$/)])
    expect(stuck(green(), undelegated)).toEqual([expect.stringMatching(/nobody has reviewed it, it is not delegated$/)])
    expect(stuck(green(), stopped)).toEqual([expect.stringMatching(/nobody has reviewed it, it is stopped$/)])
  })
})

it('what is held up names its files once, since when it is', () => {
  const held = (reason: string): Happening => ({ type: 'queue.held', headSha: 'A', reason, files: ['a.ts'] })
  const landing = [...open, approved(), green(), entered()]
  expect(waits(play(...landing, held('Not committed: a.ts')))).toEqual(['human: Not committed: a.ts'])
  expect(waits(play(...landing, held('dirty')))).toEqual(['human: dirty: a.ts'])
  const issue = play(...landing, held('dirty'))
  expect(issue.context.held?.at).toBe(issue.at)
})

it('an agent that would go on says what is in its way', () => {
  const more = finished({ outcome: 'no_change', completion: 'continue', summary: 'the second half' })
  const last = play(granted, more, granted, more, granted, more)
  expect([phase(last), last.context.escalation?.reason]).toEqual([
    'escalated',
    expect.stringMatching(/^All attempts at implementation are used up \(3 of 3\).*the second half$/),
  ])
})

it('an eviction that is nobody’s fault says what helps', () => {
  expect(waits(play(...open, approved(), green(), entered(), evicted('environment')))).toEqual([
    'human: it could not land: environment. A retry or a message has it tried again',
  ])
})
