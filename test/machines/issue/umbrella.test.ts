// Issues that hold others together: no change of their own, a look at their children when something became of these.

import { describe, expect, it } from 'vitest'
import type { RunInput } from '../../../src/machines/run/context.ts'
import { waitingFor } from '../../../src/machines/issue/document.ts'
import { childNews, isUmbrella } from '../../../src/machines/issue/umbrella.ts'
import { finished, granted, phase, play, playOn, playWith, runState, tracked, updated, type Happening, type Issue } from './facts.ts'

const child = (key: string, state = 'started') => ({ key, state })
const two = [child('APP-2'), child('APP-3')]
const umbrella = { issue: { children: two } }
const settled: Happening = (issue) => issue.fire('settle')
const became = (key: string, state: string): Happening => ({ type: 'child.changed', source: 'webhook', key, state })
const nothing = finished({ outcome: 'no_change', completion: 'done', summary: 'all is planned' })
const runInput = (issue: Issue): RunInput => issue.children.get(issue.context.run!.id)!.input as RunInput
const told = (issue: Issue): string[] => runInput(issue).messages.map(({ text }) => text)
const waits = (issue: Issue): string[] =>
  waitingFor(
    issue.context,
    issue.value,
    [...issue.timers].map(([name, { due }]) => ({ name, due })),
  ).map(({ party, reason }) => `${party}: ${reason}`)

describe('an umbrella', () => {
  it('lets its children settle before its first run', () => {
    const issue = playWith(umbrella)
    expect([runState(issue), waits(issue)]).toEqual([{ waiting: 'settling' }, ['timer: its children may still be coming']])
    const more = playOn(issue, { ...updated({ children: [...two, child('APP-4')] }), at: issue.at + 5_000 })
    const early = more.fire('settle')
    expect(runState(early)).toEqual({ waiting: 'settling' })
    expect(runState(early.fire('settle'))).toEqual({ waiting: 'capacity' })
  })

  it('waits for a blocker that comes while its children settle, and for them no longer', () => {
    const blockedBy = [{ key: 'APP-9', resolved: false, state: 'started' }]
    const issue = playWith(umbrella, updated({ children: two, blockedBy }))
    expect([runState(issue), waits(issue)]).toEqual([{ waiting: 'dependency' }, ['dependency: blocked by APP-9']])
    expect(issue.timers.size).toBe(0)
  })

  it('is given its children, and rests with them when there is nothing to do', () => {
    const running = playWith(umbrella, settled, granted)
    expect(runInput(running).umbrella).toEqual({ children: two })
    const resting = playOn(running, nothing)
    expect([phase(resting), runState(resting), waits(resting)]).toEqual([
      ...['delegated', 'idle'],
      ['dependency: its child APP-2', 'dependency: its child APP-3'],
    ])
    expect(resting.context.attempts.implementation).toBe(0)
  })

  it('looks again when a child was delivered, is open again, came or went, and not when anything else became of one (cases 308, 309) (edge 57)', () => {
    const resting = playWith(umbrella, settled, granted, nothing)
    expect(runState(playOn(resting, became('APP-2', 'unstarted')))).toBe('idle')
    const delivered = playOn(resting, became('APP-2', 'completed'))
    expect(runState(delivered)).toEqual({ waiting: 'capacity' })
    expect(told(granted(delivered))).toEqual(['APP-2 was delivered.'])
    const again = playOn(delivered, granted, nothing, became('APP-2', 'started'))
    expect(told(granted(again))).toEqual(['APP-2, which had been delivered, is open again.'])
    expect(told(playOn(resting, became('APP-4', 'unstarted'), granted))).toEqual(['APP-4 was attached.'])
    expect(told(playOn(resting, became('APP-2', 'canceled'), granted))).toEqual(['APP-2 does not belong to it any more, or was cancelled.'])
  })

  it('hears in its next run what became of its children during one', () => {
    const running = playWith(umbrella, settled, granted, became('APP-2', 'completed'))
    expect(told(playOn(running, nothing, granted))).toEqual(['APP-2 was delivered.'])
  })

  it('is done when all its children are and its agent says so (case 225)', () => {
    const last = playWith(
      umbrella,
      settled,
      granted,
      nothing,
      became('APP-2', 'completed'),
      granted,
      nothing,
      became('APP-3', 'completed'),
      granted,
    )
    expect(phase(playOn(last, nothing))).toBe('done')
  })

  it('waits for no child that was cancelled (edge 284)', () => {
    const children = [child('APP-2', 'canceled'), child('APP-3', 'started')]
    const resting = playWith({ issue: { children } }, settled, granted, nothing)
    expect([runState(resting), waits(resting)]).toEqual(['idle', ['dependency: its child APP-3']])
    expect(phase(playOn(resting, became('APP-3', 'completed'), granted, nothing))).toBe('done')
  })

  it('looks as often as its children have news, and no attempt is spent by it', () => {
    let issue = playWith(umbrella, settled, granted, nothing)
    for (let i = 0; i < 8; i++) issue = playOn(issue, became('APP-2', i % 2 === 0 ? 'completed' : 'started'), granted, nothing)
    expect([phase(issue), runState(issue)]).toEqual(['delegated', 'idle'])
  })

  it('that has no children yet waits for them before its first run (edge 56)', () => {
    const issue = playWith({ issue: { title: 'Plan the import', description: 'No code here: create child issues for each step.' } })
    expect([runState(issue), waits(issue)]).toEqual([{ waiting: 'settling' }, ['timer: its children may still be coming']])
    expect([runState(settled(issue)), settled(issue).reports('capacity.requested').length]).toEqual([{ waiting: 'capacity' }, 1])
  })

  it('without children is what says so in words; a child never is (cases 305, 306)', () => {
    const words = { title: 'Plan the import', description: 'No code here: create child issues for each step.' }
    expect(isUmbrella({ issue: tracked(words) })).toBe(true)
    expect(isUmbrella({ issue: tracked({ ...words, parent: 'APP-0' }) })).toBe(false)
    // What it was for does not change with that.
    expect(isUmbrella({ issue: tracked({ children: [child('APP-2', 'canceled')] }) })).toBe(true)
    expect(isUmbrella({ issue: tracked({ description: 'Create a child process for each issue.' }) })).toBe(false)
    expect(runState(play())).toEqual({ waiting: 'capacity' })
  })
})

it('the same children are no news', () => {
  expect(childNews(two, [...two].reverse())).toEqual([])
})
