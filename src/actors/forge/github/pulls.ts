// Pull requests over REST: found by branch, opened, changed. What GitHub answers here may be a moment behind what was pushed.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import type { GithubRepositories } from './repositories.ts'

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))

export const pullSchema = z.object({
  number: z.int(),
  node_id: z.string(),
  html_url: z.string(),
  title: z.string(),
  body: z.string().nullable(),
  state: z.enum(['open', 'closed']),
  draft: z.boolean().default(false),
  merged_at: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  user: z.object({ login: z.string() }).nullable(),
  head: z.object({ ref: z.string(), sha: z.string(), repo: z.object({ id: z.int() }).nullable() }),
  base: z.object({ ref: z.string(), repo: z.object({ id: z.int() }) }),
  created_at: time,
  updated_at: time,
})
export type Pull = z.output<typeof pullSchema>

export const stateOf = ({ state, merged_at: mergedAt }: Pick<Pull, 'state' | 'merged_at'>): 'open' | 'closed' | 'merged' =>
  mergedAt != null ? 'merged' : state

/** Its branch is one of the repository itself. */
export const isOwn = ({ head, base }: Pick<Pull, 'head' | 'base'>): boolean => head.repo !== null && head.repo.id === base.repo.id

export function createPulls(repositories: GithubRepositories) {
  const at = async (project: string) => ({ client: repositories.client(project), place: await repositories.at(project) })
  const what = (number: number): string => `pull request #${number}`

  return {
    async get(project: string, number: number): Promise<Pull> {
      const { client, place } = await at(project)
      return client.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', { ...place, pull_number: number }, pullSchema, {
        what: what(number),
      })
    },

    /** Those of the branch, forks of it left out; newest first. */
    async ofBranch(project: string, branch: string): Promise<Pull[]> {
      const { client, place } = await at(project)
      const query = { ...place, head: `${place.owner}:${branch}`, state: 'all', sort: 'created', direction: 'desc' }
      const found = await client.pages('GET /repos/{owner}/{repo}/pulls', query, pullSchema, {
        what: `the pull requests of ${branch}`,
        most: 2,
      })
      return found.filter((pull) => isOwn(pull) && pull.head.ref === branch)
    },

    /** Null: there is one already. */
    async open(project: string, request: { branch: string; base: string; title: string; body: string }): Promise<Pull | null> {
      const { client, place } = await at(project)
      const { branch: head, ...rest } = request
      return client
        .request('POST /repos/{owner}/{repo}/pulls', { ...place, ...rest, head, draft: false }, pullSchema, {
          what: `the opening of a pull request for ${head}`,
        })
        .catch((error: unknown) => {
          if (error instanceof FatalError && error.code === 'github-refused' && /already exists/i.test(error.message)) return null
          throw error
        })
    },

    async change(
      project: string,
      number: number,
      changes: { title?: string; body?: string; base?: string; state?: 'open' | 'closed' },
    ): Promise<Pull> {
      const { client, place } = await at(project)
      return client.request('PATCH /repos/{owner}/{repo}/pulls/{pull_number}', { ...place, pull_number: number, ...changes }, pullSchema, {
        what: `the change of ${what(number)}`,
      })
    },
  }
}

export type Pulls = ReturnType<typeof createPulls>
