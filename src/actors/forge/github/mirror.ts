// Our rows of GitHub's pull requests, kept as they are seen: what is shared with the embedded forge (sequencing, landing, lookups) reads these.

import type { SqliteDatabase } from '../../../persistence/database.ts'
import { withDelayedDurability } from '../../../persistence/statements.ts'
import { git } from '../../git.ts'
import type { PublishInput, PullRequestFacts } from '../../ports.ts'
import { patchIdOf } from '../../workspace/inspection.ts'
import { toSubject, type PullRequestRow, type PullRequests } from '../pull-requests.ts'
import type { Pushing } from '../pushing.ts'
import type { RefRows } from '../refs.ts'
import type { OpenRepository, Repository } from '../repository.ts'
import type { Branches } from './branches.ts'
import type { InTurn } from '../../in-turn.ts'
import { stateOf, type Pull } from './pulls.ts'

/** What is written of a pull request, whichever way it was seen. */
export interface Sighting {
  number: number
  title: string
  body: string
  author: string
  state: PullRequestRow['state']
  draft: boolean
  headSha: string
  headRef: string
  baseRef: string
  mergedSha: string | null
  createdAt: number
  updatedAt: number
}

interface SeenRow {
  head_sha: string
  head_seen_at: number
  /** The head before it. */
  former_head: string | null
  approved_at: number | null
  reviews: string
  /** GitHub's time of what was seen last. */
  updated_at: number
}

/** In place of a time: approvals do not count at present. */
const leftOut = -1

/** GitHub may tell of the head that we have replaced for so long, in milliseconds. */
const lag = 2 * 60_000

export const sightingOf = (pull: Pull): Sighting => {
  const state = stateOf(pull)
  return {
    number: pull.number,
    title: pull.title,
    body: pull.body ?? '',
    author: pull.user?.login ?? 'ghost',
    state,
    draft: pull.draft,
    headSha: pull.head.sha,
    headRef: pull.head.ref,
    baseRef: pull.base.ref,
    mergedSha: state === 'merged' ? (pull.merge_commit_sha ?? pull.head.sha) : null,
    createdAt: pull.created_at,
    updatedAt: pull.updated_at,
  }
}

export type Mirror = ReturnType<typeof createMirror>

