// What an issue's runs cost, what it may spend, and what becomes of it when there is no money, or no room at a provider.

import { describe, expect, it } from 'vitest'
import { accountEvery } from '../../../src/machines/issue/account.ts'
import type { IssueContext } from '../../../src/machines/issue/context.ts'
import { migrations } from '../../../src/machines/issue/migrations.ts'
import { defaultPolicy } from '../../../src/machines/issue/policy.ts'
import { noUsage, type Usage } from '../../../src/machines/vocabulary.ts'
import {
  budgetReset,
  finished,
  granted,
  interrupted,
  paused,
  phase,
  play,
  playOn,
  playWith,
  policy,
  published,
  retried,
  runState,
  stopped,
  type Happening,
  type Issue,
} from './facts.ts'
import { given, times, waits } from './stories.ts'

const hour = 3_600_000
const usage = (inputTokens: number, usd = 0): Usage => ({ ...noUsage, inputTokens, usd })
const budgeted = (changes: object) => ({ policy: policy({ budgets: { ...defaultPolicy.budgets, ...changes } }) })
const cutShort = (used: Usage) => finished({ outcome: 'failed', failure: 'budget', reason: 'the turn was ended', usage: used })
const progressed =
  (used: Usage, later = 5_000): Happening =>
  (issue: Issue) =>
    issue.send({
      ...{ type: 'run.progressed', runId: issue.context.run!.id, phase: 'working', lastSignalAt: issue.at, lastProgressAt: issue.at },
      ...{ usage: used, at: issue.at + later },
    })
const spendings = (issue: Issue) => issue.reports('capacity.spent').map(({ usd, before }) => [usd, before])
const counted = (issue: Issue) => issue.reports('usage.counted').map(({ run, usage: used }) => [run, used])

describe('a budget for life', () => {
  it('is told to the run, with what was spent of it', () => {
    const issue = playWith(budgeted({ usd: 5 }), granted, finished({ outcome: 'interrupted', usage: usage(7, 2) }), granted)
    expect(given(issue).budget).toEqual({ spent: { tokens: 7, usd: 2 }, limits: { tokens: null, usd: 5 } })
    expect(given(play(granted))).not.toHaveProperty('budget')
  })

  it('that a turn has crossed holds the issue, costs no attempt, and says which it is and who lifts it', () => {
    const issue = playWith(budgeted({ usd: 5 }), granted, cutShort(usage(7, 5.25)))
    expect([runState(issue), issue.context.attempts.implementation, phase(issue)]).toEqual([{ waiting: 'budget' }, 0, 'implementing'])
    expect(waits(issue)).toEqual(["operator: the budget 'usd' of this issue is used up (5.25 of 5): an operator resets or raises it"])
    const reset = playOn(issue, budgetReset)
    expect(runState(reset)).toEqual({ waiting: 'capacity' })
    // It goes on in its worktree.
    expect(given(playOn(reset, granted))).toMatchObject({ keep: true, lastFailure: 'the turn was ended', budget: { spent: { usd: 0 } } })
  })

  it('that was raised meanwhile ends a turn all the same, which counts as an attempt: it does not go on so without end', () => {
    const issue = playWith(budgeted({ usd: 5 }), granted, { type: 'policy.changed', ...budgeted({ usd: 9 }) }, cutShort(usage(7, 5.25)))
    expect([runState(issue), issue.context.attempts.implementation]).toEqual([{ waiting: 'capacity' }, 1])
  })

  it('counts a run that broke without its answer by what it had told', () => {
    const issue = play(granted, progressed(usage(7, 2)), (now) => now.fail(now.context.run!.id, { message: 'gone' }))
    expect(issue.context.spent.usage).toEqual(usage(7, 2))
  })
})

