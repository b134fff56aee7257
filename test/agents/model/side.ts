// What agents ask beside the conversation, and a harmless answer to it.

import type { ModelRequest } from './request.ts'

/** The same words again to one who urges, a value that the schema allows where one is asked for, and a short text otherwise. */
export function sideAnswer(request: ModelRequest): string {
  if (request.urged !== null) return request.urged
  return request.schema === null ? 'A side answer' : JSON.stringify(valueOf(request.schema))
}

function valueOf(schema: unknown): unknown {
  const { type, properties = {}, enum: choices } = schema as { type?: string; properties?: Record<string, unknown>; enum?: unknown[] }
  if (choices) return choices[0]
  if (type === 'object') return Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, valueOf(of)]))
  if (type === 'array') return []
  if (type === 'boolean') return false
  return type === 'number' || type === 'integer' ? 0 : 'A side answer'
}
