// Issues of Linear, carried to a landing: the tracker is Linear's twin, the forge the embedded one, the server a real process.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { plainWork, until } from './harness.ts'
import { connected, letIn } from './linear.ts'

test.each([true, false])(
  'a delegated issue is acknowledged, carried to a landing, and told of in its session (webhooks: %s) (edge 30)',
  async (webhooks) => {
    const { world, twin } = await connected({ webhooks })
    const acme = twin.workspace()
    world.setScript('ENG-1', plainWork)
    const issue = acme.as('alice').createIssue({ title: 'Add a file', description: 'With its own name in it.', delegate: true })
    await until(async () => (await world.ask('/api/issues')).body.issues.length === 1, {
      what: 'the issue to be known',
      saw: () => world.log(),
    })
    const done = await world.untilIssue('ENG-1', 'done')
    expect(done).toMatchObject({
      key: 'ENG-1',
      title: 'Add a file',
      url: `${twin.url}/acme/issue/ENG-1/add-a-file`,
      pr: { state: 'merged' },
    })
    expect(await world.asUser(['show', '--format=%s', '--name-only', 'main^2'])).toContain('ENG-1.txt')
    await until(() => acme.stateOf(issue).type === 'completed', { what: 'Linear to show it done', saw: () => acme.stateOf(issue).name })
    const [session] = acme.sessions(issue)
    await until(() => acme.sessions(issue)[0]!.status === 'complete', {
      what: 'the session to be over',
      saw: () =>
        JSON.stringify(
          acme.activities(session!).map(({ content }) => content),
          null,
          1,
        ),
    })
    const activities = acme.activities(session!)
    expect(activities.filter(({ content }) => content.type === 'response')).toHaveLength(1)
  },
)

test('a question is asked in the session with its answers to choose from, and answered there', async () => {
  const { world, twin } = await connected()
  const acme = twin.workspace()
  const alice = acme.as('alice')
  world.setScript(
    'ENG-1',
    `if grep -q '^> blue$' "$SIGNALBOX_PROMPT_FILE"; then
  ${plainWork}
  exit 0
fi
printf '%s' '{ "outcome": "needs_input", "summary": "stuck", "question": "Which colour?\\n- blue\\n- red" }' > "$SIGNALBOX_RESULT_FILE"`,
  )
  const issue = alice.createIssue({ title: 'Colour it', delegate: true })
  const session = () => acme.sessions(issue)[0]!
  await until(() => session()?.status === 'awaitingInput', { what: 'the question', saw: world.log })
  expect(session().respondedWithin).toBeLessThan(10_000)
  expect(acme.activities(session()).filter(({ content }) => content.type === 'elicitation')).toMatchObject([
    {
      content: { body: expect.stringContaining('Which colour?') as string },
      signal: 'select',
      signalMetadata: { options: [{ value: 'blue' }, { value: 'red' }] },
    },
  ])
  await until(() => acme.labelsOf(issue).includes('needs-human'), { what: 'the label', saw: () => acme.labelsOf(issue).join() })
  alice.prompt(session(), 'blue')
  await world.untilIssue('ENG-1', 'done')
  await until(() => session().status === 'complete', { what: 'the end of the session', saw: () => session().status })
  const told = acme.activities(session()).map(({ content: { type, body, action } }) => `${type} ${body ?? action ?? ''}`)
  expect(told.filter((line) => line.startsWith('response'))).toEqual(['response Pull request #1 has landed'])
  expect(acme.labelsOf(issue)).toEqual([])
  const planned = () => (session().plan as { status: string }[]).map(({ status }) => status).join()
  await until(() => planned() === 'completed,completed,completed', { what: 'the plan to be done', saw: planned })
})

test('to stop is to stop at once, and a prompt goes on; an issue that is taken back is left alone (edge 39)', async () => {
  const { world, twin } = await connected()
  const acme = twin.workspace()
  const alice = acme.as('alice')
  world.setScript('ENG-1', `echo begun >> "$WORLD/begun"; sleep 60`)
  const issue = alice.createIssue({ title: 'Take long', delegate: true })
  await world.untilIssue('ENG-1', ({ run }) => run?.phase === 'working')
  alice.stop(acme.sessions(issue)[0]!)
  const stopped = await world.untilIssue('ENG-1', ({ authority, run }) => authority === 'stopped' && run === null)
  expect(stopped.waitsFor).toMatchObject([{ party: 'human' }])
  await until(() => world.processesLeft().every((line) => !line.includes('sleep 60')), { what: 'the agent to be gone' })
  world.setScript('ENG-1', plainWork)
  alice.prompt(acme.sessions(issue).at(-1)!, 'go on')
  await world.untilIssue('ENG-1', 'done')

  world.setScript('ENG-2', 'sleep 60')
  const second = alice.createIssue({ title: 'Taken back', delegate: true })
  await world.untilIssue('ENG-2', ({ run }) => run?.phase === 'working')
  alice.undelegate(second)
  expect(await world.untilIssue('ENG-2', ({ authority, run }) => authority === 'observing' && run === null)).toMatchObject({
    delegated: false,
  })
})