export function createMirror(options: {
  database: SqliteDatabase
  pullRequests: PullRequests
  refs: RefRows
  branches: Branches
  pushing: Pushing
  open: OpenRepository
  inTurn: InTurn
  now: () => number
}) {
  const { database, pullRequests, refs, branches, pushing, open, inTurn, now } = options
  const get = database.prepare<[string, number], SeenRow>(
    'SELECT head_sha, head_seen_at, former_head, approved_at, reviews, updated_at FROM github_pull_request WHERE project = ? AND number = ?',
  )
  const write = database.prepare<[SeenRow & { project: string; number: number }]>(
    `INSERT INTO github_pull_request (project, number, head_sha, head_seen_at, former_head, approved_at, reviews, updated_at)
     VALUES (@project, @number, @head_sha, @head_seen_at, @former_head, @approved_at, @reviews, @updated_at)
     ON CONFLICT DO UPDATE SET head_sha = @head_sha, head_seen_at = @head_seen_at, former_head = @former_head, approved_at = @approved_at, reviews = @reviews,
       updated_at = @updated_at`,
  )

  const turnOf = (project: string, branch: string): string => `${project} ${branch}`

  /** Its head before our last push, which GitHub has not noticed yet. */
  function isBehind(row: PullRequestRow, sighting: Sighting): boolean {
    const seen = get.get(row.project, row.number)
    if (row.state !== 'open' || seen === undefined || sighting.headSha !== seen.former_head) return false
    const isOurs = seen.head_sha === row.head_sha && branches.isKnown(row.project, row.head_ref, row.head_sha)
    // Later than our push, it is somebody who has put the branch back.
    return isOurs && now() - seen.head_seen_at < lag && sighting.updatedAt <= Math.max(seen.updated_at, seen.head_seen_at)
  }

  /** Makes the branch of ours what somebody else has pushed. */
  async function bring(repository: Repository, row: PullRequestRow, headSha: string): Promise<void> {
    const { project, head_ref: branch } = row
    const ref = `refs/heads/${branch}`
    if (refs.get(project, ref)?.sha === headSha || branches.isKnown(project, branch, headSha)) return
    const brought = await pushing.bring(repository, branch, ref)
    refs.record(project, ref, brought)
    branches.note(project, branch, brought)
  }

  function noteSight(row: PullRequestRow, updatedAt: number): void {
    const { project, number, head_sha } = row
    const known = get.get(project, number)
    const rest = known ?? { head_sha: '', head_seen_at: 0, former_head: null, approved_at: null, reviews: '[]', updated_at: 0 }
    const head = known?.head_sha === head_sha ? {} : { head_sha, head_seen_at: now(), former_head: known?.head_sha ?? null }
    write.run({ ...rest, ...head, project, number, updated_at: Math.max(rest.updated_at, updatedAt) })
  }

  async function stackOf(repository: Repository, row: PullRequestRow): Promise<Pick<PullRequestRow, 'patch_id' | 'parent_head'>> {
    const parent = pullRequests.below(row.project, row.base_ref)
    const below = parent?.head_sha ?? repository.mirrored()
    const patch_id = await patchIdOf({ path: repository.path, repository: repository.path }, below, row.head_sha)
    if (parent === undefined) return { patch_id, parent_head: null }
    return {
      patch_id,
      parent_head: (await pushing.isBelow(repository, parent.head_sha, row.head_sha)) ? parent.head_sha : (row.parent_head ?? ''),
    }
  }

  return {
    turnOf,
    bring,

    /** What our publication has made of it. */
    published(request: PublishInput, sighting: Sighting, stack: { base: string; parentHead: string | null }): PullRequestRow {
      const known = pullRequests.byNumber(request.project, sighting.number)
      const row: PullRequestRow = {
        ...(known ?? fresh(request.project, sighting)),
        issue: request.issue,
        key: request.key,
        title: sighting.title,
        body: request.body,
        state: sighting.state,
        draft: sighting.draft ? 1 : 0,
        patch_id: request.patchId ?? null,
        parent_head: stack.parentHead,
        head_sha: request.head,
        base_ref: sighting.baseRef,
        merged_sha: sighting.mergedSha,
        updated_at: Math.max(known?.updated_at ?? 0, sighting.updatedAt),
      }
      database.transaction(() => {
        pullRequests.keep(row)
        noteSight(row, sighting.updatedAt)
      })()
      return row
    },

    /** Of an issue that has not heard of it. */
    async adopted(owner: { project: string; issue: string; key: string }, sighting: Sighting): Promise<PullRequestRow> {
      const { project, issue, key } = owner
      return inTurn(turnOf(project, sighting.headRef), async () => {
        const repository = await open(project)
        const row: PullRequestRow = { ...(pullRequests.byNumber(project, sighting.number) ?? fresh(project, sighting)), issue, key }
        Object.assign(row, asSeen(sighting))
        if (row.state === 'open') {
          await bring(repository, row, row.head_sha)
          Object.assign(row, await stackOf(repository, row))
        }
        database.transaction(() => {
          pullRequests.keep(row)
          noteSight(row, sighting.updatedAt)
        })()
        return row
      })
    },

    /** As it is seen now; undefined for a pull request that is no issue's. A head that is not ours is fetched. */
    async note(project: string, sighting: Sighting): Promise<PullRequestRow | undefined> {
      if (pullRequests.byNumber(project, sighting.number) === undefined) return undefined
      return inTurn(turnOf(project, sighting.headRef), async () => {
        const row = pullRequests.byNumber(project, sighting.number)!
        // Nothing undoes a landing, which GitHub may notice after us; and what comes late, by another way, is known better by now.
        if (row.state === 'merged' || sighting.updatedAt < (get.get(project, row.number)?.updated_at ?? 0)) return row
        const repository = await open(project)
        const before = { head: row.head_sha, base: row.base_ref }
        const isLate = isBehind(row, sighting)
        Object.assign(row, asSeen(sighting), isLate ? { head_sha: before.head } : {})
        if (row.state === 'open' && row.head_sha !== before.head) await bring(repository, row, row.head_sha)
        if (row.state === 'open' && (row.head_sha !== before.head || row.base_ref !== before.base))
          Object.assign(row, await stackOf(repository, row))
        const keep = database.transaction(() => {
          pullRequests.keep(row)
          noteSight(row, sighting.updatedAt)
        })
        if (sighting.state === 'merged') {
          // In this order, and for good: of a branch that is still there the guard then knows that it has landed.
          const ref = `refs/heads/${row.head_ref}`
          const isOurs = refs.get(project, ref)?.sha === row.head_sha
          database.transaction(() => {
            keep()
            if (isOurs) refs.forget(project, ref)
          })()
          if (isOurs) await git(['update-ref', '-d', ref, row.head_sha], { cwd: repository.path, allow: [0, 1, 128] })
        } else {
          // What is gone after a power cut is seen again.
          withDelayedDurability(database, keep)
        }
        return row
      })
    },

    /** When the present head was seen first, by our clock. */
    headSeenAt: (project: string, number: number): number => get.get(project, number)?.head_seen_at ?? now(),

    hasMovedSince(project: string, number: number, time: number): boolean {
      const known = get.get(project, number)
      return known !== undefined && known.former_head !== null && known.head_seen_at >= time
    },

    /** Since when approvals count, by GitHub's time: those that had been left out count from now on. `at`: its time of what is seen. */
    approvals(project: string, number: number, areCounted: boolean, at: number): number {
      const known = get.get(project, number)
      if (known === undefined) return 0
      const since = known.approved_at === leftOut ? at + 1 : (known.approved_at ?? 0)
      const next = areCounted ? since : leftOut
      if (next !== known.approved_at) write.run({ project, number, ...known, approved_at: next })
      return next
    },

    reviewsOf: (project: string, number: number): PullRequestFacts['reviews'] =>
      JSON.parse(get.get(project, number)?.reviews ?? '[]') as PullRequestFacts['reviews'],

    keepReviews(project: string, number: number, reviews: PullRequestFacts['reviews']): void {
      const known = get.get(project, number)
      const json = JSON.stringify(reviews)
      if (known !== undefined && known.reviews !== json) write.run({ project, number, ...known, reviews: json })
    },
  }
}

function asSeen(sighting: Sighting): Partial<PullRequestRow> {
  const { title, body, author, state, draft, headSha, baseRef, mergedSha, updatedAt } = sighting
  return {
    ...{
      title: toSubject({ title, key: `#${sighting.number}` }),
      body,
      author,
      state,
      draft: draft ? 1 : 0,
      head_sha: headSha,
      base_ref: baseRef,
    },
    ...{ merged_sha: mergedSha, updated_at: updatedAt },
  }
}

const fresh = (project: string, sighting: Sighting): PullRequestRow => ({
  project,
  number: sighting.number,
  issue: '',
  key: '',
  title: sighting.title,
  body: sighting.body,
  author: sighting.author,
  state: sighting.state,
  draft: sighting.draft ? 1 : 0,
  patch_id: null,
  parent_head: null,
  head_ref: sighting.headRef,
  head_sha: sighting.headSha,
  base_ref: sighting.baseRef,
  merged_sha: sighting.mergedSha,
  queue_state: 'none',
  queue_head: null,
  queue_incident: null,
  queue_at: 0,
  created_at: sighting.createdAt,
  updated_at: sighting.updatedAt,
})
