// The agent that is any command line: the prompt in a file, the result in a file, its output as progress (interface.md §5).

import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { toErrorData } from '../../errors.ts'
import { noAbilities } from '../../machines/run/context.ts'
import type { Agent, AgentCallbacks, AgentRequest, AgentResult } from '../ports.ts'
import { childEnvironment, endMarked, runProcess, type ProcessResult } from '../process.ts'
import { readResult } from './command-result.ts'
import type { ProcessRecords } from './orphans.ts'

export interface CommandAgentOptions {
  name: string
  /** Run by `/bin/sh -c` in the worktree. */
  command: string
  /** Configured for this agent, beside the fixed list. */
  env: Record<string, string>
  processes: ProcessRecords
  limits?: {
    /** Bytes of output kept in `output.log`, for each turn. Default 16 MiB. */
    output?: number
    /** Bytes of the result file. Default 1 MiB. */
    result?: number
    /** Milliseconds between SIGTERM and SIGKILL. Default 3,000. */
    grace?: number
    /** Milliseconds between two reports of progress; what is printed in between is represented by its last line. Default 250. */
    progress?: number
  }
}

/** How much of standard error is told when the command fails. */
const toldBytes = 4_096

export function createCommandAgent(options: CommandAgentOptions): Agent {
  return {
    kind: 'command',
    abilities: noAbilities,
    start: (request, callbacks) => ({
      result: turn(options, request, callbacks),
      steer: async () => false, // its prompt is a file that it has read
    }),
  }
}

/** Never rejects: what goes wrong around the command is a failure of the environment. */
async function turn(options: CommandAgentOptions, request: AgentRequest, callbacks: AgentCallbacks): Promise<AgentResult> {
  const { limits = {}, processes } = options
  const mark = randomUUID()
  const files = filesOf(request.folder)
  const progress = createProgress((line) => callbacks.onEvent({ type: 'progressed', line }), limits.progress ?? 250)
  let forget: (() => void) | undefined
  let group: number | undefined
  // Beside the group and not after it: both may take all of the time that they are given.
  const endOthers = (): void => void endMarked('SIGNALBOX_RUN', mark, limits.grace, group)
  callbacks.signal.addEventListener('abort', endOthers, { once: true })
  try {
    if (callbacks.signal.aborted) return ended
    await writeFiles(request, files)
    const result = await runProcess({
      command: options.command,
      cwd: request.worktree,
      env: childEnvironment({
        GIT_TERMINAL_PROMPT: '0',
        ...options.env,
        ...variables(request, files),
        ...processes.environment,
        SIGNALBOX_RUN: mark,
      }),
      timeout: request.timeout,
      signal: callbacks.signal,
      grace: limits.grace,
      outputFile: files.output,
      outputAppend: true, // a continuation of the same run has the same folder
      outputLimit: limits.output,
      onStart: (identity) => {
        group = identity.group
        forget = processes.add(identity, `${request.project}/${request.issue} ${request.runId}`)
        callbacks.onEvent({ type: 'started', process: identity })
      },
      onLine: progress.say,
    })
    // Only now is the result file final: whoever could still write it has been ended.
    await endMarked('SIGNALBOX_RUN', mark, limits.grace)
    return await toResult(result, request, files.result, limits.result ?? 2 ** 20)
  } catch (error) {
    await endMarked('SIGNALBOX_RUN', mark, limits.grace)
    const { message } = toErrorData(error)
    return failed('environment', `The agent '${options.name}' could not be run: ${message}`)
  } finally {
    callbacks.signal.removeEventListener('abort', endOthers)
    progress.end()
    forget?.()
  }
}

const failed = (failure: NonNullable<AgentResult['failure']>, reason: string): AgentResult => ({
  outcome: 'failed',
  failure,
  reason,
  summary: reason,
})

const ended = failed('environment', 'The turn was ended from outside.')

interface Files {
  prompt: string
  context: string
  result: string
  output: string
}

const filesOf = (folder: string): Files => ({
  prompt: join(folder, 'prompt.md'),
  context: join(folder, 'context.json'),
  result: join(folder, 'result.json'),
  output: join(folder, 'output.log'),
})

async function writeFiles({ folder, prompt, context }: AgentRequest, files: Files): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // The result of the turn before would be taken for this one's.
  await rm(files.result, { recursive: true, force: true })
  await Promise.all([
    writeFile(files.prompt, prompt, { mode: 0o600 }),
    writeFile(files.context, `${JSON.stringify(context ?? null, null, 2)}\n`, { mode: 0o600 }),
  ])
}

function variables(request: AgentRequest, files: Files): Record<string, string> {
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
  }
}

async function toResult(process: ProcessResult, request: AgentRequest, path: string, limit: number): Promise<AgentResult> {
  const { exitCode, signal, stdout, stderr } = process
  if (process.aborted) return ended
  if (process.timedOut) return failed('environment', `The agent did not end within ${Math.round(request.timeout / 1_000)} s and was ended.`)
  if (exitCode === 126 || exitCode === 127) {
    return failed('environment', `The agent's command could not be run (exit code ${exitCode}).${told(stderr)}`)
  }
  if (exitCode !== 0) return failed('agent', `The agent ended with ${exitCode === null ? signal : `exit code ${exitCode}`}.${told(stderr)}`)
  try {
    return (await readResult(path, limit)) ?? { outcome: 'completed', summary: lastLine(stdout) }
  } catch (error) {
    return failed('agent', toErrorData(error).message)
  }
}

function told(stderr: string): string {
  const bytes = Buffer.from(toPlain(stderr).trim())
  const end = bytes
    .subarray(Math.max(0, bytes.length - toldBytes))
    .toString()
    .replace(/^\uFFFD+/, '')
  return end === '' ? '' : ` Its standard error ended with:\n${end}`
}

function lastLine(stdout: string): string {
  const line = toPlain(stdout).trimEnd().split('\n').at(-1) ?? ''
  return line.trim().slice(0, 500)
}

/** Without colours, cursor movements and other control characters: this text goes to people and into the journal. */
// oxlint-disable-next-line no-control-regex
const toPlain = (text: string): string => stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000B-\u001F\u007F]/g, '')

/** Reports the first line at once, then at most one for each `interval` ms: each becomes an event that is stored. */
function createProgress(report: (line: string) => void, interval: number): { say: (line: string) => void; end: () => void } {
  let waiting: string | null = null
  let timer: NodeJS.Timeout | undefined
  let failure: { error: unknown } | undefined
  const flush = (): void => {
    const line = waiting
    waiting = null
    timer = line === null ? undefined : setTimeout(flushLater, interval)
    if (line !== null) report(line)
  }
  const flushLater = (): void => {
    try {
      flush()
    } catch (error) {
      failure = { error } // nobody is there to take it: the next line brings it to whoever runs the process
    }
  }
  return {
    say: (line) => {
      if (failure) throw failure.error
      const plain = toPlain(line).trim()
      if (plain === '') return
      waiting = plain
      if (timer === undefined) flush()
    },
    end: () => {
      flushLater()
      clearTimeout(timer)
    },
  }
}