describe('what runs have used', () => {
  it('is told as it grows, no more often than once a minute, and the rest of it in the end', () => {
    const soon = play(granted, progressed(usage(5, 1), accountEvery - 1))
    expect([spendings(soon), counted(soon)]).toEqual([[], []])
    const later = playOn(soon, progressed(usage(6, 1.5), 1))
    expect([spendings(later), counted(later)]).toEqual([[[1.5, 0]], [['run-1', usage(6, 1.5)]]])
    const again = playOn(later, progressed(usage(8, 2), accountEvery - 1))
    expect(counted(again)).toEqual([])
    const ended = playOn(again, finished({ outcome: 'interrupted', usage: usage(9, 2.5) }))
    expect([spendings(ended), counted(ended)]).toEqual([[[2.5, 1.5]], [['run-1', usage(9, 2.5)]]])
  })

  it('is told of each run by itself, and of the issue in all, whatever was reset', () => {
    const issue = play(
      granted,
      finished({ outcome: 'interrupted', usage: usage(5, 1) }),
      budgetReset,
      granted,
      finished({ outcome: 'interrupted', usage: usage(3, 0.5) }),
    )
    expect([spendings(issue), counted(issue)]).toEqual([[[1.5, 1]], [['run-2', usage(3, 0.5)]]])
  })

  it('is not told when it is nothing, or nothing new', () => {
    expect(counted(play(granted, finished({ outcome: 'interrupted' })))).toEqual([])
    const told = play(granted, progressed(usage(6, 1.5), accountEvery), finished({ outcome: 'interrupted', usage: usage(6, 1.5) }))
    expect([spendings(told), counted(told)]).toEqual([[], []])
  })

  it('without a known cost is counted, and costs nothing', () => {
    const issue = play(granted, finished({ outcome: 'interrupted', usage: { ...usage(5), unpricedTokens: 5 } }))
    expect([spendings(issue), counted(issue)]).toEqual([[], [['run-1', { ...usage(5), unpricedTokens: 5 }]]])
  })

  it('is told of a run that was stopped, and of one that broke', () => {
    const off = play(granted, progressed(usage(5, 1)), stopped)
    expect(spendings(off)).toEqual([[1, 0]])
    expect(spendings(playOn(off, finished({ outcome: 'released', usage: usage(6, 2) })))).toEqual([[2, 1]])
    expect(spendings(play(granted, progressed(usage(5, 1)), (now) => now.fail(now.context.run!.id, {})))).toEqual([[1, 0]])
  })
})

const shortage =
  (later?: number): Happening =>
  (issue: Issue) =>
    finished({
      outcome: 'failed',
      failure: 'capacity',
      reason: 'usage limit',
      ...(later === undefined ? {} : { retryAt: issue.at + 60_000 + later }),
    })(issue)
const until = (issue: Issue): number => issue.context.notBefore - issue.context.lastFailure!.at

describe('a provider that says when it has room again', () => {
  it('is waited for until then, which costs no attempt and no run', () => {
    const issue = play(granted, shortage(5 * hour))
    expect([runState(issue), until(issue), issue.context.attempts.implementation, issue.context.spent.runs]).toEqual([
      { waiting: 'backoff' },
      5 * hour,
      0,
      0,
    ])
    expect(waits(issue)).toEqual(['provider: a pause after: usage limit'])
    expect(runState(playOn(issue, paused))).toEqual({ waiting: 'capacity' })
  })

  it('is waited for no shorter than after any failure, and no longer than a day', () => {
    expect(until(play(granted, shortage(1)))).toBe(defaultPolicy.delays.recovery)
    expect(until(play(granted, shortage(99 * hour)))).toBe(24 * hour)
  })

  it('in the past says nothing', () => {
    const issue = play(granted, shortage(-1))
    expect([until(issue), issue.context.capacityFailures, issue.context.resets]).toEqual([defaultPolicy.delays.recovery, 1, 0])
  })

  it('is believed more often than one that says nothing, but not without end', () => {
    const { capacity, resets } = defaultPolicy.budgets
    const issue = play(granted, shortage(hour), ...times(capacity + 1, paused, granted, shortage(hour)))
    expect([runState(issue), issue.context.capacityFailures]).toEqual([{ waiting: 'backoff' }, 0])
    const last = play(granted, shortage(hour), ...times(resets, paused, granted, shortage(hour)))
    expect(phase(last)).toBe('escalated')
  })

  it('is forgotten once a run has done its work', () => {
    expect(play(granted, shortage(hour), paused, granted, published('A')).context.resets).toBe(0)
  })

  it('is told where places are granted, before the next one is asked for; a failed login is not', () => {
    const issue = play(granted, shortage(5 * hour))
    expect(issue.reports('agent.exhausted')).toEqual([
      { type: 'agent.exhausted', agent: 'scripted', until: issue.context.notBefore, reason: 'usage limit' },
    ])
    expect(play(granted, shortage()).reports('agent.exhausted')).toMatchObject([{ until: expect.any(Number) as number }])
    expect(play(granted, finished({ outcome: 'failed', failure: 'auth', reason: 'log in' })).reports('agent.exhausted')).toEqual([])
  })

  it('leaves what was begun in the worktree', () => {
    expect(given(play(granted, shortage(hour), paused, granted))).toMatchObject({ keep: true, restartFrom: null })
  })

  it('is tried at once by a retry, which says so where places are granted', () => {
    const issue = play(granted, shortage(5 * hour), retried())
    expect([runState(issue), issue.context.notBefore]).toEqual([{ waiting: 'capacity' }, 0])
    expect(issue.reports('agent.restored')).toEqual([{ type: 'agent.restored', agent: 'scripted' }])
    expect(play(granted, interrupted, retried()).reports('agent.restored')).toHaveLength(1)
    expect(play(granted, retried()).reports('agent.restored')).toEqual([])
  })
})

