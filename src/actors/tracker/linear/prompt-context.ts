// What an agent is to know of an issue besides its text: guidance, what was said before, attachments and images. None of it is trusted.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SignalboxError, toErrorData } from '../../../errors.ts'
import type { PromptContext } from '../../ports.ts'
import type { LinearCalls } from './client.ts'
import { listComments } from './documents/comment.ts'
import { oldestFirst } from './documents/operation.ts'
import { fetchIssue } from './issue-facts.ts'
import { toFailure, toUnreachable } from './failures.ts'
import { uuidOf } from './ids.ts'
import type { Issues } from './issues.ts'
import type { SessionContext, SessionRows } from './session-rows.ts'
import type { Workspaces } from './workspaces.ts'

const mostImages = 20
const largestImage = 10 * 1024 * 1024
const mostComments = 100

/** By content type: what the file is called has to tell an agent what it is. */
const extensions: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/svg+xml': 'svg',
}

export function createPromptContext(options: {
  issues: Pick<Issues, 'need'>
  sessionRows: SessionRows
  workspaces: Workspaces
  calls: LinearCalls
  apiUrl: string
  now: () => number
  timeout?: number | undefined
  log: (message: string, issue?: string) => void
}) {
  const { issues, sessionRows, workspaces, calls, apiUrl, now, timeout = 15_000, log } = options

  /** Only there is our token for: it goes nowhere else, and nothing else is fetched. */
  const isLinears = (url: URL): boolean =>
    (url.protocol === 'https:' && url.host === 'uploads.linear.app') || url.origin === new URL(apiUrl).origin

  async function download(workspace: string, url: URL, folder: string): Promise<string | null> {
    const what = 'the download of an image'
    const fetchWith = async (token: string): Promise<Response> => {
      const headers = { authorization: `Bearer ${token}` }
      return fetch(url, { headers, redirect: 'follow', signal: AbortSignal.timeout(timeout) })
    }
    let response: Response
    let bytes: Buffer | null
    try {
      const token = await workspaces.token(workspace)
      response = await fetchWith(token)
      if (response.status === 401) {
        await response.body?.cancel()
        response = await fetchWith(await workspaces.replace(workspace, token))
      }
      bytes = response.ok ? await readAtMost(response, largestImage) : null
    } catch (error) {
      throw error instanceof SignalboxError ? error : toUnreachable(what, error)
    }
    if (!response.ok) throw toFailure(what, { status: response.status, headers: response.headers, body: null }, now())
    const extension = extensions[response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '']
    if (bytes === null || extension === undefined) return null
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, `${uuidOf('image', url.href)}.${extension}`)
    await writeFile(path, bytes, { mode: 0o600 })
    return path
  }

  /** Where an image cannot be had, the agent goes without it. */
  async function tryDownload(workspace: string, text: string, folder: string, issue: string): Promise<string | null> {
    if (!URL.canParse(text)) return null
    const url = new URL(text)
    if (!isLinears(url)) return null
    try {
      return await download(workspace, url, folder)
    } catch (error) {
      log(`An image could not be fetched: ${toErrorData(error).message}`, issue)
      return null
    }
  }

  /** Throws what a call does. Images are written into `folder`. */
  return async function promptContext({ issue: id, folder }: { issue: string; folder: string }): Promise<PromptContext> {
    const row = issues.need(id)
    const how = { priority: 'report' as const }
    const { app_user: us } = workspaces.need(row.workspace)
    const [issue, all] = await Promise.all([
      fetchIssue(calls, row.workspace, id, how),
      calls.pages(row.workspace, listComments, { filter: { issue: { id: { eq: id } } } }, how, (answer) => answer.comments),
    ])
    const comments = oldestFirst(all)
      .filter(({ user, isArtificialAgentSessionRoot }) => user?.id !== us && !isArtificialAgentSessionRoot)
      .slice(-mostComments)
      .map(({ user, createdAt, body }) => ({ author: user?.name ?? 'somebody', at: createdAt, body }))
    const images = [issue.description ?? '', ...comments.map(({ body }) => body)].flatMap(imagesIn)
    const attached = issue.attachments
      .toReversed()
      .toSorted((one, other) => one.updatedAt - other.updatedAt)
      .map(({ title, url }) => ({ title, url }))
    const every = [...new Map([...images, ...attached].map((one) => [one.url, one])).values()]
    const attachments: PromptContext['attachments'] = []
    for (const one of every) {
      const isWanted = attachments.filter(({ path }) => path !== null).length < mostImages
      attachments.push({ ...one, path: isWanted ? await tryDownload(row.workspace, one.url, folder, id) : null })
    }
    return {
      labels: issue.labels.map(({ name }) => name),
      priority: issue.priority,
      estimate: issue.estimate ?? null,
      dueDate: issue.dueDate ?? null,
      guidance: guidanceOf(id),
      comments,
      attachments,
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

/** The body, or null where it is larger. */
async function readAtMost(response: Response, most: number): Promise<Buffer | null> {
  if (Number(response.headers.get('content-length') ?? 0) > most) {
    await response.body?.cancel()
    return null
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > most) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
