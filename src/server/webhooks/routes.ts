// The routes that providers tell things by: signature first, then durable, then acknowledged. What is told is read later, from the store.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { App } from '../../app.ts'
import { RequestError } from '../errors.ts'
import { githubDoor } from './github.ts'
import { linearDoor } from './linear.ts'

/** The secret of each provider's webhooks; null where none is configured, absent where the provider is not. */
export interface WebhookSecrets {
  github?: string | null
  linear?: string | null
}

/** What one provider's requests look like. */
export interface Door {
  provider: string
  /** Throws RequestError 400 for a header that is missing; looks at headers alone. */
  headersOf: (request: FastifyRequest) => { id: string; event: string; signature: string | null }
  /** Answers what checks a body and parses it; throws RequestError 401 for a wrong signature or a time that is long past, 400 for what is not JSON. */
  createCheck: (secret: string) => Promise<(body: Buffer, signature: string) => Promise<unknown>>
}

/** GitHub sends at most this much (25 MiB); Linear far less. */
const bodyLimit = 25 * 2 ** 20

/** `POST /webhooks/github` and `/webhooks/linear`. */
export async function addWebhookRoutes(server: FastifyInstance, app: App, secrets: WebhookSecrets): Promise<void> {
  await server.register(async (scope) => {
    // The signature is that of the bytes as they came.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    for (const door of [githubDoor, linearDoor]) await addRoute(scope, app, door, secrets[door.provider as keyof WebhookSecrets])
  })
}

async function addRoute(scope: FastifyInstance, app: App, door: Door, secret: string | null | undefined): Promise<void> {
  const { provider } = door
  const check = typeof secret === 'string' ? await door.createCheck(secret) : null
  scope.post(`/webhooks/${provider}`, {
    config: { access: 'open' },
    bodyLimit,
    // Before the body is read: nobody who is turned away has to be listened to.
    onRequest: async () => {
      if (secret === undefined) throw new RequestError(404, 'not-found', `This server has nothing to do with ${provider}.`)
      if (check === null) throw disabled(provider)
    },
    handler: async (request, reply) => {
      const { id, event, signature } = door.headersOf(request)
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      if (signature === null || body.length === 0) throw invalidSignature()
      const payload = await check!(body, signature)
      const { duplicate } = await app.receive({ provider, id, event, body: body.toString('utf8'), payload })
      // Linear takes nothing but a 200 for an answer, and tells it again otherwise.
      return reply.send(duplicate ? { accepted: true, duplicate: true } : { accepted: true })
    },
  })
}

const disabled = (provider: string): RequestError =>
  new RequestError(
    503,
    'webhook-disabled',
    `Webhooks of ${provider} are not taken: the configuration has no webhook secret for them, or "webhooks" is false.`,
  )

/** Says the same whatever is wrong with it. */
export const invalidSignature = (cause?: unknown): RequestError =>
  new RequestError(401, 'invalid-signature', 'The signature is missing or wrong: is the secret the same at both ends?', { cause })

/** One header that has to be there, once, and of a length that an id or a name has. Throws RequestError 400. */
export function headerOf(request: FastifyRequest, name: string): string {
  const value = request.headers[name]
  if (typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)) return value
  throw new RequestError(400, 'missing-header', `The header ${name} is missing, or is not one short word.`)
}

/** As it came, null when it is not there. */
export function signatureOf(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value.trim() : null
}
