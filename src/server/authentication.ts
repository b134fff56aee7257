// Who may ask: the operator's token or a session, on every route that is not declared open, on loopback too.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { pathOf, RequestError } from './errors.ts'
import type { Origins } from './origins.ts'
import type { Sessions } from './sessions.ts'
import { readBody, readQuery } from './validation.ts'

export type Credential = { kind: 'token' } | { kind: 'session'; id: string }

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Without it a route needs the token or a session. `open`: nothing but the right Host and Origin. `token`: a session is not enough. */
    access?: 'open' | 'token'
  }
  interface FastifyRequest {
    credential: Credential | null
  }
}

export interface Authentication {
  token: string
  /** What a request's `signalbox-instance` must be when it has one; undefined takes any. */
  instance: string | undefined
  origins: Origins
  sessions: Sessions
  /** Called at request time: the cookie's name holds the port, because browsers share cookies between ports. */
  port: () => number
  /** Whether the page is reached over https: the cookie is then never sent over http. */
  secure: boolean
}

/** Must be added before any route: it guards all of them, unknown paths included. */
export function addAuthentication(server: FastifyInstance, authentication: Authentication): void {
  const { origins, sessions, instance } = authentication
  const isToken = createTokenCheck(authentication.token)

  server.decorateRequest('credential', null)
  server.addHook('onRequest', async (request) => {
    assertHost(request, origins)
    request.credential = findCredential(request)
    const access = request.routeOptions.config.access
    if (access === 'open' || (request.is404 && !isProtectedPath(pathOf(request)))) return
    if (request.credential === null) throw unauthorized('Give the operator token as "Authorization: Bearer TOKEN", or sign in at /.')
    if (access === 'token' && request.credential.kind !== 'token') {
      throw new RequestError(
        403,
        'token-required',
        'A session is not enough here: give the operator token as "Authorization: Bearer TOKEN".',
      )
    }
    const meant = request.headers['signalbox-instance']
    if (meant !== undefined && instance !== undefined && meant !== instance) {
      throw new RequestError(421, 'other-instance', 'This request is meant for a server with another data folder.')
    }
    if (isFromAnotherSite(request)) {
      throw new RequestError(403, 'origin-not-allowed', 'A page of another site asked for this; only the inspector of this server may.')
    }
  })

  function findCredential(request: FastifyRequest): Credential | null {
    const header = request.headers.authorization
    if (header !== undefined) {
      const bearer = /^Bearer +(\S+)$/i.exec(header)
      return bearer && isToken(bearer[1]!) ? { kind: 'token' } : null
    }
    const id = cookieOf(request, cookieName(authentication))
    return id !== undefined && sessions.isOpen(id) ? { kind: 'session', id } : null
  }
}

/** `POST /session`, `POST /session/end`, `POST /api/session-links` and the link itself. `url` is the page's address. */
export function addSessionRoutes(
  server: FastifyInstance,
  authentication: Authentication,
  page: { url: () => string; html: () => { body: string; headers: Record<string, string> } },
): void {
  const { sessions } = authentication
  const isToken = createTokenCheck(authentication.token)

  server.post('/session', { config: { access: 'open' } }, (request, reply) => {
    const { token } = readBody(z.strictObject({ token: z.string() }), request)
    if (!isToken(token)) throw unauthorized('This is not the operator token of this server.')
    const session = sessions.open()
    return reply.header('set-cookie', cookie(session.id, session.expiresAt)).send({ expiresAt: toIso(session.expiresAt) })
  })

  server.post('/session/end', (request, reply) => {
    if (request.credential?.kind === 'session') sessions.end(request.credential.id)
    return reply.header('set-cookie', cookie('', 0)).code(204).send()
  })

  server.post('/api/session-links', { config: { access: 'token' } }, (request) => {
    readBody(z.strictObject({}), request, { optional: true })
    const link = sessions.createLink()
    return { url: `${page.url()}/session?link=${link.secret}`, expiresAt: toIso(link.expiresAt) }
  })

  // Not on HEAD: a link preview must not use the link up.
  server.get('/session', { config: { access: 'open' }, exposeHeadRoute: false }, (request, reply) => {
    const { link } = readQuery(z.strictObject({ link: z.string() }), request)
    const session = sessions.redeem(link)
    if (session) return reply.header('set-cookie', cookie(session.id, session.expiresAt)).redirect('./', 303)
    const refusal = unauthorized('This link was used or is too old. Run "signalbox inspect" for a new one.', 'link-used')
    if (!request.headers.accept?.includes('text/html')) throw refusal
    const { body, headers } = page.html()
    return reply.code(401).headers(headers).send(body)
  })

  function cookie(id: string, expiresAt: number): string {
    const seconds = expiresAt === 0 ? 0 : Math.floor((expiresAt - Date.now()) / 1_000)
    const secure = authentication.secure ? '; Secure' : ''
    return `${cookieName(authentication)}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`
  }
}

function createTokenCheck(token: string): (offered: string) => boolean {
  const expected = sha256(token)
  return (offered) => timingSafeEqual(sha256(offered), expected)
}

function assertHost(request: FastifyRequest, origins: Origins): void {
  const { host, origin } = request.headers
  const { localAddress } = request.raw.socket
  if (!origins.acceptsHost(host, localAddress)) {
    throw new RequestError(
      403,
      'host-not-allowed',
      `This server is not "${host ?? ''}": use the address it is bound to, or set server.publicUrl.`,
    )
  }
  if (origin !== undefined && !origins.acceptsOrigin(origin, localAddress)) {
    throw new RequestError(
      403,
      'origin-not-allowed',
      `Pages of "${origin}" may not use this server; server.publicUrl names the one that may.`,
    )
  }
}

/** Browsers send no Origin with a plain GET, but they say where it comes from. */
function isFromAnotherSite(request: FastifyRequest): boolean {
  const site = request.headers['sec-fetch-site']
  return request.credential?.kind === 'session' && site !== undefined && site !== 'same-origin' && site !== 'none'
}

/** Whether an unknown path must not even say that it is unknown. */
function isProtectedPath(path: string): boolean {
  return /^\/(api|live)(\/|$)/i.test(path)
}

function unauthorized(message: string, code = 'unauthorized'): RequestError {
  return new RequestError(401, code, message, { headers: { 'www-authenticate': 'Bearer' } })
}

function cookieName(authentication: Authentication): string {
  return `signalbox_session_${authentication.port()}`
}

function cookieOf(request: FastifyRequest, name: string): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = part.trim().split('=', 2)
    if (key === name) return value
  }
  return undefined
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function toIso(ms: number): string {
  return new Date(ms).toISOString()
}
