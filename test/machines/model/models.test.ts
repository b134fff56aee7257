// What the models of the shipped machines prove. The small parts here; `signalbox check` explores them all, and the nightly run too.

import { describe, expect, it } from 'vitest'
import { mutations, explorePart, parts, statements } from '../../../src/app/models.ts'
import type { Mutation } from '../../../src/actors/explore/mutate.ts'
import { survivors } from './survivors.ts'
import { textOf } from '../../../src/actors/explore/mutate.ts'

const isNightly = process.env['SIGNALBOX_NIGHTLY'] !== undefined
/** Explored in seconds. */
const small = [
  ...['one head', 'a draft', 'interruptions', 'failures', 'shortages', 'the deployment', 'the end of a budget'],
  ...['one head in the line', 'one head that leaves', 'three changes', 'an urgent one', 'another depth', 'a first publication'],
]

describe('the shipped machines', () => {
  it.each(parts.filter(({ world }) => isNightly || small.includes(world)).map((part) => [part.machine, part.world, part] as const))(
    'violate nothing: %s, %s',
    (_machine, _world, part) => {
      const explored = explorePart(part, { clock: () => 0 })
      expect(explored.violations).toEqual([])
      expect(explored.complete).toBe(true)
    },
  )

  it('are asked for each of the twelve properties', () => {
    expect([...new Set(statements().map(({ id }) => id))].sort()).toEqual(
      Array.from({ length: 12 }, (_one, index) => `P${index + 1}`).sort(),
    )
  })
})

describe('a mutant that a property has to notice', () => {
  const noticed = (mutation: Mutation, world: string): string[] =>
    explorePart({ machine: mutation.machine, world, mutation }, { clock: () => 0, first: true }).violations.map(({ property }) => property)

  it.each([
    [{ machine: 'issue', kind: 'guard', name: 'isStopped', as: 'false' } as const, 'shortages', 'P1'],
    [{ machine: 'issue', kind: 'guard', name: 'isShortage', as: 'true' } as const, 'shortages', 'P11'],
    [{ machine: 'issue', kind: 'guard', name: 'isFreeInterruption', as: 'true' } as const, 'interruptions', 'P2'],
    [{ machine: 'issue', kind: 'guard', name: 'hasBecomeDone', as: 'false' } as const, 'the deployment', 'P10'],
    [
      { machine: 'check', kind: 'edge', state: 'check.pausing', event: 'xstate.after.pause.check.pausing', index: 0 } as const,
      'one head',
      'P5',
    ],
    [{ machine: 'queue', kind: 'guard', name: 'isCurrent', as: 'true' } as const, 'three changes', 'P7'],
    [{ machine: 'queue', kind: 'edge', state: 'queue', event: 'xstate.error.actor.*', index: 0 } as const, 'another depth', 'P5'],
    [{ machine: 'entry', kind: 'guard', name: 'isFirst', as: 'true' } as const, 'one head in the line', 'P11'],
    [{ machine: 'entry', kind: 'edge', state: 'entry.entering', event: '', index: 0 } as const, 'one head that leaves', 'P1'],
    [{ machine: 'entry', kind: 'guard', name: 'canTryAgain', as: 'true' } as const, 'one head in the line', 'P2'],
  ])('%j', (mutation, world, property) => {
    expect(noticed(mutation, world)).toContain(property)
  })
})

describe('the survivors', () => {
  it('are mutants of this build, each with a reason', () => {
    const all = new Set(mutations().map(textOf))
    expect(Object.keys(survivors).filter((mutant) => !all.has(mutant))).toEqual([])
    expect(Object.values(survivors).every((why) => why.length > 20)).toBe(true)
  })
})
