// The process of one turn, of any kind of agent: its files and environment, its record and mark, and the end of everything that it left.

import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentRequest, AgentResult } from '../ports.ts'
import { childEnvironment, endMarked, runProcess, type ProcessIdentity, type ProcessRequest, type ProcessResult } from '../process.ts'
import type { ProcessRecords } from './orphans.ts'

export interface TurnProcessOptions {
  /** Of the agent, in the configuration. */
  name: string
  /** Run by `/bin/sh -c` in the worktree. */
  command: string
  /** Configured for this agent, beside the fixed list. */
  env: Record<string, string>
  /** What the command is told of a turn, beside what the command of every kind of agent is told. */
  environment?: (request: AgentRequest) => Record<string, string>
  processes: ProcessRecords
  limits?: {
    /** Bytes of output kept in `output.log`, for each turn. Default 16 MiB. */
    output?: number
    /** Milliseconds between SIGTERM and SIGKILL. Default 3,000. */
    grace?: number
  }
}

export interface TurnFiles {
  prompt: string
  context: string
  result: string
  output: string
  /** The turn's own temporary folder, which goes with it. */
  temporary: string
}

export const filesOf = (folder: string): TurnFiles => ({
  prompt: join(folder, 'prompt.md'),
  context: join(folder, 'context.json'),
  result: join(folder, 'result.json'),
  output: join(folder, 'output.log'),
  temporary: join(folder, 'tmp'),
})

type Watched = Pick<ProcessRequest, 'signal' | 'onLine' | 'dialogue'> & { onStart: (identity: ProcessIdentity) => void }

/**
 * Runs the process of a turn to its end; when the result is there, nothing that it started is alive. Its identity is on disk before
 * `onStart` is called. Rejects as `runProcess` does, and when the files cannot be written.
 */
export async function runTurnProcess(
  { command, env, environment, processes, limits = {} }: TurnProcessOptions,
  request: AgentRequest,
  { onStart, signal, ...watching }: Watched,
): Promise<ProcessResult> {
  const mark = randomUUID()
  const files = filesOf(request.folder)
  let forget: (() => void) | undefined
  let group: number | undefined
  // Beside the group and not after it: both may take all of the time that they are given.
  const endOthers = (): void => void endMarked('SIGNALBOX_RUN', mark, limits.grace, group)
  signal?.addEventListener('abort', endOthers, { once: true })
  try {
    await writeFiles(request, files)
    return await runProcess({
      command,
      cwd: request.worktree,
      env: childEnvironment({
        GIT_TERMINAL_PROMPT: '0',
        ...env,
        ...variables(request, files),
        ...environment?.(request),
        ...processes.environment,
        SIGNALBOX_RUN: mark,
      }),
      timeout: request.timeout,
      signal,
      grace: limits.grace,
      outputFile: files.output,
      outputAppend: true, // a continuation of the same run has the same folder
      outputLimit: limits.output,
      onStart: (identity) => {
        group = identity.group
        forget = processes.add(identity, `${request.project}/${request.issue} ${request.runId}`)
        onStart(identity)
      },
      ...watching,
    })
  } finally {
    signal?.removeEventListener('abort', endOthers)
    // Only now is what it has written final: whoever could still write has been ended.
    await endMarked('SIGNALBOX_RUN', mark, limits.grace)
    forget?.()
    await rm(files.temporary, { recursive: true, force: true, maxRetries: 3 }).catch(() => {}) // it goes with the run's folder
  }
}

export const failed = (failure: NonNullable<AgentResult['failure']>, reason: string, code?: string): AgentResult => ({
  outcome: 'failed',
  failure,
  reason,
  summary: reason,
  ...(code === undefined ? {} : { code }),
})

export const ended = failed('environment', 'The turn was ended from outside.')

export const tooLong = ({ timeout }: AgentRequest): AgentResult =>
  failed('environment', `The agent did not end within ${Math.round(timeout / 1_000)} s and was ended.`)

async function writeFiles({ prompt, context }: AgentRequest, files: TurnFiles): Promise<void> {
  await mkdir(files.temporary, { recursive: true, mode: 0o700 })
  // The result of the turn before would be taken for this one's.
  await rm(files.result, { recursive: true, force: true })
  await Promise.all([
    writeFile(files.prompt, prompt, { mode: 0o600 }),
    writeFile(files.context, `${JSON.stringify(context ?? null, null, 2)}\n`, { mode: 0o600 }),
  ])
}

function variables(request: AgentRequest, files: TurnFiles): Record<string, string> {
  return {
    SIGNALBOX_ISSUE: request.issue,
    SIGNALBOX_RUN_ID: request.runId,
    SIGNALBOX_RUN_TYPE: request.runType,
    SIGNALBOX_TURN: request.turnKind,
    SIGNALBOX_ATTEMPT: String(request.attempt),
    SIGNALBOX_BRANCH: request.branch,
    SIGNALBOX_BASE: request.base,
    SIGNALBOX_PROMPT_FILE: files.prompt,
    SIGNALBOX_CONTEXT_FILE: files.context,
    SIGNALBOX_RESULT_FILE: files.result,
    TMPDIR: files.temporary,
  }
}
