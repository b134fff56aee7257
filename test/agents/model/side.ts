// What agents ask beside the conversation, and a harmless answer to it.

import type { ModelRequest } from './request.ts'

/** With the tools and the history of the conversation, as if a person had said it: Claude's suggestion of a next prompt, and its summary. */
const said = /^(\[SUGGESTION MODE|CRITICAL: Respond with TEXT ONLY)/

/** Titles and probes come without tools; Codex says of a summary what it is. */
export function isSide(request: ModelRequest): boolean {
  const { request_kind: kind = 'turn' } = JSON.parse(String(request.headers['x-codex-turn-metadata'] ?? '{}')) as { request_kind?: string }
  return request.urged !== null || request.tools.length === 0 || kind !== 'turn' || said.test(request.said.at(-1) ?? '')
}

/** The same words again to who urges, a value that the schema allows where one is asked for, and otherwise a short text, which is a summary to who wants one. */
export function sideAnswer(request: ModelRequest): string {
  if (request.urged !== null) return request.urged
  return request.schema === null ? '<summary>A side answer</summary>' : JSON.stringify(valueOf(request.schema))
}

function valueOf(schema: unknown): unknown {
  const { type, properties = {}, enum: choices } = schema as { type?: string; properties?: Record<string, unknown>; enum?: unknown[] }
  if (choices) return choices[0]
  if (type === 'object') return Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, valueOf(of)]))
  if (type === 'array') return []
  if (type === 'boolean') return false
  return type === 'number' || type === 'integer' ? 0 : 'A side answer'
}