const chained = { policy: policy({ failover: { scripted: 'second', second: 'third' } }) }
const grantedTo =
  (agent: string): Happening =>
  (issue: Issue) =>
    issue.send({ type: 'capacity.granted', issue: '1', request: issue.context.requests, agent })

describe('another agent', () => {
  it('is asked for with the first, in their order, and does the work that it is granted', () => {
    const issue = playWith(chained)
    expect(issue.reports('capacity.requested')).toMatchObject([{ agents: ['scripted', 'second', 'third'] }])
    const second = playOn(issue, grantedTo('second'))
    expect(second.context.run).toMatchObject({ agent: 'second', insteadOf: 'scripted' })
    expect(given(second).agent).toBe('second')
    expect(second.reports('feed.posted')).toContainEqual(
      expect.objectContaining({ summary: 'run-1: implementation by second started, instead of scripted, which has no room' }),
    )
    expect(playOn(issue, grantedTo('scripted')).context.run).not.toHaveProperty('insteadOf')
  })

  it('is asked for at once when the first has no room, and goes on where it was', () => {
    const issue = playWith(chained, granted, shortage(5 * hour))
    expect([runState(issue), issue.context.notBefore]).toEqual([{ waiting: 'capacity' }, 0])
    const next = playOn(issue, grantedTo('second'))
    expect(given(next)).toMatchObject({ agent: 'second', keep: true, lastFailure: 'usage limit', runId: 'run-2', attempt: 1 })
  })

  it('that may not do what is needed does not, whatever was granted', () => {
    expect(playWith(chained, grantedTo('stranger')).context.run?.agent).toBe('scripted')
    expect(play(grantedTo('second')).context.run?.agent).toBe('scripted')
  })

  it('takes the place of none that has a login to renew', () => {
    expect(phase(playWith(chained, granted, finished({ outcome: 'failed', failure: 'auth', reason: 'log in' })))).toBe('escalated')
  })

  it('is asked for anew when others may do what is needed by now', () => {
    const issue = playWith(chained, { type: 'policy.changed', policy: policy({ failover: { scripted: 'third' } }) })
    expect(runState(issue)).toEqual({ waiting: 'capacity' })
    expect(issue.reports('capacity.withdrawn')).toHaveLength(1)
    expect(issue.reports('capacity.requested')).toMatchObject([{ agents: ['scripted', 'third'], request: 2 }])
  })

  it('of a ring is asked for once', () => {
    expect(playWith({ policy: policy({ failover: { scripted: 'second', second: 'scripted' } }) }).context.agents).toEqual([
      'scripted',
      'second',
    ])
  })
})

describe('a snapshot of the version before', () => {
  const former = ({ bytes }: Issue) => {
    const snapshot = JSON.parse(bytes) as { context: Record<string, any> }
    const { agents: _a, place: _p, account: _c, resets: _r, policy: known, ...context } = snapshot.context
    const { failover: _f, budgets, ...rest } = known as typeof defaultPolicy
    const { resets: _b, ...fewer } = budgets
    return { ...snapshot, context: { ...context, policy: { ...rest, budgets: fewer } } }
  }

  it('is as it was, without anything that was told', () => {
    const issue = play(granted, progressed(usage(5, 1)))
    const { context } = migrations[3].migrate(former(issue)) as { context: IssueContext }
    // What its run had used by then is counted from here on.
    expect(context).toEqual({ ...issue.context, agents: [], place: null, account: { run: 'run-1', usage: usage(5, 1), usd: 0, at: 0 } })
    const waiting = play()
    expect((migrations[3].migrate(former(waiting)) as { context: IssueContext }).context).toEqual({ ...waiting.context, agents: [] })
  })
})
