// What a response consists of before a protocol gives it its form.

import type { ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { ModelRequest } from './request.ts'
import type { Step, Usage } from './steps.ts'

export type Utterance = { text: string } | { call: string; id: string; input: unknown }

export interface Speech {
  utterances: Utterance[]
  usage: Usage
  /** `hang` leaves the response open; `break` closes the connection in the middle. */
  end: 'complete' | 'hang' | 'break'
  /** Of one that hangs: milliseconds between two times that its last text is said. */
  every?: number | undefined
  /** Of the response: unique in the server. */
  id: string
}

export interface Dialect {
  /** The calls of tools that this step is; null when it is none. */
  callsOf(step: Step, request: ModelRequest): { name: string; input: unknown }[] | null
  /** The event stream; answers once all is written. */
  speak(speech: Speech, request: ModelRequest, response: ServerResponse): Promise<void>
}

/** Waits for a client that reads slower than it is written to, so that a flood is never held in memory. */
export async function send(response: ServerResponse, type: string, data: object): Promise<void> {
  if (response.destroyed) return
  if (response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)) return
  await new Promise<void>((done) => {
    const go = (): void => {
      response.off('drain', go).off('close', go)
      done()
    }
    response.on('drain', go).on('close', go)
  })
}

/** Texts come in pieces, as from a model; large ones in larger pieces. */
function pieces(text: string): string[] {
  const length = Math.max(16, Math.ceil(text.length / 64))
  return Array.from({ length: Math.ceil(text.length / length) }, (_, i) => text.slice(i * length, (i + 1) * length))
}

/** The pieces of a text, again and again every so many ms where that is wanted, until nobody listens. */
export async function* spoken(text: string, every: number | undefined, response: ServerResponse): AsyncGenerator<string> {
  yield* pieces(text)
  while (every !== undefined && !response.destroyed) {
    await pause(every)
    yield* pieces(text)
  }
}
