// The process of one turn, of any kind of agent: its files and environment, its record and mark, and the end of everything that it left.

import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentRequest, AgentResult } from '../ports.ts'
import { childEnvironment, endMarked, runProcess, type ProcessIdentity, type ProcessRequest, type ProcessResult } from '../process.ts'
import { createCgroup, endCgroup, enterWords, type Cgroup } from '../process/cgroup.ts'
import { most, readTally, tallyWords } from '../process/consumption.ts'
import { namespaceWords } from '../process/namespace.ts'
import {
  defaultBounds,
  judgeCpu,
  limitWords,
  memoryOf,
  watchBounds,
  type Bounds,
  type Consumed,
  type Exceeded,
  type Watch,
} from './bounds.ts'
import { withoutCredentials } from './git-credentials.ts'
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
  /** Whether its processes get a PID namespace of their own where the system allows one. Default false. */
  namespace?: boolean
  bounds?: Bounds
  limits?: {
    /** Bytes of output kept in `output.log`, for each turn. Default 16 MiB. */
    output?: number
    /** Milliseconds between SIGTERM and SIGKILL. Default 3,000. */
    grace?: number
    /** Milliseconds between two looks at what its processes use, once it has run for a while. Default 1,000. */
    watch?: number
  }
}

export interface TurnFiles {
  prompt: string
  context: string
  result: string
  output: string
  /** What its processes have used, written when it ends. */
  tally: string
  /** The turn's own temporary folder, which goes with it. */
  temporary: string
}

export const filesOf = (folder: string): TurnFiles => ({
  prompt: join(folder, 'prompt.md'),
  context: join(folder, 'context.json'),
  result: join(folder, 'result.json'),
  output: join(folder, 'output.log'),
  tally: join(folder, 'used.txt'),
  temporary: join(folder, 'tmp'),
})

export interface TurnProcessResult extends ProcessResult {
  consumed: Consumed
  exceeded: Exceeded | null
}

type Watched = Pick<ProcessRequest, 'signal' | 'onLine' | 'dialogue'> & { onStart: (identity: ProcessIdentity) => void }

/**
 * Runs the process of a turn to its end; when the result is there, nothing that it started is alive. Its identity is on disk before
 * `onStart` is called. Rejects as `runProcess` does, and when the files cannot be written.
 */
export async function runTurnProcess(
  { command, env, environment, processes, namespace = false, bounds = defaultBounds, limits = {} }: TurnProcessOptions,
  request: AgentRequest,
  { onStart, signal, ...watching }: Watched,
): Promise<TurnProcessResult> {
  const mark = randomUUID()
  const files = filesOf(request.folder)
  let forget: (() => void) | undefined
  let group: number | undefined
  let watch: Watch | undefined
  let cgroup: Cgroup | null = null
  // What it may not use ends it as an abort does.
  const ending = new AbortController()
  const end = (): void => ending.abort()
  signal?.addEventListener('abort', end, { once: true })
  // Beside the group and not after it: both may take all of the time that they are given.
  const endOthers = (): void => {
    watch?.look() // who is killed writes nothing down
    void endMarked('SIGNALBOX_RUN', mark, limits.grace, group)
  }
  ending.signal.addEventListener('abort', endOthers, { once: true })
  try {
    await writeFiles(request, files)
    if (signal?.aborted) end()
    cgroup = createCgroup(mark, memoryOf(bounds))
    const result = await runProcess({
      command: contained(command, namespace ? namespaceWords() : null, bounds, [files.tally, cgroup?.folder ?? '']),
      cwd: request.worktree,
      env: childEnvironment({
        ...withoutCredentials(env, files.temporary),
        ...variables(request, files),
        ...environment?.(request),
        ...processes.environment,
        SIGNALBOX_RUN: mark,
      }),
      timeout: request.timeout,
      signal: ending.signal,
      grace: limits.grace,
      outputFile: files.output,
      outputAppend: true, // a continuation of the same run has the same folder
      outputLimit: limits.output,
      onStart: (identity) => {
        group = identity.group
        forget = processes.add(identity, `${request.project}/${request.issue} ${request.runId}`, cgroup?.folder)
        const watched = { group: identity.group, mark: `SIGNALBOX_RUN=${mark}`, cgroup }
        watch = watchBounds(watched, request.worktree, bounds, limits.watch ?? 1_000, end)
        onStart(identity)
      },
      ...watching,
    })
    if (cgroup === null) watch?.look() // at what has outlived it
    const consumed = most(watch?.consumed() ?? nothing, readTally(files.tally))
    // The kernel may have been faster than a look.
    const hasDied = !result.aborted && result.exitCode !== 0
    return { ...result, consumed, exceeded: watch?.exceeded() ?? (hasDied ? judgeCpu(consumed, bounds) : null) }
  } finally {
    watch?.stop()
    signal?.removeEventListener('abort', end)
    // Only now is what it has written final: whoever could still write has been ended.
    await endMarked('SIGNALBOX_RUN', mark, limits.grace)
    if (cgroup !== null) await endCgroup(cgroup.folder)
    forget?.()
    await rm(files.temporary, { recursive: true, force: true, maxRetries: 3 }).catch(() => {}) // it goes with the run's folder
  }
}

const nothing: Consumed = { processes: 0, memory: 0, cpu: 0 }

export const failed = (failure: NonNullable<AgentResult['failure']>, reason: string, code?: string): AgentResult => ({
  outcome: 'failed',
  failure,
  reason,
  summary: reason,
  ...(code === undefined ? {} : { code }),
})

export const loggedOut = (reason: string): AgentResult => failed('auth', reason, 'logged-out')

export const ended = failed('environment', 'The turn was ended from outside.')

export const overBounds = ({ code, message }: Exceeded): AgentResult => failed('environment', message, code)

export const tooLong = ({ timeout }: AgentRequest): AgentResult =>
  failed('environment', `The agent did not end within ${Math.round(timeout / 1_000)} s and was ended.`)

/**
 * A shell that waits for the command, and then writes down what that has used. As the first process of a namespace it is the one whose end
 * ends the others. A signal to the group is for the command: the shell ends with it.
 */
function contained(command: string, namespace: readonly string[] | null, bounds: Bounds, files: [tally: string, cgroup: string]): Command {
  const script = `${enterWords('"$3"')}; ${limitWords(bounds)}; trap : TERM INT HUP; /bin/sh -c "$1"; code=$?; ${tallyWords('"$2"')}; exit $code`
  const shell: Command = ['/bin/sh', '-c', script, 'sh', command, ...files]
  if (namespace === null) return shell
  const [program, ...words] = namespace
  return [program!, ...words, ...shell]
}

type Command = [string, ...string[]]

async function writeFiles({ prompt, context }: AgentRequest, files: TurnFiles): Promise<void> {
  await mkdir(files.temporary, { recursive: true, mode: 0o700 })
  // The result of the turn before would be taken for this one's.
  await Promise.all([files.result, files.tally].map((file) => rm(file, { recursive: true, force: true })))
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
