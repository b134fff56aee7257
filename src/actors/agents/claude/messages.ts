// What is read of Claude Code's messages (stream-json and its control protocol); the rest of them is of no interest.

import { z } from 'zod'

const text = z.string()
const number = z.number()

const tokens = z.object({
  input_tokens: number.default(0),
  cache_creation_input_tokens: number.nullish(),
  cache_read_input_tokens: number.nullish(),
  output_tokens: number.default(0),
})
export type ClaudeTokens = z.output<typeof tokens>

const modelUsage = z.object({
  inputTokens: number.default(0),
  outputTokens: number.default(0),
  cacheReadInputTokens: number.default(0),
  cacheCreationInputTokens: number.default(0),
  costUSD: number.default(0),
})
export type ClaudeModelUsage = z.output<typeof modelUsage>

const block = z.object({
  type: text,
  text: text.optional(),
  thinking: text.optional(),
  /** Of a call. */
  id: text.optional(),
  name: text.optional(),
  input: z.record(text, z.unknown()).optional(),
  /** Of what a call came to. */
  tool_use_id: text.optional(),
  is_error: z.boolean().nullish(),
})
export type ClaudeBlock = z.output<typeof block>

/** A block of an unknown form is left out, and nothing else of its message. */
const content = z.union([
  text.transform((words): ClaudeBlock[] => [{ type: 'text', text: words }]),
  z.array(z.unknown()).transform((blocks) => blocks.flatMap((one): ClaudeBlock | ClaudeBlock[] => block.safeParse(one).data ?? [])),
])

const rateLimit = z.object({ status: text, resetsAt: number.nullish() })
export type ClaudeRateLimit = z.output<typeof rateLimit>

const assistant = z.object({
  type: z.literal('assistant'),
  message: z.object({ id: text, content, usage: tokens.nullish(), stop_reason: text.nullish() }),
  /** Set on what an agent says that this one has called. */
  parent_tool_use_id: text.nullish(),
  /** Set when the provider refused; its words stand in for those of the model. */
  error: text.nullish(),
})

const user = z.object({
  type: z.literal('user'),
  message: z.object({ content }),
  tool_use_result: z.unknown().optional(),
})

const result = z.object({
  type: z.literal('result'),
  subtype: text,
  is_error: z.boolean().default(false),
  result: text.nullish(),
  structured_output: z.unknown().optional(),
  errors: z.array(text).nullish(),
  terminal_reason: text.nullish(),
  api_error_status: number.nullish(),
  api_error_type: text.nullish(),
  api_error: text.nullish(),
  usage: tokens.nullish(),
  /** By model, side requests and called agents included, since the process began or gave its last result. */
  model_usage_since_last_result: z.record(text, modelUsage).nullish(),
})
export type ClaudeResult = z.output<typeof result>

const canUseTool = z.object({
  type: z.literal('control_request'),
  request_id: text,
  request: z.object({ subtype: text, tool_name: text.optional(), input: z.record(text, z.unknown()).optional() }),
})

const controlResponse = z.object({
  type: z.literal('control_response'),
  response: z.object({ subtype: text, request_id: text, error: text.nullish(), response: z.unknown().optional() }),
})

const lifecycle = z.object({ type: z.literal('command_lifecycle'), command_uuid: text, state: text })

const system = z.object({
  type: z.literal('system'),
  subtype: text,
  session_id: text.optional(),
  model: text.nullish().catch(null),
  capabilities: z.array(text).nullish(),
})

const rateLimitEvent = z.object({ type: z.literal('rate_limit_event'), rate_limit_info: rateLimit })

const message = z.discriminatedUnion('type', [assistant, user, result, canUseTool, controlResponse, lifecycle, system, rateLimitEvent])
export type ClaudeMessage = z.output<typeof message>

/** What was said; null for what is of no interest, or not of the form. */
export function readMessage(said: unknown): ClaudeMessage | null {
  return message.safeParse(said).data ?? null
}

/** Its answer to `initialize`. A source is `none` or missing where there is none; providers other than `firstParty` have logins of their own. */
export const helloAnswer = z.object({
  claude_code_version: text.nullish(),
  account: z.object({ tokenSource: text.nullish(), apiKeySource: text.nullish(), apiProvider: text.nullish() }).nullish(),
})

export const questions = z.object({
  questions: z.array(z.object({ question: text, options: z.array(z.object({ label: text })).nullish() })).min(1),
})
