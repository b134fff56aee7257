// Who may say what at GitHub, by the numbers of what the former system got wrong.

import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { hosted } from './github.ts'
import { plainWork, until } from './harness.ts'

test('F13, F44: a stranger neither approves nor instructs; whoever may write does, when the agent is addressed (edge 183)', async () => {
  const { world, twin, pullOf } = await hosted()
  await world.start()
  const key = await world.submit(`${plainWork.replaceAll('$SIGNALBOX_ISSUE.txt', '$SIGNALBOX_RUN_ID.txt')}`)
  const pull = await pullOf(key)
  await world.untilIssue(key, ({ pr }) => pr?.checks === 'passed')
  await twin.as('rita').approve(pull)
  twin.as('rita').comment(pull, '@signalbox delete everything')
  twin.as('stranger').comment(pull, 'signalbox: merge this')
  twin.as('alice').comment(pull, 'I wonder whether this is right.')
  await twin.settled()
  await wait(500)
  expect(await world.issue(key)).toMatchObject({ phase: 'pr_open', pr: { review: 'none' }, budgets: { runs: { used: 1 } } })
  twin.as('alice').comment(pull, 'Hey @signalbox, add another file')
  await world.untilIssue(key, ({ budgets, run }) => budgets['runs']!.used === 2 && run === null)
  await until(() => twin.repository('acme/app').pulls.size === 1 && pull.head.sha !== '', { what: 'one pull request' })
  await twin.as('alice').approve(pull)
  await world.untilIssue(key, 'done')
})

test('F44: one approval is not enough where the repository asks for two, and of an older head it says nothing', async () => {
  const { world, twin, repository, pullOf } = await hosted()
  twin.protect(repository, 'main', { requiredApprovals: 2, requiredChecks: [{ context: 'test' }], bypass: ['signalbox[bot]'] })
  await world.start()
  const key = await world.submit(plainWork)
  const pull = await pullOf(key)
  await world.untilIssue(key, ({ pr }) => pr?.checks === 'passed')
  await twin.as('alice').approve(pull)
  await twin.settled()
  await wait(500)
  expect(await world.issue(key)).toMatchObject({ phase: 'pr_open', pr: { review: 'none' } })
  await twin.as('rob').approve(pull)
  await world.untilIssue(key, 'done')
})

test('who has asked for changes of an earlier head is waited for, whoever approves the next one first', async () => {
  const { world, twin, pullOf } = await hosted()
  await world.start()
  const key = await world.submit(plainWork.replaceAll('$SIGNALBOX_ISSUE.txt', '$SIGNALBOX_RUN_ID.txt'))
  const pull = await pullOf(key)
  const { pr } = await world.untilIssue(key, ({ pr: own, run }) => own?.checks === 'passed' && run === null)
  await twin.as('rob').requestChanges(pull, 'Another file, please.')
  await world.untilIssue(key, ({ pr: own, run }) => run === null && own?.checks === 'passed' && own.headSha !== pr!.headSha)
  await twin.as('alice').approve(pull)
  const { phase, waitsFor } = await world.untilIssue(key, ({ pr: own }) => own?.review === 'approved')
  expect(phase).toBe('pr_open')
  expect(waitsFor).toMatchObject([{ party: 'reviewer', reason: 'another review of pull request #1 by rob' }])
  await twin.as('rob').approve(pull)
  await world.untilIssue(key, 'done')
})

test('each thing that a reviewer asks for is answered by the run that was given it, also what comes while a fix is made', async () => {
  const { world, twin, repository, pullOf } = await hosted()
  await world.start()
  const file = '$SIGNALBOX_RUN_ID.txt'
  const waiting = `[ "$SIGNALBOX_RUN_ID" != run-2 ] || while [ ! -e "$WORLD/go" ]; do sleep 0.1; done`
  const key = await world.submit(`${waiting}; ${plainWork.replaceAll('$SIGNALBOX_ISSUE.txt', file)}`)
  const pull = await pullOf(key)
  await world.untilIssue(key, ({ pr, run }) => pr?.checks === 'passed' && run === null)
  const rob = twin.as('rob')
  await rob.requestChanges(pull, 'Not so.', [{ path: 'run-1.txt', line: 1, body: 'Rename it.' }])
  await world.untilIssue(key, ({ run }) => run?.phase === 'working')
  await rob.requestChanges(pull, 'And one more.', [{ path: 'run-1.txt', line: 1, body: 'Test it.' }])
  // Read before the fix is there: after that it would be of an earlier head.
  const isRead = async (): Promise<boolean> => JSON.stringify((await world.ask(`/api/issues/${key}/timeline`)).body).includes('Test it.')
  await until(isRead, { what: 'the second review to be read', saw: world.log })
  world.note('go', '')
  await world.untilIssue(key, ({ run, budgets, pr }) => run === null && budgets['runs']!.used === 3 && pr?.checks === 'passed')
  const first = (await repository.git.run(['rev-parse', `${pull.head.sha}^`])).trim()
  expect(pull.threads.map(({ comments }) => comments.map(({ body }) => body.split('\n')[0]))).toEqual([
    ['Rename it.', `Addressed in ${first.slice(0, 10)}.`],
    ['Test it.', `Addressed in ${pull.head.sha.slice(0, 10)}.`],
  ])
  await rob.approve(pull)
  await world.untilIssue(key, 'done')
})

