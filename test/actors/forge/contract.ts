// The contract of the port `Forge`: every implementation passes it.

import { describe, expect, test } from 'vitest'
import type { Forge, LandingRequest, PublishInput } from '../../../src/actors/ports.ts'

export interface ForgeContractFixture {
  forge: Forge
  project: string
  /** The base branch's name. */
  base: string
  /** Commits a change of one file on `from` (default: the base) where `publish` finds it, and answers the commit. */
  commit: (file: string, content: string, from?: string) => Promise<string>
  /** The commit that the branch has at the forge; null when there is none. */
  published: (branch: string) => Promise<string | null>
  /** How many pull requests the project has. */
  count: () => Promise<number>
  approve: (number: number) => Promise<void>
  requestChanges: (number: number, body: string) => Promise<void>
  /** The landings that the queue was asked for and has not been told to forget, as (number, head). */
  queued: () => Promise<{ number: number; headSha: string }[]>
  close: () => Promise<void>
}

export function forgeContract(name: string, create: () => Promise<ForgeContractFixture>): void {
  const withFixture = (body: (fixture: ForgeContractFixture) => Promise<void>) => async () => {
    const fixture = await create()
    try {
      await body(fixture)
    } finally {
      await fixture.close()
    }
  }
  const branch = 'signalbox/APP-1-change'
  const toRequest = ({ project, base }: ForgeContractFixture, head: string, more: Partial<PublishInput> = {}): PublishInput => ({
    project,
    issue: 'issue-1',
    key: 'APP-1',
    branch,
    base,
    head,
    expected: null,
    title: 'Change it',
    body: 'Because.',
    draft: false,
    ...more,
  })

  describe(`the forge contract: ${name}`, () => {
    test(
      'publishing opens one pull request, however often it is asked for',
      withFixture(async (fixture) => {
        const { forge, commit, published, count } = fixture
        const head = await commit('a.txt', 'a\n')
        const first = await forge.publish(toRequest(fixture, head))
        expect(first).toMatchObject({ headSha: head, headRef: branch, baseRef: fixture.base, state: 'open', draft: false, adopted: false })
        expect(await published(branch)).toBe(head)
        expect(await forge.publish(toRequest(fixture, head))).toEqual({ ...first, adopted: true })
        expect(await count()).toBe(1)
      }),
    )

    test(
      'a publication that is called off before its pull request is opened opens none, and the next one goes on from what is there',
      withFixture(async (fixture) => {
        const { forge, commit, published, count } = fixture
        const head = await commit('a.txt', 'a\n')
        const early = new AbortController()
        early.abort()
        await expect(forge.publish(toRequest(fixture, head), early.signal)).rejects.toMatchObject({ code: 'called-off' })
        expect([await count(), await published(branch)]).toEqual([0, null])
        // In the middle of it: whatever has been pushed stays, and who is refused has opened nothing.
        const late = new AbortController()
        const publishing = forge.publish(toRequest(fixture, head), late.signal).then(
          () => 'opened',
          ({ code }: { code: string }) => code,
        )
        while ((await published(branch)) === null) await new Promise((resolve) => setImmediate(resolve))
        late.abort()
        const outcome = await publishing
        expect([outcome, await count()]).toEqual(outcome === 'opened' ? ['opened', 1] : ['called-off', 0])
        const opened = await forge.publish(toRequest(fixture, head))
        expect([opened.headSha, opened.state, await count()]).toEqual([head, 'open', 1])
      }),
    )

    test(
      'a pull request that nobody wants is closed and opened again, at exactly its head, with its branch kept',
      withFixture(async (fixture) => {
        const { forge, project, commit, published } = fixture
        const head = await commit('a.txt', 'a\n')
        const { number } = await forge.publish(toRequest(fixture, head))
        const stateOf = async () => (await forge.facts({ project, issue: 'issue-1', number, branch }))?.state
        const decide = (wanted: boolean, headSha = head) => forge.decidePublication({ project, number, headSha, wanted })
        await decide(false, '0'.repeat(40))
        expect(await stateOf()).toBe('open')
        for (const wanted of [false, true]) {
          await decide(wanted)
          await decide(wanted)
          expect([await stateOf(), await published(branch)]).toEqual([wanted ? 'open' : 'closed', head])
        }
        await forge.decidePublication({ project, number: 99, headSha: head, wanted: false })
        expect(await stateOf()).toBe('open')
      }),
    )

    test(
      'publishing again updates the same pull request, with a lease',
      withFixture(async (fixture) => {
        const { forge, commit, published } = fixture
        const first = await commit('a.txt', 'a\n')
        const { number } = await forge.publish(toRequest(fixture, first))
        const second = await commit('a.txt', 'b\n', first)
        expect(await forge.publish(toRequest(fixture, second, { expected: first }))).toMatchObject({ number, headSha: second })
        const late = await commit('b.txt', 'late\n', first)
        await expect(forge.publish(toRequest(fixture, late, { expected: first }))).rejects.toThrow(/out of date|stale/)
        expect(await published(branch)).toBe(second)
      }),
    )

    test(
      'facts tell everything about a pull request, by number and by branch',
      withFixture(async (fixture) => {
        const { forge, project, commit, approve, requestChanges } = fixture
        expect(await forge.facts({ project, issue: 'issue-1', number: null, branch })).toBeNull()
        const head = await commit('a.txt', 'a\n')
        const { number, url } = await forge.publish(toRequest(fixture, head))
        await requestChanges(number, 'Not yet.')
        await approve(number)
        const facts = (await forge.facts({ project, issue: 'issue-1', number, branch }))!
        expect(facts).toMatchObject({
          number,
          url,
          title: 'Change it',
          state: 'open',
          headSha: head,
          headRef: branch,
          baseRef: fixture.base,
        })
        expect(facts).toMatchObject({ draft: false, mergedSha: null, mergeable: expect.stringMatching(/clean|unknown/) as string })
        expect(facts.reviews.map(({ verdict, headSha }) => [verdict, headSha])).toEqual([
          ['changes_requested', head],
          ['approved', head],
        ])
        expect(facts.checks.headSha).toBe(head)
        expect(facts.queue).toMatchObject({ state: 'none', incident: null })
        expect(await forge.facts({ project, issue: 'issue-1', number: null, branch })).toEqual(facts)
      }),
    )

    test(
      'a landing is asked for once for each head, and can be withdrawn',
      withFixture(async (fixture) => {
        const { forge, project, commit, queued } = fixture
        const head = await commit('a.txt', 'a\n')
        const { number } = await forge.publish(toRequest(fixture, head))
        const request: LandingRequest = { project, issue: 'issue-1', key: 'APP-1', number, headSha: head, priority: 0 }
        await forge.requestLanding(request)
        await forge.requestLanding(request)
        expect(await queued()).toEqual([{ number, headSha: head }])
        await forge.withdrawLanding({ ...request, reason: 'stopped' })
        await forge.withdrawLanding({ ...request, reason: 'stopped' })
        expect(await queued()).toEqual([])
      }),
    )
  })
}
