// Makes a pull request that a person has linked, or a branch that is at GitHub, the work of an issue.

import { FatalError } from '../../../errors.ts'
import type { AdoptedPullRequest, AdoptionRequest } from '../../ports.ts'
import type { PullRequestRow, PullRequests } from '../pull-requests.ts'
import type { OpenRepository } from '../repository.ts'
import type { Branches } from './branches.ts'
import { sightingOf, type Mirror } from './mirror.ts'
import { isOwn, type Pull, type Pulls } from './pulls.ts'
import type { GithubRepositories } from './repositories.ts'

export function createAdoption(options: {
  repositories: GithubRepositories
  pullRequests: PullRequests
  pulls: Pulls
  branches: Branches
  mirror: Mirror
  open: OpenRepository
  /** Whether the issue is over: its pull request may become another's. */
  isOver: (issue: string) => boolean
}) {
  const { repositories, pullRequests, pulls, branches, mirror, open, isOver } = options

  /** The number in the link, or its branch. Throws FatalError `unknown-link`. */
  async function read({ project, link }: AdoptionRequest): Promise<{ number: number } | { branch: string }> {
    const [, number] = /^#?(\d{1,9})$/.exec(link) ?? []
    if (number !== undefined) return { number: Number(number) }
    const [, branch] = /^branch:(.+)$/.exec(link) ?? []
    if (branch !== undefined) return { branch }
    const [, fullName, ofUrl] = /^https?:\/\/[^/]+(?:\/[^/]+)*?\/([^/]+\/[^/]+)\/pull\/(\d{1,9})(?:[/?#].*)?$/.exec(link) ?? []
    const place = await repositories.place(project)
    if (ofUrl === undefined || fullName === undefined)
      throw new FatalError(
        'unknown-link',
        `'${link}' is neither the number or address of a pull request of ${place.fullName} nor branch:NAME.`,
      )
    const isHere =
      link.startsWith(`${repositories.webUrl}/`) &&
      [place.fullName, repositories.configuredName(project)].some((name) => name.toLowerCase() === fullName.toLowerCase())
    if (!isHere)
      throw new FatalError('unknown-link', `${link} is not a pull request of ${place.fullName}, where the changes of ${project} land.`)
    return { number: Number(ofUrl) }
  }

  function assertFree(request: AdoptionRequest, row: PullRequestRow | undefined): void {
    if (row !== undefined && row.issue !== request.issue && !isOver(row.issue))
      throw new FatalError('pull-request-taken', `Pull request #${row.number} belongs to ${row.key}, which is not over.`)
  }

  async function takeOver(request: AdoptionRequest, pull: Pull): Promise<PullRequestRow> {
    if (!isOwn(pull))
      throw new FatalError(
        'pull-request-of-fork',
        `Pull request #${pull.number} comes from a fork: its branch is not ours to push to. Bring it into the repository first.`,
      )
    assertFree(request, pullRequests.byNumber(request.project, pull.number))
    return mirror.adopted(request, sightingOf(pull))
  }

  async function ofBranch(request: AdoptionRequest, branch: string): Promise<Pull> {
    const { project, title, key } = request
    const repository = await open(project)
    if (branch === repository.base.name) throw new FatalError('no-change', `${branch} is the base branch itself.`)
    const found = (await pulls.ofBranch(project, branch)).find(({ state }) => state === 'open')
    if (found !== undefined) return found
    if ((await branches.head(repository, branch)) === null)
      throw new FatalError('unknown-branch', `There is no branch ${branch} in ${await repository.base.source()}.`)
    const opened = await pulls.open(project, { branch, base: repository.base.name, title: title.trim() === '' ? key : title, body: '' })
    const pull = opened ?? (await pulls.ofBranch(project, branch)).find(({ state }) => state === 'open')
    if (pull === undefined) throw new FatalError('github-refused', `GitHub says that ${branch} has a pull request, and shows none.`)
    return pull
  }

  /** Throws FatalError `unknown-link`, `unknown-pull-request`, `unknown-branch`, `pull-request-of-fork`, `pull-request-taken`. */
  return async function adopt(request: AdoptionRequest): Promise<AdoptedPullRequest> {
    const { project } = request
    const sought = await read(request)
    const pull =
      'branch' in sought
        ? await ofBranch(request, sought.branch)
        : await pulls.get(project, sought.number).catch((error: unknown) => {
            if (!(error instanceof FatalError) || error.code !== 'github-not-found') throw error
            throw new FatalError('unknown-pull-request', `There is no pull request #${sought.number} in ${project}.`, { cause: error })
          })
    const row = await takeOver(request, pull)
    const { type: _type, source: _source, ...fact } = pullRequests.about(row, 'pr.opened', 'system')
    return { ...fact, mergedSha: row.merged_sha, state: row.state, observedAt: row.updated_at }
  }
}
