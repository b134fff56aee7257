// Durable actors of any kind over HTTP, for embedders, and trying a faulted one again.

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { App } from '../app.ts'
import { RequestError } from './errors.ts'
import { idempotencyKeyOf, pageLimit, readBody, readQuery } from './validation.ts'

const actorQuery = z.strictObject({ kind: z.string().optional(), limit: pageLimit, cursor: z.string().max(1_000).optional() })
const ways = /^(.*)\/(retry|skip|abandon)$/

/** `GET /api/actors`, `GET /api/actors/ADDRESS` and `POST /api/actors/ADDRESS/retry`, `/skip` or `/abandon`; an address holds slashes. */
export function addActorRoutes(server: FastifyInstance, app: App): void {
  server.get('/api/actors', (request) => {
    const { kind, limit, cursor } = readQuery(actorQuery, request)
    const found = app.actors(kind, { after: cursor === undefined ? '' : addressOf(cursor), limit: limit + 1 })
    const actors = found.slice(0, limit)
    return { actors, next: found.length > limit ? toCursor(actors.at(-1)!.address) : null }
  })

  server.get<Wild>('/api/actors/*', (request) => app.actor(request.params['*']))

  server.post<Wild>('/api/actors/*', async (request, reply) => {
    const [, address, way] = ways.exec(request.params['*']) ?? []
    if (address === undefined) {
      throw new RequestError(
        405,
        'method-not-allowed',
        'An actor is only read here; POST is for /api/actors/ADDRESS/retry, /skip and /abandon.',
        { headers: { allow: 'GET, HEAD' } },
      )
    }
    readBody(z.strictObject({}), request, { optional: true })
    idempotencyKeyOf(request)
    await app.recoverActor(address, way as 'retry' | 'skip' | 'abandon')
    return reply.code(202).send({ address })
  })
}

interface Wild {
  Params: { '*': string }
}

function toCursor(address: string): string {
  return Buffer.from(address).toString('base64url')
}

function addressOf(cursor: string): string {
  const address = Buffer.from(cursor, 'base64url').toString()
  if (toCursor(address) === cursor) return address
  throw new RequestError(400, 'bad-cursor', `'${cursor}' is not a cursor of this list. Use the \`next\` of the page before.`)
}
