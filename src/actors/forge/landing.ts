// The effects of the landing queue: the merge that is tested, and its landing on the user's base branch. Which, when and whether is the queue's decision.

import type { FactOutbox } from '../../persistence/fact-outbox.ts'
import { FatalError } from '../../errors.ts'
import { git } from '../git.ts'
import type { QueueIncident } from '../ports.ts'
import { mergeTree } from './merging.ts'
import type { Mergeable, PullRequestRow, PullRequests } from './pull-requests.ts'
import type { RefRows } from './refs.ts'
import type { OpenRepository, Repository } from './repository.ts'

export type Candidate =
  /** `commit` merges the head into `base`, and is what must be tested and landed. */
  | { kind: 'candidate'; base: string; commit: string }
  | { kind: 'conflict'; base: string; files: string[] }
  /** The base has the head already: `commit` is the merge that brought it. */
  | { kind: 'already_landed'; base: string; commit: string }

export type Landing =
  | { kind: 'landed'; commit: string }
  /** The base is not what the candidate was tested on: build and test another. */
  | { kind: 'base_moved' }
  /** Nothing was changed; a human can clear the way. */
  | { kind: 'blocked'; reason: string; files: string[] }

export interface LandingTarget {
  project: string
  number: number
}

export type LandingEffects = ReturnType<typeof createLanding>

