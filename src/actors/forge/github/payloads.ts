// The shapes of GitHub's webhooks, as far as anything of them is read. More is allowed in all of them.

import { z } from 'zod'
import { pullSchema } from './pulls.ts'

export const envelopeSchema = z.object({
  action: z.string().optional(),
  repository: z.object({ id: z.int(), full_name: z.string() }).optional(),
})

export const pullRequestSchema = z.object({ pull_request: pullSchema })
/** All events about one pull request. */
export const aboutSchema = z.object({ pull_request: z.object({ number: z.int() }) })

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
export const userSchema = z.object({ id: z.int(), login: z.string(), type: z.string() })
export const commentSchema = z.object({ id: z.int(), body: z.string().nullable(), user: userSchema.nullable(), updated_at: time })
export const placedCommentSchema = commentSchema.extend({
  path: z.string(),
  line: z.int().nullish(),
  original_line: z.int().nullish(),
})
export const issueCommentSchema = z.object({
  issue: z.object({ number: z.int(), pull_request: z.unknown().optional() }),
  comment: commentSchema,
})
export const reviewCommentSchema = z.object({ pull_request: z.object({ number: z.int() }), comment: placedCommentSchema })

export const reviewSchema = z.object({
  pull_request: z.object({ number: z.int() }),
  review: z.object({
    node_id: z.string(),
    body: z.string().nullable(),
    user: userSchema.nullable(),
    state: z.string(),
    submitted_at: time.nullish(),
    updated_at: time.nullish(),
  }),
})

const pulls = z.array(z.object({ number: z.int(), base: z.object({ repo: z.object({ id: z.int() }) }).optional() })).default([])
const suite = z.object({ head_sha: z.string(), head_branch: z.string().nullish(), pull_requests: pulls })
const app = z.object({ slug: z.string().nullish() }).nullish()
export const checkRunSchema = z.object({
  check_run: z.object({
    name: z.string(),
    head_sha: z.string(),
    app,
    pull_requests: pulls,
    check_suite: z.object({ head_branch: z.string().nullish() }).nullish(),
  }),
})
export const checkSuiteSchema = z.object({ check_suite: suite.extend({ app }) })
export const workflowRunSchema = z.object({ workflow_run: suite })
export const statusSchema = z.object({
  sha: z.string(),
  context: z.string(),
  branches: z.array(z.object({ name: z.string() })).default([]),
})
export const mergeGroupSchema = z.object({ merge_group: z.object({ head_ref: z.string(), head_sha: z.string() }) })

/** What tells which deliveries are about the same thing. */
export const laneSchema = z.object({
  repository: z.object({ id: z.int() }).optional(),
  number: z.int().optional(),
  pull_request: z.object({ number: z.int() }).optional(),
  issue: z.object({ number: z.int() }).optional(),
  sha: z.string().optional(),
  check_run: z.object({ head_sha: z.string() }).optional(),
  check_suite: z.object({ head_sha: z.string() }).optional(),
  workflow_run: z.object({ head_sha: z.string() }).optional(),
})
