// What is read of the Agent Client Protocol, v1; the rest of it is of no interest. Held against the protocol's own schema in tests.

import { z } from 'zod'

const text = z.string()

/** A method without a type is done by the agent itself; `env_var` and `terminal` are of later drafts. */
const authMethod = z.object({
  type: text.optional(),
  id: text,
  name: text,
  vars: z.array(z.object({ name: text, optional: z.boolean().optional() })).optional(),
})
export type AuthMethod = z.output<typeof authMethod>

/** Offered is what is there and not null, even when there is nothing in it. */
const offered = z
  .unknown()
  .optional()
  .transform((value) => value !== undefined && value !== null)

export const agentAnswer = z.object({
  protocolVersion: z.number(),
  agentCapabilities: z
    .object({
      loadSession: z.boolean().default(false),
      promptCapabilities: z.object({ image: z.boolean().default(false) }).default({ image: false }),
      sessionCapabilities: z.object({ resume: offered }).default({ resume: false }),
      /** That it tells by itself who it is logged in as: of claude-agent-acp, beside the protocol. */
      _meta: z.object({ authStatus: offered }).nullish(),
    })
    .default({ loadSession: false, promptCapabilities: { image: false }, sessionCapabilities: { resume: false } }),
  agentInfo: z.object({ name: text, title: text.nullish(), version: text.nullish() }).nullish(),
  authMethods: z.array(authMethod).default([]),
  /** An agreement between agents and editors, beside the protocol. */
  _meta: z.object({ steering: z.object({ supported: z.boolean() }).optional() }).nullish(),
})
export type AcpAgent = z.output<typeof agentAnswer>

export const authStatus = z.object({ authStatus: z.object({ kind: text, label: text }) })

const value = z.object({ value: text, name: text })
const group = z.object({ group: text, options: z.array(value) })

const configOption = z.object({
  id: text,
  category: text.nullish(),
  currentValue: z.unknown().optional(),
  options: z
    .array(z.union([value, group]))
    .transform((options) => options.flatMap((one) => ('group' in one ? one.options : [one])))
    .default([]),
})
export type ConfigOption = z.output<typeof configOption>

export const configAnswer = z.object({ configOptions: z.array(configOption).default([]) })

export const sessionAnswer = z.object({
  configOptions: z.array(configOption).nullish(),
  modes: z.object({ currentModeId: text, availableModes: z.array(z.object({ id: text })) }).nullish(),
  /** Of an earlier draft; since then the model is an option. */
  models: z.object({ currentModelId: text }).nullish().catch(null),
})
export type SessionAnswer = z.output<typeof sessionAnswer>
export const newSessionAnswer = sessionAnswer.extend({ sessionId: text })

const count = z.number().min(0)

export const promptAnswer = z.object({
  stopReason: text,
  /** Of a later draft. The counts have nothing in common: what was cached is not in `inputTokens`. */
  usage: z
    .object({
      inputTokens: count,
      outputTokens: count,
      thoughtTokens: count.nullish(),
      cachedReadTokens: count.nullish(),
      cachedWriteTokens: count.nullish(),
    })
    .nullish()
    .catch(null),
})
export type PromptAnswer = z.output<typeof promptAnswer>

export const steeringAnswer = z.object({ outcome: text })

const chunk = z.object({ content: z.object({ type: text, text: text.optional() }), messageId: text.nullish() })
export type Chunk = z.output<typeof chunk>

const toolCall = z.object({
  toolCallId: text,
  title: text.nullish(),
  kind: text.nullish(),
  status: text.nullish(),
  rawInput: z.unknown().optional(),
  locations: z.array(z.object({ path: text })).nullish(),
  content: z.array(z.object({ type: text, path: text.optional(), oldText: text.nullish(), newText: text.optional() })).nullish(),
})
export type ToolCall = z.output<typeof toolCall>

/** By `sessionUpdate`. What is not listed is a sign of life and nothing else. */
const updates = {
  agent_message_chunk: chunk,
  agent_thought_chunk: chunk,
  tool_call: toolCall,
  tool_call_update: toolCall,
  plan: z.object({ entries: z.array(z.object({ content: text, status: text })) }),
  usage_update: z.object({ cost: z.object({ amount: count, currency: text }).nullish() }),
} as const

export type Update = { [Kind in keyof typeof updates]: { kind: Kind; told: z.output<(typeof updates)[Kind]> } }[keyof typeof updates]

const notification = z.object({ sessionId: text, update: z.looseObject({ sessionUpdate: text }) })

/** What was told of which session; null for what is of no interest, or not of the form. */
export function readUpdate(params: unknown): { session: string; update: Update } | null {
  const { sessionId, update } = notification.safeParse(params).data ?? {}
  if (sessionId === undefined || update === undefined) return null
  const parsed = updates[update.sessionUpdate as keyof typeof updates]?.safeParse(update)
  return parsed?.success ? { session: sessionId, update: { kind: update.sessionUpdate, told: parsed.data } as Update } : null
}

export const permission = z.object({
  sessionId: text,
  toolCall,
  options: z.array(z.object({ optionId: text, name: text, kind: text })),
})
export type Permission = z.output<typeof permission>

const choices = z.array(z.object({ const: text, title: text.optional() }))
const field = z.object({
  title: text.nullish(),
  description: text.nullish(),
  oneOf: choices.optional(),
  enum: z.array(text).optional(),
  items: z.object({ anyOf: choices.optional(), enum: z.array(text).optional() }).optional(),
})
export type Field = z.output<typeof field>

export const elicitation = z.object({
  mode: z.literal('form'),
  message: text,
  requestedSchema: z.object({ properties: z.record(text, field).default({}) }),
})
export type Elicitation = z.output<typeof elicitation>