export function createLanding(options: {
  open: OpenRepository
  pullRequests: PullRequests
  refs: RefRows
  outbox: FactOutbox
  now: () => number
}) {
  const { open, pullRequests, refs, outbox, now } = options

  /** The candidates built by this process, to save asking git. */
  const candidates = new Map<string, { head: string; tree: string }>()

  async function isAncestor(repository: Repository, commit: string, of: string): Promise<boolean> {
    const { exitCode } = await git(['merge-base', '--is-ancestor', commit, of], { cwd: repository.path, allow: [0, 1] })
    return exitCode === 0
  }

  /** The merge commit on the base by which `head` got there; the head itself when it was not merged but fast-forwarded. */
  async function findMerge(repository: Repository, base: string, head: string): Promise<string> {
    const { stdout } = await git(['rev-list', '--merges', '--parents', '--ancestry-path', '--topo-order', `${head}..${base}`], {
      cwd: repository.path,
    })
    const lines = stdout.split('\n').map((line) => line.split(' '))
    return lines.find(([, , second]) => second === head)?.[0] ?? head
  }

  /** The head that a candidate merges, from the commit itself: it is the trace that outlives a restart. Null for what is no merge. */
  async function mergedHead(repository: Repository, commit: string): Promise<string | null> {
    const known = candidates.get(commit)?.head
    if (known !== undefined) return known
    const { stdout } = await git(['rev-parse', '--verify', '--quiet', `${commit}^2`], { cwd: repository.path, allow: [0, 1, 128] })
    return stdout.trim() || null
  }

  /** Notes a landing that has happened, once; answers false when it was noted before. */
  function recordLanded(target: LandingTarget & { headSha: string; commit: string }): boolean {
    return outbox.transaction(() => {
      const row = pullRequests.need(target.project, target.number)
      const ref = `refs/heads/${row.head_ref}`
      if (row.state === 'merged') return false
      const left = row.queue_state === 'queued'
      Object.assign(row, { state: 'merged', head_sha: target.headSha, merged_sha: target.commit } satisfies Partial<PullRequestRow>)
      Object.assign(row, { queue_state: 'none', queue_head: null, queue_incident: null, queue_at: Math.max(now(), row.updated_at + 1) })
      pullRequests.change(row, [
        { ...pullRequests.about(row, 'pr.merged', 'system'), mergedSha: target.commit },
        ...(left ? [{ type: 'queue.left', source: 'system' as const, number: row.number, headSha: row.head_sha, incident: null }] : []),
      ])
      if (refs.get(target.project, ref)?.sha === target.headSha) refs.forget(target.project, ref)
      return true
    })
  }

  /** Our mirror after a landing: the base moves along, and the branch that it now contains goes. */
  async function settle(repository: Repository, row: PullRequestRow, headSha: string, commit: string): Promise<void> {
    const { project, path, base } = repository
    // A kill after this leaves a mirror that the next look at the base brings along, and a branch that the guard knows for a landed one.
    recordLanded({ project, number: row.number, headSha, commit })
    await repository.moveBase(async () => {
      const both = `update ${base.ref} ${commit}\ndelete refs/heads/${row.head_ref} ${headSha}\n`
      const { exitCode } = await git(['update-ref', '--stdin'], { cwd: path, input: both, allow: [0, 1, 128] })
      // Whatever keeps the branch is left to the guard.
      if (exitCode !== 0) await git(['update-ref', base.ref, commit], { cwd: path })
      refs.record(project, base.ref, commit)
    })
  }

  async function land(repository: Repository, target: LandingTarget & { base: string; commit: string }): Promise<Landing> {
    const { project, number, base, commit } = target
    const row = pullRequests.need(project, number)
    if (row.state === 'merged') return { kind: 'landed', commit: row.merged_sha! }
    // The user's repository may have it already: then the newest head does not matter any more.
    const headSha = await mergedHead(repository, commit)
    if (headSha === null) throw new FatalError('unknown-candidate', `${commit} is not the merge of a pull request of ${project}.`)
    if (row.head_sha !== headSha || row.state !== 'open') {
      const present = await repository.syncBase()
      if (!(await isAncestor(repository, commit, present))) pullRequests.needHead(project, number, headSha)
    }
    const move = await repository.base.move({
      source: repository.path,
      from: base,
      to: commit,
      note: `signalbox: landed #${number} (${row.key})`,
      identity: await repository.identity(),
    })
    if (move.kind === 'base_moved') repository.doubtBase()
    if (move.kind === 'base_moved' || move.kind === 'blocked') return move
    await settle(repository, row, headSha, commit)
    // More may have come since it got there.
    if (move.kind === 'already') repository.doubtBase()
    return { kind: 'landed', commit }
  }

  function changeQueue(
    target: LandingTarget & { headSha: string },
    state: PullRequestRow['queue_state'],
    incident: QueueIncident | null,
    type: 'queue.entered' | 'queue.evicted' | 'queue.left',
  ): void {
    outbox.transaction(() => {
      const row = pullRequests.need(target.project, target.number)
      const json = incident === null ? null : JSON.stringify(incident)
      if (row.state !== 'open') return
      if (row.queue_state === state && row.queue_incident === json && (state === 'none' || row.queue_head === target.headSha)) return
      Object.assign(row, { queue_state: state, queue_head: target.headSha, queue_incident: json })
      row.queue_at = Math.max(now(), row.updated_at + 1)
      pullRequests.change(row, [{ type, source: 'system', number: row.number, headSha: target.headSha, incident }])
    })
  }

  return {
    mergedHead,

    /**
     * Merges the head into `onto`, the candidate before it, or else into the user's base branch, which is taken over first. Nothing
     * of it is visible to the user.
     * Throws FatalError `unknown-pull-request`, `pull-request-closed`, `stale-head`; ConfigurationError `base-missing` and its like.
     */
    async buildCandidate(target: LandingTarget & { headSha: string; onto?: string | null }): Promise<Candidate> {
      const { project, number, headSha, onto = null } = target
      const known = pullRequests.need(project, number)
      const row = known.state === 'merged' && known.head_sha === headSha ? known : pullRequests.needHead(project, number, headSha)
      const repository = await open(project)
      const base = onto ?? (await repository.recentBase())
      const below = candidates.get(base)
      const asked = below === undefined
      const [isBelow, merged] = await Promise.all([asked && isAncestor(repository, headSha, base), mergeTree(repository, base, headSha)])
      // A head that the base has brings nothing to it: where the tree changes, nobody needs to be asked.
      const mayBeBelow = !asked && 'tree' in merged && merged.tree === below.tree
      const landed = isBelow || (mayBeBelow && (await isAncestor(repository, headSha, base)))
      if (landed) return { kind: 'already_landed', base, commit: await findMerge(repository, base, headSha) }
      if ('files' in merged) return { kind: 'conflict', base, files: merged.files }
      const date = toGitDate(now())
      const message = `Merge #${number}: ${row.title} (${row.key})`
      const { stdout } = await git(['-c', 'i18n.commitEncoding=UTF-8', 'commit-tree', merged.tree, '-p', base, '-p', headSha, '-F', '-'], {
        cwd: repository.path,
        env: { ...(await repository.identity()), GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
        input: `${message}\n`,
      })
      const commit = stdout.trim()
      if (candidates.size >= 1_000) candidates.clear()
      candidates.set(commit, { head: headSha, tree: merged.tree })
      return { kind: 'candidate', base, commit }
    },

    /**
     * Contract: the user's base branch moves from exactly `base` to `commit`, or nothing changes. Asked again after a crash it
     * answers `landed` for the landing that was made. Afterwards the pull request is merged, with its facts.
     */
    async landCandidate(target: LandingTarget & { base: string; commit: string }): Promise<Landing> {
      const repository = await open(target.project)
      return repository.land(() => land(repository, target))
    },

    /** Notes a landing that was found made (`already_landed`). Idempotent. */
    async adoptLanding(target: LandingTarget & { headSha: string; commit: string }): Promise<void> {
      const repository = await open(target.project)
      const row = pullRequests.need(target.project, target.number)
      if (!recordLanded(target)) return
      await git(['update-ref', '-d', `refs/heads/${row.head_ref}`, target.headSha], { cwd: repository.path, allow: [0, 1, 128] })
    },

    recordEntered: (target: LandingTarget & { headSha: string }): void => changeQueue(target, 'queued', null, 'queue.entered'),
    /** Out of the queue with the reason, which the actor repairs. */
    recordEviction: (target: LandingTarget & { headSha: string; incident: QueueIncident }): void =>
      changeQueue(target, 'evicted', target.incident, 'queue.evicted'),
    /** Out of the queue without anything to repair: withdrawn. */
    recordLeft: (target: LandingTarget & { headSha: string }): void => changeQueue(target, 'none', null, 'queue.left'),

    /** Whether the pull request merges into the base that was taken over last. */
    async mergeable(row: PullRequestRow): Promise<Mergeable> {
      const repository = await open(row.project)
      const base = repository.mirrored()
      if (base === null || row.state !== 'open') return 'unknown'
      return 'files' in (await mergeTree(repository, base, row.head_sha)) ? 'conflict' : 'clean'
    },
  }
}

/** The time as git takes it, in the zone of this machine. */
function toGitDate(time: number): string {
  const minutes = -new Date(time).getTimezoneOffset()
  const zone = `${Math.floor(Math.abs(minutes) / 60)}`.padStart(2, '0') + `${Math.abs(minutes) % 60}`.padStart(2, '0')
  return `@${Math.floor(time / 1000)} ${minutes < 0 ? '-' : '+'}${zone}`
}
