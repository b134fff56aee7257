// What is asked of agent sessions, and what is said in them.

import { z } from 'zod'
import { found, operation, page, success, time, user } from './operation.ts'

export const makeActivity = {
  create: operation(
    `mutation SignalboxActivityCreate($input: AgentActivityCreateInput!) {
      agentActivityCreate(input: $input) { success }
    }`,
    z.object({ agentActivityCreate: success }),
  ),
  find: operation(`query SignalboxActivityIsThere($id: String!) { found: agentActivity(id: $id) { id } }`, found),
}

export const updateSession = operation(
  `mutation SignalboxSessionUpdate($id: String!, $input: AgentSessionUpdateInput!) {
    agentSessionUpdate(id: $id, input: $input) { success }
  }`,
  z.object({ agentSessionUpdate: success }),
)

const session = z.object({
  id: z.string(),
  status: z.string(),
  createdAt: time,
  updatedAt: time,
  appUser: z.object({ id: z.string() }),
  creator: user.nullish(),
  issue: z.object({ id: z.string(), state: z.object({ type: z.string() }) }).nullish(),
  sourceComment: z.object({ id: z.string(), body: z.string() }).nullish(),
  comment: z.object({ id: z.string(), body: z.string() }).nullish(),
})
export type ListedSession = z.infer<typeof session>

/** The newest first. */
export const listSessions = operation(
  `query SignalboxSessions($after: String) {
    agentSessions(first: 50, after: $after, orderBy: updatedAt) {
      nodes {
        id status createdAt updatedAt appUser { id } creator { id name displayName email } issue { id state { type } }
        sourceComment { id body } comment { id body }
      }
      pageInfo { hasNextPage endCursor }
    }
  }`,
  z.object({ agentSessions: page(session) }),
)

const newSession = session
  .pick({ id: true, status: true, createdAt: true, appUser: true, creator: true })
  .extend({ issue: z.object({ id: z.string() }).nullish() })
export type ListedNewSession = z.infer<typeof newSession>

/** Those that may have to be greeted: the ones that were opened last come first. */
export const listNewSessions = operation(
  `query SignalboxNewSessions($first: Int!, $after: String) {
    agentSessions(first: $first, after: $after, orderBy: createdAt) {
      nodes { id status createdAt appUser { id } creator { id name displayName email } issue { id } }
      pageInfo { hasNextPage endCursor }
    }
  }`,
  z.object({ agentSessions: page(newSession) }),
)

/** All of one issue's. */
export const listSessionsOfIssue = operation(
  `query SignalboxSessionsOfIssue($id: String!, $after: String) {
    issue(id: $id) {
      sessions: agentSessions(first: 50, after: $after) {
        nodes { id status createdAt appUser { id } creator { id name displayName email } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }`,
  z.object({
    issue: z.object({ sessions: page(session.pick({ id: true, status: true, createdAt: true, appUser: true, creator: true })) }),
  }),
)

const speaking = newSession.omit({ status: true })
/** The session in which something was said. */
export type Speaking = z.infer<typeof speaking>

export const listPrompts = operation(
  `query SignalboxPrompts($filter: AgentActivityFilter!, $after: String) {
    agentActivities(filter: $filter, first: 50, after: $after) {
      nodes {
        id createdAt signal
        content { __typename ... on AgentActivityPromptContent { body } }
        user { id name displayName email }
        sourceComment { id }
        agentSession { id createdAt appUser { id } creator { id name displayName email } issue { id } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }`,
  z.object({
    agentActivities: page(
      z.object({
        id: z.string(),
        createdAt: time,
        signal: z.string().nullish(),
        content: z.object({ __typename: z.string(), body: z.string().nullish() }),
        user: user.nullish(),
        sourceComment: z.object({ id: z.string() }).nullish(),
        agentSession: speaking,
      }),
    ),
  }),
)
