// Looks pull requests up: what is asked for within a few milliseconds is one query, and pages beyond the first are followed.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import type { GithubRepositories } from './repositories.ts'
import { checkRunSchema, commitStatusSchema, toCheckRun, toStatus, withWorkflows, workflowRunSchema } from './commit-checks.ts'
import {
  contextsPage,
  contextsPageSchema,
  pullRequestFields,
  pullRequestSchema,
  reviewsPage,
  reviewsPageSchema,
  type SeenContext,
  type SeenPullRequest,
} from './queries.ts'
import { isAmbiguous } from './standing.ts'

interface Asked {
  number: number
  resolve: (found: SeenPullRequest | null) => void
  reject: (error: unknown) => void
}

/** Milliseconds in which requests are gathered. */
const gather = 5
const mostAtOnce = 25
const mostPages = 20

export type Loader = ReturnType<typeof createLoader>

export function createLoader(repositories: Pick<GithubRepositories, 'client' | 'at'>) {
  const waiting = new Map<string, Asked[]>()

  async function query(project: string, asked: readonly Asked[]): Promise<(SeenPullRequest | null)[]> {
    const variables: Record<string, unknown> = await repositories.at(project)
    const declared: string[] = []
    const parts = asked.map(({ number }, n) => {
      variables[`n${n}`] = number
      declared.push(`$n${n}: Int!`)
      return `a${n}: pullRequest(number: $n${n}) { ...facts }`
    })
    const text = `query ($owner: String!, $repo: String!, ${declared.join(', ')}) {\n  repository(owner: $owner, name: $repo) {\n    ${parts.join('\n    ')}\n  }\n}\n${pullRequestFields}`
    const schema = z.object({ repository: z.record(z.string(), pullRequestSchema.nullable()) })
    const what = asked.length === 1 ? `pull request #${asked[0]!.number}` : `${asked.length} pull requests`
    const { repository } = await repositories.client(project).graphql(text, variables, schema, { what })
    return Promise.all(asked.map(async (_, n) => (repository[`a${n}`] == null ? null : complete(project, repository[`a${n}`]!))))
  }

  /** With the pages beyond the first. */
  async function complete(project: string, seen: SeenPullRequest): Promise<SeenPullRequest> {
    const ask = repositories.client(project).graphql
    const what = `pull request #${seen.number}`
    const reviews = seen.latestOpinionatedReviews
    for (let page = 1; reviews.pageInfo.hasNextPage && page < mostPages; page += 1) {
      const { node } = await ask(reviewsPage, { id: seen.id, after: reviews.pageInfo.endCursor }, reviewsPageSchema, { what })
      if (node === null) break
      reviews.nodes.push(...node.latestOpinionatedReviews.nodes)
      reviews.pageInfo = node.latestOpinionatedReviews.pageInfo
    }
    const [last] = seen.commits.nodes
    const contexts = last?.commit.statusCheckRollup?.contexts
    for (let page = 1; contexts?.pageInfo.hasNextPage && page < mostPages; page += 1) {
      const { node } = await ask(contextsPage, { id: seen.id, after: contexts.pageInfo.endCursor }, contextsPageSchema, { what })
      const next = node?.commits.nodes[0]?.commit
      // It has another head by now: that one is looked at the next time.
      if (next?.oid !== last!.commit.oid || !next.statusCheckRollup) break
      contexts.nodes.push(...next.statusCheckRollup.contexts.nodes)
      contexts.pageInfo = next.statusCheckRollup.contexts.pageInfo
    }
    return seen
  }

  async function flush(project: string): Promise<void> {
    const all = waiting.get(project) ?? []
    waiting.delete(project)
    for (let from = 0; from < all.length; from += mostAtOnce) {
      const some = all.slice(from, from + mostAtOnce)
      try {
        const found = await query(project, some)
        for (const [n, { resolve }] of some.entries()) resolve(found[n]!)
      } catch (error) {
        for (const { reject } of some) reject(error)
      }
    }
  }

  async function workflowRunsOf(project: string, oid: string, signal?: AbortSignal) {
    const target = { ...(await repositories.at(project)), head_sha: oid, exclude_pull_requests: true }
    const { pages } = repositories.client(project)
    const what = `the workflows of ${oid.slice(0, 10)}`
    return pages('GET /repos/{owner}/{repo}/actions/runs', target, workflowRunSchema, { what, pick: 'workflow_runs', signal }).catch(
      (error: unknown) => {
        // The permission `actions` may not have been given.
        if (error instanceof FatalError && ['github-not-found', 'github-forbidden'].includes(error.code)) return []
        throw error
      },
    )
  }

  return {
    /** Null: there is none, or it is not shown to us. */
    pullRequest: (project: string, number: number): Promise<SeenPullRequest | null> =>
      new Promise((resolve, reject) => {
        const others = waiting.get(project)
        if (others !== undefined) return void others.push({ number, resolve, reject })
        waiting.set(project, [{ number, resolve, reject }])
        setTimeout(() => void flush(project), gather)
      }),

    /** Everything that is reported on a commit, which need not be the head of a pull request. */
    async contextsOf(project: string, oid: string, signal?: AbortSignal): Promise<SeenContext[]> {
      const target = { ...(await repositories.at(project)), ref: oid }
      const { pages } = repositories.client(project)
      const rest = { what: `the checks of ${oid.slice(0, 10)}`, signal }
      const [runs, statuses] = await Promise.all([
        pages('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', { ...target, filter: 'latest' }, checkRunSchema, {
          ...rest,
          pick: 'check_runs',
        }),
        // All of them, the newest first: what they come to is told without who has set them.
        pages('GET /repos/{owner}/{repo}/commits/{ref}/statuses', target, commitStatusSchema, rest),
      ])
      const contexts = [...runs.map(toCheckRun), ...statuses.map(toStatus)]
      return isAmbiguous(contexts) ? withWorkflows(contexts, await workflowRunsOf(project, oid, signal)) : contexts
    },
  }
}
