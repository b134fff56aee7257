// Publishes a branch at GitHub: into our repository, from there to GitHub, then the one pull request of the branch. Adopts what is there.

import { FatalError } from '../../../errors.ts'
import type { PublishInput } from '../../ports.ts'
import { toSubject, type PullRequestRow, type PullRequests } from '../pull-requests.ts'
import { assertWanted, type Pushing } from '../pushing.ts'
import type { RefRows } from '../refs.ts'
import type { OpenRepository } from '../repository.ts'
import type { Branches } from './branches.ts'
import type { InTurn } from '../../in-turn.ts'
import { sightingOf, type Mirror } from './mirror.ts'
import { stateOf, type Pull, type Pulls } from './pulls.ts'

/** What GitHub takes, in characters. */
const longestBody = 65_000

export interface Published {
  row: PullRequestRow
  adopted: boolean
  /** The head that it had before; null when that is the same, or there was none. */
  former: string | null
}

export function createPublication(options: {
  open: OpenRepository
  refs: RefRows
  pushing: Pushing
  branches: Branches
  pulls: Pulls
  pullRequests: PullRequests
  mirror: Mirror
  inTurn: InTurn
}) {
  const { open, refs, pushing, branches, pulls, pullRequests, mirror, inTurn } = options

  const textOf = (request: PublishInput) => ({
    title: toSubject(request),
    body: request.body.length <= longestBody ? request.body : `${request.body.slice(0, longestBody - 1)}…`,
  })
  const sameText = (a: string | null, b: string): boolean => (a ?? '').replaceAll('\r\n', '\n').trimEnd() === b.trimEnd()

  /** The pull request that this publication is about already: the open one, or the one that has ended with the very same head. */
  async function current({
    project,
    branch,
    head,
  }: PublishInput): Promise<{ open: Pull | undefined; ended: Pull | undefined; closed: Pull | undefined }> {
    const all = await pulls.ofBranch(project, branch)
    return {
      open: all.find(({ state }) => state === 'open'),
      ended: all.find((pull) => pull.state === 'closed' && pull.head.sha === head),
      closed: all.find((pull) => stateOf(pull) === 'closed'),
    }
  }

  async function withText(request: PublishInput, pull: Pull, base: string): Promise<Pull> {
    const { title, body } = textOf(request)
    const changes = {
      ...(pull.title === title ? {} : { title }),
      ...(sameText(pull.body, body) ? {} : { body }),
      ...(pull.base.ref === base ? {} : { base }),
    }
    return Object.keys(changes).length === 0 ? pull : pulls.change(request.project, pull.number, changes)
  }

  /** A closed one is opened again by new work; GitHub does not where its branch was replaced meanwhile. */
  async function reopened({ project }: PublishInput, closed: Pull | undefined): Promise<Pull | null> {
    if (closed === undefined || pullRequests.byNumber(project, closed.number) === undefined) return null
    return pulls.change(project, closed.number, { state: 'open' }).catch((error: unknown) => {
      if (error instanceof FatalError && error.code === 'github-refused') return null
      throw error
    })
  }

  async function opened(request: PublishInput, base: string): Promise<{ pull: Pull; adopted: boolean }> {
    const { project, branch } = request
    const { title, body } = textOf(request)
    for (let again = false; ; again = true) {
      const pull = await pulls.open(project, { branch, base, title, body })
      if (pull !== null) return { pull, adopted: false }
      // Somebody was quicker, or the answer to our own was lost.
      const { open: found } = await current(request)
      if (found !== undefined) return { pull: await withText(request, found, base), adopted: true }
      if (again) throw new FatalError('github-refused', `GitHub says that ${branch} has a pull request, and shows none.`)
    }
  }

  /**
   * Contract: the same request twice gives the same pull request. Throws FatalError `stale-lease`, `unknown-head`, `push-failed`,
   * `push-refused`, `called-off`, and those of the client.
   */
  async function publish(request: PublishInput, signal?: AbortSignal): Promise<Published> {
    const { project, branch, head } = request
    const ref = `refs/heads/${branch}`
    const repository = await open(project)
    assertWanted(request, signal)
    const before = pullRequests.byBranch(project, branch)
    const former = before?.state === 'open' && before.head_sha !== head ? before.head_sha : null
    if (before !== undefined && before.state !== 'open' && before.head_sha === head) return { row: before, adopted: true, former: null }
    const recorded = refs.get(project, ref)
    if (recorded?.sha !== head || recorded.pending !== null) {
      await pushing.push(repository, request)
      refs.record(project, ref, head)
    }
    const stack = await pushing.stackOf(repository, request)
    await branches.push(repository, request)
    // A branch that is there without a pull request harms nobody: the next publication goes on from it.
    assertWanted(request, signal)
    const found = await current(request)
    const written = (pull: Pull): PullRequestRow => mirror.published(request, sightingOf(pull), stack)
    if (found.open !== undefined) return { row: written(await withText(request, found.open, stack.base)), adopted: true, former }
    if (found.ended !== undefined && pullRequests.byNumber(project, found.ended.number) !== undefined)
      return { row: written(found.ended), adopted: true, former: null }
    const again = await reopened(request, found.closed)
    if (again !== null) return { row: written(await withText(request, again, stack.base)), adopted: true, former }
    assertWanted(request, signal)
    const { pull, adopted } = await opened(request, stack.base)
    return { row: written(pull), adopted, former }
  }

  return (request: PublishInput, signal?: AbortSignal): Promise<Published> =>
    inTurn(mirror.turnOf(request.project, request.branch), () => publish(request, signal))
}
