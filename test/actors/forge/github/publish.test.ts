// Publishing at GitHub has its effects once, whatever becomes of the answers; objections are answered point by point.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Fault } from '../../../twins/github.ts'
import { createWorld, type World } from './fixture.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

let n = 0
const fresh = () => {
  n += 1
  return { more: { issue: `issue-${n}`, key: `APP-${n}`, branch: `signalbox/APP-${n}` }, file: `p-${n}.txt` }
}
/** Repeats what fails in a way that may pass, as the effect does. */
async function repeated<T>(work: () => Promise<T>): Promise<{ answer: T; failed: string[] }> {
  const failed: string[] = []
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      return { answer: await work(), failed }
    } catch (error) {
      const { code } = error as { code: string }
      failed.push(code)
      if (!('retryAfter' in (error as object))) throw error
    }
  }
  throw new Error(`failed again and again: ${failed.join(', ')}`)
}
const on = (branch: string) => [...world.repository.pulls.values()].filter(({ head }) => head.branch === branch)

describe('the answer is lost', () => {
  const lost: [string, Omit<Fault, 'match'>, Fault['match']][] = [
    [
      'of the pull request that was opened',
      { status: 502, when: 'after' },
      ({ method, route }) => method === 'POST' && route.endsWith('/pulls'),
    ],
    [
      'of the pull request that was opened, in its middle',
      { status: 'half', when: 'after' },
      ({ method, route }) => method === 'POST' && route.endsWith('/pulls'),
    ],
    ['of the push', { status: 502, when: 'after' }, ({ route }) => route === 'git-receive-pack'],
    ['of the list before it', { status: 503 }, ({ method, route }) => method === 'GET' && route.endsWith('/pulls')],
  ]
  test.each(lost)('%s: it is published once', async (_name, fault, match) => {
    const { forge, twin, commit, input, branch } = world
    const { more, file } = fresh()
    const head = await commit(file, 'x\n')
    const remove = twin.faults.add({ match, ...fault })
    const { answer } = await repeated(() => forge.publish(input(head, more)))
    remove()
    expect([answer.headSha, answer.state, branch(more.branch)]).toEqual([head, 'open', head])
    expect(on(more.branch)).toHaveLength(1)
  })

  test('and the process is killed: the next one goes on from what is there', async () => {
    const { twin, commit, input, branch } = world
    const { more, file } = fresh()
    const head = await commit(file, 'x\n')
    const remove = twin.faults.add({
      match: ({ method, route }) => method === 'POST' && route.endsWith('/pulls'),
      status: 'reset',
      when: 'after',
    })
    await expect(world.forge.publish(input(head, more))).rejects.toMatchObject({ code: 'github-unreachable' })
    remove()
    const forge = world.restart()
    await forge.start()
    expect(await forge.publish(input(head, more))).toMatchObject({ headSha: head, adopted: true, state: 'open' })
    expect([on(more.branch).length, branch(more.branch)]).toEqual([1, head])
  })
})

