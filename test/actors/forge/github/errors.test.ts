// Every way in which a call to GitHub can fail has its class, and none of them shows a secret.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createClient } from '../../../../src/actors/forge/github/client.ts'
import { createLimits } from '../../../../src/actors/forge/github/limits.ts'
import { createTokens } from '../../../../src/actors/forge/github/tokens.ts'
import { createGithubForge } from '../../../../src/actors/forge/github.ts'
import { Secret } from '../../../../src/config-values.ts'
import type { Fault } from '../../../twins/github.ts'
import { createWorld, permissions, type World } from './fixture.ts'

let world: World
let number: number
beforeAll(async () => {
  world = await createWorld()
  ;({ number } = await world.open())
  // Only from here on: to make a pull request takes longer on a busy machine than a test likes to wait for one that hangs.
  world.restart({ timeout: 1_000 })
  await world.forge.start()
  await world.facts(number)
})
afterAll(() => world.close())

const closing = () => world.forge.closePullRequest({ project: 'app', number }) as Promise<void>
const isPull: Fault['match'] = ({ method, route }) => method === 'GET' && /\/pulls\/(\{pull_number\}|\d+)$/.test(route)

/** What the call fails with, when `fault` meets it every time. */
async function failing(fault: Omit<Fault, 'match'>, match: Fault['match'] = isPull, call: () => Promise<unknown> = closing) {
  const remove = world.twin.faults.add({ match, times: Infinity, ...fault })
  try {
    await call()
  } catch (error) {
    return error as { name: string; code: string; message: string; retryAfter?: number }
  } finally {
    remove()
  }
  throw new Error('It did not fail.')
}

describe('a call', () => {
  test.each<[string, Omit<Fault, 'match'>, string, string]>([
    ['that nobody answers', { status: 'timeout' }, 'RetryableError', 'github-unreachable'],
    ['whose connection is broken', { status: 'reset' }, 'RetryableError', 'github-unreachable'],
    ['whose answer ends in the middle', { status: 'half' }, 'RetryableError', 'github-failed'],
    ['at which GitHub fails', { status: 502 }, 'RetryableError', 'github-failed'],
    ['of too many', { status: 429, retryAfter: 30 }, 'RetryableError', 'github-rate-limited'],
    ['without credentials that count', { status: 401 }, 'FatalError', 'github-unauthorized'],
    ['that is not allowed', { status: 403 }, 'FatalError', 'github-forbidden'],
    ['of what is not there', { status: 404 }, 'FatalError', 'github-not-found'],
    ['that does not fit', { status: 409 }, 'FatalError', 'github-conflict'],
    ['that makes no sense', { status: 422, message: 'A pull request is not a pumpkin.' }, 'FatalError', 'github-refused'],
  ])('%s', async (_name, fault, name, code) => {
    const error = await failing(fault)
    expect(error).toMatchObject({ name, code })
    if (fault.message !== undefined) expect(error.message).toContain(fault.message)
    if (fault.retryAfter !== undefined) {
      expect(error.retryAfter).toBe(31_000)
      world.clock.ahead += error.retryAfter!
    }
    expect(JSON.stringify(error) + String(error)).not.toMatch(/ghs_|ghp_|bearer|BEGIN/i)
  })

  test('that fails once is asked once more, when it changes nothing', async () => {
    const asked = world.twin.requests.length
    const remove = world.twin.faults.add({ match: isPull, status: 503 })
    await world.forge.decidePublication({ project: 'app', number, headSha: '0'.repeat(40), wanted: false })
    remove()
    expect(world.twin.requests.slice(asked).filter(isPull)).toHaveLength(2)
  })

  test('that changes something is not repeated by itself', async () => {
    const isChange: Fault['match'] = ({ method }) => method === 'PATCH'
    const asked = world.twin.requests.length
    expect(await failing({ status: 503 }, isChange)).toMatchObject({ code: 'github-failed' })
    expect(world.twin.requests.slice(asked).filter(isChange)).toHaveLength(1)
  })

  test('of GraphQL', async () => {
    const call = () => world.forge.facts({ project: 'app', issue: 'issue-1', number, branch: '' })
    const isGraphql: Fault['match'] = ({ route }) => route.endsWith('graphql')
    expect(await failing({ status: 502 }, isGraphql, call)).toMatchObject({ name: 'RetryableError', code: 'github-failed' })
    expect(await failing({ status: 'timeout' }, isGraphql, call)).toMatchObject({ name: 'RetryableError', code: 'github-unreachable' })
  })

  test('of git', async () => {
    const call = () => world.forge.refresh('app')
    const isGit: Fault['match'] = ({ route }) => route === 'git-upload-pack'
    expect(await failing({ status: 502 }, isGit, call)).toMatchObject({ name: 'RetryableError', code: 'git-unreachable' })
    expect(await failing({ status: 403 }, isGit, call)).toMatchObject({ name: 'FatalError' })
  })
})

