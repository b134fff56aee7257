// One contract for all kinds of agent, tried on their real programs against a scripted model.

import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { removeAllStandIns } from '../../../src/actors/agents/claude/stand-ins.ts'
import { endOrphans } from '../../../src/actors/agents/orphans.ts'
import { isAlive } from '../../actors/repository.ts'
import { recordDialogue, type Dialogue } from '../dialogue.ts'
import type { ModelRequest } from '../model/request.ts'
import { createModel, type Model } from '../model/server.ts'
import { always, answer, ask, fail, flood, hang, say, shell, slow, usage, when, write } from '../model/steps.ts'
import { holdToSchemas } from '../protocols.ts'
import {
  areAtWork,
  createGround,
  git,
  play,
  processOf,
  read,
  stillAtWork,
  threadOf,
  twoAtWork,
  until,
  type Ground,
  type Played,
  type WholeCandidate,
} from './ground.ts'
import type { OwnedTurn } from './owner.ts'

let model: Model
let dialogue: Dialogue
const closing: (() => unknown)[] = []
beforeAll(async () => {
  model = await createModel()
  dialogue = recordDialogue()
})
afterAll(async () => {
  dialogue.stop()
  await model.close()
})
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})
holdToSchemas()

function ground(): Ground {
  const made = createGround()
  // What a test has left behind is ended before its folder goes: it would be looked for in vain afterwards.
  closing.push(made.remove, () => endOrphans(made.dataFolder, 100))
  return made
}

const done = answer({ outcome: 'completed', summary: 'Greets.', question: null, prTitle: 'Greet', prBody: 'It greets.' })
const commit = shell('git add --all && git commit --quiet --message "Greet" && git log --oneline | head -1')

/** Images of one pixel, in two colours. */
const dots = [
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgaPj/HwAEggJ/59habAAAAABJRU5ErkJggg==',
]

const isStarted = ({ events }: Played): boolean => events.some(({ type }) => type === 'started')
const leaderOf = ({ events }: Played): number => events.flatMap((event) => (event.type === 'started' ? [event.process.group] : []))[0]!

/** Ends a turn from outside; answers what came of it, and what was said of that in the agent's own protocol. */
async function interrupt({ abort, turn }: Played) {
  const before = dialogue.said.length
  abort()
  const result = await turn.result
  // Codex is asked for its last turn whenever nothing is heard of it.
  return { result, said: dialogue.said.slice(before).filter((line) => !line.endsWith(' thread/turns/list')) }
}

/** What an agent may find in its environment: the list of the interface, what keeps git from credentials, and what a shell adds. */
const listed = [
  ...['PATH', 'HOME', 'USER', 'SHELL', 'LANG', 'TERM', 'TMPDIR', 'GH_CONFIG_DIR', 'PWD', 'OLDPWD', 'SHLVL', '_'],
  // Of Claude Code alone.
  ...['DISABLE_AUTOUPDATER', 'CLAUDE_CODE_DISABLE_AUTO_MEMORY'],
]
const isListed = (name: string): boolean => listed.includes(name) || /^(SIGNALBOX_|GIT_|LC_)/.test(name)

const namesIn = (variables: string[]): string[] => variables.filter((one) => one !== '').map((one) => one.split('=')[0]!)

