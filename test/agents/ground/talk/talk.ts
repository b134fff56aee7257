// A conversation with a real agent in words that fit all of them: the least client with which a test of the model can drive each.

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'
import { makeRepository } from '../../../actors/repository.ts'
import { agentBinaries } from '../../binaries.ts'
import type { Script } from '../../model/scenario.ts'
import { createModel, type ScenarioHandle } from '../../model/server.ts'
import type { Program } from '../../program.ts'

export interface Prompt {
  text: string
  /** PNG, base64. */
  image?: string
}

export interface Outcome {
  /** The last words of the agent in this turn. */
  text: string
  /** How the agent tells that the turn has failed or was interrupted; null when it has not. */
  failure: string | null
  /** The value that was asked for by a schema. */
  answer: unknown
  /** Tokens of this turn, as the agent sums them: what was read, cached or not, and what was written. */
  tokens: { input: number; output: number } | null
}

export interface Talk {
  program: Program
  /** Begins a turn. Its outcome is `outcome`. */
  begin(prompt: Prompt): Promise<{ outcome: Promise<Outcome> }>
  interrupt(): Promise<void>
}

export interface TalkOptions {
  /** Tries of failed requests. Default 0. */
  retries?: number
  schema?: object
  /** With the token of a plan instead of an API key. Claude only. */
  subscription?: boolean
  /** What a person says to a question; without it there is nobody to ask. */
  reply?: (question: string) => string
  note?: string
}

export interface Place {
  folder: string
  repository: string
  scenario: ScenarioHandle
}

/** How one agent is started in a place. Registered programs are ended with the test. */
export type Agent = (place: Place, options: TalkOptions, started: (program: Program) => void) => Promise<Talk>

// Here and not in a test: an install takes a minute, or longer than a test may.
await agentBinaries()
const model = await createModel()
afterAll(() => model.close())
let number = 0

/** An agent in a repository of its own, before a model that follows the script. What the model did not understand fails the test. */
export async function talkWith(
  agent: Agent,
  script: Script,
  options: TalkOptions = {},
): Promise<Talk & Place & { say(text: string): Promise<Outcome> }> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'signalbox agent-')))
  const programs: Program[] = []
  const problems = model.problems.length
  onTestFinished(async () => {
    await Promise.all(programs.map((program) => program.end()))
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    if (model.problems.length > problems) throw new Error(model.problems.slice(problems).join('\n'))
  })
  const repository = join(folder, 'repository')
  mkdirSync(repository)
  makeRepository(repository)
  const place = { folder, repository, scenario: model.scenario(`scenario-${(number += 1)}`, script) }
  const talk = await agent(place, options, (program) => programs.push(program))
  return { ...talk, ...place, say: async (text) => (await talk.begin({ text })).outcome }
}