test('to stop is to stop at once also while Linear does not answer what it is asked about the issue', async () => {
  const { world, twin } = await connected()
  const acme = twin.workspace()
  const alice = acme.as('alice')
  world.setScript('ENG-1', 'sleep 60')
  const issue = alice.createIssue({ title: 'Take long', delegate: true })
  await world.untilIssue('ENG-1', ({ run }) => run?.phase === 'working')
  const looks = () => twin.requests.filter(({ operation }) => operation === 'SignalboxIssue').length
  const asked = looks()
  twin.faults.add({ match: ({ operation }) => operation === 'SignalboxIssue', status: 'timeout', times: Infinity })
  alice.editDescription(issue, 'Take longer.')
  await until(() => looks() > asked, { what: 'Linear to be asked of the change', saw: world.log })
  const session = acme.sessions(issue)[0]!
  // The change waits for an answer as long as this test lasts.
  alice.stop(session)
  await world.untilIssue('ENG-1', ({ authority, run }) => authority === 'stopped' && run === null)
  await until(() => world.processesLeft().every((line) => !line.includes('sleep 60')), { what: 'the agent to be gone' })
  await until(() => session.status === 'complete', { what: 'the stop to be confirmed', saw: world.log })
  expect(acme.activities(session).filter(({ content }) => content.type === 'response')).toHaveLength(1)
})

test.each([
  { webhooks: true, killed: false },
  { webhooks: true, killed: true },
  { webhooks: false, killed: false },
])(
  'a delegation that is read after a stop that came after it lifts no stop, whatever else has changed; the next one does ($webhooks, $killed)',
  async ({ webhooks, killed }) => {
    const { world, twin } = await connected({ webhooks })
    const acme = twin.workspace()
    const alice = acme.as('alice')
    world.setScript('ENG-1', 'sleep 60')
    const issue = alice.createIssue({ title: 'Take long', delegate: true })
    await world.untilIssue('ENG-1', ({ run }) => run?.phase === 'working')
    await until(() => acme.activities(acme.sessions(issue)[0]!).length > 0, { what: 'a word in the session', saw: world.log })
    const heal = twin.faults.add({ match: ({ operation }) => operation === 'SignalboxIssue', status: 503, times: Infinity })
    // A session that has its last word is not asked about any more.
    const isWord = ({ fields }: { fields: string[] }) => fields.includes('agentActivityCreate')
    const unmute = twin.faults.add({ match: isWord, status: 503, times: Infinity })
    const words = () => twin.requests.filter(isWord).length
    const said = words()
    alice.undelegate(issue)
    const session = alice.delegate(issue)
    // The new session is met before it can be read.
    await until(() => words() > said, { what: 'the new session to be greeted', saw: world.log })
    alice.stop(session)
    await world.untilIssue('ENG-1', ({ authority, run }) => authority === 'stopped' && run === null)
    alice.editTitle(issue, 'Take longer')
    if (killed) {
      await twin.idle()
      expect(await world.stop('SIGKILL')).toBe('SIGKILL')
      await world.start()
    }
    const count = (operation: string) => twin.requests.filter((request) => request.operation === operation).length
    const before = { looks: count('SignalboxIssue'), rounds: count('SignalboxPrompts') }
    heal()
    await world.untilIssue('ENG-1', ({ title }) => title === 'Take longer')
    const isRead = () => (webhooks ? count('SignalboxIssue') >= before.looks + 3 : count('SignalboxPrompts') >= before.rounds + 3)
    await until(isRead, { what: 'all to be read', saw: world.log })
    await new Promise((resolve) => void setTimeout(resolve, 1_000))
    expect(await world.issue('ENG-1')).toMatchObject({ authority: 'stopped', run: null })
    unmute()
    world.setScript('ENG-1', plainWork)
    alice.undelegate(issue)
    alice.delegate(issue)
    await world.untilIssue('ENG-1', 'done')
  },
)

