// What a model was asked, as it came and in words that fit both protocols.

import type { IncomingHttpHeaders } from 'node:http'

export type Protocol = 'responses' | 'messages'

export interface ModelRequest {
  protocol: Protocol | null
  /** `step`: answered by the scenario. `side`: of the agent's own (a title, a summary), answered without a step. `unknown`: a problem. */
  kind: 'step' | 'side' | 'count' | 'unknown'
  /** Of the scenario; the first segment of the path, or the API key. */
  name: string
  method: string
  path: string
  headers: IncomingHttpHeaders
  /** Null when there is none, or none that is JSON. */
  body: Body | null
  model: string
  /** What the agent told the model to be. */
  system: string
  /** What people said, in order. */
  said: string[]
  /** What the agent put beside it: its folder, the date, the instructions of the repository. */
  context: string[]
  /** What tools answered, the oldest first; `id` is that of the call. */
  results: { id: string; output: string }[]
  images: { type: string; data: string }[]
  tools: string[]
  /** The conversation it belongs to: the thread of Codex, the session of Claude. Null where the agent does not say. */
  conversation: string | null
  /** The schema of the answer, when one is asked for. */
  schema: unknown
  /** The last words of the model, when its agent urges it to answer by a tool instead; Claude does so once. */
  urged: string | null
  /** The HTTP status that was sent; null until then. */
  status: number | null
  /** The client closed the connection before the response had ended. */
  abandoned: boolean
}

export type Body = Record<string, unknown>
type Part = { type?: string; [key: string]: unknown }

export type Neutral = Pick<
  ModelRequest,
  'model' | 'system' | 'said' | 'context' | 'results' | 'images' | 'tools' | 'conversation' | 'schema' | 'urged'
>

export const emptyNeutral = (): Neutral => ({
  ...{ model: '', system: '', said: [], context: [], results: [], images: [], tools: [], conversation: null, schema: null, urged: null },
})

const list = (value: unknown): Part[] => (Array.isArray(value) ? (value as Part[]) : [])
const record = (value: unknown): Record<string, unknown> => (value ?? {}) as Record<string, unknown>
const text = (value: unknown): string => {
  if (typeof value === 'string') return value
  return list(value)
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join('')
}

/** Of OpenAI's Responses API, as Codex uses it. */
export function readResponsesRequest(body: Body): Neutral {
  const neutral = emptyNeutral()
  neutral.model = String(body['model'])
  const developer = list(body['input']).filter((item) => item['role'] === 'developer')
  neutral.system = [text(body['instructions']), ...developer.map((item) => text(item['content']))].join('\n')
  neutral.tools = list(body['tools']).map((tool) => String(tool['name'] ?? tool.type))
  neutral.conversation = (body['prompt_cache_key'] as string | undefined) ?? null
  neutral.schema = record(record(body['text'])['format'])['schema'] ?? null
  for (const item of list(body['input'])) {
    if (item.type === 'message' && item['role'] === 'user') {
      const words = text(item['content'])
      ;(/^(<(environment_context|user_instructions|turn_aborted|skill)|# AGENTS\.md instructions)/.test(words)
        ? neutral.context
        : neutral.said
      ).push(words)
      for (const part of list(item['content'])) if (part.type === 'input_image') neutral.images.push(dataUrl(String(part['image_url'])))
    }
    if (item.type === 'function_call_output' || item.type === 'custom_tool_call_output') {
      neutral.results.push({ id: String(item['call_id']), output: text(item['output']) })
    }
  }
  return neutral
}

function dataUrl(url: string): { type: string; data: string } {
  const [, type = '', data = ''] = /^data:([^;,]*);base64,(.*)$/s.exec(url) ?? []
  return { type, data }
}

/** Of Anthropic's Messages API, as Claude Code uses it. */
export function readMessagesRequest(body: Body): Neutral {
  const neutral = emptyNeutral()
  neutral.model = String(body['model'])
  neutral.system = text(body['system'])
  neutral.tools = list(body['tools']).map((tool) => String(tool['name']))
  neutral.conversation = sessionOf(record(body['metadata'])['user_id'])
  neutral.schema = record(record(body['output_config'])['format'])['schema'] ?? null
  let last: string | null = null
  for (const message of list(body['messages'])) {
    neutral.urged = null
    if (message['role'] === 'assistant') last = text(message['content'])
    if (message['role'] !== 'user') continue
    const parts: Part[] = typeof message['content'] === 'string' ? [{ type: 'text', text: message['content'] }] : list(message['content'])
    const texts = parts.filter((part) => part.type === 'text').map((part) => String(part['text']))
    for (const words of texts) (/^(<system-reminder>|\[Image: source: )/.test(words) ? neutral.context : neutral.said).push(words.trimEnd())
    if (texts.some((words) => words.includes('[structured-output-enforce]'))) neutral.urged = last || null
    for (const part of parts) {
      if (part.type === 'image')
        neutral.images.push({ type: String(record(part['source'])['media_type']), data: String(record(part['source'])['data']) })
      if (part.type === 'tool_result') {
        const output = text(part['content'])
        neutral.results.push({
          id: String(part['tool_use_id']),
          output: output.replaceAll(/\n*<system-reminder>.*?<\/system-reminder>/gs, ''),
        })
        // What is said while Claude works reaches the model beside the next result.
        for (const [, words] of output.matchAll(/<system-reminder>\nThe user sent a new message while you were working:\n(.*?)\n\n/gs)) {
          neutral.said.push(words!)
        }
      }
    }
  }
  return neutral
}

/** Claude puts its session into the id of the user, as JSON. */
function sessionOf(user: unknown): string | null {
  return /"session_id":"([^"]+)"/.exec(String(user))?.[1] ?? null
}
