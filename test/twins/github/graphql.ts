// GraphQL: the pruned published schema executed by graphql-js, with errors in GitHub's form.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GraphQLError, buildSchema, execute, parse, validate } from 'graphql'
import type { DocumentNode, GraphQLFieldResolver, GraphQLSchema } from 'graphql'
import { canSee, demand } from './auth.ts'
import type { Credential } from './auth.ts'
import { mutations } from './graphql-mutations.ts'
import { accountNode, pullNode, repositoryNode } from './graphql-nodes.ts'
import { commentNode, reviewNode, threadNode } from './graphql-reviews.ts'
import { checkNode } from './graphql-checks.ts'
import type { RateLimits } from './rate-limit.ts'
import { findRepository } from './repositories.ts'
import type { Repository, World } from './state.ts'
import { Refusal } from './state.ts'

export interface GraphqlContext {
  world: World
  credential: Extract<Credential, { kind: 'installation' | 'user' }>
  limits: RateLimits
}

let schema: GraphQLSchema | undefined
const documents = new Map<string, DocumentNode | GraphQLError[]>()

const failure = (type: string, message: string) => new GraphQLError(message, { extensions: { type } })

function prepare(query: string): DocumentNode | GraphQLError[] {
  schema ??= buildSchema(readFileSync(join(import.meta.dirname, 'schema.graphql'), 'utf8'))
  const known = documents.get(query)
  if (known !== undefined) return known
  const document = parsed(query)
  const errors = Array.isArray(document) ? document : validate(schema, document)
  const prepared = errors.length > 0 ? [...errors] : (document as DocumentNode)
  documents.set(query, prepared)
  return prepared
}

function parsed(query: string): DocumentNode | GraphQLError[] {
  try {
    return parse(query)
  } catch (error) {
    if (error instanceof GraphQLError) return [error]
    throw error
  }
}

/** Answers a GraphQL call; what goes wrong is in `errors`, as with GitHub, and the status is 200. */
export async function executeGraphql(context: GraphqlContext, body: Record<string, unknown>): Promise<Record<string, unknown>> {
  if (typeof body['query'] !== 'string') throw new Refusal(400, 'A query attribute must be specified and must be a string.')
  const prepared = prepare(body['query'])
  if (Array.isArray(prepared)) return { errors: prepared.map(told) }
  const result = await execute({
    schema: schema!,
    document: prepared,
    rootValue: { ...queries(context), ...mutations(context) },
    fieldResolver: resolveField,
    variableValues: (body['variables'] ?? {}) as Record<string, unknown>,
    ...(typeof body['operationName'] === 'string' ? { operationName: body['operationName'] } : {}),
  })
  for (const error of result.errors ?? []) {
    // What is neither a refusal nor a misuse is a fault of the twin.
    const cause = error.originalError
    if (cause !== undefined && !(cause instanceof Refusal) && !(cause instanceof GraphQLError))
      context.world.problems.push(`GraphQL: ${cause.stack}`)
  }
  return {
    ...(result.data === undefined ? {} : { data: result.data }),
    ...(result.errors === undefined ? {} : { errors: result.errors.map(told) }),
  }
}

/** A field is a value or a function of its arguments. One that the schema keeps and nobody tells is a fault of the twin, not a null. */
const resolveField: GraphQLFieldResolver<unknown, unknown> = (source, args, _context, info) => {
  const value = (source as Record<string, unknown>)[info.fieldName]
  if (value === undefined) throw new Error(`The schema keeps ${info.parentType.name}.${info.fieldName}, and the twin does not tell it.`)
  return typeof value === 'function' ? (value as (args: unknown) => unknown)(args) : value
}

function told(error: GraphQLError): Record<string, unknown> {
  const cause = error.originalError
  const type = error.extensions['type'] ?? (cause instanceof Refusal ? typeOf(cause.status) : undefined)
  return {
    ...(type === undefined ? {} : { type }),
    ...(error.path === undefined ? {} : { path: error.path }),
    ...(error.locations === undefined ? {} : { locations: error.locations }),
    message: error.message,
  }
}

const typeOf = (status: number): string => ({ 403: 'FORBIDDEN', 404: 'NOT_FOUND' })[status] ?? 'UNPROCESSABLE'

function queries(context: GraphqlContext) {
  const { world, credential, limits } = context
  return {
    repository(args: { owner: string; name: string }) {
      const found = findRepository(world, args.owner, args.name)
      if (found === undefined || !canSee(credential, found.repository))
        throw failure('NOT_FOUND', `Could not resolve to a Repository with the name '${args.owner}/${args.name}'.`)
      demand(credential, found.repository, 'metadata:read')
      return repositoryNode(context, found.repository)
    },
    node(args: { id: string }) {
      return nodeById(context, args.id)
    },
    viewer: () => accountNode(world, credential.account),
    rateLimit() {
      const { used, resetAt } = limits.window(credential.key, 'graphql')
      const limit = limits.limits.graphql
      return { cost: 1, limit, used, remaining: Math.max(0, limit - used), resetAt: new Date(resetAt).toISOString(), nodeCount: 1 }
    },
  }
}

function nodeById(context: GraphqlContext, id: string) {
  const { world, credential } = context
  const node = world.nodes.get(id)
  const missing = () => failure('NOT_FOUND', `Could not resolve to a node with the global id of '${id}'`)
  if (node === undefined) throw missing()
  const see = <T>(repository: Repository, tell: () => T): T => {
    if (!canSee(credential, repository)) throw missing()
    return tell()
  }
  switch (node.kind) {
    case 'PullRequest':
      return see(node.value.repository, () => pullNode(context, node.value))
    case 'Repository':
      return see(node.value, () => repositoryNode(context, node.value))
    case 'PullRequestReviewThread':
      return see(node.value.pull.repository, () => threadNode(context, node.value))
    case 'PullRequestReview':
      return see(node.value.pull.repository, () => reviewNode(context, node.value))
    case 'IssueComment':
      return see(node.value.repository, () => commentNode(context, node.value))
    case 'CheckRun':
      return see(node.value.repository, () => checkNode(context, node.value))
  }
}
