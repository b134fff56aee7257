import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createLagMeter } from '../../src/app/health.ts'

const block = (ms: number): void => {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test('the lag of an event loop that was blocked shows in its window and the one after, and no longer', async () => {
  const lag = createLagMeter()
  await wait(60)
  block(300)
  await wait(60)
  expect(lag.read()).toBeGreaterThan(200)
  expect(lag.read()).toBeLessThan(1_000)
  lag.turn()
  expect(lag.read()).toBeGreaterThan(200)
  await wait(60)
  lag.turn()
  // What it looks at every 20 ms is not itself lag.
  expect(lag.read()).toBeLessThan(200)
  lag.stop()
})