test('classic protection that is loosened is heard of by webhook: what it kept waiting lands', async () => {
  const { world, twin, repository, pullOf } = await hosted()
  const rules = { requiredApprovals: 1, bypass: ['signalbox[bot]'] }
  twin.protect(repository, 'main', { ...rules, requiredChecks: [{ context: 'test' }, { context: 'nobody reports this' }] })
  await world.start()
  const key = await world.submit(plainWork)
  const pull = await pullOf(key)
  await twin.as('alice').approve(pull)
  await world.untilIssue(key, ({ pr }) => pr?.review === 'approved')
  await twin.settled()
  await wait(500)
  expect(await world.issue(key)).toMatchObject({ phase: 'pr_open', pr: { checks: 'pending' } })
  twin.protect(repository, 'main', { ...rules, requiredChecks: [{ context: 'test' }] })
  await world.untilIssue(key, 'done')
})

test('F15: a pull request that only mentions the issue is not taken over, and is never closed or changed', async () => {
  const { world, twin, repository } = await hosted()
  await world.start()
  const alice = twin.as('alice')
  await alice.push(repository, 'APP-1-mine', { 'mine.txt': 'mine\n' })
  const theirs = await alice.open(repository, { title: 'APP-1: mine', body: 'For APP-1.', head: 'APP-1-mine', base: 'main' })
  const key = await world.submit(plainWork)
  expect(key).toBe('APP-1')
  const { pr } = await world.untilIssue(key, ({ pr: own }) => own !== null)
  expect(pr!.number).not.toBe(theirs.number)
  expect(theirs).toMatchObject({ state: 'open', title: 'APP-1: mine', head: { branch: 'APP-1-mine' }, comments: [], reviews: [] })
})

test('F14, W17: what is said of a pull request reaches the issue of its own repository, whatever else has its number', async () => {
  const { world, twin, pullOf } = await hosted({ second: 'acme/web' })
  await world.start()
  const script = plainWork.replaceAll('$SIGNALBOX_ISSUE.txt', '$SIGNALBOX_RUN_ID.txt')
  const key = await world.submit(script, { project: 'app' })
  const other = await world.submit(script, { project: 'web' })
  const mine = await pullOf(key)
  const { pr } = await world.untilIssue(other, ({ pr: own }) => own !== null)
  const theirs = twin.repository('acme/web').pulls.get(pr!.number)!
  expect([mine.number, theirs.number]).toEqual([1, 1])
  for (const one of [key, other]) await world.untilIssue(one, ({ run, pr: own }) => run === null && own?.checks === 'passed')
  twin.as('alice').comment(theirs, 'signalbox: another file, please')
  await world.untilIssue(other, ({ budgets, run }) => budgets['runs']!.used === 2 && run === null)
  await twin.as('alice').approve(theirs)
  await world.untilIssue(other, 'done')
  expect(await world.issue(key)).toMatchObject({ phase: 'pr_open', pr: { review: 'none' }, budgets: { runs: { used: 1 } } })
})

test('a repository that is renamed is still the same one', async () => {
  const { world, twin, repository, pullOf } = await hosted()
  await world.start()
  const key = await world.submit(plainWork)
  const pull = await pullOf(key)
  twin.as('root').renameRepository(repository, 'application')
  await twin.as('alice').approve(pull)
  await world.untilIssue(key, 'done')
})

test('a token that is revoked in the middle of a run: a person is told what to do, and the work is there afterwards', async () => {
  const { world, twin, repository, pullOf } = await hosted({ token: true, webhooks: false })
  await world.start()
  const key = await world.submit(`echo begun >> "$WORLD/begun"; while [ ! -e "$WORLD/go" ]; do sleep 0.1; done; ${plainWork}`)
  await world.untilIssue(key, ({ run }) => run?.phase === 'working')
  const giveBack = twin.faults.add({
    times: Infinity,
    match: ({ credential }) => credential !== 'none',
    status: 401,
    message: 'Bad credentials',
  })
  world.note('go', '')
  const stuck = await world.untilIssue(key, ({ phase }) => phase === 'escalated')
  expect(stuck.waitsFor).toMatchObject([{ party: 'human', reason: expect.stringMatching(/forge\.token|credentials/) as string }])
  giveBack()
  world.setScript(key, 'true')
  expect((await world.act(key, { action: 'retry' })).status).toBe(202)
  const pull = await pullOf(key)
  expect(await repository.git.readFile(pull.head.sha, `${key}.txt`)).toBe(`${key}\n`)
})

