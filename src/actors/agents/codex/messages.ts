// What is read of the app-server's messages; the rest of them is of no interest. Held against the pinned binary's own schema in tests.

import { z } from 'zod'

const text = z.string()

/** Of whoever answers: `NAME/VERSION (SYSTEM) …`. */
export const helloAnswer = z.object({ userAgent: text.optional() })

/** `requiresOpenaiAuth`: of the provider that is configured. */
export const accountAnswer = z.object({ account: z.object({ type: text }).nullish(), requiresOpenaiAuth: z.boolean() })

/** `model`: the one that its next turn is asked of, whoever has chosen it. */
export const threadAnswer = z.object({ thread: z.object({ id: text }), model: text.optional().catch(undefined) })

const error = z.object({ message: text, codexErrorInfo: z.unknown().optional(), additionalDetails: text.nullish() })
export type CodexError = z.output<typeof error>

const change = z.object({ path: text })

const item = z.object({
  type: text,
  text: text.optional(),
  command: text.optional(),
  summary: z.array(text).optional(),
  changes: z.array(change).optional(),
  tool: text.optional(),
  query: text.optional(),
})
export type CodexItem = z.output<typeof item>

/** That a turn has ended is not to be missed for what else is said of it. */
const turn = z.object({
  id: text,
  /** `completed`, `interrupted`, `failed`, `inProgress`. */
  status: text,
  error: error.nullish().catch(null),
  items: z.array(z.unknown()).catch([]),
})
export type CodexTurn = z.output<typeof turn>

export const turnAnswer = z.object({ turn })
export const turnsAnswer = z.object({ data: z.array(turn) })
export const agentMessage = z.object({ type: z.literal('agentMessage'), text })

const tokens = z.object({
  inputTokens: z.number(),
  cachedInputTokens: z.number(),
  outputTokens: z.number(),
  cacheWriteInputTokens: z.number().optional(),
})
export type CodexTokens = z.output<typeof tokens>

const window = z.object({ usedPercent: z.number(), resetsAt: z.number().nullish() })
/** A part of what is known of one limit of the account. */
const limits = z.object({ limitId: text.nullish(), primary: window.nullish(), secondary: window.nullish() })
export type CodexLimits = z.output<typeof limits>
export type CodexWindow = z.output<typeof window>

/** By method. What is not listed is a sign of life and nothing else. */
export const notifications = {
  'item/started': z.object({ threadId: text, item }),
  'item/completed': z.object({ threadId: text, item }),
  'turn/completed': z.object({ threadId: text, turn }),
  'turn/diff/updated': z.object({ threadId: text, diff: text }),
  'turn/plan/updated': z.object({ threadId: text, plan: z.array(z.object({ step: text, status: text })) }),
  'thread/tokenUsage/updated': z.object({ threadId: text, turnId: text, tokenUsage: z.object({ total: tokens, last: tokens }) }),
  'account/rateLimits/updated': z.object({ rateLimits: limits }),
} as const

export type Notification = {
  [Method in keyof typeof notifications]: { method: Method; params: z.output<(typeof notifications)[Method]> }
}[keyof typeof notifications]

/** What was told; null for what is of no interest, or not of the form. */
export function readNotification(method: string, params: unknown): Notification | null {
  const schema = notifications[method as keyof typeof notifications]
  const parsed = schema?.safeParse(params)
  return parsed?.success ? ({ method, params: parsed.data } as Notification) : null
}

export const question = z.object({
  questions: z.array(z.object({ question: text, options: z.array(z.object({ label: text })).nullish() })).min(1),
})

export const approval = z.object({ command: z.union([text, z.array(text)]).nullish(), reason: text.nullish() })
