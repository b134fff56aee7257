// What an agent is asked in one turn: its prompt, its context, and the folder that they are kept in.

import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { answerSchema } from '../actors/agents/answer.ts'
import { parseDescription } from '../actors/agents/description.ts'
import { findImages } from '../actors/agents/images.ts'
import { composePrompt } from '../actors/agents/prompt.ts'
import { isAside } from '../actors/agents/prompt/facts.ts'
import { addShown, readShown } from '../actors/agents/shown-images.ts'
import { filesOf } from '../actors/agents/turn-process.ts'
import type { AgentRequest, PromptContext, ReviewCheckouts, Tracker } from '../actors/ports.ts'
import type { Instructions, InstructionsRequest } from '../actors/workspace/instructions.ts'
import { workSoFar, type WorkSoFar } from '../actors/workspace/work-so-far.ts'
import type { Config } from '../config.ts'
import { FatalError, toErrorData } from '../errors.ts'
import type { SessionInput } from '../machines/run/inputs.ts'
import type { Surroundings } from './surroundings.ts'

export interface RequestHost {
  config: Config
  reviews: Pick<ReviewCheckouts, 'scope'>
  tracker: () => Pick<Tracker, 'promptContext'>
  instructions: (request: InstructionsRequest) => Promise<Instructions>
  surroundings: (issue: string, runId: string) => Surroundings
  log: (line: { issue: string; run: string; message: string }) => void
  /** Where attachments are put instead of the run's own folder for them. */
  attachments?: string
}

/** A turn, and what of the project the machine does not know. */
export interface Turn {
  input: SessionInput
  /** The project's own base branch; `input.base` may be that of another change. */
  base: string
  /** What the agent will find: default, what is in its worktree. */
  at?: InstructionsRequest['at']
}

/** Makes the run's folder and describes the turn. */
export async function prepareRequest(host: RequestHost, turn: Turn): Promise<AgentRequest> {
  await mkdir(folderOf(host.config, turn.input), { recursive: true, mode: 0o700 })
  return describeTurn(host, turn)
}

const folderOf = ({ dataFolder }: Config, { key, runId, turn }: SessionInput): string =>
  join(dataFolder, 'runs', key, turn > 1 ? `${runId}-turn-${turn}` : runId)

/** For all turns of the run; an agent may write into the folder of its turn, and not here. */
export const attachmentsOf = ({ dataFolder }: Config, { key, runId }: Pick<SessionInput, 'key' | 'runId'>): string =>
  join(dataFolder, 'runs', key, `${runId}-attachments`)

const shownOf = ({ dataFolder }: Config, key: string): string => join(dataFolder, 'runs', key, 'shown-images.json')

/** Keeps which images the thread of a turn has been shown. What cannot be written down is shown once more. */
export function rememberShown({ config, log }: Pick<RequestHost, 'config' | 'log'>, request: AgentRequest, thread?: string): void {
  if (thread === undefined) return
  try {
    addShown(shownOf(config, request.issue), request, thread)
  } catch (error) {
    const { message } = toErrorData(error)
    log({ issue: request.issue, run: request.runId, message: `Which images its agent has been shown is not written down: ${message}` })
  }
}

/** Writes nothing but the attachments that the tracker fetches. */
export async function describeTurn(host: RequestHost, { input, base: projectBase, at }: Turn): Promise<AgentRequest> {
  const { config, reviews, instructions, surroundings } = host
  const project = config.projects.find(({ id }) => id === input.project)
  if (!project) throw new FatalError('unknown-project', `There is no project '${input.project}' in the configuration any more.`)
  const folder = folderOf(config, input)
  const { key, title, description, url, branch, base, attempt, type, worktree, past } = input
  const background = await backgroundOf(host, input)
  const { images, before, leftOut } = await findImages(
    (background?.attachments ?? []).flatMap(({ path }) => path ?? []),
    readShown(shownOf(config, key), input.thread),
    !isAside(input.turnKind),
  )
  const change = type === 'review' ? await reviews.scope({ project: input.project, key, base, head: past! }) : null
  const { workflow, ...files } = await instructions({
    project: input.project,
    base: projectBase,
    workflow: type === 'review' ? project.prompts.review : project.prompts.implementation,
    at: at ?? { folder: worktree },
  })
  const { messages, question, review, checks, incident, uncommitted, lastFailure, parent, umbrella, turnKind, recovery } = input
  const around = surroundings(input.issue, input.runId)
  const given = { messages, question, review, checks, incident, uncommitted, lastFailure, parent, umbrella }
  const soFar = await soFarOf(host, input)
  const { completion, round, pastPatch, protectedPaths, conflict, replaces } = input
  return {
    agent: input.agent,
    issue: key,
    project: input.project,
    runId: input.runId,
    runType: type,
    turnKind,
    attempt,
    branch,
    base,
    worktree,
    folder,
    prompt: composePrompt({
      ...{ runType: type, turnKind, key, title, description, url, branch, base, attempt, background, change, workflow, recovery, soFar },
      ...{ completion, round, past, pastPatch, protectedPaths, conflict, replaces, ...given, ...around },
      images: { given: images.length, before, leftOut },
      contextFile: filesOf(folder).context,
      extra: project.prompts.extra === null ? null : await readFile(project.prompts.extra, 'utf8'),
      instructions: { base: projectBase, ...files },
      // Of the others, some are given it with the prompt and hold to it; a command has its result file.
      answerForm: config.agents[input.agent]?.kind === 'acp' ? answerSchema({ runType: type, turnKind }) : null,
    }),
    images,
    network: project.network,
    context: {
      issue: { key, title, description, sections: parseDescription(description), url },
      run: { id: input.runId, type, attempt, turn: input.turn, kind: turnKind, recovery, soFar },
      ...given,
      ...around,
      background,
      images,
      ...(change === null ? {} : { change }),
    },
    timeout: input.timeout,
    thread: input.thread,
    recovery,
  }
}

/** Of a turn that another conversation has begun. */
async function soFarOf({ log }: RequestHost, { recovery, type, worktree, base, key, runId }: SessionInput): Promise<WorkSoFar | null> {
  const isItsOwn = recovery === null || (recovery.way === 'resume' && recovery.cause !== 'stalled')
  if (isItsOwn || type === 'review') return null
  try {
    return await workSoFar(worktree, `origin/${base}`)
  } catch (error) {
    log({ issue: key, run: runId, message: `What the worktree holds already is not told: ${toErrorData(error).message}` })
    return null
  }
}

/** A tracker that does not answer keeps no agent from its work. */
async function backgroundOf({ config, tracker, log, attachments }: RequestHost, input: SessionInput): Promise<PromptContext | null> {
  const { issue, key, runId } = input
  try {
    const folder = attachments ?? attachmentsOf(config, input)
    return (await tracker().promptContext?.({ issue, folder, fetches: !isAside(input.turnKind) })) ?? null
  } catch (error) {
    log({ issue: key, run: runId, message: `What the tracker has beside the issue's text is not known: ${toErrorData(error).message}` })
    return null
  }
}
