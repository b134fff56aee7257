// Capacity over HTTP: granting none, granting again, and waiting for the active runs to end.

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { App } from '../app.ts'
import { idempotencyKeyOf, readBody } from './validation.ts'

const control = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('pause'), project: z.string().optional() }),
  z.strictObject({ action: z.literal('resume'), project: z.string().optional() }),
  z.strictObject({ action: z.literal('lift_budget'), project: z.string().optional() }),
  z.strictObject({ action: z.literal('drain') }),
])

/** `POST /api/control`. */
export function addControlRoutes(server: FastifyInstance, app: App): void {
  server.post('/api/control', async (request, reply) => {
    const wanted = readBody(control, request)
    const key = idempotencyKeyOf(request)
    if (wanted.action === 'drain') {
      // Answers when the runs have ended, which may be hours: the connection is silent until then.
      request.raw.socket.setTimeout(0)
      request.raw.socket.setKeepAlive(true, 30_000)
      await app.drain(key)
      return { action: 'drain', drained: true }
    }
    const change = { pause: app.pause, resume: app.resume, lift_budget: app.liftBudget }[wanted.action]
    await change(wanted.project, key)
    return reply.code(202).send(wanted)
  })
}
