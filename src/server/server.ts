// The HTTP server: puts the subjects together on Fastify, sets the limits that hold for all, and starts and stops it.

import { isIP } from 'node:net'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyBaseLogger, type FastifyContextConfig, type FastifyInstance, type HTTPMethods, LogController } from 'fastify'
import type { App } from '../app.ts'
import { ConfigurationError } from '../errors.ts'
import { addActorRoutes } from './actors.ts'
import { addAuthentication, addSessionRoutes, type Authentication } from './authentication.ts'
import { addConnectionRoutes } from './connections.ts'
import { addControlRoutes } from './control.ts'
import { pathOf, RequestError, sendError } from './errors.ts'
import { addHealthRoutes } from './health.ts'
import { addInspectorRoutes, readInspector } from './inspector.ts'
import { addIssueRoutes } from './issues.ts'
import { addLiveRoute, type LiveLimits, liveLimits } from './live.ts'
import { addMachineRoutes } from './machines.ts'
import { createOrigins, isWildcard } from './origins.ts'
import { createSessions } from './sessions.ts'
import { addJsonParser } from './validation.ts'
import { createDoorkeeper } from './webhooks/doorkeeper.ts'
import { addWebhookRoutes, type WebhookSecrets } from './webhooks/routes.ts'

export interface ServerOptions {
  host: string
  /** 0 takes a free one. */
  port: number
  publicUrl: string | null
  operatorToken: string
  /** Names this run of the server to clients that must not meet another one; by default nobody is refused for it. */
  instance?: string
  metrics: 'open' | 'token'
  /** By default no provider's webhooks are taken. */
  webhooks?: WebhookSecrets
  version: string
  logger?: FastifyBaseLogger
  limits?: Partial<ServerLimits>
  /** Epoch ms; for the life of sessions and links, and for what is told of webhooks. */
  now?: () => number
}

/** Milliseconds and bytes. */
export interface ServerLimits {
  body: number
  /** A request's headers, and all of it, must have arrived by then. */
  headersTimeout: number
  requestTimeout: number
  /** A connection on which nothing moves. */
  connectionTimeout: number
  keepAliveTimeout: number
  connections: number
  /** From `close()` until what is still open is cut off. */
  closeTimeout: number
  live: Partial<LiveLimits>
}

export interface Server {
  /** `http://ADDRESS:PORT`, without a slash at the end. */
  readonly url: string
  readonly port: number
  /** Takes no new request, lets the running ones end, and resolves within a few seconds in any case. */
  close(): Promise<void>
}

const serverLimits: ServerLimits = {
  body: 1_048_576,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionTimeout: 60_000,
  keepAliveTimeout: 10_000,
  connections: 1_000,
  closeTimeout: 3_000,
  live: {},
}

/** Resolves when it listens. Throws ConfigurationError `port-in-use`, `address-not-available`, `port-not-permitted`, `public-url-invalid`, `operator-token-missing`. */
export async function createServer(app: App, options: ServerOptions): Promise<Server> {
  if (options.operatorToken === '') {
    throw new ConfigurationError('operator-token-missing', 'server.operatorToken is empty: run "signalbox init", which creates one.')
  }
  const limits = { ...serverLimits, ...options.limits }
  const server = createFastify(limits, options.logger)
  let port = options.port
  const authentication: Authentication = {
    token: options.operatorToken,
    instance: options.instance,
    origins: createOrigins({ host: options.host, port: () => port, publicUrl: options.publicUrl }),
    sessions: createSessions(options.now ?? Date.now),
    port: () => port,
    secure: options.publicUrl?.startsWith('https:') ?? false,
  }
  const inspector = readInspector()
  const url = () => `http://${reachable(options.host)}:${port}`

  await server.register(websocket, { options: { maxPayload: 65_536, perMessageDeflate: false, autoPong: false } })
  const stop = addGoingAway(server)
  addHeaders(server)
  addAuthentication(server, authentication)
  addJsonParser(server)
  const addMethodAnswers = collectMethods(server)
  const pageUrl = () => (options.publicUrl ?? url()).replace(/\/+$/, '')
  addSessionRoutes(server, authentication, { url: pageUrl, html: inspector.page })
  const doorkeeper = createDoorkeeper({ log: server.log, now: options.now ?? Date.now })
  addHealthRoutes(server, app, { ...options, doorkeeper })
  addIssueRoutes(server, app)
  addControlRoutes(server, app)
  addMachineRoutes(server, app)
  addActorRoutes(server, app)
  addConnectionRoutes(server, app)
  await addWebhookRoutes(server, app, doorkeeper, options.webhooks ?? {})
  addInspectorRoutes(server, inspector)
  const live = addLiveRoute(server, app, { sessions: authentication.sessions, limits: { ...liveLimits, ...limits.live } })
  addMethodAnswers()

  await listen(server, options)
  const address = server.server.address()
  if (typeof address === 'object' && address !== null) port = address.port

  let closed: Promise<void> | undefined
  return {
    url: url(),
    get port() {
      return port
    },
    close: () => (closed ??= closeWithin(limits.closeTimeout, server, live.close, stop)),
  }
}

