// A comment of ours on a pull request, once: whatever becomes of the answer to it, it is known again by its mark.

import { z } from 'zod'
import { marker } from './markers.ts'
import type { GithubRepositories } from './repositories.ts'

const commentSchema = z.object({ body: z.string().nullish() })
/** Less than GitHub takes, in characters. */
const longest = 60_000

export async function commentOnce(
  repositories: Pick<GithubRepositories, 'at' | 'client'>,
  { project, number, id, text }: { project: string; number: number; id: string; text: string },
): Promise<void> {
  const target = { ...(await repositories.at(project)), issue_number: number }
  const { request, pages } = repositories.client(project)
  const what = `a comment on #${number}`
  const mark = marker(id)
  const all = await pages('GET /repos/{owner}/{repo}/issues/{issue_number}/comments', target, commentSchema, { what })
  if (all.some(({ body }) => body?.includes(mark))) return
  const cut = text.length <= longest ? text : `${text.slice(0, longest - 1)}…`
  await request('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', { ...target, body: `${cut}\n\n${mark}` }, z.unknown(), {
    what,
  })
}