describe('what is there already', () => {
  test('a pull request that a person has opened for the branch is the one, with the text of ours', async () => {
    const { forge, twin, repository, commit, input } = world
    const { more, file } = fresh()
    const head = await commit(file, 'x\n')
    await forge.publish(input(head, more))
    const pull = on(more.branch)[0]!
    twin.as('kim').edit(pull, { title: 'Something', body: 'else' })
    const second = await commit(file, 'y\n', head)
    const published = await forge.publish(input(second, { ...more, expected: head, title: 'Change it more' }))
    expect([published.number, published.title, repository.pulls.get(pull.number)!.body]).toEqual([
      pull.number,
      'Change it more',
      'Because.',
    ])
    expect(on(more.branch)).toHaveLength(1)
  })

  test('somebody is quicker: theirs is the one', async () => {
    const { forge, commit, input, twin, repository } = world
    const { more, file } = fresh()
    const head = await commit(file, 'x\n')
    let opening: Promise<unknown> | undefined
    const remove = twin.faults.add({
      status: 500,
      match({ method, route }) {
        if (method === 'GET' && route.endsWith('/pulls'))
          opening ??= twin.as('kim').open(repository, { head: more.branch, base: 'main', title: 'Quicker', body: '' })
        return false
      },
    })
    // Between our look and our own opening there is time for theirs.
    twin.latency = 200
    const published = await forge.publish(input(head, more))
    twin.latency = 0
    remove()
    await opening
    expect(on(more.branch)).toMatchObject([{ number: published.number, author: { login: 'kim' }, title: 'Change it' }])
    expect(published).toMatchObject({ adopted: true, headSha: head })
  })

  test('new work has an open one again, the closed one where GitHub allows; the work that it was closed with has not', async () => {
    const { forge, twin, commit, input } = world
    const { more, file } = fresh()
    const head = await commit(file, 'x\n')
    const { number } = await forge.publish(input(head, more))
    twin.as('kim').close(on(more.branch)[0]!)
    await world.facts(number)
    expect(await forge.publish(input(head, more))).toMatchObject({ number, state: 'closed', adopted: true })
    const second = await commit(file, 'y\n', head)
    expect(await forge.publish(input(second, more))).toMatchObject({ state: 'open', headSha: second })
    expect(on(more.branch).filter(({ state }) => state === 'open')).toHaveLength(1)
  })

  test('a branch that somebody else has there is not overwritten', async () => {
    const { forge, twin, repository, commit, input, branch } = world
    const { more, file } = fresh()
    const theirs = await twin.as('kim').push(repository, more.branch, { 'theirs.txt': 'theirs\n' })
    const head = await commit(file, 'x\n')
    await expect(forge.publish(input(head, more))).rejects.toMatchObject({ code: 'stale-lease' })
    expect([branch(more.branch), on(more.branch).length]).toEqual([theirs, 0])
  })

  test('a branch is asked for only where it is not as it is known to be: gone, or moved to what this publication is based on', async () => {
    const { forge, twin, repository, commit, input, branch } = world
    const { more, file } = fresh()
    const looks = () => twin.requests.filter(({ path }) => path.includes('git-upload-pack')).length
    const publish = async (head: string, expected: string | null) => {
      const before = looks()
      await forge.publish(input(head, { ...more, expected }))
      return { looks: looks() - before, at: branch(more.branch) === head }
    }
    const first = await commit(file, '1\n')
    const second = await commit(file, '2\n', first)
    const third = await commit(file, '3\n', second)
    expect(await publish(first, null)).toEqual({ looks: 0, at: true })
    expect(await publish(second, first)).toEqual({ looks: 0, at: true })
    await twin.as('kim').deleteBranch(repository, more.branch)
    const { looks: asked, at } = await publish(third, second)
    expect([asked > 0, at]).toEqual([true, true])
  })

  test('what protection refuses is said in its words', async () => {
    const { forge, twin, repository, commit, input } = world
    const { more, file } = fresh()
    twin.ruleset(repository, more.branch, { requiredApprovals: 1 })
    await twin.as('root').push(repository, 'elsewhere', { 'z.txt': 'z\n' })
    const head = await commit(file, 'x\n')
    await forge.publish(input(head, more)).catch(() => {})
    const second = await commit(file, 'y\n', head)
    await expect(forge.publish(input(second, { ...more, expected: head }))).rejects.toMatchObject({
      code: 'push-refused',
      message: expect.stringContaining('GH0') as string,
    })
    twin.ruleset(repository, more.branch, undefined)
  })
})

