// The open pull request that another one is based on, and whether it has moved on since.

import { z } from 'zod'
import type { ParentPullRequest } from '../../ports.ts'
import type { PullRequestRow, PullRequests } from '../pull-requests.ts'
import type { OpenRepository } from '../repository.ts'
import type { Pulls } from './pulls.ts'
import type { GithubRepositories } from './repositories.ts'

const comparisonSchema = z.object({ behind_by: z.int() })
const mostKept = 1_000

export function createParents(options: {
  repositories: GithubRepositories
  pullRequests: PullRequests
  pulls: Pulls
  open: OpenRepository
}) {
  const { repositories, pullRequests, pulls, open } = options
  /** Whether a head has all of another one: of two commits that never changes. */
  const compared = new Map<string, boolean>()

  async function isBehind(project: string, parentHead: string, head: string): Promise<boolean> {
    const key = `${parentHead}...${head}`
    const known = compared.get(key)
    if (known !== undefined) return known
    const place = await repositories.at(project)
    const { behind_by: behind } = await repositories
      .client(project)
      .request('GET /repos/{owner}/{repo}/compare/{basehead}', { ...place, basehead: key, per_page: 1 }, comparisonSchema, {
        what: `the comparison ${key}`,
      })
    if (compared.size >= mostKept) compared.clear()
    compared.set(key, behind > 0)
    return behind > 0
  }

  /** Of a pull request that is no issue's. */
  async function foreign(row: PullRequestRow): Promise<ParentPullRequest | null> {
    const parent = (await pulls.ofBranch(row.project, row.base_ref)).find(({ state }) => state === 'open')
    if (parent === undefined) return null
    return { number: parent.number, moved: await isBehind(row.project, parent.head.sha, row.head_sha) }
  }

  return {
    async of(row: PullRequestRow): Promise<ParentPullRequest | null> {
      if (row.state !== 'open') return null
      const { base } = await open(row.project)
      if (row.base_ref === base.name) return null
      return pullRequests.below(row.project, row.base_ref) === undefined ? foreign(row) : pullRequests.parentOf(row)
    },

    /** What was based on a change that has landed is based on what that one was based on. Idempotent. */
    async settle(project: string): Promise<void> {
      for (const row of pullRequests.inFlight(project)) {
        const parent = pullRequests.byBranch(project, row.base_ref)
        if (parent?.state !== 'merged' || pullRequests.openOn(project, row.base_ref) !== undefined) continue
        const { base } = await pulls.change(project, row.number, { base: parent.base_ref })
        pullRequests.keep({ ...row, base_ref: base.ref, parent_head: parent.parent_head })
      }
    },
  }
}

export type Parents = ReturnType<typeof createParents>
