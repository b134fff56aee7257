// Publishes a branch: a push with a lease into our bare repository, then the one pull request of the branch. Adopts what a kill left half done.

import { FatalError } from '../../errors.ts'
import type { FactOutbox } from '../../persistence/fact-outbox.ts'
import type { PublishInput } from '../ports.ts'
import { patchIdOf } from '../workspace/inspection.ts'
import type { CheckRecords } from './check-records.ts'
import type { PullRequestRow, PullRequests } from './pull-requests.ts'
import type { PushGuard } from './push-guard.ts'
import { assertWanted, createPushing } from './pushing.ts'
import type { RefRows } from './refs.ts'
import type { OpenRepository } from './repository.ts'

export function createPublisher(options: {
  open: OpenRepository
  refs: RefRows
  guard: PushGuard
  outbox: FactOutbox
  pullRequests: PullRequests
  records: CheckRecords
  /** Whether the project declares checks. */
  isChecked: (project: string) => boolean
  /** Puts refs back that were moved without us. */
  compare: (project: string) => Promise<unknown>
}) {
  const { open, refs, outbox, pullRequests, records, isChecked } = options
  const { push, isBelow, stackOf, findParent, bring } = createPushing(options)

  return {
    /**
     * Contract: the same request twice gives the same pull request and one set of facts; none is opened once `signal` is aborted. Throws
     * FatalError `stale-lease`, `unknown-head`, `push-failed`, `called-off`.
     */
    async publish(request: PublishInput, signal?: AbortSignal): Promise<{ row: PullRequestRow; adopted: boolean }> {
      const { project, branch, head } = request
      const ref = `refs/heads/${branch}`
      const done = pullRequests.published(request)
      if (done !== null && (done.state !== 'open' || refs.get(project, ref)?.sha === head)) return { row: done, adopted: true }
      const repository = await open(project)
      assertWanted(request, signal)
      if (refs.get(project, ref)?.sha !== head || refs.get(project, ref)?.pending != null) await push(repository, request)
      const stack = await stackOf(repository, request)
      // A branch that is there without a pull request harms nobody: the next publication goes on from it.
      assertWanted(request, signal)
      return outbox.transaction(() => {
        refs.record(project, ref, head)
        const published = pullRequests.publish({ ...request, base: stack.base }, stack.parentHead)
        if (isChecked(project) && published.row.state === 'open') records.expect(published.row)
        return published
      })
    },

    /** Opens a pull request for a branch of the user's repository. Throws FatalError `unknown-branch`, `no-change`. */
    async publishBranch(request: { project: string; issue: string; key: string; title: string; base: string; branch: string }) {
      const { project, branch, base } = request
      const repository = await open(project)
      if (branch === repository.base.name) throw new FatalError('no-change', `${branch} is the base branch itself.`)
      await repository.syncBase()
      const head = await bring(repository, branch, `refs/heads/${branch}`)
      const parent = await findParent(repository, branch, head)
      const below = parent?.head_sha ?? repository.mirrored()
      const patchId = await patchIdOf({ path: repository.path, repository: repository.path }, below, head)
      if (patchId === null) throw new FatalError('no-change', `${branch} has nothing that ${parent?.head_ref ?? base} does not have.`)
      const input = { ...request, base: parent?.head_ref ?? base, head, expected: null, body: '', draft: false, patchId }
      return outbox.transaction(() => {
        refs.record(project, `refs/heads/${branch}`, head)
        const published = pullRequests.publish(input, parent?.head_sha ?? null)
        if (isChecked(project) && published.row.state === 'open') records.expect(published.row)
        return published
      })
    },

    /** A person gives the pull request another head, a branch of the user's repository. Idempotent. Throws FatalError `unknown-branch`. */
    async pushHead({ project, number, branch, author }: { project: string; number: number; branch: string; author: string }) {
      const repository = await open(project)
      const before = pullRequests.needHead(project, number)
      const ref = `refs/heads/${before.head_ref}`
      const head = await bring(repository, branch, ref, before.head_sha)
      if (head === before.head_sha) return before
      const parent = pullRequests.below(project, pullRequests.need(project, number).base_ref)
      const patch = await patchIdOf({ path: repository.path, repository: repository.path }, parent?.head_sha ?? repository.mirrored(), head)
      const hasParent = parent !== undefined && (await isBelow(repository, parent.head_sha, head))
      return outbox.transaction(() => {
        const row = pullRequests.needHead(project, number)
        refs.record(project, ref, head)
        const parentHead = hasParent ? parent.head_sha : row.parent_head
        Object.assign(row, { head_sha: head, patch_id: patch, parent_head: parentHead } satisfies Partial<PullRequestRow>)
        pullRequests.change(row, [{ ...pullRequests.about(row, 'pr.pushed', 'operator'), author }])
        if (isChecked(project)) records.expect(row)
        return row
      })
    },
  }
}
