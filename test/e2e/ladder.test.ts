// The two clocks and what follows when one has run out, with the real agents, whose model is silent, talks without end, or waits for a
// command that takes long. What is done about it is seen in the facts of the run and at the model. Each night, and not beside other tests:
// seconds decide here, and sixteen agents are started at once. The same with a command as agent: stall.test.ts.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TimelineEntry } from '../../src/app.ts'
import { agentBinaries } from '../agents/binaries.ts'
import type { ModelRequest } from '../agents/model/request.ts'
import type { Script } from '../agents/model/scenario.ts'
import { createModel, type Model, type ScenarioHandle } from '../agents/model/server.ts'
import { always, answer, babble, hang, shell, write } from '../agents/model/steps.ts'
import { createWorld, until, type World } from './harness.ts'
import { assertSchema, realAgent, realAgents, wired, type RealAgent } from './real-agents.ts'

/**
 * Milliseconds. The command of an agent that takes long ends after it was nudged, before it would be interrupted, and before the ten
 * seconds after which Codex lets its model do something else meanwhile.
 */
const clocks = { progress: 8_000, nudge: 8_000, signal: 20_000 }
const slow = clocks.progress + 1_500

/** Of a test, where much else is at work; what is waited for in it has less. */
const patience = 600_000

const stalled = /It made no progress for \d+ s and was ended\./
const nudged = /Nothing new has been seen of this turn for \d+ s/

const done = answer({ outcome: 'completed', summary: 'Done.', question: null, prTitle: null, prBody: null })
const commit = shell('git add --all && git commit --quiet --message "Work" && git log --oneline | head -1')
// A text that comes too late for an answer is answered by itself.
const work: Script = [write('work.txt', 'work\n'), commit, always(() => done)]

/** What a request tells the model of people, and of us beside the result of a tool. */
const toldIn = ({ said, results }: ModelRequest): string => [...said, ...results.map(({ output }) => output)].join('\n')

/** The scenarios that have been silent. */
const silenced = new Set<string>()

/** What the model does in a conversation, by the issue that it is told of. */
function scriptOf(first: ModelRequest): Script {
  const prompt = toldIn(first)
  if (prompt.includes('Be silent once')) {
    if (silenced.has(first.name)) return work
    silenced.add(first.name)
    return [hang(), ...work]
  }
  if (prompt.includes('Talk on and on')) return [always((request) => (stalled.test(toldIn(request)) ? hang() : babble('And then, ', 300)))]
  return [shell(`sleep ${slow / 1_000}`), ...work]
}

let model: Model
beforeAll(async () => {
  model = await createModel()
})
afterAll(async () => {
  await model.close()
  if (model.problems.length > 0) throw new Error(model.problems.join('\n'))
})

interface Place {
  world: World
  scenarios: Record<RealAgent, ScenarioHandle>
  close: () => Promise<void>
}

/** A project for each agent, in one world. */
async function placeOf(name: string, limits: object): Promise<Place> {
  const binaries = await agentBinaries()
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-agents-'))
  const made = realAgents.map((agent) => [agent, model.scenario(`${name}-${agent}`, scriptOf)] as const)
  const world = createWorld({
    projects: made.map(([id, scenario]) => {
      const home = join(folder, id)
      return { id, agent: wired(realAgent(id, { binaries, folder: home, scenario }), home) }
    }),
    limits: { activeRuns: 8, run: '300s', ...limits },
  })
  await world.start()
  return {
    world,
    scenarios: Object.fromEntries(made) as Place['scenarios'],
    async close() {
      try {
        await world.close()
        for (const [agent, scenario] of made) {
          if (scenario.requests().length > 0) assertSchema(agent, binaries, join(folder, agent))
        }
      } finally {
        rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      }
    },
  }
}

/** Of those that are alike in a row the first. */
const changes = <T>(all: T[]): T[] => all.filter((one, i) => one !== all[i - 1])

/** The rungs that the runs of an issue have told of, and how they ended. */
async function facts(world: World, key: string): Promise<string[]> {
  const { entries } = (await world.ask(`/api/issues/${key}/timeline`)).body as { entries: TimelineEntry[] }
  const told = entries.flatMap(({ event }) => {
    if (event.type === 'run.progressed' && event['phase'] !== 'working') return [String(event['phase'])]
    return event.type === 'run.finished' ? [`${String(event['outcome'])} ${String(event['failure'] ?? '')}`.trim()] : []
  })
  return changes(told)
}

const requestsOf = (scenario: ScenarioHandle, title: string): ModelRequest[] =>
  scenario.requests().filter(({ said }) => said.some((text) => text.includes(title)))

