// Machine definitions as data: what the inspector draws.

import type { FastifyInstance } from 'fastify'
import type { App } from '../app.ts'

/** `GET /api/machines` and `/api/machines/:id`. */
export function addMachineRoutes(server: FastifyInstance, app: App): void {
  server.get('/api/machines', () => ({ machines: app.machines() }))
  server.get<{ Params: { id: string } }>('/api/machines/:id', (request) => app.machine(request.params.id))
}
