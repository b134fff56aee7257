// Issues over HTTP: reading them, filing one, acting on one, and the activity stream.

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { App } from '../app.ts'
import { phases } from '../machines/vocabulary.ts'
import { idempotencyKeyOf, pageLimit, readBody, readQuery, sequence, text } from './validation.ts'

const issueQuery = z.strictObject({
  project: z.string().optional(),
  phase: z.enum(phases).optional(),
  limit: pageLimit,
  cursor: z.string().max(1_000).optional(),
})

const entriesQuery = z.strictObject({ since: sequence.optional(), limit: z.coerce.number().int().min(1).max(10_000).optional() })
const snapshotQuery = z.strictObject({ at: sequence.optional() })
const costsQuery = z.strictObject({
  project: z.string().optional(),
  days: z.coerce.number().int().min(1).max(99_999).default(7),
  by: z.enum(['day', 'issue', 'run']).default('day'),
})
const feedQuery = z.strictObject({ since: sequence.optional(), level: z.enum(['info', 'warn', 'error']).optional(), limit: pageLimit })

// How long a title may be, and which blockers make sense, is the tracker's to say.
const submission = z.strictObject({
  title: text,
  body: z.string().optional(),
  project: z.string().optional(),
  labels: z.array(text).max(100).optional(),
  blockedBy: z.array(text).max(100).optional(),
  parent: z.string().optional(),
  priority: z.number().int().min(0).max(4).optional(),
  links: z.array(text).max(10).optional(),
  hold: z.boolean().optional(),
})

const author = z.string().max(200).optional()
const finding = z.strictObject({ path: z.string(), line: z.number().int().min(1).nullable(), body: text })

const action = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('prompt'), text, author }),
  z.strictObject({ action: z.literal('stop'), reason: z.string().optional(), author }),
  z.strictObject({ action: z.literal('retry'), runType: z.string().optional(), skip: z.boolean().optional(), author }),
  z.strictObject({ action: z.literal('close'), as: z.enum(['done', 'failed']).optional(), author }),
  z.strictObject({ action: z.literal('delegate'), author }),
  z.strictObject({ action: z.literal('undelegate'), author }),
  z.strictObject({ action: z.literal('approve'), body: z.string().optional(), author }),
  z.strictObject({ action: z.literal('request_changes'), body: text, comments: z.array(finding).max(1_000).optional(), author }),
  z.strictObject({ action: z.literal('comment'), text, author }),
  z.strictObject({ action: z.literal('cancel'), author }),
  z.strictObject({ action: z.literal('reset_budget'), author }),
  z.strictObject({ action: z.literal('dismiss_review'), reviewer: text.optional(), author }),
  z.strictObject({ action: z.literal('close_pull_request'), author }),
  z.strictObject({ action: z.literal('reopen_pull_request'), author }),
  z.strictObject({ action: z.literal('push'), branch: text, author }),
])

/** `/api/issues…`, `/api/costs` and `/api/feed`. A key may be `PROJECT%2FKEY` where two projects share one. */
export function addIssueRoutes(server: FastifyInstance, app: App): void {
  server.get('/api/issues', (request) => app.issues(defined(readQuery(issueQuery, request))))
  server.get<Keyed>('/api/issues/:key', (request) => app.issue(request.params.key))
  server.get<Keyed>('/api/issues/:key/explain', (request) => app.explain(request.params.key))
  server.get<Keyed>('/api/issues/:key/timeline', (request) => {
    const { key } = request.params
    const { since, limit = 10_000 } = readQuery(entriesQuery, request)
    const entries = app.timeline(key, defined({ since }))
    // Like the feed: who does not say where to begin wants the newest.
    return { key, entries: since === undefined ? entries.slice(-limit) : entries.slice(0, limit) }
  })
  server.get<Keyed>('/api/issues/:key/snapshot', (request) => {
    const { key } = request.params
    const { at } = readQuery(snapshotQuery, request)
    return { key, at: at ?? null, snapshots: app.snapshot(key, at) }
  })
  server.get('/api/costs', (request) => app.costs(defined(readQuery(costsQuery, request))))
  server.get('/api/feed', (request) => ({ entries: app.feed(defined(readQuery(feedQuery, request))) }))

  server.post('/api/issues', async (request, reply) => {
    const filed = await app.submit(defined(readBody(submission, request)), idempotencyKeyOf(request))
    return reply.code(201).send(filed)
  })

  server.post<Keyed>('/api/issues/:key/actions', async (request, reply) => {
    const { key } = request.params
    const wanted = defined(readBody(action, request))
    await app.act(key, wanted, idempotencyKeyOf(request))
    return reply.code(202).send({ key, action: wanted.action })
  })
}

interface Keyed {
  Params: { key: string }
}

/** Without the keys that were not given, as the runtime's types ask. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T
}
