// Refusals in the form that Linear gives them: a message, and what the SDK reads in the extensions.

import { GraphQLError } from 'graphql'

interface Refusal {
  type: string
  code: string
  statusCode: number
  presentable?: string
}

/** An error of one GraphQL call. Its HTTP status is that of its extensions. */
export function refusal(message: string, { type, code, statusCode, presentable }: Refusal): GraphQLError {
  return new GraphQLError(message, {
    extensions: {
      type,
      code,
      statusCode,
      userError: statusCode < 500,
      ...(presentable !== undefined && { userPresentableMessage: presentable }),
    },
  })
}

export const invalidInput = (message: string, presentable: string = message): GraphQLError =>
  refusal(message, { type: 'invalid input', code: 'INPUT_ERROR', statusCode: 400, presentable })

export const entityNotFound = (name: string): GraphQLError =>
  invalidInput(`Entity not found: ${name}`, `Could not find referenced ${name}.`)

/**
 * A second insert under the same id. Linear documents that a client may choose the id and not how it refuses the second;
 * no public source shows the exact words, so a client must not depend on them: it sees `INPUT_ERROR` and reads the id.
 */
export const conflictOnInsert = (name: string, id: string): GraphQLError =>
  invalidInput(`Conflict on insert of ${name}: ${id} already exists.`, `${name} with id ${id} already exists.`)

export const forbidden = (message: string): GraphQLError =>
  refusal(message, { type: 'forbidden', code: 'FORBIDDEN', statusCode: 403, presentable: message })

export const notAuthenticated = (): GraphQLError =>
  refusal('Authentication required, not authenticated', {
    type: 'authentication error',
    code: 'AUTHENTICATION_ERROR',
    statusCode: 401,
    presentable: 'You need to authenticate to access this operation.',
  })

export const rateLimited = (what: string): GraphQLError =>
  refusal(`Rate limit exceeded. ${what}`, {
    type: 'ratelimited',
    code: 'RATELIMITED',
    statusCode: 400,
    presentable: `Rate limit exceeded. ${what}`,
  })

export const tooComplex = (complexity: number, limit: number): GraphQLError =>
  refusal(`Query too complex`, {
    type: 'invalid input',
    code: 'INPUT_ERROR',
    statusCode: 400,
    presentable: `The query has a complexity of ${complexity}, and ${limit} is the most that is allowed.`,
  })

/** The twin is asked for something that it does not have; the fault is the twin's, and a test has to hear of it. */
export const notModelled = (what: string): GraphQLError =>
  refusal(`The Linear twin does not know ${what}.`, {
    type: 'internal error',
    code: 'INTERNAL_SERVER_ERROR',
    statusCode: 500,
  })