describe('objections', () => {
  /** What a run that begins now is given to answer. */
  const points = async (number: number): Promise<string[]> =>
    (await world.facts(number)).reviews.flatMap(({ comments }) => comments.map(({ id }) => id!))

  test('each point is answered and resolved once, and whoever objected is asked to look again, whatever answer is lost', async () => {
    const { forge, twin, repository, commit, input } = world
    const { more, file } = fresh()
    const head = await commit(file, 'one\ntwo\n')
    await forge.publish(input(head, more))
    const pull = on(more.branch)[0]!
    await twin.as('kim').requestChanges(pull, 'Two things.', [
      { path: file, line: 1, body: 'Rename it.' },
      { path: file, line: 2, body: 'Test it.' },
    ])
    const mine = await twin.as('ada').reviewComment(pull, { path: file, line: 1, body: 'A thought.' })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const second = await commit(file, 'three\nfour\n', head)
    const remove = [/addPullRequestReviewThreadReply/, /resolveReviewThread/].map((mutation) =>
      twin.faults.add({ match: ({ body }) => mutation.test(body) && /mutation/.test(body), status: 502, when: 'after' }),
    )
    remove.push(twin.faults.add({ match: ({ route }) => route.endsWith('requested_reviewers'), status: 502, when: 'after' }))
    const next = input(second, { ...more, expected: head, points: await points(pull.number) })
    const { failed } = await repeated(() => forge.publish(next))
    for (const each of remove) each()
    expect(failed).toEqual(['github-failed', 'github-failed', 'github-failed'])
    await forge.publish(next)
    const theirs = pull.threads.filter((thread) => thread !== mine)
    for (const thread of theirs) {
      expect(thread.comments.slice(1).map(({ user, body }) => [user.login, body.split('\n')[0]])).toEqual([
        ['box[bot]', `Addressed in ${second.slice(0, 10)}.`],
      ])
      expect(thread.resolvedBy?.login).toBe('box[bot]')
    }
    // Who did not object is not answered.
    expect([mine.comments.length, mine.resolvedBy]).toEqual([1, undefined])
    expect(repository.pulls.get(pull.number)!.requested.map(({ login }) => login)).toEqual(['kim'])
  })

  test('what the run was not given is neither answered nor resolved, whatever its agent says of it', async () => {
    const { forge, twin, repository, commit, input } = world
    const { more, file } = fresh()
    const head = await commit(file, 'one\ntwo\n')
    await forge.publish(input(head, more))
    const pull = on(more.branch)[0]!
    await twin.as('kim').requestChanges(pull, 'One thing.', [{ path: file, line: 1, body: 'Rename it.' }])
    const given = await points(pull.number)
    await twin.as('kim').requestChanges(pull, 'And another.', [{ path: file, line: 2, body: 'Test it.' }])
    const all = await points(pull.number)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const second = await commit(file, 'three\ntwo\n', head)
    const answers = all.map((id) => ({ id, body: 'Done.' }))
    await forge.publish(input(second, { ...more, expected: head, points: given, answers }))
    expect(pull.threads.map(({ comments, resolvedBy }) => [comments[0]!.body, comments.length, resolvedBy?.login])).toEqual([
      ['Rename it.', 2, 'box[bot]'],
      ['Test it.', 1, undefined],
    ])
    expect(repository.pulls.get(pull.number)!.requested.map(({ login }) => login)).toEqual(['kim'])
  })

  /** A change to which kim has made two points, and the next one, which answers them. */
  const answering = async () => {
    const { forge, twin, commit, input } = world
    const { more, file } = fresh()
    const head = await commit(file, 'one\ntwo\n')
    await forge.publish(input(head, more))
    const pull = on(more.branch)[0]!
    await twin.as('kim').requestChanges(pull, 'Two things.', [
      { path: file, line: 1, body: 'Rename it.' },
      { path: file, line: 2, body: 'Test it.' },
    ])
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const second = await commit(file, 'three\nfour\n', head)
    const given = await points(pull.number)
    const answers = [{ id: given[0]!, body: 'It is called `three` now.' }]
    const next = input(second, { ...more, expected: head, points: given, answers })
    const [first, other] = pull.threads as [(typeof pull.threads)[0], (typeof pull.threads)[0]]
    return {
      ...{ pull, file, first, other },
      publish: () => forge.publish(next),
      refuse: (mutation: string, thread: { id: string }, fault: Partial<Fault> = {}) =>
        twin.faults.add({
          match: ({ body }) => body.includes(`${mutation}(`) && body.includes(thread.id),
          status: 403,
          times: Infinity,
          ...fault,
        }),
      said: () => pull.comments.map(({ body, user }) => [user.login, body]),
    }
  }

  test('one that GitHub refuses to take is said in a comment, once; the others are answered where they were made', async () => {
    const { pull, file, first, other, publish, refuse, said } = await answering()
    const remove = refuse('addPullRequestReviewThreadReply', first, { message: 'This thread is locked.' })
    const lost = world.twin.faults.add({
      ...{ match: ({ method, route }) => method === 'POST' && route.endsWith('/comments'), status: 502, when: 'after' },
    })
    expect((await repeated(publish)).failed).toEqual(['github-failed'])
    await publish()
    remove()
    lost()
    expect([other.comments.length, other.resolvedBy?.login, first.comments.length, first.resolvedBy]).toEqual([2, 'box[bot]', 1, undefined])
    expect(pull.requested.map(({ login }) => login)).toEqual(['kim'])
    expect(said()).toEqual([['box[bot]', expect.stringContaining('It is called `three` now.')]])
    const [[, body]] = said() as [[string, string]]
    expect(body).toContain(`\`${file}:1\``)
    expect(body).toContain('@kim')
    expect(body).toContain('This thread is locked.')
    expect(body).not.toContain(`${file}:2`)
    expect(world.logged.join()).toContain('GitHub forbids the answer in a review thread')
  })

  test('of a thread that cannot be resolved it is said that it is answered and stays open', async () => {
    const { first, other, publish, refuse, said } = await answering()
    refuse('resolveReviewThread', first)
    await publish()
    world.twin.faults.clear()
    expect([first.comments.length, first.resolvedBy, other.resolvedBy?.login]).toEqual([2, undefined, 'box[bot]'])
    expect(said()).toEqual([['box[bot]', expect.stringMatching(/answered there.*stays open/)]])
  })

  test('whom we may not ask to look again is asked in a comment', async () => {
    const { pull, publish, said } = await answering()
    world.twin.faults.add({ match: ({ route }) => route.endsWith('requested_reviewers'), status: 403, times: Infinity })
    await publish()
    world.twin.faults.clear()
    expect([pull.requested, ...pull.threads.map(({ resolvedBy }) => resolvedBy?.login)]).toEqual([[], 'box[bot]', 'box[bot]'])
    expect(said()).toEqual([['box[bot]', expect.stringContaining('Please look again: @kim.')]])
  })

  test('what is refused for a moment, or fails, is tried again and needs no comment', async () => {
    const { first, other, publish, refuse, said } = await answering()
    refuse('addPullRequestReviewThreadReply', first, { times: 1 })
    refuse('resolveReviewThread', first, { times: 1 })
    refuse('addPullRequestReviewThreadReply', other, { times: 1, status: 502 })
    expect((await repeated(publish)).failed).toEqual(['github-failed'])
    expect([first, other].map(({ comments, resolvedBy }) => [comments.length, resolvedBy?.login])).toEqual([
      [2, 'box[bot]'],
      [2, 'box[bot]'],
    ])
    expect(said()).toEqual([])
  })

  test('that GitHub lets us answer neither there nor in a comment keep nothing from being published', async () => {
    const { pull, first, publish, refuse, said } = await answering()
    refuse('addPullRequestReviewThreadReply', first)
    world.twin.faults.add({ match: ({ method, route }) => method === 'POST' && route.endsWith('/comments'), status: 403, times: Infinity })
    expect(await publish()).toMatchObject({ number: pull.number })
    world.twin.faults.clear()
    expect(said()).toEqual([])
    expect(world.logged.join()).toContain('GitHub forbids a comment on')
  })

  test('what was asked for after the work was done is not answered by it', async () => {
    const { forge, twin, commit, input } = world
    const { more, file } = fresh()
    const head = await commit(file, 'one\n')
    await forge.publish(input(head, more))
    const pull = on(more.branch)[0]!
    const second = await commit(file, 'two\n', head)
    await new Promise((resolve) => setTimeout(resolve, 2_100))
    await twin.as('kim').requestChanges(pull, 'Wait.', [{ path: file, line: 1, body: 'Why?' }])
    await forge.publish(input(second, { ...more, expected: head, points: await points(pull.number) }))
    expect([pull.threads[0]!.comments.length, pull.threads[0]!.resolvedBy, pull.requested]).toEqual([1, undefined, []])
  })
})
