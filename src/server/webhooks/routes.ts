// The routes that providers tell things by: signature first, then durable, then acknowledged. What is told is read later, from the store.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { App } from '../../app.ts'
import { RequestError, sendError, toErrorAnswer } from '../errors.ts'
import type { Doorkeeper, Refusal } from './doorkeeper.ts'
import { githubDoor } from './github.ts'
import { linearDoor } from './linear.ts'

/** The secret of each provider's webhooks; null where none is configured, absent where the provider is not. */
export interface WebhookSecrets {
  github?: string | null
  linear?: string | null
}

/** How one provider's door stands; times are ISO 8601 UTC. */
export interface DoorDocument {
  provider: string
  /** Whether there is a secret, and webhooks are wanted. */
  open: boolean
  /** When the last genuine delivery came; null where none is known. */
  lastAt: string | null
  /** Since the server was started. */
  refused: Refusal[]
  /** What could not be handled, for as long as deliveries are kept. */
  putAside: { count: number; lastAt: string; message: string } | null
}

/** What one provider's requests look like. */
export interface Door {
  provider: string
  /** As people write it. */
  name: string
  /** What to do where deliveries are refused, by the reason. */
  remedies: Record<string, string>
  /** Throws RequestError 400 for a header that is missing; looks at headers alone. */
  headersOf: (request: FastifyRequest) => { id: string; event: string; signature: string | null }
  /** Answers what checks a body and parses it; throws RequestError 401 for a wrong signature or a time that is long past, 400 for what is not JSON. */
  createCheck: (secret: string) => Promise<(body: Buffer, signature: string) => Promise<unknown>>
}

/** GitHub sends at most this much (25 MiB); Linear far less. */
const bodyLimit = 25 * 2 ** 20

/** `POST /webhooks/github` and `/webhooks/linear`, and `GET /api/webhooks`. */
export async function addWebhookRoutes(server: FastifyInstance, app: App, keeper: Doorkeeper, secrets: WebhookSecrets): Promise<void> {
  const doors = [githubDoor, linearDoor]
  const secretOf = ({ provider }: Door): string | null | undefined => secrets[provider as keyof WebhookSecrets]
  server.get('/api/webhooks', () => ({
    webhooks: doors.flatMap((door) => {
      const secret = secretOf(door)
      return secret === undefined ? [] : [documentOf(door.provider, { open: secret !== null, app, keeper })]
    }),
  }))
  await server.register(async (scope) => {
    // The signature is that of the bytes as they came.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    for (const door of doors) await addRoute(scope, { app, keeper, door, secret: secretOf(door) })
  })
}

function documentOf(provider: string, { open, app, keeper }: { open: boolean; app: App; keeper: Doorkeeper }): DoorDocument {
  const { tookAt, refused } = keeper.of(provider)
  const { lastAt, putAside } = app.deliveries(provider)
  const last = Math.max(tookAt ?? 0, lastAt === null ? 0 : Date.parse(lastAt))
  return { provider, open, lastAt: last === 0 ? null : new Date(last).toISOString(), refused, putAside }
}

async function addRoute(
  scope: FastifyInstance,
  { app, keeper, door, secret }: { app: App; keeper: Doorkeeper; door: Door; secret: string | null | undefined },
): Promise<void> {
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
    errorHandler: (error, request, reply) => {
      noteRefusal(error, request, door, keeper)
      sendError(error, request, reply)
    },
    handler: async (request, reply) => {
      const { id, event, signature } = door.headersOf(request)
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      if (signature === null || body.length === 0) throw invalidSignature()
      const payload = await check!(body, signature)
      keeper.took(provider)
      const { duplicate } = await app.receive({ provider, id, event, body: body.toString('utf8'), payload })
      // Linear takes nothing but a 200 for an answer, and tells it again otherwise.
      return reply.send(duplicate ? { accepted: true, duplicate: true } : { accepted: true })
    },
  })
}

const later = 'What it tells is asked for later.'
const remedies: Record<string, string> = {
  'deliveries-backlogged': `Deliveries come faster than they are handled: see signalbox_backlog in /metrics. ${later}`,
  'host-not-allowed': 'Set server.publicUrl to the address that the webhook goes to, or let the proxy name the address of this server.',
  stopping: later,
}

/** Of what is refused on purpose; a failure of the server is in the log already, and what is not configured has nothing to mend. */
function noteRefusal(error: unknown, request: FastifyRequest, door: Door, keeper: Doorkeeper): void {
  const { status, body } = toErrorAnswer(error, request.routeOptions.bodyLimit)
  if (status === 404 || (status >= 500 && status !== 503)) return
  const { code, message } = body.error
  // Whoever posts is told the same of both.
  const isUnsigned = code === 'invalid-signature' && door.headersOf(request).signature === null
  const reason = isUnsigned ? 'missing-signature' : code
  const words: Record<string, string> = { 'invalid-signature': 'Its signature is wrong.', 'missing-signature': 'It has no signature.' }
  const stranger = `${door.name} sends nothing like it: somebody else has posted this, or a proxy on the way has changed it.`
  const remedy = door.remedies[reason] ?? remedies[reason] ?? stranger
  keeper.refused(door.provider, reason, { message: words[reason] ?? message, remedy })
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
