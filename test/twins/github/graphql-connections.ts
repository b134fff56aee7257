// Lists in GraphQL: pages by cursor, with what GitHub asks of `first` and `last`.

import { GraphQLError } from 'graphql'

export interface PageArgs {
  first?: number | null
  last?: number | null
  after?: string | null
  before?: string | null
}

const cursorOf = (index: number) => Buffer.from(`cursor:v2:${index}`).toString('base64')

function indexOf(cursor: string): number {
  const match = /^cursor:v2:(\d+)$/.exec(Buffer.from(cursor, 'base64').toString())
  if (match === null)
    throw new GraphQLError(`\`${cursor}\` does not appear to be a valid cursor.`, { extensions: { type: 'INVALID_CURSOR_ARGUMENTS' } })
  return Number(match[1])
}

/** The page of `items` that the arguments mean; only what is on it is told. */
export function connection<T>(name: string, items: readonly T[], args: PageArgs, tell: (item: T) => unknown) {
  const { first, last, after, before } = args
  const size = first ?? last
  if (size === undefined || size === null) {
    throw new GraphQLError(`You must provide a \`first\` or \`last\` value to properly paginate the \`${name}\` connection.`, {
      extensions: { type: 'MISSING_PAGINATION_BOUNDARIES' },
    })
  }
  if (size < 1 || size > 100) {
    throw new GraphQLError(
      `Requesting ${size} records on the \`${name}\` connection exceeds the \`${first == null ? 'last' : 'first'}\` limit of 100 records.`,
      { extensions: { type: 'EXCESSIVE_PAGINATION' } },
    )
  }
  let start = after == null ? 0 : indexOf(after) + 1
  let end = before == null ? items.length : Math.min(items.length, indexOf(before))
  if (first == null) start = Math.max(start, end - size)
  else end = Math.min(end, start + size)
  return {
    totalCount: items.length,
    nodes: () => items.slice(start, end).map(tell),
    pageInfo: {
      hasNextPage: end < items.length,
      hasPreviousPage: start > 0,
      startCursor: start < end ? cursorOf(start) : null,
      endCursor: start < end ? cursorOf(end - 1) : null,
    },
  }
}
