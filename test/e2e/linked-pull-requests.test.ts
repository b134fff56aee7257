// Whose a pull request is that Linear shows at an issue: somebody has said that it is the issue's, or its name merely has the key.

import { afterEach, expect, test } from 'vitest'
import type { PullRequest } from '../twins/github.ts'
import type { FollowedPullRequest } from '../twins/linear.ts'
import { both, type BothWorld } from './both.ts'
import { plainWork } from './harness.ts'

let setting: BothWorld | undefined
afterEach(() => setting?.close())

interface Linked {
  key: string
  pull: PullRequest
  /** Its head before anything was delegated. */
  head: string
}

/** An issue and an unfinished pull request of alice's, which Linear's integration with GitHub reads or which she links by hand. */
async function link(how: {
  key: string
  words?: Partial<FollowedPullRequest>
  byHand?: { linkKind?: 'closes' }
  kind?: string
}): Promise<Linked> {
  const { world, github, acme, repository } = setting!
  const alice = acme.as('alice')
  world.setScript(how.key, plainWork)
  const issue = alice.createIssue(`Add a file for ${how.key}`)
  expect(issue.identifier).toBe(how.key)
  const { title, body, branch } = { title: 'Lay the ground', body: '', branch: `ground-${repository.pulls.size}`, ...how.words }
  const hers = github.as('alice')
  await hers.push(repository, branch, { 'hers.txt': `${how.key}\n` })
  const pull = await hers.open(repository, { title, body, head: branch, base: 'main', draft: true })
  const url = `${github.url}/acme/app/pull/${pull.number}`
  if (how.byHand) alice.attach(issue, { url, ...how.byHand })
  else expect(alice.follow(issue, { url, title, body, branch })).toMatchObject({ metadata: { linkKind: how.kind } })
  return { key: how.key, pull, head: pull.head.sha }
}

test('F15: a pull request that merely names the issue, or whose address is attached, is not taken over nor changed', async () => {
  setting = await both()
  const { world, acme } = setting
  const all = [
    await link({ key: 'ENG-1', kind: 'closes', words: { branch: 'alice/eng-1-ground' } }),
    await link({ key: 'ENG-2', kind: 'closes', words: { title: 'ENG-2: lay the ground' } }),
    await link({ key: 'ENG-3', kind: 'contributes', words: { branch: 'eng-3', body: 'Part of ENG-3.' } }),
    await link({ key: 'ENG-4', byHand: {} }),
  ]
  const before = all.map(({ pull }) => structuredClone({ title: pull.title, body: pull.body, draft: pull.draft }))
  for (const { key } of all) acme.as('alice').delegate(key)
  for (const [n, { key, pull, head }] of all.entries()) {
    const { pr } = await world.untilIssue(key, ({ pr: own, run }) => own !== null && run === null)
    expect({ key, number: pr!.number }).not.toEqual({ key, number: pull.number })
    expect(pull).toMatchObject({ ...before[n], state: 'open', head: { sha: head }, comments: [], reviews: [] })
  }
})

test('a pull request that is said to close the issue is the issue’s: its agent goes on with what is there', async () => {
  setting = await both()
  const { world, acme, repository } = setting
  const all = [
    await link({ key: 'ENG-1', kind: 'closes', words: { body: 'Closes ENG-1.' } }),
    await link({ key: 'ENG-2', kind: 'closes', words: { title: 'Fixes ENG-2: lay the ground', branch: 'alice/eng-2-ground' } }),
    await link({ key: 'ENG-3', byHand: { linkKind: 'closes' } }),
  ]
  for (const { key } of all) acme.as('alice').delegate(key)
  for (const { key, pull, head } of all) {
    await world.untilIssue(key, ({ pr, run }) => run === null && pr?.number === pull.number && pr.headSha !== head)
    expect(await repository.git.readFile(pull.head.sha, 'hers.txt')).toBe(`${key}\n`)
    expect(await repository.git.readFile(pull.head.sha, `${key}.txt`)).toBe(`${key}\n`)
  }
  expect(repository.pulls.size).toBe(all.length)
})
