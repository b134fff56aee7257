// Reads what a client sends: bodies, queries and the idempotency key, each checked before anything is done with it.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { suggest } from '../errors.ts'
import { RequestError } from './errors.ts'

/** Accepts JSON alone. A form of another site cannot send it without being asked for permission by the browser first. */
export function addJsonParser(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (request.headers['content-encoding'] !== undefined) {
      return done(new RequestError(415, 'unsupported-media-type', 'Send the body as it is, without a Content-Encoding.'))
    }
    if (body.length === 0) return done(null, undefined)
    try {
      done(null, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)))
    } catch (cause) {
      done(new RequestError(400, 'invalid-json', `The body is not JSON: ${(cause as Error).message}`, { cause }))
    }
  })
}

/** The body, checked. Throws 400 `invalid-body`. `optional`: no body at all is an empty object. */
export function readBody<Schema extends z.ZodType>(
  schema: Schema,
  request: FastifyRequest,
  options?: { optional?: boolean },
): z.output<Schema> {
  const body = request.body ?? (options?.optional ? {} : undefined)
  if (body === undefined) throw new RequestError(400, 'invalid-body', 'The body is empty: send a JSON object.')
  return check(schema, body, 'body')
}

/** The query, checked. Throws 400 `invalid-query`. */
export function readQuery<Schema extends z.ZodType>(schema: Schema, request: FastifyRequest): z.output<Schema> {
  return check(schema, request.query, 'query')
}

/** `value` checked against `schema`, else a 400 that names the key, what is allowed, and the key that was probably meant. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown, what: 'body' | 'query' | 'message'): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const message = result.error.issues.map((issue) => toSentence(issue, schema, value)).join(' ')
  throw new RequestError(400, `invalid-${what}`, message)
}

const longestKey = 200

/** The `Idempotency-Key` header, at most 200 printable characters. Throws 400 `invalid-idempotency-key`. */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && key.length <= longestKey && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(key)) return key
  throw new RequestError(400, 'invalid-idempotency-key', `Idempotency-Key must be 1 to ${longestKey} printable ASCII characters.`)
}

/** A page's size in a query. */
export const pageLimit = z.coerce.number().int().min(1).max(1_000).default(100)

/** A position in a journal or stream, in a query. */
export const sequence = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** Text that says something. */
export const text = z.string().refine((value) => value.trim() !== '', { error: 'must not be empty' })

function toSentence(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown): string {
  const where = issue.path.length === 0 ? '' : `"${issue.path.join('.')}" `
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `Unknown key "${key}"${meant(key, issue.path.length === 0 ? keysOf(schema, value) : [])}`).join(' ')
  }
  if (issue.code === 'invalid_union' && 'discriminator' in issue && schema instanceof z.ZodDiscriminatedUnion) {
    const allowed = choicesOf(schema)
    const given = (value as Record<string, unknown> | null)?.[issue.discriminator as string]
    const nearest = typeof given === 'string' ? suggest(given, allowed) : undefined
    return `"${String(issue.discriminator)}" must be one of ${allowed.join(', ')}${nearest === undefined ? '.' : `: did you mean "${nearest}"?`}`
  }
  return `${where}${where === '' ? capitalized(issue.message) : lowered(issue.message)}.`
}

/** The end of a sentence about a word that is not known. */
function meant(word: string, candidates: string[]): string {
  const nearest = suggest(word, candidates)
  if (nearest !== undefined) return `: did you mean "${nearest}"?`
  return candidates.length > 0 ? `; known are ${candidates.join(', ')}.` : '.'
}

function keysOf(schema: z.ZodType, value: unknown): string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape)
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const chosen = schema.options.find(
      (option) => option instanceof z.ZodObject && literalOf(schema, option) === (value as never)[schema.def.discriminator],
    )
    return chosen instanceof z.ZodObject ? Object.keys(chosen.shape) : []
  }
  return []
}

function choicesOf(schema: z.ZodDiscriminatedUnion): string[] {
  return schema.options.flatMap((option) => (option instanceof z.ZodObject ? [literalOf(schema, option)] : []))
}

function literalOf(schema: z.ZodDiscriminatedUnion, option: z.ZodObject): string {
  const literal = option.shape[schema.def.discriminator]
  return literal instanceof z.ZodLiteral ? String(literal.value) : ''
}

function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}

function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
