// Where one real agent is tried: a worktree of a clone as Signalbox makes them, a scripted model, and everything that its turn tells.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProcessRecords, type ProcessRecords } from '../../../src/actors/agents/orphans.ts'
import { createPushGuard } from '../../../src/actors/forge/push-guard.ts'
import type { Agent, AgentEvent, AgentRequest, AgentResult, AgentTurn } from '../../../src/actors/ports.ts'
import { pushUrl } from '../../../src/actors/workspace/clone.ts'
import type { Model, ScenarioHandle } from '../model/server.ts'
import type { Script } from '../model/scenario.ts'

/** What a kind can do; what it cannot is not asked of it, and stands in docs/agents.md. */
export interface Abilities {
  /** Is talked with, in messages. */
  protocol: boolean
  /** Goes on with a thread after its process has ended. */
  resume: boolean
  fork: boolean
  steer: boolean
  /** Has a tool to ask a person with. */
  ask: boolean
  /** Tells what it does by kind, and which files it touches. */
  items: boolean
  usage: boolean
  /** Says by a code that its thread is full. */
  exhausted: boolean
  /** Tells when a used-up plan is renewed. */
  resetTime: boolean
  /** Its commands can write nowhere but where they are to. */
  sandbox: boolean
}

/** One of the four kinds, on its real program. */
export interface Candidate {
  kind: string
  can: Abilities
  /** How it is asked to stop in its own protocol, in the words of a `Dialogue`; all of it before its process is ended. */
  stops: string[]
  /** Refusals of a provider that it has another class for than the others, since it tells of them in words only. */
  refusals?: Partial<Record<string, 'agent' | 'environment'>>
  /** Makes the agent for a scenario. `wrap` is put before its command, for what stands between it and us. */
  create: (place: Ground, scenario: Where, more: { wrap?: string; env?: Record<string, string> }) => Agent
}

/** One that all of the contract is tried on. */
export interface WholeCandidate extends Candidate {
  /** Its own process by the file that it runs, and by words of its command line where that is an interpreter. */
  program: readonly [string, ...string[]]
  /** What is configured for it. */
  env: (place: Ground, scenario: Where) => Record<string, string>
}

/** Where the scripted model of a scenario is found. */
export type Where = Pick<ScenarioHandle, 'name' | 'responsesUrl' | 'messagesUrl'>

export interface Ground {
  folder: string
  worktree: string
  /** The clone that the worktree belongs to. */
  clone: string
  /** The forge's repository, which the clone is of. */
  origin: string
  /** Of the Signalbox that this is the ground of. */
  dataFolder: string
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
  const user = join(folder, 'user')
  mkdirSync(user)
  git(user, 'init', '--quiet', '--initial-branch=main')
  writeFileSync(join(user, 'README.md'), '# app\n')
  writeFileSync(join(user, 'greet.txt'), 'hello\n')
  git(user, 'add', '--all')
  git(user, 'commit', '--quiet', '--message', 'The start')
  const origin = join(folder, 'repos', 'app.git')
  git(folder, 'clone', '--quiet', '--bare', user, origin)
  git(origin, 'config', 'core.hooksPath', createPushGuard(folder).hooks)
  const clone = join(folder, 'clones', 'app.git')
  const worktree = join(folder, 'worktrees', 'app', 'APP-1')
  git(folder, 'clone', '--quiet', '--bare', origin, clone)
  git(clone, 'config', 'remote.origin.pushurl', pushUrl)
  git(clone, 'worktree', 'add', '--quiet', '-b', branch, worktree, 'main')
  return {
    folder,
    worktree,
    clone,
    origin,
    dataFolder: join(folder, 'data'),
    processes: createProcessRecords(join(folder, 'data')),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}

export const requestOf = ({ kind }: Candidate, { folder, worktree }: Ground, runId: string): AgentRequest => ({
  agent: kind,
  issue: 'APP-1',
  project: 'app',
  runId,
  runType: 'implementation',
  turnKind: 'work',
  attempt: 1,
  branch,
  base: 'main',
  worktree,
  folder: join(folder, 'runs', runId),
  prompt: 'Greet the world.',
  images: [],
  context: null,
  network: false,
  timeout: 60_000,
  thread: null,
  recovery: null,
})

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
    { ...requestOf(candidate, ground, `run-${turns}`), ...request },
    { signal: controller.signal, onEvent: (event) => events.push(event) },
  )
  return { agent, turn, events, scenario, abort: () => controller.abort() }
}

export const threadOf = ({ events }: Pick<Played, 'events'>): string | undefined =>
  events.flatMap((event) => (event.type === 'started' ? [event.thread] : []))[0]

/**
 * The process of the agent's program: below what Signalbox and a test have put around it (`leader` is the first one of these), above what
 * it has started itself.
 */
export function processOf({ kind, program: [file, ...words] }: WholeCandidate, leader: number): number {
  const isIt = (pid: number): boolean => {
    const is = look(() => readlinkSync(`/proc/${pid}/exe`)) === realpathSync(file)
    return (
      is &&
      words.every((word) =>
        look(() => read(`/proc/${pid}/cmdline`))
          .split('\0')
          .includes(word),
      )
    )
  }
  for (let generation = [leader]; generation.length > 0; generation = childrenOf(generation)) {
    const found = generation.find(isIt)
    if (found !== undefined) return found
  }
  throw new Error(`The program of '${kind}' does not run below ${leader}.`)
}

/** Of any of them. */
const childrenOf = (parents: number[]): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parents.includes(Number(/^PPid:\s+(\d+)/m.exec(look(() => read(`/proc/${pid}/status`)))?.[1])))

function look(at: () => string): string {
  try {
    return at()
  } catch {
    return '' // it has ended
  }
}

export const read = (...path: string[]): string => readFileSync(join(...path), 'utf8')

export type { AgentResult }

/** Waits until it is true. Rejects with what was waited for after `patience` ms. */
export async function until(condition: () => boolean, what: string, patience = 40_000): Promise<void> {
  const deadline = performance.now() + patience
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not come true within ${patience} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const beat = (name: string): string => `while :; do date +%s%N > ${name}; sleep 0.1; done`

/** A command that never ends, and beside it one that has left its session and group. Both write the time, again and again. */
export const twoAtWork = `setsid sh -c '${beat('far')}' > /dev/null 2>&1 & ${beat('near')}`

/** When both of them are at work. Their process ids would say nothing: a sandbox has its own. */
export const areAtWork = ({ worktree }: Ground) =>
  until(() => ['near', 'far'].every((name) => existsSync(join(worktree, name))), 'a command at work')

/** The names of those that still write. */
export async function stillAtWork({ worktree }: Ground): Promise<string[]> {
  const times = () => ['near', 'far'].map((name) => readFileSync(join(worktree, name), 'utf8'))
  const before = times()
  await new Promise((resolve) => setTimeout(resolve, 600))
  const after = times()
  return ['near', 'far'].filter((_, i) => before[i] !== after[i])
}
