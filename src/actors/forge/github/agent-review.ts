// A reviewing agent's verdict as a review at GitHub. Nobody approves a pull request of their own there: of ours it is a comment that says so.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import type { SubmitInput, Submitted } from '../../../machines/run/inputs.ts'
import type { PullRequests } from '../pull-requests.ts'
import type { createReviews } from '../reviews.ts'
import type { Pulls } from './pulls.ts'
import type { GithubRepositories } from './repositories.ts'
import { marker } from './markers.ts'

const reviewSchema = z.object({ id: z.int(), body: z.string().nullable() })
const longestBody = 60_000

export function createAgentReviews(options: {
  repositories: GithubRepositories
  pullRequests: PullRequests
  pulls: Pulls
  reviews: ReturnType<typeof createReviews>
}) {
  const { repositories, pullRequests, pulls, reviews } = options

  async function post(input: SubmitInput, number: number, isOurs: boolean): Promise<void> {
    const { project, issue, runId, reviewer, verdict, body, findings, headSha } = input
    const target = { ...(await repositories.at(project)), pull_number: number }
    const { request, pages } = repositories.client(project)
    const what = `the review of #${number}`
    const mark = marker(`review:${issue}/${runId}`)
    const all = await pages('GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews', target, reviewSchema, { what })
    if (all.some((review) => review.body?.includes(mark))) return
    const isApproval = verdict === 'approved'
    const said =
      `**${isApproval ? 'Approved' : 'Changes requested'}** at ${headSha.slice(0, 10)} by ${reviewer}, an agent of Signalbox.\n\n${body}`.slice(
        0,
        longestBody,
      )
    const event = isOurs ? 'COMMENT' : isApproval ? 'APPROVE' : 'REQUEST_CHANGES'
    const placed = findings.filter(({ line }) => line !== null)
    const others = findings.filter(({ line }) => line === null)
    const listed = (list: typeof findings): string =>
      list.length === 0
        ? ''
        : `\n\n${list.map(({ path, line, body: text }) => `- \`${path}${line === null ? '' : `:${line}`}\`: ${text}`).join('\n')}`
    const send = (comments: typeof findings, text: string) =>
      request(
        'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews',
        {
          ...{ ...target, commit_id: headSha, event, body: `${text.slice(0, longestBody)}\n\n${mark}` },
          comments: comments.map(({ path, line, body: comment }) => ({ path, line, side: 'RIGHT', body: comment })),
        },
        z.unknown(),
        { what },
      )
    await send(placed, `${said}${listed(others)}`).catch(async (error: unknown) => {
      // A line that is not part of the change cannot be commented on: it is said in the text.
      if (!(error instanceof FatalError) || error.code !== 'github-refused' || placed.length === 0) throw error
      await send([], `${said}${listed(findings)}`)
    })
  }

  /** As the port has it. What it counts for is decided by our own row; what people see is written before. */
  return async function submitReview(input: SubmitInput): Promise<Submitted> {
    const { project, issue, runId, reviewer, verdict, body, findings: comments, headSha } = input
    const row = pullRequests.byIssue(issue)
    if (row === undefined || row.state !== 'open' || row.head_sha !== headSha) return { counts: false }
    const pull = await pulls.get(project, row.number)
    if (pull.state !== 'open') return { counts: false }
    const { login } = await repositories.self()
    await post(input, row.number, pull.user?.login === login)
    try {
      reviews.add({ project, number: row.number, reviewer, verdict, body, comments, headSha, source: 'agent', key: `${issue}/${runId}` })
      return { counts: true }
    } catch (error) {
      if (error instanceof FatalError && ['stale-head', 'pull-request-closed'].includes(error.code)) return { counts: false }
      throw error
    }
  }
}
