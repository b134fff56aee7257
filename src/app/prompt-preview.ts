// What the next run of an issue would be told, by the way that a real one takes: the machine's own assignment, and the same request.
// Reads only; what a tracker elsewhere has attached goes through a temporary folder.

import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPullRequests } from '../actors/forge/pull-requests.ts'
import { createLocalTracker } from '../actors/tracker/local.ts'
import type { Tracker } from '../actors/ports.ts'
import { createInstructions, type InstructionsRequest } from '../actors/workspace/instructions.ts'
import { createReviewCheckouts } from '../actors/workspace/review-checkout.ts'
import { nextHead } from '../actors/workspace/worktree.ts'
import type { Config } from '../config.ts'
import { FatalError } from '../errors.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import { isTerminal } from '../machines/issue/document.ts'
import { neededRun, openPullRequest } from '../machines/issue/policy.ts'
import { nextAssignment } from '../machines/issue/settlement.ts'
import { createContext, type RunInput } from '../machines/run/context.ts'
import { sessionInput } from '../machines/run/inputs.ts'
import { runTypes, type RunType } from '../machines/vocabulary.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { createFactOutbox } from '../persistence/fact-outbox.ts'
import { statement } from '../persistence/statements.ts'
import type { StoreReader } from '../persistence/store.ts'
import { attachmentsOf, describeTurn, type RequestHost, type Turn } from './agent-request.ts'
import type { PromptPreview } from './contract.ts'
import { worktreeFinder } from './reader.ts'
import { readSurroundings } from './surroundings.ts'

export interface PreviewHost {
  config: Config
  store: StoreReader
  database: SqliteDatabase
}

/** Throws FatalError `unknown-run-type`, and what reading the project's repository does. */
export type Preview = (value: unknown, context: IssueContext, runType?: string) => Promise<PromptPreview>

export function createPreview(host: PreviewHost): Preview {
  return async (value, c, wanted) => {
    const type = wanted === undefined ? neededRun(c) : toRunType(wanted)
    const reason = reasonAgainst(value, c, type)
    const { key } = c.issue
    if (type === null || reason !== null)
      return { key, runId: null, runType: null, agent: null, prompt: null, images: [], reason, notes: [] }
    const input = nextAssignment(c, type)
    const notes = c.run === null ? [] : [`${c.run.id} is at work: this is what another run would be told that began now.`]
    const { prompt, images } = await describe(host, input, notes)
    return { key, runId: input.runId, runType: type, agent: input.agent, prompt, images, reason: null, notes }
  }
}

function toRunType(name: string): RunType {
  const type = runTypes.find((one) => one === name)
  if (type === undefined) throw new FatalError('unknown-run-type', `There is no run type '${name}'. There are: ${runTypes.join(', ')}.`)
  return type
}

/** Why no run would be told anything; null when one would. */
function reasonAgainst(value: unknown, c: IssueContext, type: RunType | null): string | null {
  if (isTerminal(value)) return `${c.issue.key} is ${c.phase}: no run begins any more, and nothing is sent to an agent.`
  if (type === null)
    return `${c.issue.key} is ${c.phase} and needs no run now. Name one of ${runTypes.join(', ')} to see what it would be told.`
  if (type !== 'implementation' && openPullRequest(c) === null)
    return `${c.issue.key} has no open pull request: a run of type ${type} would have nothing to look at.`
  return null
}

async function describe({ config, store, database }: PreviewHost, assigned: RunInput, notes: string[]) {
  const base = baseOf(config, database, assigned)
  const onto = assigned.onto !== null && isInFlight(database, assigned) ? assigned.onto : null
  const folder = config.dataFolder
  const there = worktreeFinder(folder)(assigned.project, assigned.key)
  const worktree = assigned.type === 'review' ? join(folder, 'reviews', assigned.project, assigned.key) : (there ?? '')
  const run = { ...createContext({ input: { ...assigned, base: onto ?? base } }), turns: 1, worktree }
  const input = sessionInput({ context: run })
  const attachments = await mkdtemp(join(tmpdir(), 'signalbox-preview-'))
  try {
    const request: RequestHost = {
      config,
      reviews: createReviewCheckouts({ folder }),
      tracker: await trackerOf(config, database, notes),
      instructions: createInstructions({ folder }),
      surroundings: (issue, runId) => readSurroundings(store, issue, runId),
      log: ({ message }) => void notes.push(message),
      attachments,
    }
    const turn: Turn = { input, base, at: await beginningOf(folder, input, there) }
    const described = await describeTurn(request, turn)
    // They would be in the run's own folder.
    const real = (text: string): string => text.replaceAll(attachments, attachmentsOf(config, input))
    return {
      prompt: real(described.prompt),
      images: described.images.map(({ path, mediaType }) => ({ path: real(path), mediaType })),
    }
  } finally {
    await rm(attachments, { recursive: true, force: true })
  }
}

/** What the agent will find when its worktree has been made ready. */
async function beginningOf(folder: string, input: RunInput, worktree: string | null): Promise<InstructionsRequest['at']> {
  if (input.type === 'review') return { commit: input.past! }
  if (input.keep && input.restartFrom === null && worktree !== null && existsSync(worktree)) return { folder: worktree }
  return { commit: await nextHead(folder, input) }
}

/** The configured base branch, else the one that was found first; as the forge's repository has it. */
function baseOf(config: Config, database: SqliteDatabase, { project, base }: RunInput): string {
  const configured = config.projects.find(({ id }) => id === project)?.baseBranch
  const known = statement(database, 'SELECT base_ref FROM forge_project WHERE id = ?').get(project) as { base_ref: string } | undefined
  return configured ?? known?.base_ref ?? base
}

const quietly = { now: Date.now, wake() {} }

function isInFlight(database: SqliteDatabase, { project, onto }: RunInput): boolean {
  const outbox = createFactOutbox({ database, ...quietly })
  return createPullRequests({ database, outbox, now: Date.now, url: () => '' }).openOn(project, onto!) !== undefined
}

async function trackerOf(config: Config, database: SqliteDatabase, notes: string[]): Promise<() => Pick<Tracker, 'promptContext'>> {
  if (config.tracker.kind !== 'linear') {
    const tracker = createLocalTracker({ database, projects: config.projects, ...quietly })
    return () => tracker
  }
  const { createLinearContext } = await import('../actors/tracker/linear.ts')
  return () => ({
    promptContext: createLinearContext({
      ...{ settings: config.tracker as Extract<Config['tracker'], { kind: 'linear' }>, database, now: Date.now },
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms)
        return () => clearTimeout(timer)
      },
      log: (message) => void notes.push(message),
    }),
  })
}
