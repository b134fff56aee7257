// The agent that is any command line: the prompt in a file, the result in a file, its output as progress (interface.md §5).

import { toErrorData } from '../../errors.ts'
import { noAbilities } from '../../machines/run/context.ts'
import type { Agent, AgentCallbacks, AgentRequest, AgentResult } from '../ports.ts'
import { readResult } from './command-result.ts'
import { endOfOutput, howItEnded, toPlain } from './output-text.ts'
import {
  ended,
  failed,
  filesOf,
  overBounds,
  runTurnProcess,
  tooLong,
  type TurnProcessOptions,
  type TurnProcessResult,
} from './turn-process.ts'

export interface CommandAgentOptions extends TurnProcessOptions {
  limits?: TurnProcessOptions['limits'] & {
    /** Bytes of the result file. Default 1 MiB. */
    result?: number
    /** Milliseconds between two reports of progress; what is printed in between is represented by its last line. Default 250. */
    progress?: number
  }
}

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
async function turn(options: CommandAgentOptions, request: AgentRequest, { signal, onEvent }: AgentCallbacks): Promise<AgentResult> {
  const { limits = {} } = options
  const progress = createProgress((line) => onEvent({ type: 'progressed', line }), limits.progress ?? 250)
  try {
    if (signal.aborted) return ended
    const result = await runTurnProcess(options, request, {
      signal,
      onStart: (process) => onEvent({ type: 'started', process }),
      onLine: progress.say,
    })
    return { ...(await toResult(result, request, filesOf(request.folder).result, limits.result ?? 2 ** 20)), consumed: result.consumed }
  } catch (error) {
    return failed('environment', `The agent '${options.name}' could not be run: ${toErrorData(error).message}`)
  } finally {
    progress.end()
  }
}

async function toResult(process: TurnProcessResult, request: AgentRequest, path: string, limit: number): Promise<AgentResult> {
  const { exitCode, stdout, stderr } = process
  if (process.exceeded !== null) return overBounds(process.exceeded)
  if (process.aborted) return ended
  if (process.timedOut) return tooLong(request)
  if (exitCode === 126 || exitCode === 127) {
    return failed('environment', `The agent's command could not be run (exit code ${exitCode}).${endOfOutput(stderr)}`)
  }
  if (exitCode !== 0) return failed('agent', `The agent ended with ${howItEnded(process)}.${endOfOutput(stderr)}`)
  try {
    return (await readResult(path, limit)) ?? { outcome: 'completed', summary: lastLine(stdout) }
  } catch (error) {
    const { message, code } = toErrorData(error)
    return failed('agent', message, code)
  }
}

function lastLine(stdout: string): string {
  const line = toPlain(stdout).trimEnd().split('\n').at(-1) ?? ''
  return line.trim().slice(0, 500)
}

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
