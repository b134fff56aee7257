// The agent's turn as a callback effect: starts it, reports signs of life and what it uses at a bounded rate, takes steering, ends the
// process group.

import { fromCallback } from 'xstate'
import { toErrorData } from '../../errors.ts'
import type { AgentAbilities } from '../../machines/run/context.ts'
import { moreOf, noUsage, type Usage } from '../../machines/vocabulary.ts'
import type { SessionCommand } from '../../machines/run/inputs.ts'
import type { Agent, AgentRequest, AgentResult } from '../ports.ts'
import type { ProcessIdentity } from '../process.ts'

export type SessionEvent =
  | { type: 'session.started'; process: ProcessIdentity; thread?: string; abilities: AgentAbilities }
  /** `step`: of its plan, the last that it has told. */
  | { type: 'session.progressed'; line: string; step?: string }
  | { type: 'session.signalled' }
  | { type: 'session.refused'; text: string }
  | { type: 'session.steered'; id: string; taken: boolean }
  | { type: 'session.used'; usage: Usage }
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
  /** Before the agent's process starts: why it must not, where a turn that was cut off has left its bounds; null mostly. */
  enclose: (input: Input) => Promise<string | null>
  /** When no process of the turn is left: what of its bounds it has left, as a reason; null mostly. Never rejects. */
  escaped: (input: Input) => Promise<string | null>
  /** What is put into a turn without progress for `quiet` ms. */
  nudge: (quiet: number) => string
  /** Once, when the agent has been heard at work on the turn, in the thread that it has made or goes on with. Never throws. */
  onHeard: (request: AgentRequest, thread: string | undefined) => void
  /** Every line of progress, also those that are too many for the journal. */
  onLine: (request: AgentRequest, line: string) => void
  /** What a usage of its agent costs; the only place where that is asked. */
  price: (input: Input, usage: Usage, model: string | undefined) => Usage
  /** Milliseconds between two `session.progressed`, and between two `session.used`. */
  progressEvery: number
  usedEvery: number
  after: (ms: number, callback: () => void) => () => void
}

export function createSessions<Input>(host: SessionHost<Input>) {
  const turns = new Set<Promise<unknown>>()
  const byKey = new Map<string, Turn>()
  /** What is known of turns that were cut off, until it is asked for. */
  const cutOff = new Map<string, TurnEnd>()
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
    byKey.set(key, turn)
    void turn.ended.finally(() => {
      turns.delete(turn.ended)
      if (controller.signal.aborted) cutOff.set(key, turn.end())
      if (byKey.get(key) === turn) byKey.delete(key)
    })
    receive(async (event) => {
      const taken = await turn.steer(event.type === 'session.nudge' ? host.nudge(event.quiet) : event.text)
      ;(sendBack as (event: SessionEvent) => void)({ type: 'session.steered', id: event.id, taken })
    })
    return () => controller.abort()
  })
  /**
   * Resolves when the turn of this input has no process left, with what is known of it; at once when this process has none. A turn that
   * is cut off tells nothing more by itself.
   */
  const endOf = async (input: Input): Promise<TurnEnd | null> => {
    const key = host.keyOf(input)
    const turn = byKey.get(key)
    await turn?.ended
    const end = turn?.end() ?? cutOff.get(key) ?? null
    cutOff.delete(key)
    return end
  }
  return { sessions, logic, endOf }
}

export interface TurnEnd {
  used: Usage
  /** What of its bounds it has left; null mostly. */
  escape: string | null
  consumed?: NonNullable<AgentResult['consumed']>
}

interface Turn {
  ended: Promise<void>
  end: () => TurnEnd
  steer: (text: string) => Promise<boolean>
}

/** Passes the first on at once, then at most one in `interval` ms: the newest. */
function atMostEvery<T>(after: SessionHost<unknown>['after'], interval: number, pass: (newest: T) => void) {
  let waiting: { newest: T } | undefined
  let cancel: (() => void) | undefined
  const tell = (newest: T): void => {
    cancel = after(interval, () => {
      cancel = undefined
      if (waiting) flush()
    })
    pass(newest)
  }
  function flush(): void {
    const { newest } = waiting!
    waiting = undefined
    tell(newest)
  }
  return {
    say: (newest: T): void => {
      if (cancel) waiting = { newest }
      else tell(newest)
    },
    /** What waits is not passed on any more. */
    end(): void {
      cancel?.()
      waiting = undefined
    },
  }
}

