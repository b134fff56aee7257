import { describe, expect, it } from 'vitest'
import { killAt, killMoments } from '../../../src/cli/demo/killer.ts'
import type { Moment } from '../../../src/cli/demo/killer.ts'

const seeds = Array.from({ length: 50 }, (_, index) => index)

describe('the moments of killing', () => {
  it('are the same for the same seed and differ between seeds', () => {
    expect(killMoments(3, 10, 34)).toEqual(killMoments(3, 10, 34))
    expect(killMoments(3, 10, 34)).not.toEqual(killMoments(4, 10, 34))
  })

  it('are as many as asked for, in order, within the journey', () => {
    for (const seed of seeds) {
      const moments = killMoments(seed, 10, 34)
      expect(moments).toHaveLength(10)
      const milestones = moments.flatMap((moment) => (moment.after === 'progress' ? [moment.milestones] : []))
      expect(milestones).toEqual(milestones.toSorted((a, b) => a - b))
      expect(Math.max(...milestones)).toBeLessThan(34 * 0.9)
    }
  })

  it('are of both kinds, and spread over the whole journey', () => {
    const moments = seeds.flatMap((seed) => killMoments(seed, 3, 34))
    expect(new Set(moments.map(({ after }) => after)).size).toBe(2)
    const milestones = moments.flatMap((moment) => (moment.after === 'progress' ? [moment.milestones] : []))
    expect(Math.min(...milestones)).toBeLessThan(4)
    expect(Math.max(...milestones)).toBeGreaterThan(25)
  })
})

describe('killing', () => {
  const moment = (milestones: number): Moment => ({ after: 'progress', milestones, delay: 0, pause: 0 })

  it('waits for the progress of each moment and restarts after each kill', async () => {
    const deeds: string[] = []
    let milestones = 0
    const done = killAt(
      [moment(1), moment(2)],
      {
        milestones: () => milestones,
        hasEnded: () => false,
        kill: async (number) => void deeds.push(`kill ${number} at ${milestones}`),
        restart: async (number) => void deeds.push(`restart ${number}`),
      },
      new AbortController().signal,
    )
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(deeds).toEqual([])
    milestones = 1
    await expect.poll(() => deeds).toEqual(['kill 1 at 1', 'restart 1'])
    milestones = 2
    await done
    expect(deeds).toEqual(['kill 1 at 1', 'restart 1', 'kill 2 at 2', 'restart 2'])
  })

  it('carries out what is left when the journey has ended early', async () => {
    let kills = 0
    const victim = { milestones: () => 0, hasEnded: () => true, kill: async () => void kills++, restart: async () => {} }
    await killAt([moment(5), moment(9)], victim, new AbortController().signal)
    expect(kills).toBe(2)
  })

  it('ends when it is told to, without another kill', async () => {
    const stop = new AbortController()
    let kills = 0
    const victim = { milestones: () => 0, hasEnded: () => false, kill: async () => void kills++, restart: async () => {} }
    const done = killAt([moment(1)], victim, stop.signal)
    stop.abort()
    await expect(done).rejects.toThrow('aborted')
    expect(kills).toBe(0)
  })
})
