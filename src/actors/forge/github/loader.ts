// Looks pull requests up: what is asked for within a few milliseconds is one query, and pages beyond the first are followed.

import { z } from 'zod'
import type { GithubRepositories } from './repositories.ts'
import {
  commitContexts,
  commitSchema,
  contextsPage,
  contextsPageSchema,
  pullRequestFields,
  pullRequestSchema,
  reviewsPage,
  reviewsPageSchema,
  type SeenContext,
  type SeenPullRequest,
} from './queries.ts'

/** By number, or the newest pull request of a branch of the repository itself. */
export type Sought = { number: number } | { branch: string }

interface Asked {
  sought: Sought
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
    const parts = asked.map(({ sought }, n) => {
      if ('number' in sought) {
        variables[`n${n}`] = sought.number
        declared.push(`$n${n}: Int!`)
        return `a${n}: pullRequest(number: $n${n}) { ...facts }`
      }
      variables[`b${n}`] = sought.branch
      declared.push(`$b${n}: String!`)
      return `a${n}: pullRequests(headRefName: $b${n}, first: 5, orderBy: { field: CREATED_AT, direction: DESC }) { nodes { ...facts } }`
    })
    const text = `query ($owner: String!, $repo: String!, ${declared.join(', ')}) {\n  repository(owner: $owner, name: $repo) {\n    ${parts.join('\n    ')}\n  }\n}\n${pullRequestFields}`
    const one = z.union([pullRequestSchema, z.object({ nodes: z.array(pullRequestSchema) })]).nullable()
    const schema = z.object({ repository: z.record(z.string(), one) })
    const { repository } = await repositories
      .client(project)
      .graphql(text, variables, schema, { what: asked.length === 1 ? whatOf(asked[0]!.sought) : `${asked.length} pull requests` })
    const found = asked.map((_, n): SeenPullRequest | null => {
      const answer = repository[`a${n}`] ?? null
      if (answer === null || !('nodes' in answer)) return answer
      const own = answer.nodes.filter(({ isCrossRepository }) => !isCrossRepository)
      return own.find(({ state }) => state === 'OPEN') ?? own[0] ?? null
    })
    return Promise.all(found.map((pullRequest) => (pullRequest === null ? null : complete(project, pullRequest))))
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

  return {
    /** Null: there is none, or it is not shown to us. */
    pullRequest: (project: string, sought: Sought): Promise<SeenPullRequest | null> =>
      new Promise((resolve, reject) => {
        const others = waiting.get(project)
        if (others !== undefined) return void others.push({ sought, resolve, reject })
        waiting.set(project, [{ sought, resolve, reject }])
        setTimeout(() => void flush(project), gather)
      }),

    /** Everything that is reported on a commit. */
    async contextsOf(project: string, oid: string, signal?: AbortSignal): Promise<SeenContext[]> {
      const { owner, repo } = await repositories.at(project)
      const found: SeenContext[] = []
      for (let after: string | null = null, page = 0; page < mostPages; page += 1) {
        const answer: z.output<typeof commitSchema> = await repositories
          .client(project)
          .graphql(commitContexts, { owner, repo, oid, after }, commitSchema, { what: `the checks of ${oid}`, signal })
        const contexts = answer.repository.object?.statusCheckRollup?.contexts
        if (contexts === undefined) break
        found.push(...contexts.nodes)
        after = contexts.pageInfo.endCursor
        if (!contexts.pageInfo.hasNextPage) break
      }
      return found
    },
  }
}

const whatOf = (sought: Sought): string => ('number' in sought ? `pull request #${sought.number}` : `the pull request of ${sought.branch}`)
