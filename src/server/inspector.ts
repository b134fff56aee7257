// The inspector's files, read once at start and served from memory: no path of a request ever reaches the file system.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'

const folder = fileURLToPath(new URL('../../inspector/', import.meta.url))

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export interface Inspector {
  page(): { body: string; headers: Record<string, string> }
  files: ReadonlyMap<string, { body: Buffer; contentType: string; etag: string }>
}

/** Reads the page, its modules, and the modules of @xstate/store that it imports. */
export function readInspector(): Inspector {
  const files = new Map<string, { body: Buffer; contentType: string; etag: string }>()
  const add = (path: string, file: string) => {
    const body = readFileSync(file)
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
    files.set(path, { body, contentType: contentTypes[extname(file)]!, etag })
  }
  for (const name of readdirSync(folder)) {
    if (extname(name) in contentTypes) add(name === 'index.html' ? '/' : `/${name}`, join(folder, name))
  }
  for (const file of modulesOf(fileURLToPath(import.meta.resolve('@xstate/store')))) add(`/vendor/${basename(file)}`, file)

  const html = files.get('/')!.body.toString()
  const headers = { 'content-type': contentTypes['.html']!, 'content-security-policy': pagePolicy(html), 'cache-control': 'no-store' }
  return { files, page: () => ({ body: html, headers }) }
}

/** `GET /` and the files it loads. They hold nothing secret: the data behind them does, and asks for a session. */
export function addInspectorRoutes(server: FastifyInstance, inspector: Inspector): void {
  for (const [path, file] of inspector.files) {
    server.get(path, { config: { access: 'open' } }, (request, reply) => {
      if (path === '/') void reply.headers(inspector.page().headers)
      else void reply.header('cache-control', 'no-cache')
      void reply.header('etag', file.etag).type(file.contentType)
      return request.headers['if-none-match'] === file.etag ? reply.code(304).send() : reply.send(file.body)
    })
  }
}

/** Scripts and styles are files of this server; the one inline element is the import map, named by its digest. */
function pagePolicy(html: string): string {
  const maps = [...html.matchAll(/<script type="importmap">([\s\S]*?)<\/script>/g)].map(
    ([, map]) => `'sha256-${createHash('sha256').update(map!).digest('base64')}'`,
  )
  return [
    "default-src 'none'",
    `script-src 'self' ${maps.join(' ')}`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** A module and those it imports by a relative path. */
function modulesOf(entry: string, found = new Set<string>()): Set<string> {
  if (found.has(entry)) return found
  found.add(entry)
  for (const [, path] of readFileSync(entry, 'utf8').matchAll(/\b(?:import|from)\s*['"](\.\.?\/[^'"]+)['"]/g)) {
    modulesOf(join(dirname(entry), path!), found)
  }
  return found
}
