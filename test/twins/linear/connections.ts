// Pages of a list in Linear's manner: newest first, fifty unless told, at most two hundred and fifty, with ids as cursors.

import { invalidInput } from './errors.ts'
import type { AnyRecord } from './records.ts'

export interface PageArguments {
  first?: number | null
  last?: number | null
  after?: string | null
  before?: string | null
  orderBy?: 'createdAt' | 'updatedAt' | null
  includeArchived?: boolean | null
}

export interface Connection {
  nodes: AnyRecord[]
  edges: { node: AnyRecord; cursor: string }[]
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null }
}

const largestPage = 250

export function toConnection(records: AnyRecord[], page: PageArguments): Connection {
  for (const size of [page.first, page.last]) {
    if (typeof size === 'number' && (size < 1 || size > largestPage)) {
      throw invalidInput('Argument Validation Error', `first and last must be between 1 and ${largestPage}.`)
    }
  }
  const order = page.orderBy ?? 'createdAt'
  const shown = page.includeArchived ? records : records.filter((record) => record.archivedAt === null)
  // What was made in the same millisecond stays in the order of its making, which a stable sort of the reverse keeps.
  const sorted = [...shown].reverse().sort((a, b) => (a[order] < b[order] ? 1 : a[order] > b[order] ? -1 : 0))
  const from = page.after ? place(sorted, page.after) + 1 : 0
  const to = page.before ? place(sorted, page.before) : sorted.length
  const range = sorted.slice(from, to)
  const size = page.first ?? page.last ?? 50
  const backwards = page.last !== undefined && page.last !== null && !page.first
  const nodes = backwards ? range.slice(-size) : range.slice(0, size)
  const cut = range.length > nodes.length
  return {
    nodes,
    edges: nodes.map((node) => ({ node, cursor: node.id })),
    pageInfo: {
      hasNextPage: backwards ? to < sorted.length : cut || to < sorted.length,
      hasPreviousPage: backwards ? cut || from > 0 : from > 0,
      startCursor: nodes[0]?.id ?? null,
      endCursor: nodes.at(-1)?.id ?? null,
    },
  }
}

function place(records: AnyRecord[], cursor: string): number {
  const at = records.findIndex((record) => record.id === cursor)
  if (at < 0) throw invalidInput('Invalid cursor', 'The cursor is of nothing that is listed.')
  return at
}