/** One that takes no text in while it works is interrupted where others are nudged first. */
const isNudged = (name: RealAgent): boolean => name !== 'codex-acp'
const ladderOf = (name: RealAgent): string[] => [
  ...(isNudged(name) ? ['probing', 'nudging', 'probing'] : ['probing', 'nudging']),
  'interrupting',
]

const isNightly = process.env['SIGNALBOX_NIGHTLY'] !== undefined

describe.runIf(isNightly).concurrent('the clock of progress, with the real', () => {
  let place: Place
  beforeAll(async () => {
    place = await placeOf('progress', { progress: `${clocks.progress}ms`, nudge: `${clocks.nudge}ms`, stalls: 1 })
  })
  afterAll(() => place.close())

  it.each(realAgents)(
    '%s: talk without end is no progress, nor is silence in the same thread, told why: a human is asked',
    async (name) => {
      const { world, scenarios } = place
      const title = 'Talk on and on'
      const key = await world.submit(null, { project: name, title })
      const issue = await world.untilIssue(key, 'escalated', 120_000)
      expect(issue).toMatchObject({ attempts: { implementation: 1 }, run: null, pr: null })
      expect(issue.waitsFor.map(({ reason }) => reason).join('\n')).toContain('No progress for 8 s, 2 times.')
      expect(await facts(world, key)).toEqual([...ladderOf(name), ...ladderOf(name), 'failed stalled'])
      const requests = requestsOf(scenarios[name], title)
      expect(changes(requests.map((request) => stalled.test(toldIn(request))))).toEqual([false, true])
      // They let go of the model that talks, and ask again with the nudge; Claude Code keeps it for its next tool.
      if (name === 'codex' || name === 'claude-agent-acp') expect(nudged.test(toldIn(requests[1]!))).toBe(true)
      expect(requests.map(({ abandoned }) => abandoned)).toEqual(requests.map(() => true))
      expect(new Set(requests.map(({ conversation }) => conversation)).size).toBe(1)
    },
    patience,
  )

  it.each(realAgents)(
    '%s: a command that takes long is nudged about, and its end is progress',
    async (name) => {
      const { world, scenarios } = place
      const title = 'Take long'
      const key = await world.submit(null, { project: name, title })
      expect(await world.untilIssue(key, 'done', 120_000)).toMatchObject({ attempts: { implementation: 1 } })
      const rungs = await facts(world, key)
      const [first, ...later] = requestsOf(scenarios[name], title)
      expect(rungs.slice(0, 2)).toEqual(['probing', 'nudging'])
      expect(rungs.at(-1)).toBe('completed')
      // It goes on with the turn that it has, or in the same thread with another one.
      expect(rungs.includes('interrupting')).toBe(!isNudged(name))
      const word = isNudged(name) ? nudged : stalled
      expect(word.test(toldIn(first!))).toBe(false)
      expect(word.test(toldIn(later[0]!))).toBe(true)
      expect(new Set(later.map(({ conversation }) => conversation))).toEqual(new Set([first!.conversation]))
    },
    patience,
  )
})

describe.runIf(isNightly).concurrent('the clock of signs of life, with the real', () => {
  let place: Place
  beforeAll(async () => {
    place = await placeOf('signal', { progress: '300s', signal: `${clocks.signal}ms` })
  })
  afterAll(() => place.close())

  it.each(realAgents)(
    '%s: silence is ended, and another run does the work',
    async (name) => {
      const { world, scenarios } = place
      const title = 'Be silent once'
      const key = await world.submit(null, { project: name, title })
      await world.untilIssue(key, 'done', 120_000)
      expect(await facts(world, key)).toEqual(['failed environment', 'completed'])
      expect(requestsOf(scenarios[name], title)[0]!.abandoned).toBe(true)
    },
    patience,
  )

  it.each(realAgents)(
    '%s: talk without end is a sign of life',
    async (name) => {
      const { world, scenarios } = place
      const title = 'Talk on and on'
      const key = await world.submit(null, { project: name, title })
      const isAsked = () => requestsOf(scenarios[name], title).length > 0
      await until(isAsked, { what: 'the model to be asked', saw: () => world.logOf(key), patience: 60_000 })
      await wait(clocks.signal * 1.5)
      expect(await world.issue(key)).toMatchObject({ run: { id: 'run-1', phase: 'working' } })
      expect((await world.act(key, { action: 'stop' })).status).toBe(202)
      await world.untilIssue(key, ({ run }) => run === null)
      expect(await facts(world, key)).toEqual(['released'])
    },
    patience,
  )
})
