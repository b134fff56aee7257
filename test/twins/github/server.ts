// The HTTP server: every call is logged, authenticated, counted, perhaps failed, answered, and held against the published schema.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { authenticate, actorOf, canSee, demand } from './auth.ts'
import type { Credential } from './auth.ts'
import { answering, fail, send } from './answers.ts'
import type { Exchange } from './answers.ts'
import { wait } from './faults.ts'
import type { RequestRecord } from './faults.ts'
import { executeGraphql } from './graphql.ts'
import { serveGit } from './git-http.ts'
import type { RateLimits } from './rate-limit.ts'
import { api } from './account-json.ts'
import { findRepository } from './repositories.ts'
import { findRoute, notFound } from './routing.ts'
import type { Answer, RepositoryCall } from './routing.ts'
import type { World } from './state.ts'
import { Refusal, fullName } from './state.ts'
import { serveLog } from './job-routes.ts'
import './app-routes.ts'
import './repository-routes.ts'
import './hook-routes.ts'
import './pull-routes.ts'
import './review-routes.ts'
import './issue-routes.ts'
import './check-routes.ts'

export interface TwinServer {
  server: Server
  requests: RequestRecord[]
  /** Milliseconds of real time that every call takes at least. */
  latency: number
}

const KEPT_BODIES = 2_000

export function createTwinServer(world: World, limits: RateLimits): TwinServer {
  const twin: TwinServer = { server: createServer(), requests: [], latency: 0 }
  // The pushes of a soak come in bursts; a connection is not closed between two calls of a client.
  twin.server.keepAliveTimeout = 30_000
  twin.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void exchange(world, twin, limits, request, response).catch((error: unknown) => {
      world.problems.push(`${request.method} ${request.url}: ${(error as Error).stack}`)
      response.destroy()
    })
  })
  return twin
}

async function exchange(
  world: World,
  twin: TwinServer,
  limits: RateLimits,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const began = performance.now()
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    // The caller has gone before it said everything: nothing was asked.
    return
  }
  const url = new URL(request.url!, world.origin)
  const body = Buffer.concat(chunks)
  const git = /\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(url.pathname)
  const record: RequestRecord = {
    method: request.method!,
    path: url.pathname + url.search,
    route: git === null ? url.pathname : git[1] === 'info/refs' ? (url.searchParams.get('service') ?? 'info/refs') : git[1]!,
    body: git === null ? body.toString() : '',
    credential: 'none',
    login: undefined,
    at: world.clock.now(),
    duration: undefined,
    status: undefined,
  }
  twin.requests.push(record)
  // A soak makes very many calls; what the older ones said is forgotten.
  const old = twin.requests[twin.requests.length - KEPT_BODIES]
  if (old !== undefined) old.body = ''
  response.on('close', () => {
    record.duration = performance.now() - began
    record.status ??= response.writableFinished ? response.statusCode : 0
  })
  // The client of an App corrects its clock by this header.
  response.setHeader('Date', new Date(world.clock.now()).toUTCString())
  response.setHeader('X-GitHub-Request-Id', `TWIN:${twin.requests.length.toString(16).toUpperCase()}`)
  if (twin.latency > 0) await wait(twin.latency)
  const it: Exchange = { world, limits, request, response, record, url, body }
  if (git !== null) return gitExchange(it)
  if (url.pathname.startsWith('/_logs/')) return serveLog(world, url.pathname, response)
  if (url.pathname === '/api/graphql') return graphqlExchange(it)
  if (url.pathname.startsWith('/api/v3')) return restExchange(it)
  response.writeHead(404, { 'Content-Type': 'text/html' }).end('Not Found')
}

