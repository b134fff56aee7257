// What a run has used while it goes on, and the end of a turn that crosses what its issue may spend.

import { describe, expect, it } from 'vitest'
import { migrations } from '../../../src/machines/run/migrations.ts'
import { reportEvery } from '../../../src/machines/run/policy.ts'
import { noUsage, type Usage } from '../../../src/machines/vocabulary.ts'
import {
  answerOf,
  asked,
  dies,
  finishes,
  found,
  minute,
  prepared,
  progressed,
  publishes,
  runOf,
  runOn,
  says,
  started,
  times,
  type Run,
  type Turn,
} from './stories.ts'

const usage = (inputTokens: number, usd = 0): Usage => ({ ...noUsage, inputTokens, usd })
const uses = (inputTokens: number, usd = 0): Turn => says({ type: 'session.used', usage: usage(inputTokens, usd) })
const stop = asked({ type: 'run.stop', outcome: 'released', reason: 'Stopped by ada.' })
const ended =
  (used: Usage | null): Turn =>
  (run) =>
    run.done('closing', { left: [], used })
const working = [prepared, started('thread-1')]
const left = (limits: { tokens?: number; usd?: number }, spent = { tokens: 0, usd: 0 }) => ({
  budget: { spent, limits: { tokens: null, usd: null, ...limits } },
})
const reported = (run: Run) => run.messages('parent').filter(({ type }) => type === 'run.progressed')

describe('the usage of a run', () => {
  it('is that of its finished turns and of the one that goes on', () => {
    const run = runOf({}, ...working, uses(5), uses(8))
    expect(run.context.usage).toEqual(usage(8))
    const second = runOn(run, finishes({ usage: usage(10) }), found({ dirty: ['a.ts'] }))
    expect(second.context.usage).toEqual(usage(10))
    expect(runOn(second, started(), uses(3)).context.usage).toEqual(usage(13))
  })

  it('never goes back: told again, late, or less in the end than while it went on', () => {
    const run = runOf({}, ...working, uses(8), uses(5), uses(8), finishes({ usage: usage(6) }))
    expect(run.context.usage).toEqual(usage(8))
  })

  it('counts what a turn had used that was killed in the middle', () => {
    const killed = runOf({}, ...working, uses(8), dies)
    expect(killed.context.usage).toEqual(usage(8))
    const again = runOn(killed, started(), uses(3), finishes({ usage: usage(4) }), found({}), publishes)
    expect(answerOf(again).usage).toEqual(usage(12))
  })

  it('counts what the end of a turn says that was called off, or that had stalled', () => {
    expect(answerOf(runOf({}, ...working, uses(8), stop, ended(usage(9)))).usage).toEqual(usage(9))
    expect(answerOf(runOf({}, ...working, uses(8), stop, ended(null))).usage).toEqual(usage(8))
    const stalled = runOf({}, ...working, uses(8), times('stall'), (run) => run.done('probe', { changedAt: null }), ended(usage(9)))
    expect(stalled.context.usage).toEqual(usage(9))
    expect(runOn(stalled, started(), uses(1)).context.usage).toEqual(usage(10))
  })

  it('counts what an agent has used that was late to say why nothing has changed', () => {
    const run = runOf(
      {},
      ...working,
      finishes({ usage: usage(5) }),
      found({ head: 'base', commitsAhead: 0 }),
      uses(1),
      times('completion'),
      ended(usage(2)),
    )
    expect(run.context.usage).toEqual(usage(7))
  })

  it('is told to the issue, at a bounded rate', () => {
    const run = runOf({}, ...working, progressed)
    const soon = says({ type: 'session.used', usage: usage(5), at: run.at + reportEvery - 1 })(run)
    expect([reported(soon), soon.context.usage]).toEqual([[], usage(5)])
    const later = says({ type: 'session.used', usage: usage(6), at: run.at + reportEvery })(soon)
    expect(reported(later)).toMatchObject([{ phase: 'working', usage: usage(6) }])
  })

  it('is no progress', () => {
    const run = runOf({}, ...working, progressed)
    const { stillSince, lastProgressAt } = run.context
    expect(uses(5)(run).context).toMatchObject({ stillSince, lastProgressAt })
  })
})

describe('a turn that crosses what the issue may spend', () => {
  it.each([
    ['tokens', left({ tokens: 10 }, { tokens: 4, usd: 0 }), uses(5), uses(6), "The budget 'tokens' of this issue is used up (10 of 10)"],
    ['usd', left({ usd: 2 }, { tokens: 0, usd: 0.5 }), uses(99, 1.49), uses(99, 1.5), "The budget 'usd' of this issue is used up (2 of 2)"],
  ])('is ended, and says which budget: %s', (_name, budget, below, above, reason) => {
    const run = runOf(budget, ...working, below)
    expect(run.children.has('session')).toBe(true)
    const over = runOn(run, above)
    expect([over.value, [...over.children.keys()]]).toEqual(['ending', ['closing']])
    expect(answerOf(runOn(over, ended(usage(120, 3))))).toMatchObject({
      ...{ outcome: 'failed', failure: 'budget', reason: `${reason}: the turn was ended.`, usage: usage(120, 3) },
    })
  })

  it('is ended wherever it is: at its start, in a probe, in a check of its completion', () => {
    const budget = left({ tokens: 10 })
    expect(runOf(budget, prepared, uses(10)).value).toBe('ending')
    expect(runOf(budget, ...working, times('stall'), uses(10)).value).toBe('ending')
    expect(runOf(budget, ...working, finishes(), found({ head: 'base', commitsAhead: 0 }), uses(10)).value).toBe('ending')
    expect(runOf(budget, ...working, dies, uses(10)).value).toBe('ending')
  })

  it('counts with the turns before it', () => {
    const run = runOf(left({ tokens: 10 }), ...working, finishes({ usage: usage(6) }), found({ dirty: ['a.ts'] }), started(), uses(3))
    expect(runOn(run, uses(4)).value).toBe('ending')
  })

  it('is published all the same when it had ended before', () => {
    const run = runOf(left({ tokens: 10 }), ...working, finishes({ usage: usage(60) }), found({}), publishes)
    expect(answerOf(run)).toMatchObject({ outcome: 'completed', usage: usage(60) })
  })

  it('goes on without a limit, and with a clock that is another matter', () => {
    expect(runOf({}, ...working, uses(10 ** 9, 10 ** 6)).children.has('session')).toBe(true)
    expect(runOf({ limits: { run: minute, progress: minute } }, ...working, uses(1)).children.has('session')).toBe(true)
  })
})

it('a run of the version before counts its present turn beside what it had counted', () => {
  const run = runOf({}, ...working, finishes({ usage: usage(6) }), found({ dirty: ['a.ts'] }), started())
  const { usageBefore: _before, ...context } = run.context
  expect(migrations[3].migrate({ value: run.value, context })).toMatchObject({ context: { usage: usage(6), usageBefore: usage(6) } })
})
