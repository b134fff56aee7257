import { expect, test } from 'vitest'
import { createRush } from '../../src/app/rush.ts'

function createWorld() {
  let now = 0
  const rush = createRush(() => now)
  /** So many a second, for so long. */
  const come = (rate: number, ms: number) => {
    const end = now + ms
    while (now < end) {
      rush.count(now)
      now += 1_000 / rate
    }
  }
  return { rush, come, wait: (ms: number) => (now += ms) }
}

test('five hundred deliveries a second are a rush, from the first moment on, and until they have ended', () => {
  const { rush, come, wait } = createWorld()
  expect(rush.isOn()).toBe(false)
  come(400, 1_000)
  expect(rush.isOn()).toBe(false)
  come(2_000, 250)
  expect(rush.isOn()).toBe(true)
  wait(100)
  expect(rush.isOn()).toBe(true)
  come(50, 250)
  expect(rush.isOn()).toBe(false)
  come(2_000, 20)
  expect(rush.isOn()).toBe(true)
  wait(250)
  expect(rush.isOn()).toBe(false)
})

test('what lasts for more than ten seconds is no rush any more, until there was a pause', () => {
  const { rush, come } = createWorld()
  come(2_000, 9_900)
  expect(rush.isOn()).toBe(true)
  come(2_000, 400)
  expect(rush.isOn()).toBe(false)
  come(2_000, 20_000)
  expect(rush.isOn()).toBe(false)
  come(50, 400)
  come(2_000, 300)
  expect(rush.isOn()).toBe(true)
})
