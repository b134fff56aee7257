// The vocabulary of scripted models: what a scenario says, in words that fit both protocols. Each step is one response of the model.

import type { ModelRequest } from './request.ts'

/** Tokens as the neutral sum of both protocols: `input` is all that was read, `cached` and `cacheWritten` are parts of it. */
export interface Usage {
  input: number
  cached?: number
  cacheWritten?: number
  output: number
  /** A part of `output`. */
  reasoning?: number
}

export interface Question {
  question: string
  header: string
  options: { label: string; description: string }[]
  several?: boolean
}

/** Why a provider refuses; each protocol has its own form for it (`failures.ts`). */
export type Failure =
  /** 429 that passes in a moment: requests a minute. `resetsIn` seconds. */
  | { reason: 'rate-limit'; resetsIn?: number }
  /** 429 of a used-up plan: ChatGPT's five hours, Claude's session. `resetsIn` seconds. */
  | { reason: 'usage-limit'; resetsIn: number }
  | { reason: 'no-credit' | 'unauthorized' | 'server-error' | 'overloaded' | 'context-exhausted' | 'invalid-request' }
  | { reason: 'raw'; status: number; headers?: Record<string, string>; body: unknown }

type Deed =
  | { does: 'say'; text: string }
  | { does: 'shell'; command: string }
  | { does: 'write'; path: string; text: string }
  | { does: 'edit'; path: string; from: string; to: string }
  | { does: 'answer'; value: unknown }
  | { does: 'ask'; questions: Question[] }
  | { does: 'tool'; name: string; input: unknown }
  /** `every`: milliseconds, after which it says its text again and again. */
  | { does: 'hang'; text: string; every?: number }
  | { does: 'break'; text: string }
  | { does: 'fail'; failure: Failure }
  | { does: 'together'; steps: Step[] }
  | { does: 'decide'; decide: (request: ModelRequest) => Step | Step[]; again: boolean }

export type Step = Deed & {
  usage?: Usage
  /** Milliseconds before the response begins. */
  delay?: number
}

/** Says it. Nothing else in the response: the turn ends. */
export const say = (text: string): Step => ({ does: 'say', text })

/** Runs a command: `exec_command` of Codex, `Bash` of Claude. */
export const shell = (command: string): Step => ({ does: 'shell', command })

/** Makes a file that is not there: `apply_patch` in a command of Codex, `Write` of Claude. The path is relative to the agent's folder. */
export const write = (path: string, text: string): Step => ({ does: 'write', path, text })

/** Replaces one passage of whole lines: `apply_patch` in a command of Codex; `Edit` of Claude, which wants the file to have been read before. */
export const edit = (path: string, from: string, to: string): Step => ({ does: 'edit', path, from, to })

/** The structured answer: for Codex the last message, which `outputSchema` describes; for Claude a call of `StructuredOutput`, where it has that tool. */
export const answer = (value: unknown): Step => ({ does: 'answer', value })

/** Asks a person: `request_user_input` of Codex, `AskUserQuestion` of Claude. */
export const ask = (question: string, options: string[], header = 'Choice'): Step => ({
  does: 'ask',
  questions: [{ question, header, options: options.map((label) => ({ label, description: `${label}.` })) }],
})

/** Calls a tool as it is; only for what has no word here. */
export const tool = (name: string, input: unknown): Step => ({ does: 'tool', name, input })

/** Begins a response, says `text`, and never ends. */
export const hang = (text = ''): Step => ({ does: 'hang', text })

/** Begins a response, says `text` again and again, every so many ms, and never ends. */
export const babble = (text: string, every: number): Step => ({ does: 'hang', text, every })

/** Begins a response, says `text`, and loses the connection. */
export const breakOff = (text = ''): Step => ({ does: 'break', text })

/** Says this many bytes. */
export const flood = (bytes: number): Step =>
  say('All work and no play makes a model a dull one.\n'.repeat(Math.ceil(bytes / 47)).slice(0, bytes))

/**
 * Refuses: by a reason that both providers know, or as it is told. What a client tries again is answered by the next step.
 * Measured: Codex never tries `no-credit`, `usage-limit`, `context-exhausted` and `invalid-request` again, and the others as often
 * as `stream_max_retries` says (`server-error` also `request_max_retries` times for each). Claude never tries `no-credit` and
 * `context-exhausted` again, and the others `CLAUDE_CODE_MAX_RETRIES` times; but a 400 or 422 that it does not know it sends in
 * six forms, without this and that beta, even with no retries. A `context-exhausted` after the first turn makes it sum up first.
 */
export function fail(reason: Exclude<Failure['reason'], 'raw' | 'usage-limit'>): Step
export function fail(reason: 'rate-limit' | 'usage-limit', resets: { resetsIn: number }): Step
export function fail(status: number, headers: Record<string, string>, body: unknown): Step
export function fail(what: number | Failure['reason'], more: { resetsIn: number } | Record<string, string> = {}, body: unknown = {}): Step {
  if (typeof what === 'number')
    return { does: 'fail', failure: { reason: 'raw', status: what, headers: more as Record<string, string>, body } }
  return { does: 'fail', failure: { reason: what, ...more } as Failure }
}

/** Several in one response: a text and calls of tools, or calls that are to run at once. */
export const together = (...steps: Step[]): Step => ({ does: 'together', steps })

/** Looks at the request, once, and does what this answers in its place. */
export const when = (decide: (request: ModelRequest) => Step | Step[]): Step => ({ does: 'decide', decide, again: false })

/** Looks at this and every later request: the rest of the scenario. */
export const always = (decide: (request: ModelRequest) => Step | Step[]): Step => ({ does: 'decide', decide, again: true })

/** The same steps, each response this much later. */
export const slow = (milliseconds: number, ...steps: Step[]): Step[] => steps.map((step) => ({ ...step, delay: milliseconds }))

/** The same steps, each response with these numbers. */
export const usage = (numbers: Usage, ...steps: Step[]): Step[] => steps.map((step) => ({ ...step, usage: numbers }))
