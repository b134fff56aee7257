// The table of REST operations: templates, what they ask of the caller, and what they answer with.

import type { Credential } from './auth.ts'
import type { RateLimits } from './rate-limit.ts'
import type { Account, PullRequest, Repository, World } from './state.ts'
import { Refusal } from './state.ts'
import type { OPERATIONS } from './published.ts'

export type Operation = (typeof OPERATIONS)[number]

/** One call as a handler sees it. */
export interface Call {
  world: World
  credential: Credential
  limits: RateLimits
  params: Record<string, string>
  query: URLSearchParams
  body: Record<string, unknown>
  /** The address that was asked for, for links to other pages. */
  url: URL
}

/** A call within a repository that the caller may see. */
export interface RepositoryCall extends Call {
  repository: Repository
  /** The acting account; throws 401 for the anonymous. */
  actor(): Account
  pull(): PullRequest
}

export interface Answer {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

interface Route {
  operation: Operation
  method: string
  pattern: RegExp
  names: string[]
  /** The permission that is needed in the repository, when the route is about one. */
  permission: string | undefined
  handle: (call: RepositoryCall) => Promise<Answer> | Answer
}

const table: Route[] = []

/** Adds an operation that is not about one repository. */
export function serve(operation: Operation, handle: (call: Call) => Promise<Answer> | Answer): void {
  add(operation, undefined, handle)
}

/** Adds an operation of a repository. */
export function serveIn(operation: Operation, permission: string, handle: (call: RepositoryCall) => Promise<Answer> | Answer): void {
  add(operation, permission, handle)
}

/** Parameters that may have slashes in them; GitHub accepts those plainly as well as escaped. */
const WIDE = new Set(['ref', 'branch', 'basehead'])

function add(operation: Operation, permission: string | undefined, handle: Route['handle']): void {
  const [method, template] = operation.split(' ') as [string, string]
  const names: string[] = []
  const source = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name)
    return WIDE.has(name) ? '(.+?)' : '([^/]+)'
  })
  table.push({ operation, method, pattern: new RegExp(`^${source}$`), names, permission, handle })
}

/** How much of a template is no parameter. */
const fixed = ({ operation }: Route): number => operation.replaceAll(/\{\w+\}/g, '').length

/** The operation that a method and path mean. Of several, the one with the longest template: it says most. */
export function findRoute(method: string, path: string): { route: Route; params: Record<string, string> } | undefined {
  let best: { route: Route; params: Record<string, string> } | undefined
  for (const route of table) {
    if (route.method !== method || (best !== undefined && fixed(best.route) >= fixed(route))) continue
    const match = route.pattern.exec(path)
    if (match === null) continue
    best = { route, params: Object.fromEntries(route.names.map((name, index) => [name, decodeURIComponent(match[index + 1]!)])) }
  }
  return best
}

/** Operations of the published list that nobody serves: a test keeps this empty. */
export const served = (): string[] => table.map((route) => route.operation)

export const ok = (body: unknown): Answer => ({ status: 200, body })
export const created = (body: unknown): Answer => ({ status: 201, body })
export const nothing = (): Answer => ({ status: 204 })
export const notFound = (): Refusal => new Refusal(404, 'Not Found')

/** One page of a list, with links to the others. `wrap` puts the page into the object that some lists come in. */
export async function page<T>(call: Call, items: T[], tell: (item: T) => unknown, wrap?: (page: unknown[]) => unknown): Promise<Answer> {
  const size = Math.min(100, Math.max(1, Number(call.query.get('per_page') ?? 30) || 30))
  const number = Math.max(1, Number(call.query.get('page') ?? 1) || 1)
  const last = Math.max(1, Math.ceil(items.length / size))
  const told = await Promise.all(items.slice((number - 1) * size, number * size).map(tell))
  const link = (to: number, rel: string) => {
    const url = new URL(call.url)
    url.searchParams.set('page', String(to))
    return `<${url.href}>; rel="${rel}"`
  }
  const links = [
    ...(number > 1 ? [link(number - 1, 'prev')] : []),
    ...(number < last ? [link(number + 1, 'next'), link(last, 'last')] : []),
    ...(number > 1 ? [link(1, 'first')] : []),
  ]
  return {
    status: 200,
    body: wrap === undefined ? told : wrap(told),
    ...(links.length === 0 ? {} : { headers: { Link: links.join(', ') } }),
  }
}

/** A text of the body that has to be there. */
export function text(call: Call, key: string, resource: string): string {
  const value = call.body[key]
  if (typeof value === 'string' && value !== '') return value
  throw new Refusal(422, 'Validation Failed', [{ resource, field: key, code: 'missing_field' }])
}

export const optionalText = (call: Call, key: string): string | undefined => {
  const value = call.body[key]
  return typeof value === 'string' ? value : undefined
}

export const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : []

export function timeOf(value: unknown): number | undefined {
  const at = typeof value === 'string' ? Date.parse(value) : NaN
  return Number.isNaN(at) ? undefined : at
}
