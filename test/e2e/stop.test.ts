// What calls a run off interrupts the turn of its real agent, in the agent's own protocol, before anything is ended; an agent that does
// not hear is killed. Only the model is scripted.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { TimelineEntry } from '../../src/app.ts'
import { acpSchema, watchAcp } from '../agents/acp-protocol.ts'
import { agentBinaries, type AgentBinaries } from '../agents/binaries.ts'
import { codexSchema, watchCodex, type CodexSchema } from '../agents/codex-protocol.ts'
import { stillAtWork, twoAtWork } from '../agents/conformance/ground.ts'
import type { ModelRequest } from '../agents/model/request.ts'
import type { Script } from '../agents/model/scenario.ts'
import { createModel, type Model, type ScenarioHandle } from '../agents/model/server.ts'
import { always, answer, hang, shell, write } from '../agents/model/steps.ts'
import { until, type World } from './harness.ts'
import { connected } from './linear.ts'
import { realAgent, realAgents, sayAgain, wired, wiresOf, type RealAgent, type Wire } from './real-agents.ts'

const nothing = { question: null, prTitle: null, prBody: null }
const done = answer({ outcome: 'completed', summary: 'Done.', ...nothing })
const commit = (message: string) => shell(`git add --all && git commit --quiet --message "${message}" && git log --oneline | head -1`)

/** Commits, from a session of its own, as soon as the stop is said to be over: unless it has been ended by then. */
const late = `while [ ! -e stopped.txt ]; do sleep 0.1; done; git add --all; git commit --quiet --message "Too late"`

// Codex asks again after a minute.
const silence: Script = [always(() => hang())]

/** What the model does in a conversation, by the issue that it is told of. */
function scriptOf({ said }: ModelRequest): Script {
  const prompt = said.join('\n')
  if (prompt.includes('Say it better')) return silence
  if (prompt.includes('Be reviewed')) return [write('plain.txt', 'plain\n'), commit('Do it'), done]
  if (prompt.includes('Stop me twice')) return [shell(`(setsid sh -c '${late}' > /dev/null 2>&1 &) ; ${twoAtWork}`), always(afterTheStop)]
  if (prompt.includes('Do not hear')) return [always(afterTheStop)]
  return silence
}

const rest: Script = [write('whole.txt', 'whole\n'), commit('Finish it'), done]
const given = new Map<string, number>()
/** The conversation goes on with what a person says: it is silent after the first word, and does the work after the second. */
function afterTheStop({ name, said }: ModelRequest): Script[number] {
  if (!said.some((text) => text.includes('And now do it.'))) return hang()
  const n = given.get(name) ?? 0
  given.set(name, n + 1)
  return rest[n]!
}

let model: Model
let binaries: AgentBinaries
let schema: CodexSchema
beforeAll(async () => {
  model = await createModel()
  binaries = await agentBinaries()
  schema = codexSchema(binaries.codex)
})
afterAll(async () => {
  schema.remove()
  await model.close()
})

/** Of a test, where much else is at work; what is waited for in it has less. */
const patience = 600_000

const folders: string[] = []
// After the world is closed, which `connected` registers for.
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  const problems = model.problems.splice(0)
  if (problems.length > 0) throw new Error(problems.join('\n'))
})

async function worldOf(name: RealAgent, deaf = false) {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-agents-'))
  folders.push(folder)
  const scenario = model.scenario(`stop-${name}-${deaf}`, scriptOf)
  const agent = wired(realAgent(name, { binaries, folder, scenario }), folder, deaf)
  const { world, twin } = await connected({
    world: { projects: [{ id: 'app', review: 'human', agent }], limits: { activeRuns: 8, run: '300s', progress: '300s' } },
  })
  return { world, acme: twin.workspace(), alice: twin.workspace().as('alice'), folder, scenario }
}

/** Those of the conversations in which something was said. */
const requestsOf = (scenario: ScenarioHandle, text: string): ModelRequest[] =>
  scenario.requests().filter(({ said }) => said.join('\n').includes(text))

/** The first request in which something is said, once it has come. */
async function untilAsked(scenario: ScenarioHandle, text: string, saw: () => string): Promise<ModelRequest> {
  const what = `a request with '${text}'`
  await until(() => requestsOf(scenario, text).length > 0, { what, saw, patience: 60_000 })
  return requestsOf(scenario, text)[0]!
}

const isSettled = ({ run }: { run: unknown }): boolean => run === null

/** How the runs of an issue ended, by the facts. */
async function endings(world: World, key: string): Promise<string[]> {
  const { entries } = (await world.ask(`/api/issues/${key}/timeline`)).body as { entries: TimelineEntry[] }
  return entries.flatMap(({ event }) => (event.type === 'run.finished' ? [String(event['outcome'])] : []))
}

