// One GraphQL call from its text to its answer: who asks, what it costs, whether Linear would refuse it, and what it does.

import {
  execute,
  getOperationAST,
  GraphQLError,
  Kind,
  parse,
  validate,
  type DocumentNode,
  type ExecutionResult,
  type OperationDefinitionNode,
} from 'graphql'
import { complexityOf, maximumComplexity } from './complexity.ts'
import { notAuthenticated, rateLimited, refusal, tooComplex } from './errors.ts'
import type { Viewer } from './fields.ts'
import type { Bucket } from './limits.ts'
import { resolveField } from './resolve.ts'
import { linearSchema } from './schema.ts'

export interface Call {
  query: string
  operationName?: string | null
  variables?: Record<string, unknown> | null
}

/** What is known of a call before anything is done. */
export interface Prepared {
  document: DocumentNode | undefined
  operation: OperationDefinitionNode | undefined
  fields: string[]
  errors: readonly GraphQLError[]
  complexity: number
}

export interface Buckets {
  requests: Bucket
  complexity: Bucket
}

export interface Answer {
  status: number
  body: { data?: unknown; errors?: unknown[] }
}

interface Parsed {
  document: DocumentNode | undefined
  errors: readonly GraphQLError[]
}

// Clients send the same few texts over and over.
const parsed = new Map<string, Parsed>()

function parseQuery(query: string): Parsed {
  let found = parsed.get(query)
  if (!found) {
    try {
      const document = parse(query)
      found = { document, errors: validate(linearSchema(), document) }
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error
      found = { document: undefined, errors: [error] }
    }
    parsed.set(query, found)
  }
  return found
}

export function prepare({ query, operationName, variables }: Call): Prepared {
  const { document, errors } = parseQuery(query)
  const operation = (document && getOperationAST(document, operationName)) ?? undefined
  const fields = operation
    ? operation.selectionSet.selections.flatMap((selection) => (selection.kind === Kind.FIELD ? selection.name.value : []))
    : []
  const valid = document && operation && errors.length === 0
  return {
    document,
    operation,
    fields,
    errors,
    complexity: valid ? complexityOf(linearSchema(), document, operation, variables ?? {}) : 0,
  }
}

export async function answer(
  call: Call,
  prepared: Prepared,
  viewer: Viewer | undefined,
  buckets: Buckets | undefined,
  report: (problem: string) => void,
): Promise<Answer> {
  if (!viewer || !buckets) return refused([notAuthenticated()])
  if (!buckets.requests.take(1)) return refused([rateLimited(`Only ${buckets.requests.state().limit} requests are allowed per 1 hour.`)])
  const { document, operation, errors, complexity } = prepared
  if (!document || errors.length > 0) return refused(errors.map((error) => asQueryError(error, 'GRAPHQL_VALIDATION_FAILED')))
  if (!operation) return refused([asQueryError(new GraphQLError('Must provide an operation.'), 'GRAPHQL_VALIDATION_FAILED')])
  if (complexity > maximumComplexity) return refused([tooComplex(complexity, maximumComplexity)])
  if (!buckets.complexity.take(complexity)) {
    return refused([rateLimited(`Only ${buckets.complexity.state().limit} points of complexity are allowed per 1 hour.`)])
  }
  const result: ExecutionResult = await execute({
    schema: linearSchema(),
    document,
    operationName: call.operationName ?? null,
    variableValues: call.variables ?? {},
    contextValue: viewer,
    fieldResolver: resolveField as never,
    typeResolver: (value) => (value as { __typename?: string }).__typename,
  })
  if (!result.errors) return { status: 200, body: { data: result.data } }
  const answered = result.errors.map((error) => {
    if (error.extensions['code'] !== undefined) {
      if (error.extensions['statusCode'] === 500) report(error.message)
      return error
    }
    // What has no place in the answer has failed before anything was done: a variable does not fit.
    if (!error.path) return asQueryError(error, 'BAD_USER_INPUT')
    report(`${error.path?.join('.')}: ${error.originalError?.stack ?? error.message}`)
    return failed(error)
  })
  return { ...refused(answered), body: { data: result.data ?? null, errors: answered } }
}

function refused(errors: readonly GraphQLError[]): Answer {
  return { status: Number(errors[0]!.extensions['statusCode'] ?? 400), body: { errors: [...errors] } }
}

/** A fault in the query itself, as the server in front of Linear's resolvers says it. */
function asQueryError(error: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    extensions: { type: 'graphql error', code, statusCode: 400, userError: true, userPresentableMessage: error.message },
  })
}

/** An error inside the twin keeps its place in the query and loses its story, as at Linear. */
function failed(error: GraphQLError): GraphQLError {
  const { message, extensions } = refusal('Internal server error', {
    type: 'internal error',
    code: 'INTERNAL_SERVER_ERROR',
    statusCode: 500,
  })
  return new GraphQLError(message, { nodes: error.nodes, path: error.path, extensions })
}
