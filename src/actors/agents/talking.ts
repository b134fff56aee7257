// An agent whose process is talked with, a JSON message a line: the frame around the protocols of codex, claude and acp.

import { channel } from 'node:diagnostics_channel'
import { toErrorData, type ErrorData } from '../../errors.ts'
import type { AgentAbilities } from '../../machines/run/context.ts'
import type { Agent, AgentCallbacks, AgentEvent, AgentRequest, AgentResult, AgentTurn, Usage } from '../ports.ts'
import type { ProcessIdentity, Stdin } from '../process.ts'
import { endOfOutput, howItEnded } from './output-text.ts'
import { ended, failed, overBounds, runTurnProcess, tooLong, type TurnProcessOptions, type TurnProcessResult } from './turn-process.ts'

/** What the commands of an agent may write: nothing, its worktree, everything. */
export type SandboxMode = 'read-only' | 'workspace-write' | 'danger-full-access'

/** Who we are, for the agents that ask. The version is the package's; a test holds it to that. */
export const clientInfo = { name: 'signalbox', title: 'Signalbox', version: '0.2.0' } as const

/** Every message, of both sides. For whoever holds a protocol against its schema. */
export const messagesChannel = channel('signalbox:agent-message')
export interface AgentMessage {
  kind: string
  /** Different for each process. */
  turn: object
  from: 'us' | 'agent'
  message: unknown
}

/** What a protocol needs of the frame. */
export interface TalkHost {
  request: AgentRequest
  /** Writes one message. */
  send: (message: object) => void
  /** To be called once, when the thread is known. */
  started: (thread: string) => void
  tell: (event: Exclude<AgentEvent, { type: 'started' }>) => void
  /** Calls back after so many ms; the answer cancels it. */
  after: (ms: number, callback: () => void) => () => void
}

/** One turn, spoken in one protocol. */
export interface Talk {
  /** Says what has to be said, until the turn has its result. Rejects when the protocol is broken, or the process has ended. */
  run: () => Promise<AgentResult>
  /** Says only what goes before a turn. Contract: as `Agent.greet`, and rejects as `run` does. */
  greet: () => Promise<AgentResult>
  /** Takes a message of the process. */
  receive: (message: unknown) => void
  /** Contract: as `AgentTurn.steer`. */
  steer: (text: string) => Promise<boolean>
  /** Asks the agent to stop its turn, and what it has left running. Resolves when there is nothing more to ask for. */
  interrupt: () => Promise<void>
  /** The process has ended: everything that is waited for rejects. */
  close: () => void
  /** What is known at the end of a turn however it ends. `model`: as the protocol names it. */
  known: () => { thread?: string; usage?: Usage; model?: string }
}

export interface TalkingAgentOptions extends TurnProcessOptions {
  limits?: TurnProcessOptions['limits'] & TalkLimits
}

export interface TalkLimits {
  /** Milliseconds for the answer to one request. Default 30,000. */
  request?: number
  /** Milliseconds for an agent to stop when it is asked to, before its processes are ended. Default 2,000. */
  interrupt?: number
  /** Milliseconds for a process whose turn has its result to end by itself. Default 1,500. */
  leave?: number
  /** Milliseconds between two signs of life that are told: each becomes an event that is stored. Default 10,000. */
  sign?: number
  /** Lines in a row that are no JSON, after which the protocol counts as broken. Default 1,000. */
  nonsense?: number
}

export const requestDeadline = ({ limits }: TalkingAgentOptions): number => limits?.request ?? 30_000

export interface TalkingAgent extends Agent {
  greet: NonNullable<Agent['greet']>
}

/** Contract of a turn: as the port's. A line that is no JSON (a warning that went to standard output) is left out. */
export function createTalkingAgent(
  kind: string,
  abilities: AgentAbilities,
  options: TalkingAgentOptions,
  createTalk: (host: TalkHost) => Talk,
): TalkingAgent {
  return {
    kind,
    abilities,
    greet: (request, callbacks) => run(kind, 'greet', { talk: null }, options, request, callbacks, createTalk),
    start(request, callbacks): AgentTurn {
      const turn: Turn = { talk: null }
      return {
        result: run(kind, 'run', turn, options, request, callbacks, createTalk),
        steer: async (text) => {
          try {
            return (await turn.talk?.steer(text)) ?? false
          } catch {
            return false // it has ended, or does not take it: whoever said it is told so
          }
        },
      }
    },
  }
}

interface Turn {
  talk: Talk | null
}

const after: TalkHost['after'] = (ms, callback) => {
  const timer = setTimeout(callback, ms).unref()
  return () => clearTimeout(timer)
}