/**
 * An answer to an interrupt. An agent has two seconds for it, which are over before it gets to speak where many others are started beside
 * it: then it was ended as one that does not hear. Answers whether it was there.
 */
function assertAnswer(answer: unknown, expected: object): boolean {
  if (answer !== undefined) expect(answer).toMatchObject(expected)
  return answer !== undefined
}

/** Each night, with nothing beside them, one that never answers in time would be a fault. The trials of `test/agents` wait for each. */
const assertHeard = (heard: readonly boolean[]): void => {
  if (process.env['SIGNALBOX_NIGHTLY'] !== undefined) expect(heard).toContain(true)
}

/**
 * Asserts that a process was interrupted in the words of its protocol: `heard` is false for one that could not take it. Answers whether it
 * has said that it did.
 */
function assertInterrupted(name: RealAgent, wire: Wire, heard = true): boolean {
  const said = (method: string) => wire.us.find((message) => message['method'] === method)
  const answerTo = (message: { id?: unknown } | undefined) =>
    wire.agent.find(({ id, method }) => id === message?.id && method === undefined)
  if (name === 'codex') {
    const protocol = watchCodex(schema)
    sayAgain('codex', wire)
    protocol.stop()
    expect(protocol.problems).toEqual([])
    const interrupt = said('turn/interrupt')
    const turn = answerTo(said('turn/start'))!['result'].turn.id as string
    const thread = answerTo(said('thread/start') ?? said('thread/resume'))!['result'].thread.id as string
    expect(interrupt?.['params']).toEqual({ threadId: thread, turnId: turn })
    const ended = wire.agent.find(({ method }) => method === 'turn/completed')
    if (!heard) expect([answerTo(interrupt), ended]).toEqual([undefined, undefined])
    return assertAnswer(answerTo(interrupt), { result: {} }) && assertAnswer(ended?.['params'].turn, { id: turn, status: 'interrupted' })
  }
  if (name === 'claude') {
    const interrupt = wire.us.find(({ request }) => request?.subtype === 'interrupt')
    expect(interrupt).toMatchObject({ type: 'control_request' })
    const answered = wire.agent.find(({ response }) => response?.request_id === interrupt!['request_id'])
    const ended = wire.agent.find(({ type }) => type === 'result')
    if (!heard) expect([answered, ended]).toEqual([undefined, undefined])
    return assertAnswer(answered, { response: { subtype: 'success' } }) && assertAnswer(ended, { subtype: 'error_during_execution' })
  }
  const protocol = watchAcp(acpSchema(binaries))
  sayAgain('acp', wire)
  protocol.stop()
  expect(protocol.problems).toEqual([])
  const prompt = said('session/prompt')!
  expect(said('session/cancel')?.['params']).toEqual({ sessionId: prompt['params'].sessionId })
  // claude-agent-acp hears a SIGTERM whatever was ignored before it began, and takes its leave.
  if (!heard && name !== 'claude-agent-acp') expect(answerTo(prompt)).toBeUndefined()
  return assertAnswer(answerTo(prompt), { result: { stopReason: 'cancelled' } })
}

// The agents that speak ACP stop in the same words as each other; each night all are asked.
const kinds = realAgents.filter((name) => process.env['SIGNALBOX_NIGHTLY'] || !name.endsWith('acp'))

