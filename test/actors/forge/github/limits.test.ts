// When GitHub has had enough of a caller, nobody goes on in their name before it answers again: it bans who does.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { createClient } from '../../../../src/actors/forge/github/client.ts'
import { createLimits } from '../../../../src/actors/forge/github/limits.ts'
import { createWorld, type World } from './fixture.ts'

let world: World | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})

type Rejected = { name: string; code: string; retryAfter: number } | undefined
const rejected = (call: Promise<unknown>): Promise<Rejected> =>
  call.then(
    () => undefined,
    (error: unknown) => error as Rejected,
  )

/** A forge with an open pull request, and one call of each kind. */
async function start(second: 'acme/web' | 'zoo/web' = 'acme/web') {
  const it = (world = await createWorld({ second }))
  const { number } = await it.open()
  return {
    ...it,
    rest: () => it.forge.decidePublication({ project: 'app', number, headSha: '0'.repeat(40), wanted: false }) as Promise<void>,
    graphql: () => it.facts(number),
    ofOther: () => it.forge.adopt({ project: 'web', issue: 'issue-2', key: 'WEB-1', link: '#1' } as never),
    /** How many calls of the API GitHub has had of its installations. */
    asked: () => it.twin.requests.filter(({ credential, route }) => credential === 'installation' && !route.startsWith('git-')).length,
  }
}

test('after it, no request of the installation arrives until then, of whichever project and API, and all is well afterwards', async () => {
  const { twin, clock, rest, graphql, ofOther, asked } = await start()
  twin.faults.add({ match: ({ route }) => route.includes('/pulls'), status: 429, retryAfter: 2 })
  expect(await rejected(rest())).toMatchObject({ name: 'RetryableError', code: 'github-rate-limited', retryAfter: 3_000 })
  const before = asked()
  for (const call of [rest, graphql, ofOther, graphql]) {
    const error = await rejected(call())
    expect(error).toMatchObject({ name: 'RetryableError', code: 'github-rate-limited' })
    expect(error!.retryAfter).toBeGreaterThan(0)
    expect(error!.retryAfter).toBeLessThanOrEqual(3_000)
  }
  expect(asked()).toBe(before)
  clock.ahead += 3_000
  expect(await rejected(rest())).toBeUndefined()
  expect(await rejected(graphql())).toBeUndefined()
  expect((await rejected(ofOther()))?.code).not.toBe('github-rate-limited')
  expect(asked()).toBeGreaterThan(before + 2)
})

test('the installation of another account goes on', async () => {
  const { twin, rest, ofOther } = await start('zoo/web')
  twin.faults.add({ match: ({ route }) => route.includes('/pulls'), status: 403, message: 'You have exceeded a secondary rate limit.' })
  expect(await rejected(rest())).toMatchObject({ code: 'github-rate-limited', retryAfter: 61_000 })
  expect((await rejected(ofOther()))?.code).not.toBe('github-rate-limited')
  expect(await rejected(rest())).toMatchObject({ code: 'github-rate-limited' })
})

test('what is left of the hour is counted for REST and GraphQL apart, and not overdrawn', async () => {
  const { twin, clock, rest, graphql, asked } = await start()
  const { rest: most } = twin.limits
  // What the rules of the base are is asked for by REST, and known from here on.
  await graphql()
  twin.limits.rest = 1
  expect(await rejected(rest())).toMatchObject({ code: 'github-rate-limited' })
  const before = asked()
  const error = await rejected(rest())
  expect(error).toMatchObject({ code: 'github-rate-limited' })
  expect(error!.retryAfter).toBeGreaterThan(3_000_000)
  expect(asked()).toBe(before)
  expect(await rejected(graphql())).toBeUndefined()
  twin.limits.rest = most
  clock.ahead += 3_602_000
  expect(await rejected(rest())).toBeUndefined()
})

test('what stands in line behind the call that is told to wait is not sent', async () => {
  let arrived = 0
  const server = createServer((_request, response) => {
    arrived += 1
    setTimeout(() => response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '2' }).end('{"message":"Too many"}'), 100)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const client = createClient({
    ...{ apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, now: Date.now, id: 'in line', paced: true },
    credential: async () => ({ header: 'token ghp_secret', forget: () => false }),
    limits: createLimits(Date.now),
  })
  const calls = Array.from({ length: 25 }, () => rejected(client.request('GET /x', {}, z.unknown())))
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'github-rate-limited' })
  // As many as are sent beside each other.
  expect(arrived).toBe(10)
})

test('where GitHub does not say how long, each time that it goes on is twice as long as the one before, until it answers', () => {
  let now = 0
  const limits = createLimits(() => now)
  const pauseAfter = () => {
    limits.note('us', { pause: 60_000, isStated: false, api: null })
    const until = [...Array(100).keys()].find((minutes) => {
      try {
        now += minutes === 0 ? 0 : 60_000
        limits.assertOpen('us', 'rest', 'it')
        return true
      } catch {
        return false
      }
    })
    return until
  }
  expect([pauseAfter(), pauseAfter(), pauseAfter()]).toEqual([1, 2, 4])
  limits.answered('us')
  expect(pauseAfter()).toBe(1)
})
