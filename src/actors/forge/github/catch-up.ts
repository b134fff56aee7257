// What was told while nobody listened: deliveries that failed are sent again, and what was said since the last time is read.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import { createCatchUp, type Found, type Part } from '../../catching-up.ts'
import type { Inlet, Notice } from '../../ports.ts'
import type { PullRequests } from '../pull-requests.ts'
import type { Cursors } from './cursors.ts'
import type { Mentions, Words } from './mentions.ts'
import { commentSchema, placedCommentSchema } from './payloads.ts'
import type { GithubRepositories } from './repositories.ts'
import { readSummaries } from './summaries.ts'

const deliverySchema = z.object({
  id: z.union([z.int(), z.string(), z.bigint()]).transform(String),
  guid: z.string(),
  delivered_at: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
  status_code: z.int(),
  event: z.string(),
})
type HookDelivery = z.output<typeof deliverySchema>

const issueComment = commentSchema.extend({ issue_url: z.string() })
const reviewComment = placedCommentSchema.extend({ pull_request_url: z.string() })

/** GitHub keeps deliveries for three days. */
const oldest = 3 * 86_400_000
/** A delivery that fails again and again is left alone. */
const mostAttempts = 4
const mostPages = 10
/** Two clocks: so much of what was read is read again, and told once by its name. In milliseconds. */
const overlap = 60_000

export function createGithubCatchUp(options: {
  repositories: GithubRepositories
  projects: readonly { id: string }[]
  pullRequests: PullRequests
  mentions: Mentions
  cursors: Cursors
  webhooks: boolean
  now: () => number
  log: (message: string) => void
}): Inlet['catchUp'] {
  const { repositories, projects, pullRequests, mentions, cursors, webhooks, now, log } = options
  const cursorOf = (name: string): number | null => {
    const value = cursors.get(name)
    return value === null ? null : Number(value)
  }
  const isFailed = ({ status_code: status }: HookDelivery): boolean => status < 200 || status >= 300

  async function redeliver(signal: AbortSignal): Promise<Found> {
    const name = 'deliveries'
    const since = Math.max(cursorOf(name) ?? 0, now() - oldest)
    const all = await repositories.app.pages('GET /app/hook/deliveries', {}, deliverySchema, {
      what: 'the deliveries of the App',
      most: mostPages,
      signal,
    })
    const recent = all.filter(({ delivered_at: at }) => at >= since - overlap)
    const attempts = Map.groupBy(all, ({ guid }) => guid)
    const refusals: FatalError[] = []
    for (const [guid, failed] of Map.groupBy(recent.filter(isFailed), (delivery) => delivery.guid)) {
      const tried = attempts.get(guid)!
      if (!tried.every(isFailed) || tried.length >= mostAttempts) continue
      const newest = failed.toSorted((a, b) => b.delivered_at - a.delivered_at)[0]!
      const again = repositories.app.request('POST /app/hook/deliveries/{delivery_id}/attempts', { delivery_id: newest.id }, z.unknown(), {
        what: `another delivery of ${newest.event}`,
        signal,
      })
      await again.catch((error: unknown) => {
        // One that GitHub will not send is none of the others.
        if (!(error instanceof FatalError)) throw error
        refusals.push(error)
      })
    }
    if (refusals[0] !== undefined) throw refusals[0]
    const last = Math.max(since, ...recent.map(({ delivered_at: at }) => at))
    return { notices: [], seen: () => cursors.set(name, String(last)) }
  }

  async function comments(project: string, since: number, signal: AbortSignal): Promise<Words[]> {
    const place = await repositories.at(project)
    const query = { ...place, since: new Date(since).toISOString(), sort: 'updated', direction: 'asc' }
    const { pages } = repositories.client(project)
    const what = `the comments of ${project}`
    const [general, placed] = await Promise.all([
      pages('GET /repos/{owner}/{repo}/issues/comments', query, issueComment, { what, most: mostPages, signal }),
      pages('GET /repos/{owner}/{repo}/pulls/comments', query, reviewComment, { what, most: mostPages, signal }),
    ])
    const numberIn = (url: string): number => Number(/\/(\d+)$/.exec(url)?.[1] ?? 0)
    return [
      ...general.map((comment): Words => ({ project, number: numberIn(comment.issue_url), comment, kind: 'comment' })),
      ...placed.map((comment): Words => ({ project, number: numberIn(comment.pull_request_url), comment, kind: 'review_comment' })),
    ]
  }

  async function summaries(project: string, _since: number, signal: AbortSignal): Promise<Words[]> {
    const numbers = pullRequests.inFlight(project).map(({ number }) => number)
    const found = await readSummaries(repositories, { project, numbers }, signal)
    return found.map(({ number, summary }) => ({ project, number, comment: summary, kind: 'review' }))
  }

  /** What of it is new since the last time, as far as it is meant for us. */
  async function hear(project: string, kind: string, list: typeof comments, signal: AbortSignal): Promise<Found> {
    const name = `${kind} ${project}`
    const known = cursorOf(name)
    // Before we have looked for the first time, nobody has told us anything; where nothing is under way, nobody can mean us.
    if (known === null || pullRequests.inFlight(project).length === 0) {
      const at = now()
      return { notices: [], seen: () => cursors.set(name, String(at)) }
    }
    const notices: Notice[] = []
    const since = known - overlap
    let last = known
    for (const words of await list(project, since, signal)) {
      const { updated_at: at } = words.comment
      if (at < since) continue
      last = Math.max(last, at)
      const heard = await mentions.read(words, 'poll', signal)
      if (heard.length > 0) await mentions.acknowledge(words, signal)
      notices.push(...heard)
    }
    return { notices, seen: () => cursors.set(name, String(last)) }
  }

  function* parts(): Generator<Part> {
    if (webhooks && repositories.isApp) yield { of: 'GitHub', kind: 'deliveries', read: redeliver }
    for (const { id } of projects)
      for (const [kind, list] of Object.entries({ comments, reviews: summaries }))
        yield { of: id, kind, read: (signal) => hear(id, kind, list, signal) }
  }

  return createCatchUp(parts, log)
}