test('an answer that is not what the documentation says is nonsense, and says where', async () => {
  const server = createServer((request, response) => {
    response.setHeader('content-type', request.url === '/page' ? 'text/html' : 'application/json')
    response.end(request.url === '/page' ? '<html>' : request.url === '/graphql' ? '{"data":{"a":7}}' : '{"number":"one"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = createClient({
    ...{
      apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      now: Date.now,
      id: 'x',
      paced: true,
      limits: createLimits(Date.now),
    },
    credential: async () => ({ header: 'token ghp_secret', forget: () => false }),
  })
  const schema = z.object({ number: z.int() })
  await expect(client.request('GET /x', {}, schema)).rejects.toMatchObject({
    name: 'ProtocolError',
    code: 'github-nonsense',
    message: expect.stringContaining('number') as string,
  })
  await expect(client.request('GET /page', {}, schema)).rejects.toMatchObject({ name: 'ProtocolError', code: 'github-nonsense' })
  await expect(client.graphql('{ a }', {}, z.object({ a: z.string() }))).rejects.toMatchObject({
    name: 'ProtocolError',
    code: 'github-nonsense',
  })
  await new Promise((resolve) => server.close(resolve))
})

test('a list is read whole or not at all, unless its reader says how much of it is enough', async () => {
  let last = 31
  const server = createServer((request, response) => {
    const page = Number(new URL(request.url!, 'http://x').searchParams.get('page') ?? 1)
    if (page < last) response.setHeader('link', `<http://${request.headers.host}/list?page=${page + 1}>; rel="next"`)
    response.setHeader('content-type', 'application/json')
    response.end(`[${page}]`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = createClient({
    ...{
      apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      now: Date.now,
      id: 'x',
      paced: false,
      limits: createLimits(Date.now),
    },
    credential: async () => ({ header: 'token x', forget: () => false }),
  })
  try {
    await expect(client.pages('GET /list', {}, z.int(), { what: 'the checks of a commit' })).rejects.toMatchObject({
      name: 'FatalError',
      code: 'github-list-too-long',
      message: expect.stringMatching(/more than 3000 entries .* the checks of a commit/) as string,
    })
    expect(await client.pages('GET /list', {}, z.int(), { most: 2 })).toEqual([1, 2])
    last = 30
    expect(await client.pages('GET /list', {}, z.int())).toHaveLength(30)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
})

describe('credentials', () => {
  const isMint: Fault['match'] = ({ method, route }) => method === 'POST' && route.endsWith('access_tokens')

  test('one token is minted for one repository with what is needed, however many ask, and is renewed before it ends', async () => {
    const asked = world.twin.requests.length
    world.clock.ahead += 56 * 60_000
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => world.forge.decidePublication({ project: 'app', number, headSha: `${i}`, wanted: false })),
    )
    const minted = world.twin.requests.slice(asked).filter(isMint)
    expect(minted).toHaveLength(1)
    expect(JSON.parse(minted[0]!.body)).toMatchObject({
      repository_ids: [world.repository.id],
      permissions: { contents: 'write', pull_requests: 'write', checks: 'write' },
    })
    world.clock.ahead = 0
  })

  test('F41: the App speaks for ten minutes at most, and for the installation that has the repository', async () => {
    const { twin } = world
    const app = [...twin.world.installations.values()].find((one) => one.app.slug === 'box')!.app
    const elsewhere = twin.install(app, 'aaa')
    const privateKey = new Secret('forge', 'a test', null, () => app.privateKey)
    const unasked = (): never => {
      throw new Error('Nobody is asked.')
    }
    const { header } = await createTokens({ appId: String(app.id), privateKey, token: null, now: Date.now, app: unasked }).app()
    const { iat, exp } = JSON.parse(Buffer.from(header.split('.')[1]!, 'base64url').toString()) as { iat: number; exp: number }
    expect(exp * 1_000).toBeLessThanOrEqual(Date.now() + 600_000)
    expect(exp - iat).toBeLessThanOrEqual(600)
    const asked = twin.requests.length
    world.restart()
    await world.forge.start()
    await world.forge.facts({ project: 'app', issue: 'issue-1', number, branch: '' })
    const mints = twin.requests.slice(asked).filter(isMint)
    expect(mints.length).toBeGreaterThan(0)
    for (const { path } of mints) expect(path).not.toContain(String(elsewhere.id))
    twin.uninstall(elsewhere)
  })

  test('git is given the one that counts now, however long we have been up (edge 317)', async () => {
    await world.forge.refresh('app')
    const asked = world.twin.requests.length
    world.clock.ahead += 56 * 60_000
    await world.forge.refresh('app')
    world.clock.ahead = 0
    expect(world.twin.requests.slice(asked).filter(isMint)).toHaveLength(1)
  })

  test('one that is refused is minted once anew', async () => {
    const asked = world.twin.requests.length
    const remove = world.twin.faults.add({ match: isPull, status: 401 })
    await world.forge.decidePublication({ project: 'app', number, headSha: '0'.repeat(40), wanted: false })
    remove()
    expect(world.twin.requests.slice(asked).filter(isMint)).toHaveLength(1)
  })

  test('where one is refused, that of git is minted anew too', async () => {
    await world.forge.refresh('app')
    world.twin.revokeTokens()
    await world.forge.decidePublication({ project: 'app', number, headSha: '0'.repeat(40), wanted: false })
    const asked = world.twin.requests.length
    await world.forge.refresh('app')
    expect(world.twin.requests.slice(asked).filter(isMint)).toHaveLength(1)
  })

  test('one that is revoked is minted anew for git as well, once: what it was for is done', async () => {
    const { twin, forge, input, commit, branch } = world
    const head = await commit('revoked.txt', 'one\n')
    const more = { issue: 'issue-r', key: 'APP-9', branch: 'signalbox/APP-9-revoked' }
    await forge.publish(input(head, more))
    const second = await commit('revoked.txt', 'two\n', head)
    const { tokens } = twin.world
    for (const [value, { installation }] of tokens) if (installation !== undefined) tokens.delete(value)
    const asked = twin.requests.length
    expect(await forge.publish(input(second, { ...more, expected: head }))).toMatchObject({ headSha: second })
    expect(branch(more.branch)).toBe(second)
    const isForGit: Fault['match'] = (request) => isMint(request) && !request.body.includes('pull_requests')
    expect(twin.requests.slice(asked).filter(isForGit)).toHaveLength(1)

    const isGit: Fault['match'] = ({ route }) => route === 'git-receive-pack'
    const third = await commit('revoked.txt', 'three\n', second)
    const before = twin.requests.length
    const refused = await failing({ status: 401 }, isGit, () => forge.publish(input(third, { ...more, expected: second })))
    expect(refused).toMatchObject({ name: 'FatalError', code: 'github-unauthorized' })
    expect(twin.requests.slice(before).filter(isForGit)).toHaveLength(1)
    expect(branch(more.branch)).toBe(second)
  })

  test('an installation that lacks what is needed is told by the name of the permission', async () => {
    const poor = await createWorld({ permissions: { ...permissions, pull_requests: 'read' } }).catch((error: unknown) => error)
    expect(poor).toMatchObject({ code: 'github-forbidden', message: expect.stringContaining('pull_requests: write') as string })
  })

  test('what is neither App nor token, and what is not at GitHub, stops the start', () => {
    const options = (forge: object, repo: string) => ({
      ...{
        settings: {
          kind: 'github',
          apiUrl: 'https://ghe.example/api/v3',
          appId: null,
          privateKey: null,
          token: null,
          webhookSecret: null,
          ...forge,
        },
      },
      ...{ projects: [{ id: 'app', repo, checks: { queue: 'q' } }], database: world.database, folder: world.data },
    })
    const create =
      (forge: object, repo = 'acme/app') =>
      () =>
        createGithubForge(options(forge, repo) as unknown as Parameters<typeof createGithubForge>[0])
    expect(create({})).toThrow(/forge.appId and forge.privateKey/)
    expect(create({ token: new Secret('t', 't', null, () => 'x') }, '/home/kim/app')).toThrow(/Set repo to owner\/name/)
  })

  test('git has the token in its environment for a moment, and it is written nowhere', async () => {
    const { readFileSync } = await import('node:fs')
    const { join } = await import('node:path')
    for (const place of ['repos/app.git/config', 'clones/app.git/config'])
      expect(readFileSync(join(world.data, place), 'utf8')).not.toMatch(/extraheader|ghs_/i)
    expect(world.database.serialize().toString('latin1')).not.toMatch(/ghs_/)
  })
})