/** Never rejects. */
async function run(
  kind: string,
  what: 'run' | 'greet',
  turn: Turn,
  options: TalkingAgentOptions,
  request: AgentRequest,
  { signal, onEvent }: AgentCallbacks,
  createTalk: (host: TalkHost) => Talk,
): Promise<AgentResult> {
  const { limits = {} } = options
  // The agent is asked first; its processes are ended through this.
  const ending = new AbortController()
  const interrupt = (): void => {
    const late = after(limits.interrupt ?? 2_000, () => ending.abort())
    void Promise.resolve(turn.talk?.interrupt())
      .catch(() => {})
      .finally(() => (late(), ending.abort()))
  }
  let identity: ProcessIdentity | undefined
  let said: Promise<Said> | undefined
  let hasStarted = false
  let nonsense = 0

  const watch = (from: AgentMessage['from'], message: unknown): void => {
    if (messagesChannel.hasSubscribers) messagesChannel.publish({ kind, turn, from, message } satisfies AgentMessage)
  }
  let isQuiet = false
  const sign = (): void => {
    if (!hasStarted || isQuiet) return
    isQuiet = true
    after(limits.sign ?? 10_000, () => (isQuiet = false))
    onEvent({ type: 'signalled' })
  }
  const open = (stdin: Stdin): void => {
    const talk = createTalk({
      request,
      after,
      send: (message) => {
        watch('us', message)
        stdin.write(`${JSON.stringify(message)}\n`)
      },
      started: (thread) => {
        hasStarted = true
        onEvent({ type: 'started', process: identity!, thread })
      },
      tell: onEvent,
    })
    turn.talk = talk
    said = talk[what]().then(
      (result) => ({ result }),
      (error: unknown) => ({ error: toErrorData(error) }),
    )
    void said.finally(() => {
      if (signal.aborted) return // there may be more to ask it for than to stop, and it is ended after that
      stdin.end()
      after(limits.leave ?? 1_500, () => ending.abort())
    })
  }
  const take = (line: string): void => {
    const message = parse(line)
    if (message === undefined) {
      if (++nonsense > (limits.nonsense ?? 1_000)) ending.abort()
      return
    }
    nonsense = 0
    watch('agent', message)
    sign()
    turn.talk!.receive(message)
  }

  signal.addEventListener('abort', interrupt, { once: true })
  try {
    if (signal.aborted) return ended
    const process = await runTurnProcess(options, request, {
      signal: ending.signal,
      onStart: (started) => (identity = started),
      dialogue: { onOpen: open, onMessage: take },
    })
    turn.talk?.close()
    const result = conclude({ said: (await said) ?? {}, process, request, isAborted: signal.aborted, hasStarted, options })
    return { ...result, ...turn.talk?.known(), consumed: process.consumed }
  } catch (error) {
    turn.talk?.close()
    const { message, code } = toErrorData(error)
    return { ...turn.talk?.known(), ...failed('environment', `The agent '${options.name}' could not be run: ${message}`, code) }
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

interface Said {
  result?: AgentResult
  error?: ErrorData
}

interface Ended {
  said: Said
  process: TurnProcessResult
  request: AgentRequest
  isAborted: boolean
  hasStarted: boolean
  options: TalkingAgentOptions
}

/** What a turn has come to, now that its process has ended. */
function conclude({ said: { result, error }, process, request, isAborted, hasStarted, options: { name } }: Ended): AgentResult {
  if (process.exceeded !== null) return overBounds(process.exceeded)
  if (isAborted) return ended
  // That an agent fails which is being ended at its limit says nothing.
  if (process.timedOut && (result === undefined || result.outcome === 'failed')) return hasStarted ? tooLong(request) : unanswered(request)
  if (result !== undefined) return result
  const { exitCode, stderr } = process
  if (exitCode === 126 || exitCode === 127) {
    return failed('environment', `The agent's command could not be run (exit code ${exitCode}).${endOfOutput(stderr)}`)
  }
  const { code, message } = error ?? {}
  if (code !== undefined && code !== 'process-ended') {
    return failed(code === 'request-timeout' ? 'environment' : 'bug', `'${name}': ${message}${endOfOutput(stderr)}`, code)
  }
  if (process.aborted)
    return failed('environment', `'${name}' wrote nothing that its protocol allows.${endOfOutput(process.stdout)}`, 'nonsense')
  const when = hasStarted ? 'in the middle of its turn' : 'before its turn began'
  const died = failed('environment', `The agent's process ended ${when} (${howItEnded(process)}).${endOfOutput(stderr)}`, 'process-ended')
  return hasStarted ? { ...died, died: true } : died
}

const unanswered = ({ timeout }: AgentRequest): AgentResult =>
  failed('environment', `The agent did not answer within ${Math.round(timeout / 1_000)} s and was ended.`, 'request-timeout')

/** `undefined` where the line is no JSON. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
