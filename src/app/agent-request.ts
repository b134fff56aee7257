// What an agent is asked in one turn: its prompt, its context, and the folder that they are kept in.

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { composePrompt } from '../actors/agents/prompt.ts'
import type { AgentRequest, PromptContext, ReviewCheckouts, Tracker } from '../actors/ports.ts'
import type { Config } from '../config.ts'
import { FatalError, toErrorData } from '../errors.ts'
import type { SessionInput } from '../machines/run/inputs.ts'

export interface RequestHost {
  config: Config
  reviews: ReviewCheckouts
  tracker: () => Tracker
  log: (line: { issue: string; run: string; message: string }) => void
}

/** Writes the run's folder and describes the turn. */
export async function prepareRequest({ config, reviews, tracker, log }: RequestHost, input: SessionInput): Promise<AgentRequest> {
  const project = config.projects.find(({ id }) => id === input.project)
  if (!project) throw new FatalError('unknown-project', `There is no project '${input.project}' in the configuration any more.`)
  const folder = join(config.dataFolder, 'runs', input.key, input.turn > 1 ? `${input.runId}-turn-${input.turn}` : input.runId)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const background = await backgroundOf(input, { tracker: tracker(), folder, log })
  const change = input.type === 'review' ? await scopeOf(reviews, input, project.prompts.review) : null
  const workflow = change === null ? readOptional(input.worktree, project.prompts.implementation) : change.workflow
  const {
    key,
    title,
    description,
    url,
    branch,
    base,
    attempt,
    type,
    messages,
    question,
    review,
    checks,
    incident,
    lastFailure,
    uncommitted,
  } = input
  return {
    agent: input.agent,
    issue: key,
    project: input.project,
    runId: input.runId,
    runType: type,
    turnKind: input.turnKind,
    attempt,
    branch,
    base,
    worktree: input.worktree,
    folder,
    prompt: composePrompt({
      ...{
        key,
        title,
        description,
        background,
        url,
        branch,
        base,
        attempt,
        messages,
        question,
        review,
        checks,
        incident,
        lastFailure,
        uncommitted,
      },
      parent: input.parent,
      runType: type,
      ...promptContext(input),
      change,
      workflow,
      extra: project.prompts.extra === null ? null : readFileSync(project.prompts.extra, 'utf8'),
    }),
    images: [],
    network: project.network,
    context: {
      issue: { key, title, description, url },
      run: { id: input.runId, type, attempt, turn: input.turn, kind: input.turnKind, recovery: input.recovery },
      ...{ messages, question, review, checks, incident, uncommitted, lastFailure, parent: input.parent },
      ...(change === null ? {} : { change: { from: change.from, to: change.to, files: change.files } }),
    },
    timeout: input.timeout,
    thread: input.thread,
    recovery: input.recovery,
  }
}

/** A tracker that does not answer keeps no agent from its work. */
async function backgroundOf(
  { issue, key, runId }: SessionInput,
  { tracker, folder, log }: { tracker: Tracker; folder: string; log: RequestHost['log'] },
): Promise<PromptContext | null> {
  try {
    return (await tracker.promptContext?.({ issue, folder: join(folder, 'attachments') })) ?? null
  } catch (error) {
    log({ issue: key, run: runId, message: `What the tracker has beside the issue's text is not known: ${toErrorData(error).message}` })
    return null
  }
}

const promptContext = (input: SessionInput) => {
  const { turnKind, completion, recovery, round, past, pastPatch, protectedPaths, conflict, replaces, umbrella } = input
  return { turnKind, completion, recovery, round, past, pastPatch, protectedPaths, conflict, replaces, umbrella }
}

/** What a reviewer is to look at. Its instructions are the base's: a change does not instruct its own reviewer. */
async function scopeOf(reviews: ReviewCheckouts, { project, key, base, past }: SessionInput, guidance: string | null) {
  const { guidance: text, ...scope } = await reviews.scope({ project, key, base, head: past!, guidance })
  return { ...scope, workflow: guidance === null || text === null ? null : { name: guidance, text: text.slice(0, longestWorkflow) } }
}

const longestWorkflow = 256 * 1024

/** A project's own instructions, from the worktree; not there is an answer, too long is cut. */
function readOptional(folder: string, name: string | null): { name: string; text: string } | null {
  if (name === null) return null
  try {
    return { name, text: readFileSync(join(folder, name), 'utf8').slice(0, longestWorkflow) }
  } catch {
    return null
  }
}
