// Each word of a scripted model does with a real agent what it says: one suite, run on every agent.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually, run } from '../../actors/repository.ts'
import {
  answer,
  ask,
  breakOff,
  edit,
  fail,
  flood,
  hang,
  say,
  shell,
  slow,
  together,
  usage,
  when,
  write,
  type Failure,
} from '../model/steps.ts'
import { talkWith, type Agent } from './talk/talk.ts'

const schema = { type: 'object', properties: { verdict: { type: 'string' } }, required: ['verdict'], additionalProperties: false }
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** What a person sees of every agent: it works, it can be stopped, it goes on. */
export function testsOfWork(agent: Agent, { counts = true, closes = true } = {}): void {
  test('writes, edits and commits, says what it has done, and counts tokens', async () => {
    const numbers = { input: 1_000, cached: 300, output: 70, reasoning: 20 }
    const commit = shell('git add --all && git commit --quiet --message Greeting && echo committed')
    const script = usage(numbers, write('greeting.txt', 'Hello\nWorld\n'), edit('greeting.txt', 'World', 'Model'), commit, say('All done.'))
    const { say: prompt, repository, scenario } = await talkWith(agent, script)
    const outcome = await prompt('Greet the model.')
    expect(outcome).toMatchObject({ failure: null })
    expect(outcome.text).toMatch(/All done\.$/)
    expect(readFileSync(join(repository, 'greeting.txt'), 'utf8')).toBe('Hello\nModel\n')
    expect(run(repository, 'log', '-1', '--format=%s')).toBe('Greeting')
    expect(outcome.tokens).toEqual(counts ? { input: 4_000, output: 280 } : null)
    const last = scenario.requests().at(-1)!
    expect(last.said).toEqual(['Greet the model.'])
    expect(last.results.at(-1)!.output).toContain('committed')
    expect(new Set(scenario.requests().map(({ conversation }) => conversation)).size).toBe(1)
    expect(scenario.left()).toBe(0)
  })

  test('can be interrupted while the model hangs and while a command runs, and goes on after that', async () => {
    const {
      begin,
      interrupt,
      program,
      scenario,
      say: prompt,
    } = await talkWith(agent, [hang('Well'), shell('tail -f /dev/null'), say('Here.')])
    const first = await begin({ text: 'Begin.' })
    await program.until((message) => JSON.stringify(message).includes('Well'))
    await interrupt()
    expect((await first.outcome).failure).toMatch(/^(interrupted null|aborted_streaming|cancelled)$/)
    if (closes) await eventually(() => scenario.requests()[0]!.abandoned)
    const second = await begin({ text: 'Wait.' })
    await program.until((message) => JSON.stringify(message).includes('tail -f'))
    await pause(500)
    await interrupt()
    expect((await second.outcome).failure).toMatch(/^(interrupted null|aborted_tools|cancelled)$/)
    expect(await prompt('Are you there?')).toMatchObject({ text: expect.stringMatching(/Here\.$/), failure: null })
    expect(scenario.requests().at(-1)!.said.at(-1)).toBe('Are you there?')
  })
}

type Reason = Exclude<Failure['reason'], 'raw' | 'usage-limit' | 'invalid-request'>

/** How the provider's refusals reach whoever drives the agent, and what comes beside words of one kind. */
export function testsOfTheModel(agent: Agent, refusals: Record<Reason, [status: number, told: RegExp]>): void {
  // One process for all, since the agents go on after a failure.
  test('tells each refusal of the provider in its own words, and goes on after it', async () => {
    const reasons = Object.keys(refusals) as Exclude<Reason, 'rate-limit'>[]
    const { say: prompt, scenario } = await talkWith(agent, [...reasons.map((reason) => fail(reason)), say('Recovered.')])
    for (const reason of reasons) expect.soft((await prompt('Go.')).failure, reason).toMatch(refusals[reason][1])
    expect(await prompt('Go.')).toMatchObject({ text: expect.stringMatching(/Recovered\.$/), failure: null })
    expect(scenario.requests().map(({ status }) => status)).toEqual([...reasons.map((reason) => refusals[reason][0]), 200])
  })

  test('tries again what may pass, and sends it to the next step', async () => {
    const { say: prompt, scenario } = await talkWith(agent, [fail('server-error'), breakOff('Half a'), say('Whole.')], { retries: 2 })
    expect(await prompt('Go.')).toMatchObject({ text: expect.stringMatching(/Whole\.$/), failure: null })
    expect(scenario.requests().map(({ status, abandoned }) => status ?? abandoned)).toEqual([500, true, 200])
  })

  test('takes a flood, a late response, and several deeds at once', async () => {
    const script = [flood(1_000_000), ...slow(300, together(say('Two.'), shell('echo one'), shell('echo two'))), say('Both.')]
    const { say: prompt, scenario } = await talkWith(agent, script)
    expect((await prompt('Speak.')).text.length).toBeGreaterThanOrEqual(1_000_000)
    const began = Date.now()
    expect((await prompt('Do two things.')).text).toMatch(/Both\.$/)
    expect(Date.now() - began).toBeGreaterThan(300)
    const outputs = scenario
      .requests()
      .at(-1)!
      .results.map(({ output }) => /one|two/.exec(output)?.[0])
    expect(outputs.toSorted()).toEqual(['one', 'two']) // as they end
  })

  test('shows a picture, and the model looks at what it was asked', async () => {
    const { begin, scenario } = await talkWith(agent, [when(({ images, said }) => say(`${images.length} ${said.at(-1)}`))])
    const { outcome } = await begin({ text: 'Look.', image: png })
    expect((await outcome).text).toMatch(/1 Look\.$/)
    expect(scenario.requests()[0]!.images).toEqual([{ type: 'image/png', data: png }])
  })
}

/** What the protocols of Codex and Claude have beyond ACP. */
export function testsOfAnswers(agent: Agent): void {
  test('asks a person and takes the answer', async () => {
    const script = [ask('Which colour?', ['Red', 'Blue']), say('Thanks.')]
    const { say: prompt, scenario } = await talkWith(agent, script, {
      reply: (question) => (question === 'Which colour?' ? 'Blue' : 'None'),
    })
    expect(await prompt('Paint it.')).toMatchObject({ text: 'Thanks.', failure: null })
    expect(scenario.requests().at(-1)!.results[0]!.output).toContain('Blue')
  })

  test('answers by a schema, again in the next turn', async () => {
    const script = [shell('true'), answer({ verdict: 'yes' }), answer({ verdict: 'no' })]
    const { say: prompt, scenario } = await talkWith(agent, script, { schema })
    expect(await prompt('Is it so?')).toMatchObject({ answer: { verdict: 'yes' }, failure: null })
    expect(await prompt('And this?')).toMatchObject({ answer: { verdict: 'no' }, failure: null })
    expect(scenario.left()).toBe(0)
  })
}
