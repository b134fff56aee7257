// What an agent is to know of an issue besides its text: guidance, what was said before, attachments and images. None of it is trusted.

import type { ContextRequest, PromptContext } from '../../ports.ts'
import type { LinearCalls } from './client.ts'
import { listComments } from './documents/comment.ts'
import { oldestFirst } from './documents/operation.ts'
import { createImages, type ImagesOptions } from './images.ts'
import { fetchIssue } from './issue-facts.ts'
import type { Issues } from './issues.ts'
import type { SessionContext, SessionRows } from './session-rows.ts'

const mostComments = 100

export function createPromptContext(
  options: ImagesOptions & { issues: Pick<Issues, 'need'>; sessionRows: SessionRows; calls: LinearCalls },
) {
  const { issues, sessionRows, workspaces, calls } = options
  const fetchImages = createImages(options)

  /** Throws what a call does. Images are written into the folder. */
  return async function promptContext(request: ContextRequest): Promise<PromptContext> {
    const id = request.issue
    const row = issues.need(id)
    const how = { priority: 'report' as const }
    const { app_user: us } = workspaces.need(row.workspace)
    const [issue, all] = await Promise.all([
      fetchIssue(calls, row.workspace, id, how),
      calls.pages(row.workspace, listComments, { filter: { issue: { id: { eq: id } } } }, how, (answer) => answer.comments),
    ])
    const said = oldestFirst(all).filter(({ user, isArtificialAgentSessionRoot }) => user?.id !== us && !isArtificialAgentSessionRoot)
    const comments = said
      .slice(-mostComments)
      .map(({ user, createdAt, body }) => ({ author: user?.name ?? 'somebody', at: createdAt, body }))
    const images = [issue.description ?? '', ...comments.map(({ body }) => body)].flatMap(imagesIn)
    const attached = issue.attachments
      .toReversed()
      .toSorted((one, other) => one.updatedAt - other.updatedAt)
      .map(({ title, url }) => ({ title, url }))
    const every = [...new Map([...images, ...attached].map((one) => [one.url, one])).values()]
    const { paths, missing } = await fetchImages({ ...request, workspace: row.workspace, urls: every.map(({ url }) => url) })
    return {
      labels: issue.labels.map(({ name }) => name),
      priority: issue.priority,
      estimate: issue.estimate ?? null,
      dueDate: issue.dueDate ?? null,
      guidance: guidanceOf(id),
      comments,
      attachments: every.map((one) => ({ ...one, path: paths.get(one.url) ?? null })),
      leftOut: { comments: said.length - comments.length, files: missing },
    }
  }

  /** The nearest one last, as it came: it has the last word. */
  function guidanceOf(issue: string): PromptContext['guidance'] {
    const contexts = sessionRows.ofIssue(issue).map(({ context }) => JSON.parse(context) as SessionContext)
    return contexts.find(({ guidance }) => guidance !== undefined && guidance.length > 0)?.guidance ?? []
  }
}

/** The images of a Markdown text. */
function imagesIn(text: string): { title: string; url: string }[] {
  const found = text.matchAll(/!\[([^\]]*)\]\(\s*<?(https?:\/\/[^\s)>]+)>?[^)]*\)/g)
  return [...found].map(([, title, url]) => ({ title: title === '' ? 'image' : title!, url: url! }))
}