function identify(it: Exchange): Credential | Refusal {
  try {
    const credential = authenticate(it.world, it.request.headers.authorization)
    it.record.credential = credential.kind
    it.record.login =
      credential.kind === 'none' ? undefined : credential.kind === 'app' ? credential.app.bot.login : credential.account.login
    return credential
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

async function restExchange(it: Exchange): Promise<void> {
  const { world, url, request } = it
  const path = followId(world, url.pathname.slice('/api/v3'.length))
  const method = request.method === 'HEAD' ? 'GET' : request.method!
  const found = findRoute(method, path)
  if (found !== undefined) it.record.route = found.route.operation.slice(found.route.method.length + 1)
  const credential = identify(it)
  const fault = it.world.faults.take(it.record)
  if (fault !== undefined && fault.when !== 'after') return fail(it, fault, undefined)
  let headers: Record<string, string> = {}
  const answer = await answering(async () => {
    if (credential instanceof Refusal) throw credential
    headers = it.limits.headers(credential.key, 'rest')
    const free = path === '/rate_limit'
    if (!free && !it.limits.spend(credential.key, 'rest')) {
      throw new Refusal(403, `API rate limit exceeded for ${credential.key}.`)
    }
    headers = it.limits.headers(credential.key, 'rest')
    const leave = it.limits.enter(credential.key, method === 'POST' || method === 'PATCH' || method === 'PUT')
    try {
      return await run(it, credential, path, found)
    } finally {
      leave()
    }
  })
  const wrong = found === undefined ? undefined : world.schemas.answer(found.route.operation, answer.status, answer.body)
  if (wrong !== undefined) world.problems.push(`answer ${wrong}`)
  const scopes = credential instanceof Refusal || credential.kind !== 'user' ? undefined : credential.token.scopes
  answer.headers = { ...headers, ...(scopes === undefined ? {} : { 'X-OAuth-Scopes': scopes.join(', ') }), ...answer.headers }
  if (fault !== undefined) return fail(it, fault, answer)
  send(it, answer)
}

async function run(it: Exchange, credential: Credential, path: string, found: ReturnType<typeof findRoute>): Promise<Answer> {
  const { world, url } = it
  if (found === undefined) {
    world.problems.push(`${it.request.method} ${path} is not served by the twin`)
    throw notFound()
  }
  const call = {
    world,
    credential,
    limits: it.limits,
    params: found.params,
    query: url.searchParams,
    body: parseBody(it.body),
    url,
  } as RepositoryCall
  if (found.route.permission !== undefined) {
    const repository = findRepository(world, found.params['owner']!, found.params['repo']!)
    if (repository === undefined || (credential.kind !== 'app' && !canSee(credential, repository.repository))) throw notFound()
    if (repository.moved) {
      const rest = path
        .split('/')
        .slice(4)
        .map((part) => `/${part}`)
        .join('')
      const location = `${api(world)}/repositories/${repository.repository.id}${rest}${url.search}`
      const status = found.route.method === 'GET' ? 301 : 307
      return {
        status,
        headers: { Location: location },
        body: {
          message: 'Moved Permanently',
          url: location,
          documentation_url: 'https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects',
        },
      }
    }
    if (found.route.permission !== '') demand(credential, repository.repository, found.route.permission)
    call.repository = repository.repository
  }
  call.actor = () => actorOf(credential)
  call.pull = () => {
    const pull = call.repository.pulls.get(Number(call.params['pull_number'] ?? call.params['issue_number']))
    if (pull === undefined) throw notFound()
    return pull
  }
  return found.route.handle(call)
}

/** `/repositories/ID/…` means the repository of that number, whatever its name is now. */
function followId(world: World, path: string): string {
  const match = /^\/repositories\/(\d+)(\/.*)?$/.exec(path)
  const repository = match === null ? undefined : world.repositoryById.get(Number(match[1]))
  return repository === undefined ? path : `/repos/${fullName(repository)}${match![2] ?? ''}`
}

function parseBody(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString())
  } catch {
    throw new Refusal(400, 'Problems parsing JSON')
  }
  if (Array.isArray(parsed)) return { items: parsed }
  if (parsed === null || typeof parsed !== 'object') throw new Refusal(400, 'Body should be a JSON object')
  return parsed as Record<string, unknown>
}

async function graphqlExchange(it: Exchange): Promise<void> {
  const { world } = it
  it.record.route = '/graphql'
  const credential = identify(it)
  const fault = world.faults.take(it.record)
  if (fault !== undefined && fault.when !== 'after') return fail(it, fault, undefined)
  let headers: Record<string, string> = {}
  const answer = await answering(async () => {
    if (credential instanceof Refusal) throw credential
    if (credential.kind === 'none' || credential.kind === 'app') throw new Refusal(401, 'This endpoint requires you to be authenticated.')
    const body = parseBody(it.body)
    const leave = it.limits.enter(credential.key, /\bmutation\b/.test(String(body['query'])))
    try {
      const allowed = it.limits.spend(credential.key, 'graphql')
      headers = it.limits.headers(credential.key, 'graphql')
      if (!allowed)
        return { status: 200, body: { errors: [{ type: 'RATE_LIMITED', message: `API rate limit exceeded for ${credential.key}.` }] } }
      return { status: 200, body: await executeGraphql({ world, credential, limits: it.limits }, body) }
    } finally {
      leave()
    }
  })
  answer.headers = { ...headers, ...answer.headers }
  if (fault !== undefined) return fail(it, fault, answer)
  send(it, answer)
}

async function gitExchange(it: Exchange): Promise<void> {
  const credential = identify(it)
  const fault = it.world.faults.take(it.record)
  if (fault !== undefined && fault.when !== 'after') return fail(it, fault, undefined)
  const answer = await serveGit(it.world, it.request, it.url, it.body, credential)
  if (fault !== undefined) return fail(it, fault, undefined)
  it.response.writeHead(answer.status, answer.headers).end(answer.body)
}