test.each(kinds)(
  'F05: a stop interrupts the turn of the real %s, in a command and in silence; told to, it goes on in its thread',
  async (name) => {
    const { world, acme, alice, folder, scenario } = await worldOf(name)
    const title = 'Stop me twice'
    const issue = alice.createIssue({ title, delegate: true })
    const worktree = join(world.data, 'worktrees/app/ENG-1')
    const begun = () => ['near', 'far'].every((file) => existsSync(join(worktree, file)))
    await until(begun, { what: 'a command at work', saw: () => world.logOf('ENG-1'), patience: 60_000 })
    const conversation = (await untilAsked(scenario, title, world.log)).conversation

    // An operator, while a command runs.
    expect(await world.run('stop', 'ENG-1')).toMatchObject({ code: 0 })
    expect(await world.untilIssue('ENG-1', isSettled)).toMatchObject({ authority: 'stopped', pr: null })
    expect(await stillAtWork({ worktree } as Parameters<typeof stillAtWork>[0])).toEqual([])
    expect(world.processesLeft().filter((line) => line.includes('wire.sh'))).toEqual([])
    const inCommand = assertInterrupted(name, wiresOf(folder, 'ENG-1').at(-1)!)
    const asked = requestsOf(scenario, title).length
    writeFileSync(join(worktree, 'stopped.txt'), '')
    await wait(1_000)
    expect(requestsOf(scenario, title)).toHaveLength(asked)

    // Linear, while the model is silent.
    expect(await world.run('prompt', 'ENG-1', 'Go on in silence.')).toMatchObject({ code: 0 })
    const silent = await untilAsked(scenario, 'Go on in silence.', world.log)
    alice.stop(acme.sessions(issue)[0]!)
    expect(await world.untilIssue('ENG-1', isSettled)).toMatchObject({ authority: 'stopped', pr: null })
    assertHeard([inCommand, assertInterrupted(name, wiresOf(folder, 'ENG-1').at(-1)!)])
    expect(silent.abandoned).toBe(true)

    expect(await world.run('prompt', 'ENG-1', 'And now do it.')).toMatchObject({ code: 0 })
    const { pr } = await world.untilIssue('ENG-1', 'pr_open', 90_000)
    expect(new Set(requestsOf(scenario, title).map((request) => request.conversation))).toEqual(new Set([conversation]))
    expect((await untilAsked(scenario, 'And now do it.', world.log)).said.join('\n')).toContain('Go on in silence.')
    expect(await endings(world, 'ENG-1')).toEqual(['released', 'released', 'completed'])
    await world.asUser(['fetch', '--quiet', join(world.data, 'repos/app.git'), pr!.headSha])
    expect(await world.asUser(['log', '--format=%s', `main..${pr!.headSha}`])).toBe('Finish it')
  },
  patience,
)

test.each(kinds)(
  'F05: taken back, blocked, cancelled, and its pull request closed: each interrupts the turn of the real %s',
  async (name) => {
    const { world, alice, folder, scenario } = await worldOf(name)
    const blocker = alice.createIssue('Block the other')
    const stopped = ['Be taken back', 'Be blocked', 'Be cancelled']
    const [takenBack, blocked, cancelled] = stopped.map((title) => alice.createIssue({ title, delegate: true }))
    alice.createIssue({ title: 'Be reviewed', delegate: true })
    await world.untilIssue('ENG-5', 'pr_open', 90_000)
    await world.act('ENG-5', { action: 'request_changes', body: 'Say it better.' })
    for (const title of [...stopped, 'Say it better']) await untilAsked(scenario, title, world.log)
    alice.undelegate(takenBack!)
    alice.block(blocker, blocked!)
    alice.cancel(cancelled!)
    expect(await world.run('close-pr', 'ENG-5')).toMatchObject({ code: 0 })

    const keys = ['ENG-2', 'ENG-3', 'ENG-4']
    for (const key of keys) await world.untilIssue(key, isSettled)
    // What its pull request was closed for is begun anew.
    await world.untilIssue('ENG-5', ({ run }) => run?.id !== 'run-2')
    const ends = await Promise.all([...keys, 'ENG-5'].map((key) => endings(world, key)))
    expect(ends.map((all) => all.slice(0, 2))).toEqual([['released'], ['superseded'], ['superseded'], ['completed', 'superseded']])
    const heard = keys.map((key) => assertInterrupted(name, wiresOf(folder, key)[0]!))
    assertHeard([...heard, assertInterrupted(name, wiresOf(folder, 'ENG-5')[1]!)])
    const asked = stopped.flatMap((title) => requestsOf(scenario, title))
    expect(asked.map(({ abandoned }) => abandoned)).toEqual([true, true, true])
  },
  patience,
)

test.each(kinds)('F05: the real %s that does not hear is killed, and can be gone on with', { timeout: patience }, async (name) => {
  const { world, alice, folder, scenario } = await worldOf(name, true)
  const title = 'Do not hear'
  alice.createIssue({ title, delegate: true })
  const request = await untilAsked(scenario, title, world.log)
  const since = performance.now()
  expect((await world.act('ENG-1', { action: 'stop' })).status).toBe(202)
  await world.untilIssue('ENG-1', isSettled)
  const took = performance.now() - since
  // Two seconds for the interrupt; then its processes are ended.
  expect(took).toBeGreaterThan(1_900)
  expect(took).toBeLessThan(12_000)
  expect(world.processesLeft().filter((line) => line.includes('wire.sh'))).toEqual([])
  assertInterrupted(name, wiresOf(folder, 'ENG-1').at(-1)!, false)
  expect(request.abandoned).toBe(true)
  expect(await world.run('prompt', 'ENG-1', 'And now do it.')).toMatchObject({ code: 0 })
  await world.untilIssue('ENG-1', 'pr_open', 90_000)
  expect((await untilAsked(scenario, 'And now do it.', world.log)).conversation).toBe(request.conversation)
  expect(await endings(world, 'ENG-1')).toEqual(['released', 'completed'])
})
