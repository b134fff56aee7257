import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assign, fromPromise, sendTo, spawnChild, stopChild } from 'xstate'
import { expect, onTestFinished, test } from 'vitest'
import { seededRandom, virtualClock } from '../../../src/actors/system/index.ts'
import { playDurable } from './durable.ts'
import { samples } from './machines.ts'
import { chart, rig } from './rig.ts'

async function life(seed: number): Promise<string> {
  const random = seededRandom(seed)
  const work = fromPromise(async () => {
    if (random() < 0.5) throw new Error('again')
    return random()
  })
  const kid = chart({
    id: 'kid',
    context: { n: 0 },
    initial: 'a',
    on: { HI: { actions: assign({ n: ({ context }: any) => context.n + 1 }) } },
    states: { a: { after: { 70: 'b' } }, b: { after: { 30: 'a' } } },
  })
  const boss = chart(
    {
      id: 'boss',
      context: { n: 0, got: [] },
      on: {
        GO: {
          actions: [
            assign({ n: ({ context }: any) => context.n + 1 }),
            spawnChild('work', { id: ({ context }: any) => `w${context.n}` }),
            spawnChild('kid', { id: ({ context }: any) => `k${context.n}` }),
          ],
        },
        HI: { actions: sendTo(({ context }: any) => `k${context.n}`, { type: 'HI' }), guard: ({ context }: any) => context.n > 0 },
        'xstate.done.actor.*': {
          actions: [
            assign({ got: ({ context, event }: any) => [...context.got, event.output] }),
            stopChild(({ event }: any) => event.actorId),
          ],
        },
        'xstate.error.actor.*': {},
      },
    },
    { actors: { work, kid } },
  )
  const it = await rig({ boss }, { random, effects: { work: { attempts: 4, backoff: 50, limit: 2 } } })
  for (let i = 0; i < 3; i++) await it.spawn('boss', String(i))
  for (let i = 0; i < 40; i++) {
    if (random() < 0.6) void it.system.ref(`boss/${Math.floor(random() * 3)}`).send({ type: random() < 0.4 ? 'GO' : 'HI' } as never)
    else await it.clock.advance(Math.floor(random() * 100))
    if (random() < 0.05) await it.crash()
  }
  await it.clock.advance(500)
  return JSON.stringify(it.rows())
}

test('law 14: the same seed gives the same journal, another seed another', async () => {
  const [first, again, other] = [await life(7), await life(7), await life(8)]
  expect(first.length).toBeGreaterThan(5_000)
  expect(again).toBe(first)
  expect(other).not.toBe(first)
})

test('law 14: the same script gives the same journal on every store', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-determinism-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const sample of samples) {
    const first = await playDurable(sample.build, sample.script, { input: sample.input })
    const again = await playDurable(sample.build, sample.script, {
      input: sample.input,
      path: join(folder, `${samples.indexOf(sample)}.db`),
    })
    expect(`${sample.name}\n${again.journal}`).toBe(`${sample.name}\n${first.journal}`)
  }
})

test('law 14: virtual time runs timer by timer, settles promises in between, and can be set without running anything', async () => {
  const clock = virtualClock(100)
  const seen: string[] = []
  clock.after(20, () => void seen.push(`second ${clock.now()}`))
  clock.after(10, () => void Promise.resolve().then(() => clock.after(5, () => void seen.push(`first ${clock.now()}`))))
  const cancel = clock.after(12, () => void seen.push('never'))
  cancel()
  clock.set(50)
  expect([clock.now(), clock.monotonic()]).toEqual([50, 0])
  await clock.advance(100)
  expect(seen).toEqual(['first 65', 'second 70'])
  expect([clock.now(), clock.monotonic()]).toEqual([150, 100])
})
