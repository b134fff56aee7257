// The agent's turn as a callback effect: starts it, reports signs of life at a bounded rate, takes steering, ends the process group.

import { fromCallback } from 'xstate'
import { toErrorData } from '../../errors.ts'
import type { AgentAbilities } from '../../machines/run/context.ts'
import type { SessionCommand } from '../../machines/run/inputs.ts'
import type { Agent, AgentRequest, AgentResult } from '../ports.ts'
import type { ProcessIdentity } from '../process.ts'

export type SessionEvent =
  | { type: 'session.started'; process: ProcessIdentity; thread?: string; abilities: AgentAbilities }
  | { type: 'session.progressed'; line: string }
  | { type: 'session.signalled' }
  | { type: 'session.steered'; id: string; taken: boolean }
  | { type: 'session.finished'; result: AgentResult }

/** The turns under way in this process, so that a stop can wait for their process groups to end. */
export interface Sessions {
  /** Resolves when every turn that has been aborted has no process left, or after `timeout` ms. */
  ended: (timeout: number) => Promise<void>
  readonly active: number
}

export interface SessionHost<Input> {
  /** One turn at a time has this key. */
  keyOf: (input: Input) => string
  agentOf: (input: Input) => Agent
  /** Writes what the turn needs and describes it; runs before the agent starts. */
  prepare: (input: Input) => Promise<AgentRequest>
  /** What is put into a turn without progress for `quiet` ms. */
  nudge: (quiet: number) => string
  /** Every line of progress, also those that are too many for the journal. */
  onLine: (request: AgentRequest, line: string) => void
  /** Milliseconds between two `session.progressed`. */
  progressEvery: number
  after: (ms: number, callback: () => void) => () => void
}

export function createSessions<Input>(host: SessionHost<Input>) {
  const turns = new Set<Promise<unknown>>()
  const byKey = new Map<string, Promise<unknown>>()
  const sessions: Sessions = {
    get active() {
      return turns.size
    },
    async ended(timeout) {
      const limit = Promise.withResolvers<void>()
      const cancel = host.after(timeout, limit.resolve)
      await Promise.race([Promise.allSettled(turns), limit.promise])
      cancel()
    },
  }
  const logic = fromCallback<SessionCommand, Input>(({ input, sendBack, receive }) => {
    const controller = new AbortController()
    const turn = run(host, input, controller.signal, sendBack as (event: SessionEvent) => void)
    turns.add(turn.ended)
    const key = host.keyOf(input)
    byKey.set(key, turn.ended)
    void turn.ended.finally(() => {
      turns.delete(turn.ended)
      if (byKey.get(key) === turn.ended) byKey.delete(key)
    })
    receive(async (event) => {
      const taken = await turn.steer(event.type === 'session.nudge' ? host.nudge(event.quiet) : event.text)
      ;(sendBack as (event: SessionEvent) => void)({ type: 'session.steered', id: event.id, taken })
    })
    return () => controller.abort()
  })
  /** Resolves when the turn of this input has no process left; at once when this process has none. */
  const endOf = async (input: Input): Promise<void> => void (await byKey.get(host.keyOf(input)))
  return { sessions, logic, endOf }
}

function run<Input>(host: SessionHost<Input>, input: Input, signal: AbortSignal, say: (event: SessionEvent) => void) {
  let steer: ((text: string) => Promise<boolean>) | undefined
  const work = async (): Promise<void> => {
    let cancelProgress: (() => void) | undefined
    let result: AgentResult
    try {
      const agent = host.agentOf(input)
      const request = await host.prepare(input)
      let waitingLine: string | undefined
      let quiet = false
      const tell = (line: string): void => {
        say({ type: 'session.progressed', line: line.slice(0, 500) })
        quiet = true
        cancelProgress = host.after(host.progressEvery, () => {
          quiet = false
          const next = waitingLine
          waitingLine = undefined
          if (next !== undefined) tell(next)
        })
      }
      if (signal.aborted) result = aborted
      else {
        const turn = agent.start(request, {
          signal,
          onEvent: (event) => {
            switch (event.type) {
              case 'started': {
                const { steer: canSteer, fork } = agent.abilities
                return say({ ...event, type: 'session.started', abilities: { steer: canSteer, fork } })
              }
              case 'progressed':
                host.onLine(request, event.line)
                if (quiet) waitingLine = event.line
                else tell(event.line)
                return
              case 'asked':
                return host.onLine(request, `${event.about}: ${event.text} (${event.answer.replace('_', ' ')})`)
              case 'signalled':
                return say({ type: 'session.signalled' })
              case 'used': // its sum comes with the result
                return
            }
          },
        })
        steer = turn.steer
        result = await turn.result
      }
    } catch (error) {
      const { message } = toErrorData(error)
      result = { outcome: 'failed', failure: 'environment', reason: message, summary: message }
    }
    cancelProgress?.()
    say({ type: 'session.finished', result })
  }
  const ended = work()
  return { ended, steer: async (text: string): Promise<boolean> => (steer ? steer(text) : false) }
}

const aborted: AgentResult = {
  outcome: 'failed',
  failure: 'agent',
  reason: 'interrupted before it started',
  summary: 'Interrupted before it started',
}
