import { describe, expect, test } from 'vitest'
import { createBucket, type Priority } from '../../../../src/actors/tracker/linear/bucket.ts'
import { RetryableError } from '../../../../src/errors.ts'

/** A clock that is moved by hand, with the timers that wait for it. */
function createClock() {
  const timers = new Set<{ due: number; callback: () => void }>()
  const clock = {
    time: 1_000_000,
    now: () => clock.time,
    after(ms: number, callback: () => void) {
      const timer = { due: clock.time + ms, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async pass(ms: number) {
      const until = clock.time + ms
      for (;;) {
        const [next] = [...timers].filter(({ due }) => due <= until).toSorted((one, other) => one.due - other.due)
        if (next === undefined) break
        timers.delete(next)
        clock.time = Math.max(clock.time, next.due)
        next.callback()
        await settle()
      }
      clock.time = until
    },
    timers,
  }
  return clock
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

function create() {
  const clock = createClock()
  const bucket = createBucket(clock)
  const started: string[] = []
  const ends: (() => void)[] = []
  const ask = (priority: Priority, name: string) =>
    bucket.run(priority, () => {
      started.push(name)
      return new Promise<void>((resolve) => ends.push(resolve))
    })
  return { clock, bucket, started, ends, ask }
}

const headers = (limit: number, remaining: number) =>
  new Headers({ 'X-RateLimit-Requests-Limit': String(limit), 'X-RateLimit-Requests-Remaining': String(remaining) })

const limited = async (call: Promise<unknown>): Promise<RetryableError> => {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(RetryableError)
  expect((error as RetryableError).code).toBe('linear-rate-limited')
  return error as RetryableError
}

describe('the turns of a workspace', () => {
  test('a person goes before reports, and reports before polling, when places are given back', async () => {
    const { started, ends, ask } = create()
    const calls = Array.from({ length: 10 }, (_, index) => ask('human', `first ${index}`))
    const late = [ask('polling', 'poll'), ask('report', 'report'), ask('human', 'person')]
    await settle()
    expect(started).toHaveLength(10)
    for (const end of ends.splice(0)) end()
    await settle()
    expect(started.slice(10)).toEqual(['person', 'report', 'poll'])
    for (const end of ends.splice(0)) end()
    await Promise.all([...calls, ...late])
  })

  test('a person goes first also where all have waited for the same pause to end', async () => {
    const { clock, bucket, started } = create()
    bucket.refuse(clock.time + 2_000, true)
    const calls = (['polling', 'report', 'human'] as const).map((priority) => bucket.run(priority, async () => void started.push(priority)))
    await clock.pass(2_000)
    await Promise.all(calls)
    expect(started).toEqual(['human', 'report', 'polling'])
  })

  test('polls that are under way leave a place for reports and persons', async () => {
    const { started, ends, ask } = create()
    const polls = Array.from({ length: 30 }, (_, index) => ask('polling', `poll ${index}`))
    await settle()
    expect(started).toHaveLength(4)
    const person = ask('human', 'person')
    await settle()
    expect(started.at(-1)).toBe('person')
    while (ends.length > 0) {
      for (const end of ends.splice(0)) end()
      await settle()
    }
    await Promise.all([person, ...polls])
  })

  test('polling leaves a fifth of the limit to the others, which Linear fills up evenly', async () => {
    const { clock, bucket, started, ends, ask } = create()
    bucket.observe(headers(3_600, 719))
    expect(bucket.hasRoom()).toBe(false)
    const poll = ask('polling', 'poll')
    const report = ask('report', 'report')
    await settle()
    expect(started).toEqual(['report'])
    await clock.pass(2_000)
    await settle()
    expect(started).toEqual(['report', 'poll'])
    for (const end of ends) end()
    await Promise.all([poll, report])
  })

  test('what would have to wait for long is told to come again, and when', async () => {
    const { bucket, ask } = create()
    bucket.observe(headers(3_600, 0))
    expect((await limited(ask('polling', 'poll'))).retryAfter).toBe(720_000)
    expect((await limited(ask('report', 'report'))).retryAfter).toBe(180_000)
  })

  test('nothing starts while the workspace is paused, and what waited goes on when the pause is over', async () => {
    const { clock, bucket, started, ends, ask } = create()
    bucket.refuse(clock.time + 4_000, true)
    const call = ask('human', 'person')
    await settle()
    expect(started).toEqual([])
    await clock.pass(3_999)
    expect(started).toEqual([])
    await clock.pass(2)
    await settle()
    expect(started).toEqual(['person'])
    for (const end of ends) end()
    await call
    bucket.refuse(clock.time + 3_000, true)
    const waiting = ask('human', 'waiting')
    bucket.refuse(clock.time + 60_000, true)
    await limited(waiting)
    await limited(ask('human', 'late'))
  })

  test('where Linear only says when its limits are full, it is asked again sooner, and later after each refusal', async () => {
    const { clock, bucket, started } = create()
    const hour = clock.time + 3_600_000
    bucket.refuse(hour, false)
    const first = bucket.run('human', async () => void started.push('first'))
    await clock.pass(14_999)
    expect(started).toEqual([])
    await clock.pass(1)
    await first
    bucket.refuse(hour, false)
    const second = bucket.run('human', async () => void started.push('second'))
    await clock.pass(29_999)
    expect(started).toEqual(['first'])
    await clock.pass(1)
    await second
    bucket.refuse(hour, false)
    await limited(bucket.run('human', async () => {}))
    bucket.accept()
    await clock.pass(60_000)
    bucket.refuse(hour, false)
    await clock.pass(15_000)
    await bucket.run('human', async () => void started.push('third'))
    expect(started).toEqual(['first', 'second', 'third'])
  })

  test('a call that nobody wants any more leaves its place in the line, and a failed one gives its place back', async () => {
    const { clock, bucket, started } = create()
    bucket.refuse(clock.time + 2_000, true)
    const controller = new AbortController()
    const call = bucket.run('human', async () => started.push('aborted'), controller.signal)
    controller.abort(new Error('not wanted'))
    await expect(call).rejects.toThrow('not wanted')
    await clock.pass(2_000)
    expect(started).toEqual([])
    for (let count = 0; count < 20; count++)
      await expect(bucket.run('polling', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await bucket.run('polling', async () => started.push('after'))
    expect(started).toEqual(['after'])
    expect(clock.timers.size).toBe(0)
  })
})
