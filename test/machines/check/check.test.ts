// The checks of one head: their result is written once, and an environment that fails says nothing about the head.

import { describe, expect, it } from 'vitest'
import type { CheckContext } from '../../../src/machines/check/context.ts'
import * as guards from '../../../src/machines/check/guards.ts'
import { defaultRetry } from '../../../src/machines/check/policy.ts'
import { start, type Player } from '../player.ts'

type Check = Player<CheckContext>

const input = { project: 'app', issue: '1', number: 7, headSha: 'A' }
const result = { state: 'failed', names: ['ci'], failures: [{ name: 'ci', url: null, summary: 's', logTail: '', signature: 'x' }] }
const begin = (more: object = {}): Check => start<CheckContext>('check', { ...input, ...more })
const inputs = (check: Check): unknown[] => [...check.children.values()].map(({ src, input: given }) => [src, given])

describe('the checks of a head', () => {
  it('run, are recorded, and that is the end', () => {
    expect(inputs(begin())).toEqual([['runChecks', input]])
    const recording = begin().done('checks', result)
    expect(inputs(recording)).toEqual([['recordChecks', { ...input, result }]])
    const end = recording.done('record')
    expect([end.value, end.status]).toEqual(['recorded', 'done'])
  })

  it('that were ended by a restart run again', () => {
    const again = begin().fail('checks', { code: 'interrupted' })
    expect([again.value, again.context.obstacles, inputs(again)]).toEqual(['running', 0, [['runChecks', input]]])
  })

  it('that the environment keeps from running are tried again, and why is noted where people look', () => {
    const obstructed = begin().fail('checks', { code: 'environment', message: 'npm is not there' })
    expect(inputs(obstructed)).toEqual([['recordObstacle', { ...input, reason: 'npm is not there' }]])
    for (const pausing of [obstructed.done('obstacle'), obstructed.fail('obstacle')]) {
      expect([...pausing.timers.values()].map(({ due }) => due - pausing.at)).toEqual([defaultRetry.pause])
      expect(pausing.fire('pause').value).toBe('running')
      expect(pausing.send({ type: 'check.retried' }).value).toBe('running')
    }
  })

  it('pause longer each time, but never longer than is configured', () => {
    const obstructed = { code: 'environment', message: 'npm is not there' }
    const pauses = (more: object, times: number): number[] => {
      let at = begin(more)
      return Array.from({ length: times }, () => {
        const pausing = at.fail('checks', obstructed).done('obstacle')
        at = pausing.fire('pause')
        return [...pausing.timers.values()][0]!.due - pausing.at
      })
    }
    expect(pauses({}, 8)).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000])
    expect(pauses({ retry: { pause: 1_000, longest: 3_000 } }, 3)).toEqual([1_000, 2_000, 3_000])
  })

  it('are written for certain, and not run again for that', () => {
    const pausing = begin().done('checks', result).fail('record', { code: 'store' })
    expect(pausing.value).toEqual({ recording: 'pausing' })
    expect(pausing.fire('pause').done('record').status).toBe('done')
  })

  it('of a pull request that nobody knows end', () => {
    expect(begin().fail('checks', { code: 'unknown-pull-request' }).status).toBe('done')
    expect(begin().done('checks', result).fail('record', { code: 'unknown-head' }).status).toBe('done')
  })
})

describe('every guard', () => {
  const tables: Record<keyof typeof guards, [code: string | undefined, holds: boolean][]> = {
    isInterruption: [
      ['interrupted', true],
      ['check-aborted', true],
      ['environment', false],
      [undefined, false],
    ],
    isGone: [
      ['unknown-pull-request', true],
      ['unknown-head', true],
      ['environment', false],
      [undefined, false],
    ],
  }
  it('has a truth table', () => {
    for (const [name, rows] of Object.entries(tables)) {
      for (const [code, holds] of rows) {
        const event = { type: 'any', ...(code === undefined ? {} : { error: { code } }) }
        expect([name, code, guards[name as keyof typeof guards]({ event })]).toEqual([name, code, holds])
      }
    }
  })
})
