// A stop and what was asked before and after it, read in every order: what counts is when it was asked.

import { expect, it } from 'vitest'
import { authority, delegated, play, playOn, playWith, prompted, stopRequested, undelegated, updated, type Issue } from './facts.ts'
import { polled } from './stories.ts'

type Asked = Parameters<typeof playOn>[1] & object

const noon = 1_800_000_000_000
/** What a look tells is as the issue is by then: the newer of its own time and of `seen`. */
const at = (minute: number, seen: number) => ({ observedAt: noon + Math.max(minute, seen) * 60_000 })
const handed = (minute: number) => ({ delegatedAt: noon + minute * 60_000 })

const before = (seen: number): Asked[] => [
  { ...delegated, ...handed(1), ...at(1, seen) },
  { ...prompted('Use the old parser'), ...at(1, 0) },
  { ...updated({ title: 'Another', delegated: true }), ...handed(1), ...at(3, seen) },
]
const stop: Asked = { ...stopRequested, ...at(2, 0) }
const after: Record<string, (seen: number) => Asked[]> = {
  'a message': () => [{ ...prompted('Go on'), ...at(4, 0) }],
  'a delegation': (seen) => [{ ...delegated, ...handed(4), ...at(4, seen) }],
  'a delegation of what was taken back': (seen) => [
    { ...undelegated, ...at(3.5, 0) },
    { ...delegated, ...handed(4), ...at(4, seen) },
  ],
}

const ordersOf = <T>(all: readonly T[]): T[][] =>
  all.length < 2 ? [[...all]] : all.flatMap((one, n) => ordersOf(all.toSpliced(n, 1)).map((rest) => [one, ...rest]))

/** Of an issue that was known before, of one that becomes known with its delegation, and of one that was known as nobody's. */
const begins: Record<string, () => Issue> = {
  known: () => play(),
  'made by its delegation': () => playWith({ issue: handed(1) }),
  "nobody's": () => playWith({ delegated: false }),
}

it.each(Object.keys(begins))('nothing that was asked before it lifts it, in whatever order it is read, nor twice (%s)', (begin) => {
  for (const seen of [0, 9]) {
    for (const order of ordersOf([...before(seen), stop])) {
      const once = playOn(begins[begin]!(), ...order)
      expect(authority(once)).toBe('stopped')
      expect(authority(playOn(once, ...order))).toBe('stopped')
    }
  }
})

it.each(Object.keys(begins).flatMap((begin) => Object.keys(after).map((what) => [what, begin] as const)))(
  '%s after it lifts it, in whatever order it is read, and for good (%s)',
  (what, begin) => {
    for (const seen of [0, 9]) {
      for (const order of ordersOf([...before(seen), stop, ...after[what]!(seen)])) {
        const once = playOn(begins[begin]!(), ...order)
        expect(once.context.stop).toBeNull()
        expect(playOn(once, ...order).context.stop).toBeNull()
      }
    }
  },
)

it('a stop that was lifted before its issue became known is over', () => {
  const born = playWith({ issue: handed(4) })
  expect(authority(playOn(born, stop))).toBe('acting')
  expect(authority(playOn(born, { ...stop, ...at(5, 0) }))).toBe('stopped')
})

it('a poll that finds it delegated lifts no stop of after that, and one of before', () => {
  const stopped = (minute: number) => playWith({ delegated: false }, { ...stopRequested, ...at(minute, 0) })
  const poll = polled({ tracker: { delegated: true, ...handed(3), ...at(9, 0) } })
  expect(authority(playOn(stopped(4), poll))).toBe('stopped')
  expect(authority(playOn(stopped(2), poll))).toBe('acting')
})
