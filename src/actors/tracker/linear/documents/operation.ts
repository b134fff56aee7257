// What one call of Linear is: its GraphQL document, and what its answer has to look like.

import { z } from 'zod'

export interface Operation<T> {
  document: string
  answer: z.ZodType<T>
}

export const operation = <T>(document: string, answer: z.ZodType<T>): Operation<T> => ({ document, answer })

/** Epoch ms of a time as Linear writes it. */
export const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))

export const pageInfo = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() })

/** A page of a connection. */
export const page = <T extends z.ZodType>(node: T) => z.object({ nodes: z.array(node), pageInfo })

export interface Page<T> {
  nodes: T[]
  pageInfo: z.infer<typeof pageInfo>
}

/** Oldest first. Linear answers the newest first, which is all that is known of those with the same time. */
export const oldestFirst = <T extends { createdAt: number }>(nodes: readonly T[]): T[] =>
  nodes.toReversed().toSorted((one, other) => one.createdAt - other.createdAt)

export const user = z.object({ id: z.string(), name: z.string(), displayName: z.string().optional(), email: z.string().nullish() })

/** The answer to the question whether something is there. */
export const found = z.object({ found: z.object({ id: z.string() }) })

export const success = z.object({ success: z.literal(true) })