test('that an operator has stopped it is said in its session, which is over until a retry', async () => {
  const { world, twin } = await connected()
  const acme = twin.workspace()
  const alice = acme.as('alice')
  world.setScript('ENG-1', 'sleep 60')
  const issue = alice.createIssue({ title: 'Take long', delegate: true })
  await world.untilIssue('ENG-1', ({ run }) => run?.phase === 'working')
  expect((await world.act('ENG-1', { action: 'stop', reason: 'not this week', author: 'ops' })).status).toBe(202)
  const session = acme.sessions(issue)[0]!
  const said = () => acme.activities(session).map(({ content }) => `${content.type}: ${content.body ?? content.action}`)
  await until(() => session.status === 'complete', { what: 'the session to be over', saw: () => said().join('\n') })
  expect(said().at(-1)).toBe('response: Stopped by ops: not this week. A retry, a message or a new delegation goes on.')
  world.setScript('ENG-1', plainWork)
  expect((await world.act('ENG-1', { action: 'retry' })).status).toBe(202)
  await until(() => session.status === 'active', { what: 'the session to be at work again', saw: () => said().join('\n') })
  await world.untilIssue('ENG-1', 'done')
})

test('an issue waits for what blocks it in Linear, and goes on when that is cancelled (F20); one that is cancelled itself ends (F22) (edge 74)', async () => {
  const { world, twin } = await connected()
  const alice = twin.workspace().as('alice')
  const blocker = alice.createIssue('First')
  const issue = alice.createIssue('Second')
  alice.block(blocker, issue)
  world.setScript('ENG-2', plainWork)
  alice.delegate(issue)
  expect((await world.untilIssue('ENG-2', ({ blockedBy }) => blockedBy.length === 1)).waitsFor).toMatchObject([{ party: 'dependency' }])
  const said = () => twin.workspace().activities(twin.workspace().sessions(issue)[0]!)
  await until(() => said().some(({ content }) => content.body?.includes('ENG-1')), {
    what: 'the session to name what blocks it',
    saw: () => JSON.stringify(said().map(({ content }) => content)),
  })
  alice.cancel(blocker)
  await world.untilIssue('ENG-2', 'done')
  expect((await world.ask('/api/issues/ENG-1')).status).toBe(404)
  world.setScript('ENG-3', 'sleep 60')
  const third = alice.createIssue({ title: 'Third', delegate: true })
  await world.untilIssue('ENG-3', ({ run }) => run?.phase === 'working')
  alice.cancel(third)
  await world.untilIssue('ENG-3', ({ phase, run }) => phase === 'failed' && run === null)
})

test('a run that is about to start asks again: a blocker that nobody has told of holds it back, and costs nothing (case 30)', async () => {
  const { world, twin } = await connected()
  const alice = twin.workspace().as('alice')
  const blocker = alice.createIssue('First')
  const issue = alice.createIssue('Second')
  world.setScript('ENG-2', `echo begun >> "$WORLD/begun"; ${plainWork}`)
  await world.run('pause')
  alice.delegate(issue)
  await world.untilIssue('ENG-2', ({ waitsFor }) => waitsFor.some(({ reason }) => reason.startsWith('paused')))
  const heal = twin.webhooks.drop()
  alice.block(blocker, issue)
  await world.run('resume')
  const held = await world.untilIssue('ENG-2', ({ blockedBy, run }) => blockedBy.length === 1 && run === null)
  expect(held).toMatchObject({ phase: 'delegated', attempts: { implementation: 0 }, waitsFor: [{ party: 'dependency' }] })
  expect(existsSync(join(world.folder, 'begun'))).toBe(false)
  heal()
  alice.moveState(blocker, 'Done')
  await world.untilIssue('ENG-2', 'done')
  expect(existsSync(join(world.folder, 'begun'))).toBe(true)
})

test('what strangers, we ourselves or the issue say starts nothing; what addresses us in a comment does', async () => {
  const { world, twin } = await connected()
  const acme = twin.workspace()
  const alice = acme.as('alice')
  world.setScript('ENG-1', `grep -c '^> also the blue one$' "$SIGNALBOX_PROMPT_FILE" > asked.txt || true; ${plainWork}`)
  const issue = alice.createIssue({ title: 'Paint it', delegate: true })
  await world.untilIssue('ENG-1', 'done')
  const runs = async () => (await world.issue('ENG-1')).budgets['runs']?.used
  const before = await runs()
  alice.comment(issue, 'I wonder whether the blue one is next.')
  alice.editDescription(issue, 'signalbox: do it once more')
  await twin.idle()
  await world.ask('/api/issues/ENG-1')
  expect(await runs()).toBe(before)
  alice.comment(issue, 'Hey @signalbox also the blue one')
  await world.untilIssue('ENG-1', ({ budgets, phase }) => budgets['runs']!.used === before! + 1 && phase === 'done')
  expect(await world.asUser(['show', 'main:asked.txt'])).toBe('1')
})

