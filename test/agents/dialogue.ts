// What we ask agents, and what they make of it, in the order in which it was said; in whatever protocol.

import { messagesChannel, type AgentMessage } from '../../src/actors/agents/talking.ts'

type Json = Record<string, any>

export interface Dialogue {
  /** `asked METHOD`, then `answered METHOD` or `refused METHOD`; `told METHOD` where no answer is wanted. */
  said: string[]
  stop: () => void
}

/** Of all turns from now on. What a process has answered it has answered alive. */
export function recordDialogue(): Dialogue {
  const said: string[] = []
  const asked = new WeakMap<object, Map<unknown, string>>()
  const listener = (published: unknown): void => {
    const { turn, from, message } = published as AgentMessage
    const { id, method, error, type, request_id: control, request, response } = (message ?? {}) as Json
    const open = asked.get(turn) ?? new Map<unknown, string>()
    asked.set(turn, open)
    const ask = (key: unknown, name: string): void => void (open.set(key, name), said.push(`asked ${name}`))
    const close = (key: unknown, isRefused: boolean): void => {
      const name = open.get(key)
      if (open.delete(key)) said.push(`${isRefused ? 'refused' : 'answered'} ${name}`)
    }
    if (from === 'us') {
      if (type === 'control_request') ask(control, request.subtype as string)
      else if (method !== undefined && id !== undefined) ask(id, method as string)
      else if (method !== undefined) said.push(`told ${method}`)
    } else if (type === 'control_response') close(response.request_id, response.subtype === 'error')
    else if (method === undefined && id !== undefined) close(id, error !== undefined)
  }
  messagesChannel.subscribe(listener)
  return { said, stop: () => void messagesChannel.unsubscribe(listener) }
}