/** Registers all trials of the contract for this kind. */
export function testsOfContract(candidate: WholeCandidate): void {
  const { can } = candidate

  /** Another turn in the thread of one that was cut off, to the end. Answers what its model was asked first. */
  async function goOn(place: Ground, thread: string | undefined): Promise<ModelRequest> {
    const way = can.resume
      ? { thread: thread!, recovery: { cause: 'interrupted' as const, way: 'resume' as const, quiet: 0, lastLine: null } }
      : {}
    const played = play(candidate, place, model, [write('after.txt', 'hello\n'), commit, done], { prompt: 'Go on.', ...way })
    expect(await played.turn.result).toMatchObject({ outcome: 'completed', ...(can.resume ? { thread } : {}) })
    expect(git(place.worktree, 'show', 'HEAD:after.txt')).toBe('hello')
    // The provider is given what was said before.
    if (can.resume) expect(played.scenario.requests()[0]!.said.join('\n')).toContain('Greet the world.')
    expect(model.problems).toEqual([])
    return played.scenario.requests()[0]!
  }

  /** Another turn after one whose thread can take no more: in a thread of its own. */
  async function beginAnew(place: Ground, full: string | undefined): Promise<void> {
    const recovery = { cause: 'lost' as const, way: 'afresh' as const, quiet: 0, lastLine: null }
    const played = play(candidate, place, model, [done], { prompt: 'Begin again.', recovery })
    const { outcome, thread } = await played.turn.result
    expect(outcome).toBe('completed')
    if (can.resume) expect(thread).not.toBe(full)
    expect(played.scenario.requests()[0]!.said.join('\n')).not.toContain('Greet the world.')
  }

  test('edits and commits, and says so', async () => {
    const place = ground()
    const played = play(candidate, place, model, [write('new.txt', 'hello, world\n'), commit, done])
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'completed', summary: 'Greets.', prTitle: 'Greet', prBody: 'It greets.' })
    expect(git(place.worktree, 'log', '--format=%s', '-1')).toBe('Greet')
    expect(git(place.worktree, 'status', '--porcelain')).toBe('')
    expect(read(place.worktree, 'new.txt')).toBe('hello, world\n')
    expect(played.events[0]).toMatchObject({
      type: 'started',
      process: { pid: expect.any(Number), startTime: expect.stringMatching(/^\d+$/) },
    })
    expect(played.events.filter(({ type }) => type === 'started')).toHaveLength(1)
    if (can.resume) expect(threadOf(played)).toBeTruthy()
    if (can.items) {
      const progress = played.events.filter((event) => event.type === 'progressed')
      expect(progress.map(({ item }) => item)).toEqual(expect.arrayContaining(['command', 'edit']))
      expect(progress.flatMap(({ files = [] }) => files)).toContain('new.txt')
      expect(progress.findLast(({ diff }) => diff !== undefined)?.diff).toEqual({ files: 1, added: 1, removed: 0 })
    }
    await goOn(place, result.thread)
  })

  test('is given the prompt as it is, and its environment is the list of what it is given', async () => {
    const place = ground()
    const prompt = `# Grüße & <tags> "quotes" 'single' $HOME \`ticks\` \\n\n\n${'a long line '.repeat(5_000)}\nthe end`
    for (const name of ['SIGNALBOX_TEST_SECRET', 'A_SECRET_OF_THE_OPERATOR']) {
      process.env[name] = 'of the operator'
      closing.push(() => delete process.env[name])
    }
    const look = shell('env -0 > draft && mv draft env.txt; while [ ! -e seen ]; do sleep 0.05; done; echo written')
    const played = play(candidate, place, model, [look, done], { prompt })
    await until(() => existsSync(join(place.worktree, 'env.txt')), 'a command at work')
    const given = read(`/proc/${processOf(candidate, leaderOf(played))}/environ`).split('\0')
    const inside = read(place.worktree, 'env.txt').split('\0')
    writeFileSync(join(place.worktree, 'seen'), '')
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'completed' })
    expect(played.scenario.requests()[0]!.said.join('\n')).toContain(prompt)
    expect([...given, ...inside].join('\n')).not.toContain('of the operator')
    const configured = Object.keys(candidate.env(place, played.scenario))
    expect(namesIn(given).filter((name) => !isListed(name) && !configured.includes(name))).toEqual([])
    // What an agent adds for its commands is its own, and nothing of ours.
    const added = namesIn(inside).filter((name) => !isListed(name) && !namesIn(given).includes(name))
    expect(added.filter((name) => process.env[name] !== undefined)).toEqual([])
    expect(namesIn(inside)).toContain('SIGNALBOX_RUN')
    expect(inside).toContain('SIGNALBOX_ISSUE=APP-1')
  })

  test.runIf(can.protocol)('its model is shown the images of the issue, byte for byte and in their order', async () => {
    const place = ground()
    const images = dots.map((dot, index) => {
      const path = join(place.folder, `attachment ${index}`)
      writeFileSync(path, Buffer.from(dot, 'base64'))
      return { path, mediaType: 'image/png', size: 70 }
    })
    const played = play(candidate, place, model, [done], { images })
    const { outcome, thread } = await played.turn.result
    expect(outcome).toBe('completed')
    const [request] = played.scenario.requests()
    const all = dots.map((data) => ({ type: 'image/png', data }))
    expect(request!.images).toEqual(all)
    expect(request!.said.join('\n')).toContain('Greet the world.')
    if (!can.resume) return
    // They are in its thread, and are not handed over again.
    const next = play(candidate, place, model, [done], { prompt: 'Go on.', thread: thread! })
    expect(await next.turn.result).toMatchObject({ outcome: 'completed', thread })
    expect(next.scenario.requests()[0]!.images).toEqual(all)
  })

  test('cannot push, neither to its origin nor by another way', async () => {
    const place = ground()
    const published = git(place.origin, 'for-each-ref')
    const pushes = [
      'git push origin HEAD:refs/heads/main',
      'git push origin HEAD:refs/heads/mine',
      `git push "${place.origin}" HEAD:refs/heads/mine`,
    ].map((command) => shell(`${command}; echo tried`))
    const played = play(candidate, place, model, [write('new.txt', 'x\n'), commit, ...pushes, done], { timeout: 120_000 })
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'completed' })
    const { results } = played.scenario.requests().at(-1)!
    expect(results.slice(2).filter(({ output }) => output.includes('tried'))).toHaveLength(pushes.length)
    expect(git(place.origin, 'for-each-ref')).toBe(published)
    await goOn(place, result.thread)
  })

  test.runIf(can.sandbox)(
    'cannot change its clone’s configuration, hooks and other branches, nor what lies beside its worktree',
    async () => {
      const place = ground()
      const before = git(place.clone, 'for-each-ref')
      const tries = [
        `git push "${place.clone}" HEAD:refs/heads/main`,
        'git update-ref refs/heads/main HEAD~0 || true; git config user.name Mallory',
        `echo 'exit 0' > "${place.clone}/hooks/pre-commit"`,
        `echo x > "${place.folder}/beside.txt"`,
        `echo x > "$(git rev-parse --git-common-dir)/HEAD"`,
      ].map((command) => shell(command))
      const played = play(candidate, place, model, [write('new.txt', 'x\n'), commit, ...tries, done], { timeout: 120_000 })
      const result = await played.turn.result
      expect(result).toMatchObject({ outcome: 'completed' })
      expect(git(place.clone, 'for-each-ref').replace(/^.*app-1-greet$/m, '')).toBe(before.replace(/^.*app-1-greet$/m, ''))
      expect(read(place.clone, 'config')).not.toContain('Mallory')
      expect(read(place.clone, 'HEAD')).toMatch(/^ref: /)
      expect(existsSync(join(place.clone, 'hooks/pre-commit'))).toBe(false)
      expect(existsSync(join(place.folder, 'beside.txt'))).toBe(false)
      await goOn(place, result.thread)
    },
  )

  test('changes nothing, and says so', async () => {
    const place = ground()
    const played = play(candidate, place, model, [
      answer({ outcome: 'no_change', summary: 'It greets already.', question: null, prTitle: null, prBody: null }),
    ])
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'no_change', summary: 'It greets already.' })
    expect(git(place.worktree, 'status', '--porcelain')).toBe('')
    await goOn(place, result.thread)
  })

  test('asks a person, and goes on with the answer', async () => {
    const place = ground()
    const question = can.ask
      ? ask('Which greeting?', ['Formal', 'Casual'])
      : answer({ outcome: 'needs_input', summary: 'Stopped.', question: 'Which greeting? Formal or Casual', prTitle: null, prBody: null })
    const played = play(candidate, place, model, [question])
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'needs_input', question: expect.stringContaining('Which greeting?') })
    expect(result.question).toMatch(/Formal[\s\S]*Casual/)
    await goOn(place, result.thread)
  })

  test('refuses: its words are kept, and a failure that it owns up to is one', async () => {
    const place = ground()
    const words = await play(candidate, place, model, [say('I will not do that.')]).turn.result
    expect(words).toMatchObject({ outcome: 'completed', summary: 'I will not do that.' })
    await goOn(place, words.thread)
    const owned = answer({ outcome: 'failed', summary: 'It cannot be done.', question: null, prTitle: null, prBody: null })
    const failing = await play(candidate, place, model, [owned]).turn.result
    expect(failing).toMatchObject({ outcome: 'failed', failure: 'agent', reason: 'It cannot be done.' })
    await goOn(place, failing.thread)
  })

  test('has no answer of the form that it was asked for: the turn has failed, and says what was wrong', async () => {
    const place = ground()
    const result = await play(candidate, place, model, [always(() => answer({ outcome: 'perhaps' }))]).turn.result
    // Claude holds it against the schema itself, and says so to its model a few times.
    const code = candidate.kind === 'claude' ? 'error_max_structured_output_retries' : 'invalid-result'
    expect(result).toMatchObject({ outcome: 'failed', failure: 'agent', code, reason: expect.stringMatching(/\S/) })
    await goOn(place, result.thread)
  })

  test('never ends: it is ended at its limit, with everything that it has started', async () => {
    const place = ground()
    const script = [shell(twoAtWork), always(() => hang())]
    const played = play(candidate, place, model, script, { timeout: 20_000 })
    await areAtWork(place)
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'failed', failure: 'environment', reason: expect.stringContaining('20 s') })
    expect(await stillAtWork(place)).toEqual([])
    expect(isAlive(leaderOf(played))).toBe(false)
    await goOn(place, result.thread)
  })

  test('is silent: nothing is told of it until it is interrupted, while its model is asked', async () => {
    const place = ground()
    const played = play(candidate, place, model, [hang()])
    const asked = await played.scenario.request(0, 40_000)
    const told = played.events.length
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(played.events.slice(told).filter(({ type }) => type === 'progressed')).toEqual([])
    const since = performance.now()
    const { result, said } = await interrupt(played)
    expect(result).toMatchObject({ outcome: 'failed', failure: 'environment' })
    expect(said).toEqual(candidate.stops)
    expect(performance.now() - since).toBeLessThan(8_000)
    await until(() => asked.abandoned, 'the model is left')
    expect(isAlive(leaderOf(played))).toBe(false)
    await goOn(place, result.thread ?? threadOf(played))
  })

  test('is interrupted while a command runs, which is ended, and what has left its session', async () => {
    const place = ground()
    const played = play(candidate, place, model, [shell(twoAtWork), always(() => hang())])
    await areAtWork(place)
    const { result, said } = await interrupt(played)
    expect(result).toMatchObject({ outcome: 'failed', failure: 'environment' })
    expect(said).toEqual(candidate.stops)
    expect(await stillAtWork(place)).toEqual([])
    expect(isAlive(leaderOf(played))).toBe(false)
    await goOn(place, result.thread ?? threadOf(played))
  })

  test('prints and says a great deal, of which little is told', async () => {
    const place = ground()
    const noisy = shell("head -c 20000000 /dev/zero | tr '\\0' 'x'; seq 1 300000; echo the end")
    const played = play(candidate, place, model, [noisy, flood(2_000_000), done].slice(0, 2), { timeout: 90_000 })
    const result = await played.turn.result
    expect(result.outcome).toBe('completed')
    expect(result.summary.length).toBeLessThanOrEqual(4_000)
    expect(Math.max(...played.events.map((event) => (event.type === 'progressed' ? event.line.length : 0)))).toBeLessThanOrEqual(4_200)
    await goOn(place, result.thread)
  })

  test.runIf(can.protocol)('writes lines that are no messages: they are left out', async () => {
    const wrap = join(import.meta.dirname, 'babble.sh')
    const place = ground()
    const played = play(candidate, place, model, [write('new.txt', 'x\n'), commit, done], {}, { wrap: `sh ${wrap}` })
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'completed', summary: 'Greets.' })
    await goOn(place, result.thread)
  })

  // What is no message where there is a protocol is no result where there is none.
  test.runIf(!can.protocol)('writes half of a result: the turn has failed, and says what was wrong', async () => {
    const place = ground()
    const script = [write('new.txt', 'x\n'), commit, done]
    const played = play(candidate, place, model, script, {}, { wrap: `sh ${join(import.meta.dirname, 'half.sh')}` })
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'failed', failure: 'agent', code: 'invalid-result', reason: expect.stringContaining('JSON') })
    expect(git(place.worktree, 'log', '--format=%s', '-1')).toBe('Greet')
    await goOn(place, result.thread)
  })

  test.runIf(can.protocol)('writes nothing that its protocol allows: the turn fails, and says so', async () => {
    const played = play(candidate, ground(), model, [], {}, { wrap: 'yes nonsense #' })
    expect(await played.turn.result).toMatchObject({ outcome: 'failed', failure: 'environment', code: 'nonsense' })
  })

  test('cannot be started: the environment is to blame, and the message says what was tried', async () => {
    const played = play(candidate, ground(), model, [], {}, { wrap: '/nonexistent/program #' })
    expect(await played.turn.result).toMatchObject({ outcome: 'failed', failure: 'environment', reason: expect.stringContaining('127') })
    expect(isStarted(played) && can.protocol).toBe(false)
  })

  test.each([
    ['rate-limit', { resetsIn: 2 }, 'capacity'],
    ['unauthorized', undefined, 'auth'],
    ['server-error', undefined, 'environment'],
    ['overloaded', undefined, 'capacity'],
    ['invalid-request', undefined, 'agent'],
    ['context-exhausted', undefined, 'agent'],
  ] as const)('its provider refuses (%s)', async (reason, more, failure) => {
    const place = ground()
    // Clients try some of these again.
    const refusal = more === undefined ? fail(reason as 'unauthorized') : fail(reason as 'rate-limit', more)
    const played = play(candidate, place, model, [always(() => refusal)])
    const result = await played.turn.result
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: candidate.refusals?.[reason] ?? failure,
      code: expect.any(String),
      reason: expect.stringMatching(/\S/),
    })
    if (reason === 'context-exhausted') {
      expect(result.exhausted ?? false).toBe(can.exhausted)
      await beginAnew(place, result.thread)
    } else await goOn(place, result.thread)
  })

  test.runIf(can.resetTime)('its provider’s plan is used up, and it is known until when', async () => {
    const place = ground()
    const result = await play(candidate, place, model, [always(() => fail('usage-limit', { resetsIn: 3_600 }))]).turn.result
    expect(result).toMatchObject({ outcome: 'failed', failure: 'capacity' })
    expect(Math.abs(result.retryAt! - Date.now() - 3_600_000)).toBeLessThan(60_000)
    await goOn(place, result.thread)
  })

  test.runIf(can.usage)('what it uses is told while it runs, and is that of this turn alone', async () => {
    const place = ground()
    const first = play(
      candidate,
      place,
      model,
      usage({ input: 1_000, cached: 400, cacheWritten: 100, output: 50 }, write('new.txt', 'x\n'), commit, done),
    )
    const result = await first.turn.result
    expect(result.usage).toMatchObject({ inputTokens: 3_000, cachedTokens: 1_200, writtenTokens: 300, outputTokens: 150 })
    const told = first.events.flatMap((event) => (event.type === 'used' ? [event.usage.inputTokens] : []))
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    expect(told.length).toBeGreaterThan(1)
    if (!can.resume) return
    const second = play(candidate, place, model, usage({ input: 1_500, cached: 1_000, output: 20 }, done), { thread: result.thread! })
    expect((await second.turn.result).usage).toMatchObject({ inputTokens: 1_500, cachedTokens: 1_000, outputTokens: 20 })
  })

  test('takes a text in while it works, or says that it does not', async () => {
    const place = ground()
    const heard = when((request) => (request.said.join('\n').includes('and the moon') ? done : say('not heard')))
    const played = play(candidate, place, model, [shell('touch begun; sleep 2'), ...slow(500, heard)])
    await until(() => existsSync(join(place.worktree, 'begun')), 'a command at work')
    expect(await played.turn.steer('Greet the sun and the moon, too.')).toBe(can.steer)
    const result = await played.turn.result
    expect(result.summary).toBe(can.steer ? 'Greets.' : 'not heard')
    expect(await played.turn.steer('too late')).toBe(false)
    const next = await goOn(place, result.thread)
    // What it was told in between is a part of the conversation.
    if (can.steer) expect(next.said.join('\n')).toContain('and the moon')
  })

  test.runIf(can.resume)('has lost its thread, and says so before it does anything', async () => {
    const played = play(candidate, ground(), model, [], { thread: '01a202f5-0000-7000-8000-000000000000' })
    expect(await played.turn.result).toMatchObject({ outcome: 'failed', lost: true })
    expect(played.scenario.requests()).toEqual([])
  })

  test.runIf(can.fork)('is forked: the new thread knows what the old one does, which is left as it is', async () => {
    const place = ground()
    const { thread } = await play(candidate, place, model, [done]).turn.result
    const recovery = { cause: 'stalled' as const, way: 'fork' as const, quiet: 0, lastLine: null }
    const forked = play(candidate, place, model, [done], { thread: thread!, recovery, prompt: 'Go on elsewhere.' })
    const result = await forked.turn.result
    expect(result.thread).not.toBe(thread)
    expect(forked.scenario.requests()[0]!.said.join('\n')).toContain('Greet the world.')
    await goOn(place, thread)
  })

  test.each([
    ['its program alone, as where memory has run out', (leader: number) => processOf(candidate, leader)],
    ['what Signalbox has put around it', (leader: number) => leader],
  ])('is killed (-9), %s: its turn says so, nothing of it is left, and it can be gone on with', async (_, victim) => {
    const place = ground()
    const played = play(candidate, place, model, [shell(twoAtWork), always(() => hang())])
    await areAtWork(place)
    process.kill(victim(leaderOf(played)), 'SIGKILL')
    const result = await played.turn.result
    expect(result).toMatchObject(can.protocol ? { outcome: 'failed', failure: 'environment', died: true } : { outcome: 'failed' })
    expect(await stillAtWork(place)).toEqual([])
    await goOn(place, result.thread ?? threadOf(played))
  })

  test.each([false, true])('Signalbox is killed (-9), its agent too: %s; the next one ends what is left, and goes on', async (both) => {
    const place = ground()
    const scenario = model.scenario(`owned-${candidate.kind}-${both}`, [shell(twoAtWork), always(() => hang())])
    const owned: OwnedTurn = { kind: candidate.kind, ground: { ...place, processes: undefined }, scenario: { ...scenario } }
    const owner = spawn(process.execPath, [join(import.meta.dirname, 'owner.ts'), JSON.stringify(owned)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    closing.push(() => owner.kill('SIGKILL'))
    const lines = createInterface(owner.stdout!)[Symbol.asyncIterator]()
    const { thread, group } = JSON.parse((await lines.next()).value as string) as { thread?: string; group: number }
    await areAtWork(place)
    owner.kill('SIGKILL')
    if (both) process.kill(-group, 'SIGKILL')
    // As the next one begins.
    await endOrphans(place.dataFolder, 2_000)
    removeAllStandIns(place.folder)
    expect(await stillAtWork(place)).toEqual([])
    expect(isAlive(group)).toBe(false)
    expect(git(place.worktree, 'status', '--porcelain').split('\n')).toEqual(['?? far', '?? near'])
    git(place.clone, 'config', 'some.key', 'value')
    await goOn(place, thread)
  })
}
