// What is asked of a workspace: who we are in it, and what of it we may see.

import { z } from 'zod'
import { operation, page, user } from './operation.ts'

const team = z.object({ id: z.string(), key: z.string(), name: z.string() })
export type Team = z.infer<typeof team>

export const getIdentity = operation(
  `query SignalboxIdentity { viewer { id name displayName email app } organization { id name urlKey } }`,
  z.object({
    viewer: user.extend({ app: z.boolean() }),
    organization: z.object({ id: z.string(), name: z.string(), urlKey: z.string() }),
  }),
)

export const listTeams = operation(
  `query SignalboxTeams($after: String) {
    teams(first: 100, after: $after) { nodes { id key name } pageInfo { hasNextPage endCursor } }
  }`,
  z.object({ teams: page(team) }),
)

export const listProjects = operation(
  `query SignalboxProjects($after: String) {
    projects(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
  }`,
  z.object({ projects: page(z.object({ id: z.string(), name: z.string() })) }),
)

export const listLabels = operation(
  `query SignalboxLabels($after: String) {
    issueLabels(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
  }`,
  z.object({ issueLabels: page(z.object({ id: z.string(), name: z.string() })) }),
)

export const listWebhooks = operation(
  `query SignalboxWebhooks($after: String) {
    webhooks(first: 50, after: $after) { nodes { id url enabled resourceTypes } pageInfo { hasNextPage endCursor } }
  }`,
  z.object({
    webhooks: page(z.object({ id: z.string(), url: z.string().nullish(), enabled: z.boolean(), resourceTypes: z.array(z.string()) })),
  }),
)
