// What reviewers say beside their verdict: the summaries of the latest reviews, of many pull requests in one question.

import { z } from 'zod'
import type { Comment } from './mentions.ts'
import type { GithubRepositories } from './repositories.ts'

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const author = z.object({ __typename: z.string(), login: z.string(), databaseId: z.int().nullish() }).nullable()
const review = z.object({ id: z.string(), body: z.string(), updatedAt: time, author })
const schema = z.object({
  repository: z.record(z.string(), z.object({ reviews: z.object({ nodes: z.array(review) }) }).nullable()),
})

/**
 * Whether the summary of a review in this state is to be heard as a comment is. What asks for changes is the agent's task, word for word,
 * with its comments; the words of an approval are given to nobody, and comments on lines are told of by themselves.
 */
export const isHeard = (state: string): boolean => ['COMMENTED', 'APPROVED'].includes(state.toUpperCase())

const mostAtOnce = 25
/** Each reply in a thread is a review without a summary. */
const fields = `{
    reviews(last: 100, states: [COMMENTED, APPROVED]) {
      nodes { id body updatedAt author { __typename login ... on User { databaseId } ... on Bot { databaseId } } }
    }
  }`

export async function readSummaries(
  repositories: GithubRepositories,
  { project, numbers }: { project: string; numbers: readonly number[] },
  signal: AbortSignal,
): Promise<{ number: number; summary: Comment }[]> {
  const found: { number: number; summary: Comment }[] = []
  for (let from = 0; from < numbers.length; from += mostAtOnce) {
    const some = numbers.slice(from, from + mostAtOnce)
    const parts = some.map((number) => `a${number}: pullRequest(number: ${number}) ${fields}`)
    const query = `query ($owner: String!, $repo: String!) {\n  repository(owner: $owner, name: $repo) {\n  ${parts.join('\n  ')}\n  }\n}`
    const what = `the reviews of ${project}`
    const { repository } = await repositories.client(project).graphql(query, await repositories.at(project), schema, { what, signal })
    for (const number of some)
      for (const { id, body, updatedAt, author: by } of repository[`a${number}`]?.reviews.nodes ?? []) {
        // Apps have another login here than in REST.
        const login = by?.__typename === 'Bot' ? `${by.login}[bot]` : by?.login
        const user = by === null ? null : { id: by.databaseId ?? 0, login: login!, type: by.__typename }
        found.push({ number, summary: { id, body, user, updated_at: updatedAt } })
      }
  }
  return found
}
