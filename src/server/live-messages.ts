// What a client of the live feed may ask for, in the query of its connection or in a message.

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { RequestError } from './errors.ts'
import { check, readQuery, sequence } from './validation.ts'

const types = ['issue', 'event', 'microstep', 'feed', 'log'] as const
const key = z.string().min(1).max(500)
const stream = z.string().max(100)

const liveQuery = z.strictObject({
  key: key.optional(),
  since: sequence.optional(),
  stream: stream.optional(),
  types: z.string().optional(),
})
const subscribeMessage = z.strictObject({
  type: z.literal('subscribe'),
  key: key.nullable().optional(),
  since: z.number().int().min(0).optional(),
  stream: stream.optional(),
  types: z.array(z.enum(types)).min(1).optional(),
})
const typeList = z.strictObject({ types: z.array(z.enum(types)).min(1).optional() })

/** A subscription as it was asked for: `key` (else all issues), `types` (else all), and where to go on. */
export type Wish = Omit<z.output<typeof subscribeMessage>, 'type'>

/** What the query of a connection asks for. Throws 400 `invalid-query`. */
export function wishOf(request: FastifyRequest): Wish {
  const { types: list, ...wish } = readQuery(liveQuery, request)
  return { ...wish, ...check(typeList, list === undefined ? {} : { types: list.split(',') }, 'query') }
}

/** What a `subscribe` message asks for. Throws 400 `invalid-json` or `invalid-message`. */
export function parseWish(data: Buffer): Wish {
  const { type: _, ...wish } = check(subscribeMessage, parse(data), 'message')
  return wish
}

function parse(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString())
  } catch (cause) {
    throw new RequestError(400, 'invalid-json', `The message is not JSON: ${(cause as Error).message}`, { cause })
  }
}
