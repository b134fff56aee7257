// The five machines together, from the delegation of several issues to their landings, in whatever order messages and effects arrive.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWorld, type Plan } from './world.ts'

const first = (): number => 0

describe('one issue', () => {
  const phasesOf = (plan: Plan): unknown[] => {
    const world = createWorld({ a: plan })
    world.run(first)
    expect(world.landings).toEqual(['a'])
    return world.phasesOf('a')
  }

  it('goes the happy path', () => {
    expect(phasesOf({})).toEqual(['delegated', 'implementing', 'pr_open', 'awaiting_queue', 'done'])
  })

  it('is repaired when its checks are red', () => {
    expect(phasesOf({ red: true })).toEqual(['delegated', 'implementing', 'pr_open', 'repairing_ci', 'pr_open', 'awaiting_queue', 'done'])
  })

  it('is fixed when a reviewer asks', () => {
    expect(phasesOf({ objection: true })).toContain('changes_requested')
  })

  it('is repaired when the queue gives it back (case 165)', () => {
    expect(phasesOf({ conflict: true })).toEqual([
      ...['delegated', 'implementing', 'pr_open', 'awaiting_queue', 'repairing_queue', 'pr_open', 'awaiting_queue', 'done'],
    ])
  })

  it('asks, and goes on with the answer', () => {
    expect(phasesOf({ question: true })).toContain('done')
  })

  it('survives its agent dying, and uncommitted work', () => {
    const world = createWorld({ a: { deaths: 7, dirty: true } })
    world.run(first)
    expect(world.landings).toEqual(['a'])
    expect(world.issue('a').context).toMatchObject({ runs: 8, attempts: { implementation: 1 }, spent: { runs: 1 } })
  })
})

describe('an agent that stalls, and then dies', () => {
  it.each([
    ['without a thread is started again in its run, and in the next one', false, 2],
    ['with one goes on in its run: in its thread, in a fork of it, or afresh', true, 1],
  ])('%s', (_what, threads, runs) => {
    const world = createWorld({ a: { stalls: true, deaths: 1, threads } })
    world.run(first)
    expect(world.landings).toEqual(['a'])
    expect(world.issue('a').context).toMatchObject({ runs, attempts: { implementation: 1 }, spent: { runs: 1 } })
    expect(world.capacity()).toMatchObject({ holders: [], waiting: [] })
  })
})

describe('a provider that has no room for hours', () => {
  const hour = 3_600_000
  const forty = Object.fromEntries(Array.from({ length: 40 }, (_, n): [string, Plan] => [`i${n}`, {}]))

  it('costs a start for each place, not for each issue, and then they go on (F36)', () => {
    const world = createWorld(forty, 3, { shortUntil: { default: 5 * hour } })
    world.run(first)
    expect(world.landings).toHaveLength(40)
    expect(world.shortages.length).toBeLessThanOrEqual(3)
    for (const id of Object.keys(forty))
      expect(world.issue(id).context).toMatchObject({ attempts: { implementation: 1 }, spent: { runs: 1 } })
    expect(world.capacity()).toMatchObject({ holders: [], waiting: [], shortages: {} })
  })

  it('costs no more in whatever order news of it arrive', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (choices) => {
        const world = createWorld({ a: {}, b: {}, c: {}, d: {}, e: {} }, 2, { shortUntil: { default: hour } })
        world.run((n) => choices.next().value! % n)
        expect(world.landings).toHaveLength(5)
        // One that was granted before the news came.
        expect(world.shortages.length).toBeLessThanOrEqual(4)
      }),
      { numRuns: 30 },
    )
  })

  it('is stood in for, along the chain, until it has some', () => {
    const world = createWorld(forty, 3, {
      shortUntil: { default: 5 * hour, second: hour },
      failover: { default: 'second', second: 'third' },
    })
    world.run(first)
    expect(world.landings).toHaveLength(40)
    expect(new Set(world.shortages)).toEqual(new Set(['default', 'second']))
    expect(world.shortages.length).toBeLessThanOrEqual(6)
    const started = world.reports.filter(({ kind }) => kind === 'run.started').map(({ summary }) => String(summary))
    expect(started.filter((summary) => summary.includes('by third started, instead of default, which has no room')).length).toBeGreaterThan(
      30,
    )
  })
})

describe('several issues', () => {
  const plan: fc.Arbitrary<Plan> = fc.record(
    {
      ...{ red: fc.boolean(), objection: fc.boolean(), conflict: fc.boolean(), question: fc.boolean(), dirty: fc.boolean() },
      ...{ deaths: fc.integer({ min: 0, max: 3 }), stalls: fc.boolean(), threads: fc.boolean() },
    },
    { requiredKeys: [] },
  )

  it('all land, each once, whatever the order; no place is held and nothing is left alive in the end', () => {
    fc.assert(
      fc.property(fc.tuple(plan, plan, plan), fc.infiniteStream(fc.nat(1_000)), ([a, b, c], stream) => {
        const world = createWorld({ a, b, c: { ...c, blockedBy: 'a' } })
        world.run((n) => (stream.next().value as number) % n)
        expect([...world.landings].sort()).toEqual(['a', 'b', 'c'])
        expect(world.landings.indexOf('a')).toBeLessThan(world.landings.indexOf('c'))
        expect(world.capacity()).toMatchObject({ holders: [], waiting: [] })
        expect(world.mostRunning()).toBeLessThanOrEqual(2)
        expect(world.addresses().sort()).toEqual(['capacity/main', 'issue/a', 'issue/b', 'issue/c', 'queue/app'])
        for (const [id, { red, objection, conflict }] of Object.entries({ a, b, c })) {
          const { attempts, inbox, pr } = world.issue(id).context
          expect(pr?.state).toBe('merged')
          expect(inbox).toEqual([])
          expect(attempts.implementation).toBe(1)
          expect([attempts.ci_repair > 0 && !red, attempts.review_fix > 0 && !objection, attempts.queue_repair > 0 && !conflict]).toEqual([
            false,
            false,
            false,
          ])
        }
      }),
      { numRuns: process.env['SIGNALBOX_NIGHTLY'] ? 3_000 : 60 },
    )
  })
})
