// Each way in which a call of Linear can fail, and what whoever asked is told.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FatalError, ProtocolError, RetryableError } from '../../../../src/errors.ts'
import type { Fault } from '../../../twins/linear/faults.ts'
import { createBench, impatient, type BenchOptions } from './fixture.ts'

async function begin(options: BenchOptions = {}) {
  const bench = await createBench(options)
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue('An issue')
  ann.delegate(issue)
  await bench.told()
  bench.reopen({}, impatient)
  const look = () => bench.tracker.facts({ project: 'app', issue: issue.id })
  const failure = async (fault?: Fault): Promise<Error & { code: string; retryAfter?: number }> => {
    if (fault !== undefined) bench.twin.faults.add(fault)
    const error = await look().then(
      () => null,
      (reason: unknown) => reason as Error & { code: string },
    )
    expect(error).not.toBeNull()
    // Nothing that is told or logged shows a token.
    for (const { access_token: token } of bench.database.prepare('SELECT access_token FROM linear_workspace').all() as {
      access_token: string
    }[])
      expect(`${error!.message} ${String((error!.cause as Error | undefined)?.message)}`).not.toContain(token)
    expect(`${error!.message} ${String((error!.cause as Error | undefined)?.message)} ${bench.logged.join()}`).not.toContain('lin_')
    return error!
  }
  return { bench, ann, issue, look, failure }
}

describe('F10: a call that fails', () => {
  test.each([
    [{ status: 500 }, RetryableError, 'linear-failed'],
    [{ status: 502 }, RetryableError, 'linear-failed'],
    [{ status: 503 }, RetryableError, 'linear-failed'],
    [{ status: 'half' }, RetryableError, 'linear-failed'],
    [{ status: 'reset' }, RetryableError, 'linear-unreachable'],
    [{ status: 'timeout' }, RetryableError, 'linear-unreachable'],
    [{ status: 429, retryAfter: 7 }, RetryableError, 'linear-rate-limited'],
    [{ status: 403 }, FatalError, 'linear-forbidden'],
    [{ status: 422 }, FatalError, 'linear-refused'],
    [{ status: 409 }, FatalError, 'linear-refused'],
  ] as const)('%j', async (fault, Kind, code) => {
    const { failure } = await begin()
    const error = await failure(fault)
    expect(error).toBeInstanceOf(Kind)
    expect(error.code).toBe(code)
    expect(error.message).toContain('SignalboxIssue')
  })

  test('the time that Linear names is the time to wait, and until then nothing else is asked', async () => {
    const { bench, look, failure } = await begin()
    expect((await failure({ status: 429, retryAfter: 60 })).retryAfter).toBe(60_000)
    const asked = bench.twin.requests.length
    await expect(look()).rejects.toMatchObject({ code: 'linear-rate-limited' })
    expect(bench.twin.requests).toHaveLength(asked)
  })

  test.each(['requests', 'complexity'] as const)('where the limit of %s is used up Linear is left alone, and told so', async (what) => {
    const { bench, look } = await begin()
    bench.workspace.exhaust(what)
    await expect(look()).rejects.toMatchObject({ code: 'linear-rate-limited' })
    const asked = bench.twin.requests.length
    await expect(look()).rejects.toMatchObject({ code: 'linear-rate-limited' })
    expect(bench.twin.requests).toHaveLength(asked)
  })

  test('carries the access token of its workspace as a bearer (edge 114)', async () => {
    const headers: (string | undefined)[] = []
    const server = createServer((request, response) => {
      headers.push(request.headers.authorization)
      response.writeHead(503).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { bench, look } = await begin()
    bench.reopen({ apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql` })
    await expect(look()).rejects.toMatchObject({ code: 'linear-failed' })
    expect(headers).toEqual([expect.stringMatching(/^Bearer lin_oauth_[0-9a-f]{48}$/)])
    const told = await fetch(bench.twin.apiUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: headers[0]! },
      body: JSON.stringify({ query: '{ viewer { id } organization { name } }' }),
    })
    expect(await told.json()).toMatchObject({ data: { organization: { name: bench.workspace.name } } })
  })

  test('an answer that its schema does not allow is nonsense', async () => {
    const { bench, issue, failure } = await begin()
    Object.assign(bench.workspace.issue(issue), { updatedAt: 'yesterday' })
    const nonsense = await failure()
    expect(nonsense).toBeInstanceOf(ProtocolError)
    expect(nonsense.code).toBe('linear-nonsense')
  })

  test('a call whose words Linear refuses says so in them', async () => {
    const { bench, issue } = await begin()
    await expect(bench.tracker.comment(issue.id, ' ')).rejects.toMatchObject({
      code: 'linear-refused',
      message: expect.stringContaining('body should not be empty'),
    })
  })

  test('a removed issue is none, one that we may not see any more is not taken for removed', async () => {
    const { bench, ann, issue, look } = await begin({ twin: { teams: [{ key: 'ENG' }, { key: 'OPS' }] } })
    bench.workspace.changeTeamAccess(['OPS'])
    await expect(look()).rejects.toMatchObject({ code: 'linear-forbidden', message: expect.stringContaining('ENG-1') })
    bench.workspace.changeTeamAccess(undefined)
    expect(await look()).not.toBeNull()
    ann.remove(issue)
    expect(await look()).toBeNull()
    bench.workspace.state.store.remove(issue)
    expect(await look()).toBeNull()
  })
})