/** Characters of one line, and of one permission, that reach the journal. */
const longestText = 500
/** Permissions of one turn whose refusal does: who asks again and again does not fill it. */
const mostRefused = 20

function run<Input>(host: SessionHost<Input>, input: Input, signal: AbortSignal, say: (event: SessionEvent) => void): Turn {
  let steer: ((text: string) => Promise<boolean>) | undefined
  let used: Usage = noUsage
  let consumed: AgentResult['consumed']
  let escape: string | null = null
  let refused = 0
  /** What was told with a lower price or a lower count stays told. */
  const priced = (usage: Usage, model: string | undefined): Usage => (used = moreOf(used, host.price(input, usage, model)))
  let step: string | undefined
  const progress = atMostEvery<string>(host.after, host.progressEvery, (line) =>
    say({ type: 'session.progressed', line, ...(step === undefined ? {} : { step }) }),
  )
  const usages = atMostEvery<Usage>(host.after, host.usedEvery, (usage) => say({ type: 'session.used', usage }))
  const work = async (): Promise<void> => {
    let result: AgentResult
    try {
      const agent = host.agentOf(input)
      const request = await host.prepare(input)
      escape = signal.aborted ? null : await host.enclose(input)
      if (escape !== null) result = escapedBy(escape)
      else if (signal.aborted) result = aborted
      else {
        let thread: string | undefined
        let isHeard = false
        const hear = (): void => {
          if (!isHeard) host.onHeard(request, thread)
          isHeard = true
        }
        const turn = agent.start(request, {
          signal,
          onEvent: (event) => {
            switch (event.type) {
              case 'started': {
                const { steer: canSteer, fork } = agent.abilities
                thread = event.thread
                return say({ ...event, type: 'session.started', abilities: { steer: canSteer, fork } })
              }
              case 'progressed':
                hear()
                host.onLine(request, event.line)
                if (event.item === 'plan') step = event.line.slice(0, longestText)
                return progress.say(event.line.slice(0, longestText))
              case 'asked':
                host.onLine(request, `${event.about}: ${event.text} (${event.answer.replace('_', ' ')})`)
                if (event.answer !== 'refused' || ++refused > mostRefused) return
                return say({ type: 'session.refused', text: event.text.slice(0, longestText) })
              case 'signalled':
                return say({ type: 'session.signalled' })
              case 'used':
                hear()
                return usages.say(priced(event.usage, event.model))
            }
          },
        })
        steer = turn.steer
        result = await turn.result
        if (result.outcome !== 'failed') hear()
        consumed = result.consumed
        escape = await host.escaped(input)
        if (escape !== null) result = { ...result, ...escapedBy(escape) }
      }
    } catch (error) {
      const { message } = toErrorData(error)
      result = { outcome: 'failed', failure: 'environment', reason: message, summary: message }
    }
    progress.end()
    usages.end()
    if (result.usage !== undefined || used !== noUsage) result = { ...result, usage: priced(result.usage ?? noUsage, result.model) }
    say({ type: 'session.finished', result })
  }
  const ended = work()
  return {
    ended,
    end: () => ({ used, escape, ...(consumed === undefined ? {} : { consumed }) }),
    steer: async (text: string): Promise<boolean> => (steer ? steer(text) : false),
  }
}

/** Whatever it says: nothing of it is gone on with. */
const escapedBy = (reason: string) =>
  ({ outcome: 'failed', failure: 'escape', reason, summary: reason, lost: false, died: false, exhausted: false }) satisfies AgentResult

const aborted: AgentResult = {
  outcome: 'failed',
  failure: 'agent',
  reason: 'interrupted before it started',
  summary: 'Interrupted before it started',
}