test('F03: what was acknowledged before a kill is carried out after it, without being told again', async () => {
  const { world, twin } = await connected()
  const alice = twin.workspace().as('alice')
  // Linear answers so slowly that nothing can be done with what it tells before the kill.
  twin.latency = 5_000
  const keys = ['ENG-1', 'ENG-2', 'ENG-3']
  for (const key of keys) {
    world.setScript(key, plainWork)
    alice.createIssue({ title: key, delegate: true })
  }
  await until(() => twin.deliveries.length >= 6 && twin.deliveries.every(({ outcome }) => outcome === 'delivered'), {
    what: 'everything to be acknowledged',
    saw: () => JSON.stringify(twin.deliveries.map(({ type, outcome }) => [type, outcome])),
  })
  expect(await world.stop('SIGKILL')).toBe('SIGKILL')
  const told = twin.deliveries.length
  twin.latency = 0
  await world.start()
  for (const key of keys) await world.untilIssue(key, 'done')
  expect(twin.deliveries.slice(0, told).every(({ attempts }) => attempts.length === 1)).toBe(true)
})

test('a workspace that takes us out says so where people look, starts nothing, and is asked back in by one command (edge 107)', async () => {
  const { world, twin } = await connected()
  const acme = twin.workspace()
  world.setScript('ENG-1', plainWork)
  const connect = 'Run `signalbox connect linear` to let Signalbox in again.'
  acme.revoke()
  await until(async () => (await world.run('doctor', '--json')).stdout.includes('signalbox connect linear'), {
    what: 'doctor to say what to do',
    patience: 30_000,
  })
  const { stdout } = await world.run('doctor', '--json')
  const { checks } = JSON.parse(stdout) as { checks: { status: string; check: string; message: string; remedy: string }[] }
  expect(checks.filter(({ check, status }) => check.startsWith('linear') && status !== 'PASS')).toEqual(
    expect.arrayContaining([expect.objectContaining({ remedy: expect.stringContaining('signalbox connect linear') as string })]),
  )
  const trouble = { provider: 'linear', name: 'acme', reason: 'It has taken Signalbox out.', remedy: connect }
  expect(await world.ask('/ready')).toMatchObject({ status: 200, body: { troubles: [trouble] } })
  expect((await world.run('status')).stderr).toContain(`linear acme: ${trouble.reason} ${connect}`)
  const again = JSON.parse((await world.run('connect', 'linear', '--no-wait', '--json')).stdout) as { url: string }
  const attempt = new URLSearchParams({ provider: 'linear', state: new URL(again.url).searchParams.get('state')! })
  const standing = async () => (await world.ask(`/api/connections?${attempt.toString()}`)).body
  expect(await standing()).toEqual({ status: 'pending' })
  expect((await fetch(await twin.oauth.approve(again.url))).status).toBe(200)
  expect(await standing()).toMatchObject({ status: 'done', workspace: { name: 'acme' } })
  acme.as('alice').createIssue({ title: 'Back again', delegate: true })
  await world.untilIssue('ENG-1', 'done')
  expect((await world.ask('/ready')).body.troubles).toEqual([])
  // And for good, by a word of the operator's.
  expect(await world.run('disconnect', 'linear')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
  const end = await world.run('disconnect', 'linear', 'acme', '--yes', '--json')
  expect(JSON.parse(end.stdout)).toEqual({ provider: 'linear', workspace: { id: acme.id, name: 'acme' }, revoked: true })
  expect((await world.run('doctor')).stdout).toContain('No Linear workspace is connected.')
})

test.each([true, false])(
  'two workspaces: an issue of each is carried to its end, and said where it belongs (webhooks: %s)',
  async (webhooks) => {
    const { world, twin } = await connected({ webhooks, second: 'zoo' })
    await letIn(world, twin, 'zoo')
    const [acme, zoo] = [twin.workspace('acme'), twin.workspace('zoo')]
    const issues = [
      { of: acme, key: 'ENG-1' },
      { of: zoo, key: 'OPS-1' },
    ].map(({ of, key }) => {
      world.setScript(key, plainWork)
      return { of, key, issue: of.as('alice').createIssue({ title: `For ${of.name}`, delegate: true }) }
    })
    for (const { of, key, issue } of issues) {
      const { url } = await world.untilIssue(key, 'done')
      expect(url).toContain(`/${of.name}/issue/${key}/`)
      await until(() => of.stateOf(issue).type === 'completed' && of.sessions(issue)[0]!.status === 'complete', {
        what: `${of.name} to show it done`,
        saw: world.log,
      })
      const said = of.activities(of.sessions(issue)[0]!).filter(({ content }) => content.type === 'response')
      expect(said).toHaveLength(1)
    }
    expect([acme.issues().length, zoo.issues().length]).toEqual([1, 1])
    // One that takes us out does not keep the other from its work.
    acme.revoke()
    world.setScript('OPS-2', plainWork)
    zoo.as('alice').createIssue({ title: 'Another', delegate: true })
    await world.untilIssue('OPS-2', 'done')
  },
)
