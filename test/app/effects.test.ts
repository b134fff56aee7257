// Whatever a machine asks for is there: an effect that nothing provides would be found missing by the first issue that needs it.

import { expect, test } from 'vitest'
import { createEffects } from '../../src/app/effects.ts'
import { definitions } from '../../src/app/definitions.ts'

const { effects } = createEffects({ config: { projects: [], forge: { kind: 'github' }, limits: { checks: 3 } } } as never)
const machines = new Set(Object.values(definitions).map(({ machine }) => machine as unknown))

test.each(Object.entries(definitions))('every effect that the %s machine invokes or spawns is provided', (_kind, { machine }) => {
  const sources = Object.entries(machine.implementations.actors as Record<string, unknown>)
  const missing = sources.filter(([source, logic]) => !machines.has(logic) && effects[source]?.logic === undefined)
  expect(missing.map(([source]) => source)).toEqual([])
})

test('the checks of heads and those of what is to land share the places that the configuration gives', () => {
  expect([effects['runChecks'], effects['runCandidateChecks']]).toMatchObject(Array(2).fill({ pool: 'checks', limit: 3 }))
})

test('whatever a report is delivered by as well is provided', () => {
  const also = Object.values(effects).flatMap((policy) => policy.also ?? [])
  expect(also.filter((source) => effects[source]?.logic === undefined)).toEqual([])
  expect(also).not.toEqual([])
})
