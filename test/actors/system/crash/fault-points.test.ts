// Kills at every fault point, start again, and what must hold afterwards.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultPoints, type FaultPoint } from '../../../../src/actors/system/index.ts'
import { check } from './check.ts'
import { live } from './lives.ts'
import type { Life } from './subject.ts'
import { linesOf } from './world.ts'

const isBoot = (point: FaultPoint): boolean => point.startsWith('boot:')

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'signalbox-crash-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const lifeIn = (name: string, steps = 1_000): Life => ({
  folder: mkdtempSync(join(root, `${name}-`)),
  seed: 1,
  couriers: 3,
  limits: { steps },
  parcels: 8,
  everything: true,
  work: 4,
  clients: 4,
})

test('the list of fault points is the list of `at` calls in the source', () => {
  const called = new Set<string>()
  for (const folder of ['src/actors/system', 'src/persistence']) {
    for (const name of readdirSync(folder)) {
      const source = readFileSync(join(folder, name), 'utf8')
      for (const [, argument] of source.matchAll(/\bat\(([^)]*'[^)]*)\)/g))
        for (const [, point] of argument!.matchAll(/'([^']+)'/g)) called.add(point!)
    }
  }
  expect([...called].sort()).toEqual([...faultPoints].sort())
})

test('the program passes every fault point, those beyond the boot five times or more', async () => {
  const life = lifeIn('passed')
  expect(await live(life)).toBe('done')
  const passed = new Map(linesOf(join(life.folder, 'passed')).map((line) => line.split(' ') as [FaultPoint, string]))
  expect(faultPoints.filter((point) => Number(passed.get(point) ?? 0) < (isBoot(point) ? 1 : 5))).toEqual([])
  expect(check(life).wrong).toEqual([])
})

describe.each(faultPoints.filter((point) => !isBoot(point)))('killed at %s', (point) => {
  test('all that was acknowledged has happened once, whichever passing it was', async () => {
    const passings: [passing: number, steps?: number][] = [[1], [2], [5], [5, 1]]
    const cases = passings.map(async ([passing, steps]) => {
      // With one step a commit, what a step sends is owed at every boundary.
      const life = lifeIn('at', steps)
      const kill = { point, passing }
      expect(await live({ ...life, kill })).toBe('killed')
      // The second life may have too little left to pass there as often.
      await live({ ...life, kill })
      expect(await live(life)).toBe('done')
      return [passing, steps, check(life).wrong]
    })
    expect(await Promise.all(cases)).toEqual(passings.map(([passing, steps]) => [passing, steps, []]))
  })
})

describe.each(faultPoints.filter(isBoot))('killed at %s', (point) => {
  test('a start that was killed, however often, leaves everything to the next', async () => {
    const cases = [1, 2, 5].map(async (times) => {
      const life = lifeIn('boot')
      expect(await live({ ...life, kill: { point: 'effect:after-start', passing: 20 } })).toBe('killed')
      for (let i = 0; i < times; i++) expect(await live({ ...life, kill: { point, passing: 1 } })).toBe('killed')
      expect(await live(life)).toBe('done')
      return [times, check(life).wrong]
    })
    expect(await Promise.all(cases)).toEqual([1, 2, 5].map((times) => [times, []]))
  })
})

test('a start with nothing left to do changes no snapshot', async () => {
  const life = lifeIn('again')
  await live({ ...life, kill: { point: 'effect:result', passing: 9 } })
  expect(await live(life)).toBe('done')
  const before = check(life)
  expect(await live(life)).toBe('done')
  const after = check(life)
  expect({ wrong: after.wrong, parcels: after.parcels }).toEqual({ wrong: [], parcels: before.parcels })
})
