// Liveness, readiness and metrics: what a supervisor, a load balancer and Prometheus ask.

import type { FastifyInstance } from 'fastify'
import type { App } from '../app.ts'
import type { Doorkeeper } from './webhooks/doorkeeper.ts'

/** `GET /health`, `/ready` and `/metrics`. */
export function addHealthRoutes(
  server: FastifyInstance,
  app: App,
  options: { version: string; metrics: 'open' | 'token'; doorkeeper: Doorkeeper },
): void {
  server.get('/health', { config: { access: 'open' } }, () => ({ status: 'ok', version: options.version }))

  server.get('/ready', { config: { access: 'open' } }, (request, reply) => {
    const { state, backlog, oldestUnhandledMs, eventLoopLagMs, faulted, troubles } = app.health()
    const ready = state === 'ready'
    if (!ready) void reply.code(503).header('retry-after', '1')
    return reply.send({
      ready,
      state,
      backlog,
      oldestUnhandledMs,
      eventLoopLagMs,
      faulted: faulted.length,
      // Addresses name issues, troubles name workspaces: only for those who may read them.
      ...(request.credential === null ? {} : { faultedActors: faulted, troubles }),
    })
  })

  server.get('/metrics', options.metrics === 'open' ? { config: { access: 'open' } } : {}, (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(app.metrics() + options.doorkeeper.metrics()),
  )
}
