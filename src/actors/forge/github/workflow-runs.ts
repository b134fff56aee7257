// Which workflows have run on a commit: asked for only where a ruleset requires one, for no list of checks names the file of their workflow.

import { z } from 'zod'
import type { SeenRun } from './head-standing.ts'
import type { GithubRepositories } from './repositories.ts'

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const suite = z.object({
  databaseId: z.int(),
  status: z.string(),
  conclusion: z.string().nullable(),
  createdAt: time,
  workflowRun: z.object({ event: z.string(), file: z.object({ path: z.string(), repositoryName: z.string() }).nullable() }).nullable(),
})
const suites = z.object({
  pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  nodes: z.array(suite),
})
const page = z.object({ repository: z.object({ object: z.object({ checkSuites: suites.nullable() }).nullable() }) })

const query = `
query ($owner: String!, $repo: String!, $oid: GitObjectID!, $after: String) {
  repository(owner: $owner, name: $repo) {
    object(oid: $oid) {
      ... on Commit {
        checkSuites(first: 100, after: $after) {
          pageInfo { hasNextPage endCursor }
          nodes { databaseId status conclusion createdAt workflowRun { event file { path repositoryName } } }
        }
      }
    }
  }
}`
const mostPages = 10

/** GitHub calls the name a URI, and does not say which. */
const isNamed = (uri: string, fullName: string): boolean => uri.split('/').slice(-2).join('/').toLowerCase() === fullName.toLowerCase()

/** Throws FatalError `github-forbidden`. */
export async function readWorkflowRuns(
  repositories: Pick<GithubRepositories, 'client' | 'place'>,
  project: string,
  oid: string,
): Promise<SeenRun[]> {
  const { owner, name: repo, fullName } = await repositories.place(project)
  const what = `the workflows that have run on ${oid.slice(0, 10)}`
  const found: SeenRun[] = []
  let after: string | null = null
  for (let n = 0; n < mostPages; n += 1) {
    const answer: z.output<typeof page> = await repositories.client(project).graphql(query, { owner, repo, oid, after }, page, { what })
    const told = answer.repository.object?.checkSuites ?? null
    if (told === null) break
    for (const { databaseId, workflowRun: run, ...rest } of told.nodes) {
      if (run?.file == null) continue
      const { path, repositoryName } = run.file
      found.push({ ...rest, suite: databaseId, event: run.event, path, isOwn: isNamed(repositoryName, fullName) })
    }
    after = told.pageInfo.endCursor
    if (!told.pageInfo.hasNextPage) break
  }
  return found
}