function createFastify(limits: ServerLimits, logger: FastifyBaseLogger | undefined): FastifyInstance {
  const server: FastifyInstance = Fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    // A request's address may hold a one-time link.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.body,
    requestTimeout: limits.requestTimeout,
    connectionTimeout: limits.connectionTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 500 },
    http: {
      headersTimeout: limits.headersTimeout,
      connectionsCheckingInterval: Math.min(2_000, limits.headersTimeout),
      maxHeaderSize: 16_384,
      // Other protocols, and other paths, are plain requests: an Upgrade header may be ignored.
      shouldUpgradeCallback: (request) => /^websocket$/i.test(request.headers.upgrade ?? '') && /^\/live(\?|$)/.test(request.url ?? ''),
    },
    frameworkErrors: (error, request, reply) => {
      void reply.headers(commonHeaders)
      sendError(error, request, reply)
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return void socket.destroy(error)
      const [status, code, message] = connectionErrors[error.code] ?? ['400 Bad Request', 'bad-request', 'This is not HTTP.']
      const body = JSON.stringify({ error: { code, message } })
      const headers = `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`
      socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`, () => socket.destroy())
    },
  })
  server.server.maxConnections = limits.connections
  server.setErrorHandler(sendError)
  server.setNotFoundHandler((request) => {
    throw new RequestError(404, 'not-found', `There is no ${request.method} ${pathOf(request)} here.`)
  })
  return server
}

const connectionErrors: Record<string, [status: string, code: string, message: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'request-timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'headers-too-large', 'The headers are larger than 16 KiB.'],
}

const commonHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

function addHeaders(server: FastifyInstance): void {
  server.addHook('onRequest', async (_request, reply) => {
    void reply.headers(commonHeaders)
  })
}

/** After `stop()`, requests on connections that are still open are answered with 503. */
function addGoingAway(server: FastifyInstance): () => void {
  let stopping = false
  server.addHook('onRequest', async () => {
    if (!stopping) return
    throw new RequestError(503, 'stopping', 'The server is stopping; try again.', { headers: { 'retry-after': '1', connection: 'close' } })
  })
  return () => void (stopping = true)
}

const methods: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Watches which methods each path has, and then answers the others with 405 and `Allow`. */
function collectMethods(server: FastifyInstance): () => void {
  const known = new Map<string, { allowed: Set<string>; config: FastifyContextConfig }>()
  server.addHook('onRoute', ({ url, method, config }) => {
    const path = known.get(url) ?? { allowed: new Set(), config: { ...config } }
    for (const one of [method].flat()) path.allowed.add(one)
    known.set(url, path)
  })
  return () => {
    for (const [url, { allowed, config }] of known) {
      const others = methods.filter((method) => !allowed.has(method))
      const allow = [...allowed].join(', ')
      server.route({
        method: others,
        url,
        config,
        // Before the body is read; the guard of the path has already spoken.
        onRequest: async (request) => {
          throw new RequestError(405, 'method-not-allowed', `${request.method} is not for ${pathOf(request)}; use ${allow}.`, {
            headers: { allow },
          })
        },
        handler: () => undefined,
      })
    }
  }
}

async function listen(server: FastifyInstance, { host, port }: ServerOptions): Promise<void> {
  try {
    await server.listen({ host: host === '' ? '::' : host, port })
  } catch (cause) {
    await server.close()
    const refusal = refusals[(cause as NodeJS.ErrnoException).code ?? '']
    if (refusal === undefined) throw cause
    throw new ConfigurationError(refusal.code, refusal.message(host, port), { cause })
  }
}

const refusals: Record<string, { code: string; message: (host: string, port: number) => string }> = {
  EADDRINUSE: {
    code: 'port-in-use',
    message: (host, port) =>
      `Port ${port} of ${host} is in use by another program. Stop it, or set server.port to another port (0 takes a free one).`,
  },
  EACCES: {
    code: 'port-not-permitted',
    message: (host, port) => `This user may not listen on port ${port} of ${host}. Set server.port to 1024 or higher.`,
  },
  EADDRNOTAVAIL: {
    code: 'address-not-available',
    message: (host) => `This machine has no address "${host}". Set server.host to one of its own, such as 127.0.0.1.`,
  },
  ENOTFOUND: {
    code: 'address-not-available',
    message: (host) => `The host name "${host}" has no address. Set server.host to an address of this machine, such as 127.0.0.1.`,
  },
}

async function closeWithin(ms: number, server: FastifyInstance, closeLive: () => Promise<void>, stop: () => void): Promise<void> {
  stop()
  const cut = setTimeout(() => server.server.closeAllConnections(), ms)
  await closeLive()
  await server.close()
  clearTimeout(cut)
}

function reachable(host: string): string {
  if (isWildcard(host)) return '127.0.0.1'
  return isIP(host) === 6 ? `[${host}]` : host
}
