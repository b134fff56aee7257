// Why a request of ours was refused, or a turn has failed: by the codes and data of the error, never by its words.

import { z } from 'zod'
import type { AgentResult } from '../../ports.ts'
import { failureOf as codexFailureOf } from '../codex/failure.ts'
import type { RpcError } from '../json-rpc.ts'
import { failed } from '../turn-process.ts'

type FailureClass = NonNullable<AgentResult['failure']>

/** https://agentclientprotocol.com/protocol/v1/schema#errorcode */
export const authRequired = -32000
const internalError = -32603

/** `errorKind` of claude-agent-acp. That the context is full is told as `invalid_request`, and else in words only. */
const claudeClasses: Record<string, FailureClass> = {
  rate_limit: 'capacity',
  overloaded: 'capacity',
  authentication_failed: 'auth',
  oauth_org_not_allowed: 'auth',
  billing_error: 'auth',
  account_on_hold: 'auth',
  verification_required: 'auth',
  cloud_credential_error: 'auth',
  model_not_found: 'auth',
  server_error: 'environment',
  transport_lost: 'environment',
  worker_shutdown: 'environment',
  no_result: 'environment',
}

/** The program behind the agent has died, and not the agent. */
const dead = new Set(['transport_lost', 'worker_shutdown'])

const claudeData = z.object({ errorKind: z.string() })
const startData = z.object({ startupFailureReason: z.string() })
/** Codex's own, as its app-server has it but in snake case; `other` where it knows no more. */
const codexData = z.object({ codex_error_info: z.unknown(), message: z.string().optional() })
/** What codex-acp gives as the message of a provider's refusal that Codex has no word for is the body of it. */
const providerError = z.object({ error: z.object({ code: z.string().nullish() }) })
const details = z.object({ message: z.string().optional(), details: z.string().optional() })

/** In the words of the app-server: keys and codes without underscores. */
function toCamel(info: unknown): unknown {
  if (typeof info === 'string') return info.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  if (typeof info !== 'object' || info === null) return info
  return Object.fromEntries(Object.entries(info).map(([key, value]) => [toCamel(key), typeof value === 'string' ? value : toCamel(value)]))
}

/** Opening its session, an agent that fails inside itself has not begun to work: its machine or its settings are at fault. */
export function failureOf(refusal: RpcError, during: 'opening' | 'prompt'): AgentResult {
  const told = toldFailureOf(refusal)
  if (told !== null) return told
  const { code, message, data } = refusal
  const failure = code !== internalError ? 'bug' : during === 'opening' ? 'environment' : 'agent'
  return failed(failure, reasonOf(message, data), `refused ${code}`)
}

/** What the data of the error say; null where they do not say what has failed. */
export function toldFailureOf({ message, data }: RpcError): AgentResult | null {
  const reason = reasonOf(message, data)
  const claude = claudeData.safeParse(data).data
  if (claude !== undefined) {
    const failure = failed(claudeClasses[claude.errorKind] ?? 'agent', reason, claude.errorKind)
    return dead.has(claude.errorKind) ? { ...failure, died: true } : failure
  }
  const start = startData.safeParse(data).data
  if (start !== undefined) return failed('environment', reason, start.startupFailureReason)
  const codex = codexData.safeParse(data).data
  return codex === undefined ? null : codexFailure(codex, reason)
}

function codexFailure({ codex_error_info: info, message }: z.output<typeof codexData>, reason: string): AgentResult {
  const provider = providerError.safeParse(parse(message ?? '')).data?.error.code
  if (provider === 'context_length_exceeded') return { ...failed('agent', reason, provider), exhausted: true }
  return codexFailureOf({ message: reason, codexErrorInfo: toCamel(info) }, [], 0)
}

/** Words for people: "Internal error" says nothing where the data say more. */
function reasonOf(message: string, data: unknown): string {
  const more = details.safeParse(data).data
  const said = more?.message ?? more?.details
  return said === undefined || message.includes(said) ? message : `${message}: ${said}`
}

function parse(written: string): unknown {
  try {
    return JSON.parse(written)
  } catch {
    return undefined
  }
}
