// Capacity over HTTP: granting none, granting again, and waiting for the active runs to end.

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { App } from '../app.ts'
import { idempotencyKeyOf, readBody } from './validation.ts'

const control = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('pause'), project: z.string().optional() }),
  z.strictObject({ action: z.literal('resume'), project: z.string().optional() }),
  z.strictObject({ action: z.literal('drain') }),
])

/** `POST /api/control`. All three may be repeated without harm, so an idempotency key is only checked. */
export function addControlRoutes(server: FastifyInstance, app: App): void {
  server.post('/api/control', async (request, reply) => {
    const wanted = readBody(control, request)
    idempotencyKeyOf(request)
    if (wanted.action === 'drain') {
      // Answers when the runs have ended, which may be hours: the connection is silent until then.
      request.raw.socket.setTimeout(0)
      request.raw.socket.setKeepAlive(true, 30_000)
      await app.drain()
      return { action: 'drain', drained: true }
    }
    await (wanted.action === 'pause' ? app.pause(wanted.project) : app.resume(wanted.project))
    return reply.code(202).send(wanted)
  })
}
