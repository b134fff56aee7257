// What is asked of GitHub about pull requests: the text of the queries, and the shape that their answers must have.

import { z } from 'zod'

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const actor = z.object({ __typename: z.string(), login: z.string() }).nullable()
const pageInfo = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() })

const checkRun = z.object({
  __typename: z.literal('CheckRun'),
  databaseId: z.int().nullable(),
  name: z.string(),
  status: z.string(),
  conclusion: z.string().nullable(),
  startedAt: time.nullable(),
  completedAt: time.nullable(),
  detailsUrl: z.string().nullable(),
  url: z.string(),
  title: z.string().nullable(),
  summary: z.string().nullable(),
  text: z.string().nullable(),
  externalId: z.string().nullable(),
  checkSuite: z.object({
    databaseId: z.int(),
    app: z.object({ slug: z.string(), databaseId: z.int().nullable() }).nullable(),
    workflowRun: z.object({ databaseId: z.int(), event: z.string(), workflow: z.object({ databaseId: z.int().nullable() }) }).nullable(),
  }),
})
const statusContext = z.object({
  __typename: z.literal('StatusContext'),
  context: z.string(),
  state: z.string(),
  targetUrl: z.string().nullable(),
  description: z.string().nullable(),
  createdAt: time,
  creator: z.object({ __typename: z.string() }).nullable(),
})
const contexts = z.object({ pageInfo, nodes: z.array(z.discriminatedUnion('__typename', [checkRun, statusContext])) })
const commit = z.object({ oid: z.string(), statusCheckRollup: z.object({ contexts }).nullable() })

const finding = z.object({
  id: z.string(),
  path: z.string(),
  line: z.int().nullable(),
  originalLine: z.int().nullable(),
  body: z.string(),
})
const review = z.object({
  id: z.string(),
  state: z.string(),
  body: z.string(),
  submittedAt: time.nullable(),
  updatedAt: time,
  author: actor,
  commit: z.object({ oid: z.string() }).nullable(),
  comments: z.object({ nodes: z.array(finding) }),
})
const reviews = z.object({ pageInfo, nodes: z.array(review) })

const timelineEvent = z.object({
  __typename: z.string(),
  createdAt: time.optional(),
  reason: z.string().nullish(),
  actor: actor.optional(),
  beforeCommit: z.object({ oid: z.string() }).nullish(),
})

export const pullRequestSchema = z.object({
  id: z.string(),
  number: z.int(),
  url: z.string(),
  title: z.string(),
  body: z.string(),
  state: z.enum(['OPEN', 'CLOSED', 'MERGED']),
  isDraft: z.boolean(),
  createdAt: time,
  updatedAt: time,
  headRefName: z.string(),
  headRefOid: z.string(),
  baseRefName: z.string(),
  isCrossRepository: z.boolean(),
  author: actor,
  mergeable: z.enum(['MERGEABLE', 'CONFLICTING', 'UNKNOWN']),
  reviewDecision: z.enum(['APPROVED', 'CHANGES_REQUESTED', 'REVIEW_REQUIRED']).nullable(),
  mergeCommit: z.object({ oid: z.string() }).nullable(),
  mergeQueueEntry: z.object({ id: z.string(), state: z.string(), enqueuedAt: time }).nullable(),
  autoMergeRequest: z.object({ enabledAt: time.nullable() }).nullable(),
  latestOpinionatedReviews: reviews,
  dismissed: reviews.omit({ pageInfo: true }),
  timelineItems: z.object({ nodes: z.array(timelineEvent) }),
  commits: z.object({ nodes: z.array(z.object({ commit })) }),
})

export type SeenPullRequest = z.output<typeof pullRequestSchema>
export type SeenContext = z.output<typeof contexts>['nodes'][number]
export type SeenCheckRun = z.output<typeof checkRun>
export type SeenReview = z.output<typeof review>

export const contextsPageSchema = z.object({
  node: z.object({ commits: z.object({ nodes: z.array(z.object({ commit })) }) }).nullable(),
})
export const reviewsPageSchema = z.object({ node: z.object({ latestOpinionatedReviews: reviews }).nullable() })
const contextFields = `
  pageInfo { hasNextPage endCursor }
  nodes {
    __typename
    ... on CheckRun {
      databaseId name status conclusion startedAt completedAt detailsUrl url title summary text externalId
      checkSuite { databaseId app { slug databaseId } workflowRun { databaseId event workflow { databaseId } } }
    }
    ... on StatusContext { context state targetUrl description createdAt creator { __typename } }
  }`
const reviewFields = `
  id state body submittedAt updatedAt
  author { __typename login }
  commit { oid }
  comments(first: 100) { nodes { id path line originalLine body } }`

export const pullRequestFields = `
fragment facts on PullRequest {
  id number url title body state isDraft createdAt updatedAt headRefName headRefOid baseRefName isCrossRepository
  author { __typename login }
  mergeable reviewDecision
  mergeCommit { oid }
  mergeQueueEntry { id state enqueuedAt }
  autoMergeRequest { enabledAt }
  latestOpinionatedReviews(first: 50, writersOnly: true) { pageInfo { hasNextPage endCursor } nodes { ${reviewFields} } }
  dismissed: reviews(last: 50, states: [DISMISSED]) { nodes { ${reviewFields} } }
  timelineItems(last: 20, itemTypes: [ADDED_TO_MERGE_QUEUE_EVENT, REMOVED_FROM_MERGE_QUEUE_EVENT]) {
    nodes {
      __typename
      ... on AddedToMergeQueueEvent { createdAt actor { __typename login } }
      ... on RemovedFromMergeQueueEvent { createdAt reason actor { __typename login } beforeCommit { oid } }
    }
  }
  commits(last: 1) { nodes { commit { oid statusCheckRollup { contexts(first: 100) { ${contextFields} } } } } }
}`

export const contextsPage = `
query ($id: ID!, $after: String!) {
  node(id: $id) {
    ... on PullRequest { commits(last: 1) { nodes { commit { oid statusCheckRollup { contexts(first: 100, after: $after) { ${contextFields} } } } } } }
  }
}`

export const reviewsPage = `
query ($id: ID!, $after: String!) {
  node(id: $id) {
    ... on PullRequest {
      latestOpinionatedReviews(first: 50, after: $after, writersOnly: true) { pageInfo { hasNextPage endCursor } nodes { ${reviewFields} } }
    }
  }
}`
