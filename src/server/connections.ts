// Letting us into a provider over HTTP: where a person goes, the person's return, and how it stands.

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { App } from '../app.ts'
import { toErrorData } from '../errors.ts'
import { readBody, readQuery } from './validation.ts'

const providers = ['linear', 'github'] as const
const begin = z.strictObject({ provider: z.enum(providers) })
const end = z.strictObject({ provider: z.enum(providers), workspace: z.string().min(1).max(200).optional() })
const asked = z.strictObject({ provider: z.enum(providers), state: z.string().min(1).max(200) })
// What a provider adds beside is not ours to refuse.
const returned = z.object({
  state: z.string().min(1).max(200),
  code: z.string().max(2_000).optional(),
  error: z.string().max(200).optional(),
})

/** `POST /api/connections`, `GET /api/connections`, `POST /api/disconnections` and `GET /oauth/linear/callback`. */
export function addConnectionRoutes(server: FastifyInstance, app: App): void {
  server.post('/api/connections', async (request, reply) => {
    const { provider } = readBody(begin, request)
    return reply.code(201).send(await app.connect(provider))
  })
  server.get('/api/connections', (request) => {
    const { provider, state } = readQuery(asked, request)
    return app.connection(provider, state)
  })
  server.post('/api/disconnections', async (request) => {
    const { provider, workspace } = readBody(end, request)
    return app.disconnect(provider, workspace)
  })
  // The state is the secret: whoever has it was sent away by us.
  server.get('/oauth/linear/callback', { config: { access: 'open' }, exposeHeadRoute: false }, async (request, reply) => {
    void reply.type('text/html; charset=utf-8')
    try {
      const { workspace } = await app.finishConnection('linear', readQuery(returned, request))
      return page('Connected', `${workspace.name} is connected. You may close this page.`)
    } catch (error) {
      void reply.code(400)
      return page('Not connected', toErrorData(error).message)
    }
  })
}

const page = (title: string, text: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Signalbox: ${escaped(title)}</title></head><body><h1>${escaped(title)}</h1><p>${escaped(text)}</p></body></html>\n`

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