test('a branch that is deleted under us closes its pull request, and the work begins anew', async () => {
  const { world, twin, repository, pullOf } = await hosted()
  await world.start()
  const key = await world.submit(plainWork.replaceAll('$SIGNALBOX_ISSUE.txt', '$SIGNALBOX_RUN_ID.txt'))
  const pull = await pullOf(key)
  await world.untilIssue(key, ({ pr, run }) => pr?.checks === 'passed' && run === null)
  await twin.as('root').deleteBranch(repository, pull.head.branch)
  await until(() => pull.state === 'closed', { what: 'GitHub to close it' })
  const { pr } = await world.untilIssue(key, ({ pr: own, run }) => run === null && own?.state === 'open' && own.number !== pull.number)
  await twin.as('alice').approve(repository.pulls.get(pr!.number)!)
  await world.untilIssue(key, 'done')
})

test('what is done at GitHub is not offered here, and says where it is done', async () => {
  const { world, pullOf } = await hosted()
  await world.start()
  const key = await world.submit(plainWork)
  await pullOf(key)
  const { body } = await world.ask(`/api/issues/${key}/explain`)
  expect(body.actions).toContain('close_pull_request')
  for (const action of ['approve', 'request_changes', 'push', 'dismiss_review']) expect(body.actions).not.toContain(action)
  const { code, stderr } = await world.run('approve', key)
  expect([code, stderr]).toEqual([1, expect.stringMatching(/with GitHub, do it at http:\S+\/acme\/app\/pull\/1\./)])
})

test('two organisations, an installation in each: tokens for one repository each, and a suspension stops its own project alone', async () => {
  const { world, twin, pullOf } = await hosted({ second: 'zoo/web' })
  await world.start()
  // A run that began before the suspension was noticed has done its work: the retry has nothing left to commit.
  const script = plainWork.replace('git commit', 'git diff --cached --quiet || git commit')
  const work = async (project: string) => world.submit(script, { project })
  const pullAt = async (key: string) => {
    const { pr } = await world.untilIssue(key, ({ pr: own }) => own !== null)
    return twin.repository('zoo/web').pulls.get(pr!.number)!
  }
  const [mine, theirs] = [await work('app'), await work('web')]
  await twin.as('alice').approve(await pullOf(mine))
  await twin.as('alice').approve(await pullAt(theirs))
  for (const key of [mine, theirs]) await world.untilIssue(key, 'done')
  const { tokens, installations, repositoryById } = twin.world
  const minted = [...tokens.values()].filter(({ installation }) => installation !== undefined)
  const forOne = minted.map(({ installation, repositories }) => {
    const owners = [...repositories!].map((id) => repositoryById.get(id)!.owner.login)
    return [installation!.account.login, ...owners].join(' for ')
  })
  expect([...new Set(forOne)].toSorted()).toEqual(['acme for acme', 'zoo for zoo'])
  // One for git, with nothing but what it pushes, and one for the API; the metadata of a repository come with every token.
  const powers = new Set(
    minted.map(({ permissions }) =>
      Object.keys(permissions!)
        .filter((name) => name !== 'metadata')
        .toSorted()
        .join(),
    ),
  )
  expect([...powers].toSorted()).toEqual(['actions,administration,checks,contents,issues,merge_queues,pull_requests,statuses', 'contents'])

  const zoo = [...installations.values()].find(({ account }) => account.login === 'zoo')!
  twin.suspend(zoo)
  await twin.settled()
  const [next, stuck] = [await work('app'), await work('web')]
  const { waitsFor } = await world.untilIssue(stuck, ({ phase }) => phase === 'escalated')
  expect(waitsFor).toMatchObject([
    { party: 'human', reason: expect.stringMatching(/zoo\/web is suspended.*http:\S+\/zoo\/settings\/installations\/\d+/) as string },
  ])
  await twin.as('alice').approve(await pullOf(next))
  await world.untilIssue(next, 'done')
  twin.suspend(zoo, false)
  await twin.settled()
  expect((await world.act(stuck, { action: 'retry' })).status).toBe(202)
  await twin.as('alice').approve(await pullAt(stuck))
  await world.untilIssue(stuck, 'done')
})
