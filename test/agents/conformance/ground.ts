// Where one real agent is tried: a worktree of a clone as Signalbox makes them, a scripted model, and everything that its turn tells.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProcessRecords, type ProcessRecords } from '../../../src/actors/agents/orphans.ts'
import type { Agent, AgentEvent, AgentRequest, AgentResult, AgentTurn } from '../../../src/actors/ports.ts'
import type { Model, ScenarioHandle } from '../model/server.ts'
import type { Script } from '../model/scenario.ts'

/** One of the four kinds, on its real program. */
export interface Candidate {
  kind: string
  /** Makes the agent for a scenario. `wrap` is put before its command, for what stands between it and us. */
  create: (place: Ground, scenario: ScenarioHandle, more: { wrap?: string; env?: Record<string, string> }) => Agent
}

export interface Ground {
  folder: string
  worktree: string
  /** The clone that the worktree belongs to. */
  clone: string
  processes: ProcessRecords
}

export interface Played {
  agent: Agent
  turn: AgentTurn
  events: AgentEvent[]
  abort: () => void
  scenario: ScenarioHandle
}

const identity = { GIT_AUTHOR_NAME: 'U', GIT_AUTHOR_EMAIL: 'u@localhost', GIT_COMMITTER_NAME: 'U', GIT_COMMITTER_EMAIL: 'u@localhost' }
export const branch = 'signalbox/app-1-greet'

export const git = (folder: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd: folder, encoding: 'utf8', env: { ...process.env, ...identity } }).trim()

export function createGround(): Ground & { remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-agent-'))
  const origin = join(folder, 'origin')
  mkdirSync(origin)
  git(origin, 'init', '--quiet', '--initial-branch=main')
  writeFileSync(join(origin, 'README.md'), '# app\n')
  writeFileSync(join(origin, 'greet.txt'), 'hello\n')
  git(origin, 'add', '--all')
  git(origin, 'commit', '--quiet', '--message', 'The start')
  const clone = join(folder, 'clones', 'app.git')
  const worktree = join(folder, 'worktrees', 'app', 'APP-1')
  git(folder, 'clone', '--quiet', '--bare', origin, clone)
  git(clone, 'worktree', 'add', '--quiet', '-b', branch, worktree, 'main')
  return {
    folder,
    worktree,
    clone,
    processes: createProcessRecords(join(folder, 'data')),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}

let turns = 0

/** Begins a turn of this agent with a scenario of its own. */
export function play(
  candidate: Candidate,
  ground: Ground,
  model: Model,
  script: Script,
  request: Partial<AgentRequest> = {},
  more: { wrap?: string; env?: Record<string, string> } = {},
): Played {
  const scenario = model.scenario(`s${++turns}`, script)
  const agent = candidate.create(ground, scenario, more)
  const events: AgentEvent[] = []
  const controller = new AbortController()
  const turn = agent.start(
    {
      agent: candidate.kind,
      issue: 'APP-1',
      project: 'app',
      runId: `run-${turns}`,
      runType: 'implementation',
      turnKind: 'work',
      attempt: 1,
      branch,
      base: 'main',
      worktree: ground.worktree,
      folder: join(ground.folder, 'runs', `run-${turns}`),
      prompt: 'Greet the world.',
      images: [],
      context: null,
      network: false,
      timeout: 60_000,
      thread: null,
      recovery: null,
      ...request,
    },
    { signal: controller.signal, onEvent: (event) => events.push(event) },
  )
  return { agent, turn, events, scenario, abort: () => controller.abort() }
}

export const threadOf = ({ events }: Pick<Played, 'events'>): string | undefined =>
  events.flatMap((event) => (event.type === 'started' ? [event.thread] : []))[0]

export const read = (...path: string[]): string => readFileSync(join(...path), 'utf8')

export type { AgentResult }
