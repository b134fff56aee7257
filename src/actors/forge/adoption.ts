// Makes work that is there already the pull request of an issue: one of the forge's own, or a branch of the user's repository.

import { FatalError } from '../../errors.ts'
import type { FactEvent, FactOutbox } from '../../persistence/fact-outbox.ts'
import type { AdoptedPullRequest, AdoptionRequest } from '../ports.ts'
import type { CheckRecords } from './check-records.ts'
import type { PullRequestRow, PullRequests } from './pull-requests.ts'
import type { createPublisher } from './publisher.ts'
import type { createReviews } from './reviews.ts'

export function createAdoption(options: {
  outbox: FactOutbox
  pullRequests: PullRequests
  reviews: ReturnType<typeof createReviews>
  records: CheckRecords
  publisher: ReturnType<typeof createPublisher>
  /** Whether the issue is over: its pull request may become another's. */
  isOver: (issue: string) => boolean
}) {
  const { outbox, pullRequests, reviews, records, publisher, isOver } = options

  /** Everything that the forge knows of the pull request, for an issue that has not heard of it. */
  function tell(row: PullRequestRow): (Omit<FactEvent, 'observedAt'> & { type: string })[] {
    const { headSha, state, names, failures } = records.of(row)
    return [
      pullRequests.about(row, 'pr.opened', 'system'),
      ...reviews
        .of(row.project, row.number)
        .filter(({ verdict }) => verdict !== 'dismissed')
        .map(({ verdict, id: _id, ...review }) => ({
          ...{ type: verdict === 'approved' ? 'review.approved' : 'review.changesRequested', source: 'system' as const },
          ...{ ...review, number: row.number },
        })),
      ...(state === 'none' ? [] : [{ type: `checks.${state}`, source: 'system' as const, number: row.number, headSha, names, failures }]),
    ]
  }

  function takeOver(row: PullRequestRow, { issue, key }: AdoptionRequest): PullRequestRow {
    if (row.issue === issue) return row
    if (!isOver(row.issue)) {
      throw new FatalError('pull-request-taken', `Pull request #${row.number} belongs to ${row.key}, which is not over.`)
    }
    Object.assign(row, { issue, key } satisfies Partial<PullRequestRow>)
    pullRequests.change(row, row.state === 'open' ? tell(row) : [])
    return row
  }

  return async function adopt(request: AdoptionRequest): Promise<{ pullRequest: AdoptedPullRequest; row: PullRequestRow }> {
    const { project, link } = request
    const [, number] = /^#?(\d{1,9})$/.exec(link) ?? []
    const [, branch] = /^branch:(.+)$/.exec(link) ?? []
    let row: PullRequestRow
    if (number !== undefined) row = outbox.transaction(() => takeOver(pullRequests.need(project, Number(number)), request))
    else if (branch !== undefined) row = await adoptBranch(branch, request)
    else throw new FatalError('unknown-link', `'${link}' is neither the number of a pull request of ${project} nor branch:NAME.`)
    const { type: _type, source: _source, ...fact } = pullRequests.about(row, 'pr.opened', 'system')
    return { pullRequest: { ...fact, mergedSha: row.merged_sha, state: row.state, observedAt: row.updated_at }, row }
  }

  async function adoptBranch(branch: string, request: AdoptionRequest): Promise<PullRequestRow> {
    const known = pullRequests.byBranch(request.project, branch)
    if (known !== undefined && known.state === 'open') return outbox.transaction(() => takeOver(known, request))
    return (await publisher.publishBranch({ ...request, branch })).row
  }
}
