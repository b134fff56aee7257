// How often tracker and forge are asked, and about whom.

import { describe, expect, it } from 'vitest'
import { createContext, type Answer, type ReconciliationContext } from '../../../src/machines/reconciliation/context.ts'
import * as guards from '../../../src/machines/reconciliation/guards.ts'
import { defaultPace, everyoneAfter, longer } from '../../../src/machines/reconciliation/policy.ts'
import { dawn, start, type Player } from '../player.ts'
import { describeGuards } from '../truth-table.ts'

type Reconciliation = Player<ReconciliationContext>

const { shortest: shortestPause, longest: longestPause } = defaultPace
const everyoneEvery = everyoneAfter(defaultPace)
const quiet: Answer = { told: 0, awaiting: 0 }
const begin = (): Reconciliation => start<ReconciliationContext>('reconciliation', {})
const pause = (player: Reconciliation): number => [...player.timers.values()][0]!.due - player.at
const turn = (player: Reconciliation) => player.children.get('ask')!.input
const wanted = (player: Reconciliation, issue: string): Reconciliation => player.send({ type: 'facts.wanted', issue, at: player.at + 1 })

describe('the pace of asking', () => {
  it('begins with everyone', () => {
    expect(turn(begin().fire('pause'))).toEqual({ issues: [], everyone: true })
  })

  it('falls off while nothing is new, and picks up with the first news', () => {
    let player = begin()
    const pauses: number[] = []
    for (let i = 0; i < 8; i++) {
      pauses.push(pause(player))
      player = player.fire('pause').done('ask', quiet)
    }
    expect(pauses.slice(0, 4)).toEqual([shortestPause, shortestPause, 2 * shortestPause, 4 * shortestPause])
    expect(pauses.at(-1)).toBe(longestPause)
    for (const answer of [
      { told: 1, awaiting: 0 },
      { told: 0, awaiting: 1 },
    ])
      expect(pause(player.fire('pause').done('ask', answer))).toBe(shortestPause)
  })

  it('falls off while asking fails (case 267) (edge 296)', () => {
    const failed = begin().fire('pause').fail('ask')
    expect(pause(failed)).toBe(longer(0, defaultPace))
    expect(turn(failed.fire('pause'))).toBeDefined()
  })

  it('asks about everyone again only after a while, however often it looks', () => {
    let player = begin().fire('pause').done('ask', { told: 1, awaiting: 0 })
    const asked: number[] = [player.at]
    while (player.at < dawn + 4 * everyoneEvery) {
      player = player.fire('pause')
      if ((turn(player) as { everyone: boolean }).everyone) asked.push(player.at)
      player = player.done('ask', { told: 1, awaiting: 0 })
    }
    expect(asked.length).toBeGreaterThan(2)
    for (const [i, at] of asked.slice(1).entries()) expect(at - asked[i]!).toBeGreaterThanOrEqual(everyoneEvery)
  })
})

describe('another pace', () => {
  it('counts from the moment that it is known, whatever is being done', () => {
    const pace = { shortest: 1_000, longest: 4_000 }
    const resting = begin().send({ type: 'pace.changed', pace, at: dawn + 1 })
    expect(pause(resting)).toBe(1_000)
    const asking = begin().fire('pause').send({ type: 'pace.changed', pace })
    let player = asking.done('ask', quiet)
    for (let i = 0; i < 4; i++) player = player.fire('pause').done('ask', quiet)
    expect(pause(player)).toBe(4_000)
  })
})

describe('an issue that wants to be told', () => {
  it('is asked about at once', () => {
    const player = wanted(begin().fire('pause').done('ask', quiet), '7')
    expect([player.value, turn(player)]).toEqual(['asking', { issues: ['7'], everyone: false }])
  })

  it('and others that speak up meanwhile are next, each once', () => {
    const asking = wanted(wanted(wanted(wanted(begin().fire('pause').done('ask', quiet), '7'), '8'), '9'), '8')
    const next = asking.done('ask', quiet)
    expect([next.value, turn(next)]).toEqual(['asking', { issues: ['9', '8'], everyone: false }])
    expect(next.done('ask', quiet).value).toBe('resting')
  })
})

const done = (output: Answer) => ({ type: 'xstate.done.actor.ask', output })
describeGuards<Partial<ReconciliationContext>>(
  guards,
  {
    isMoreWanted: [
      ['an issue spoke up', true, { wanted: ['7'] }],
      ['nobody did', false, { wanted: [] }],
    ],
    hasNews: [
      ['somebody was told something', true, {}, done({ told: 1, awaiting: 0 })],
      ['somebody waits', true, {}, done({ told: 0, awaiting: 1 })],
      ['neither', false, {}, done(quiet)],
    ],
  },
  (changes, event) => ({ context: { ...createContext(), ...changes }, event: { type: 'any', ...event } }),
)
