// Who lands a change at GitHub: its merge queue, its auto-merge, somebody else's lander that speaks by a check, or our own landing queue.

import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import { FatalError } from '../../../errors.ts'
import type { LandingRequest, PullRequestFacts, QueueIncident } from '../../ports.ts'
import { mergeTree } from '../merging.ts'
import type { PullRequestRow, PullRequests } from '../pull-requests.ts'
import type { OpenRepository } from '../repository.ts'
import type { Cursors } from './cursors.ts'
import type { Failures } from './failures.ts'
import { externalQueue } from './external-lander.ts'
import { createLanderSearch } from './lander-search.ts'
import type { Loader } from './loader.ts'
import type { SeenContext, SeenPullRequest } from './queries.ts'
import type { GithubRepositories, Self } from './repositories.ts'
import type { RequiredChecks } from './required.ts'
import { last, nameOf, newest, standingOf } from './standing.ts'
import { isSelf } from './verdicts.ts'

export type LanderKind = 'merge_queue' | 'auto_merge' | 'external' | 'embedded'
type Queue = PullRequestFacts['queue']

/** Milliseconds for which what a repository has is believed. */
const kept = 5 * 60_000

const abilitiesQuery = `
query ($owner: String!, $repo: String!, $branch: String!) {
  repository(owner: $owner, name: $repo) { autoMergeAllowed mergeQueue(branch: $branch) { id } }
}`
const abilitiesSchema = z.object({
  repository: z.object({ autoMergeAllowed: z.boolean(), mergeQueue: z.object({ id: z.string() }).nullable() }),
})
const done = z.unknown()
const mergedSchema = z.object({ merged: z.boolean() })

const enqueue = `mutation ($id: ID!, $head: GitObjectID!) { enqueuePullRequest(input: { pullRequestId: $id, expectedHeadOid: $head }) { clientMutationId } }`
const dequeue = `mutation ($id: ID!) { dequeuePullRequest(input: { id: $id }) { clientMutationId } }`
const enableAutoMerge = `mutation ($id: ID!, $head: GitObjectID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(input: { pullRequestId: $id, expectedHeadOid: $head, mergeMethod: $method }) { clientMutationId }
}`
const disableAutoMerge = `mutation ($id: ID!) { disablePullRequestAutoMerge(input: { pullRequestId: $id }) { clientMutationId } }`

export type Landers = ReturnType<typeof createLanders>

export function createLanders(options: {
  repositories: GithubRepositories
  projects: readonly Pick<ProjectConfig, 'id' | 'landing' | 'checks'>[]
  loader: Loader
  pullRequests: PullRequests
  open: OpenRepository
  required: RequiredChecks
  failures: Failures
  cursors: Cursors
  now: () => number
  /** Whether the present head came after this time, in the place of another. */
  hasMovedSince: (project: string, number: number, time: number) => boolean
  requestQueue: (request: LandingRequest) => Promise<void>
  withdrawQueue: (request: LandingRequest & { reason: string }) => Promise<void>
  /** Out of the queue, with its fact. */
  recordEviction: (target: { project: string; number: number; headSha: string; incident: QueueIncident }) => void
}) {
  const { repositories, projects, loader, pullRequests, open, failures, now } = options
  const others = createLanderSearch(options)
  const abilities = new Map<string, { at: number; found: Promise<{ hasQueue: boolean; hasAutoMerge: boolean }> }>()
  const configured = (project: string) => projects.find(({ id }) => id === project)!

  function abilitiesOf(project: string) {
    const known = abilities.get(project)
    if (known !== undefined && now() - known.at < kept) return known.found
    const found = (async () => {
      const { base } = await open(project)
      const { repository } = await repositories
        .client(project)
        .graphql(abilitiesQuery, { ...(await repositories.at(project)), branch: base.name }, abilitiesSchema, {
          what: `the merge queue of ${project}`,
        })
      return { hasQueue: repository.mergeQueue !== null, hasAutoMerge: repository.autoMergeAllowed }
    })()
    abilities.set(project, { at: now(), found })
    found.catch(() => abilities.delete(project))
    return found
  }

  async function kindOf(project: string): Promise<LanderKind> {
    const { lander } = configured(project).landing
    if (lander !== 'auto') return lander
    const { hasQueue, hasAutoMerge } = await abilitiesOf(project)
    if (hasQueue) return 'merge_queue'
    if (await others.isKnown(project)) return 'external'
    return hasAutoMerge ? 'auto_merge' : 'embedded'
  }

  // --- what is seen ---

  /** The failed checks of what the merge queue had built, where GitHub still tells of it. */
  async function failuresOf(project: string, commit: string | undefined, head: string) {
    if (commit === undefined || commit === head) return []
    const contexts = newest(await loader.contextsOf(project, commit)).filter((context) => standingOf(context) === 'failed')
    return Promise.all(contexts.map((context) => failures.of(project, context)))
  }

  async function incidentOf(row: PullRequestRow, head: string, reason: string, built: string | undefined): Promise<QueueIncident> {
    const said = reason.toLowerCase().replaceAll('_', ' ')
    const repository = await open(row.project)
    // It may conflict with what came to the base a moment ago.
    const baseSha = await repository.syncBase()
    const about = { files: [], failures: [], baseSha, headSha: head }
    if (/conflict|tree invalid|merge commit/.test(said)) {
      const merged = await mergeTree(repository, baseSha, head)
      const files = 'files' in merged ? merged.files : []
      const withWhat = files.length > 0 ? '' : ' with what stood before it there'
      return { ...about, class: 'conflict', files, summary: `The merge queue could not merge it: it conflicts${withWhat}` }
    }
    if (/ci|check|status|fail|timeout|timed out/.test(said)) {
      const found = await failuresOf(row.project, built, head)
      const names = found.map(({ name }) => name).join(', ')
      return {
        ...about,
        class: 'checks',
        failures: found,
        summary: `The checks of the merge queue failed${names === '' ? '' : `: ${names}`}`,
      }
    }
    return { ...about, class: 'environment', summary: `It was taken out of GitHub's merge queue${said === '' ? '' : ` (${said})`}` }
  }

  async function mergeQueueOf(row: PullRequestRow, seen: SeenPullRequest, self: Self): Promise<Queue | null> {
    const headSha = row.queue_head ?? seen.headRefOid
    if (seen.mergeQueueEntry !== null)
      return { headSha: seen.headRefOid, state: 'queued', incident: null, observedAt: seen.mergeQueueEntry.enqueuedAt }
    const last = seen.timelineItems.nodes.findLast(({ __typename }) => __typename.endsWith('MergeQueueEvent'))
    if (last?.__typename !== 'RemovedFromMergeQueueEvent' || last.createdAt === undefined) return null
    // Where it is not known which head stood there, a person had put it there, or we have asked for it back meanwhile.
    if (row.queue_head === null && options.hasMovedSince(row.project, row.number, last.createdAt)) return null
    // One more than the entry, which may have been in the same second.
    const observedAt = last.createdAt + 1
    const isOver = seen.state !== 'OPEN' || isSelf(last.actor ?? null, self) || /^(merged?|already.merged)$/i.test(last.reason ?? '')
    if (isOver) return { headSha, state: 'none', incident: null, observedAt }
    return { headSha, state: 'evicted', incident: await incidentOf(row, headSha, last.reason ?? '', last.beforeCommit?.oid), observedAt }
  }

  /** What we had asked for is not there any more, and we have not taken it back. */
  function autoMergeOf(row: PullRequestRow, seen: SeenPullRequest): Queue | null {
    const headSha = seen.headRefOid
    if (seen.autoMergeRequest !== null)
      return { headSha, state: 'queued', incident: null, observedAt: seen.autoMergeRequest.enabledAt ?? seen.updatedAt }
    if (row.queue_head !== headSha || seen.state !== 'OPEN') return null
    const summary = 'Its auto-merge was turned off at GitHub'
    const incident: QueueIncident = { class: 'environment', files: [], failures: [], baseSha: '', headSha, summary }
    return { headSha, state: 'evicted', incident, observedAt: seen.updatedAt }
  }

  async function seenQueue(row: PullRequestRow, seen: SeenPullRequest, contexts: readonly SeenContext[]): Promise<Queue | null> {
    const { project } = row
    const name = configured(project).checks.queue
    const reported = last(contexts.filter((context) => nameOf(context) === name))
    if (reported !== undefined) others.note(project)
    const self = await repositories.self()
    const kind = await kindOf(project)
    if (kind === 'merge_queue') return mergeQueueOf(row, seen, self)
    if (kind === 'auto_merge') return autoMergeOf(row, seen)
    return kind === 'external' && reported !== undefined ? externalQueue(reported, seen.headRefOid) : null
  }

  // --- what is asked for ---

  async function ask(kind: LanderKind, seen: SeenPullRequest, request: LandingRequest): Promise<void> {
    const { project, number, headSha } = request
    const { graphql, request: rest } = repositories.client(project)
    const what = `the landing of pull request #${number}`
    if (kind === 'merge_queue') {
      if (seen.mergeQueueEntry !== null) return
      await graphql(enqueue, { id: seen.id, head: headSha }, done, { what, asks: false }).catch((error: unknown) => {
        if (!(error instanceof FatalError) || !/already (in|queued|enqueued)/i.test(error.message)) throw error
      })
    }
    if (kind === 'auto_merge' && seen.autoMergeRequest === null) {
      const { merge } = configured(project).landing
      const place = await repositories.at(project)
      await graphql(enableAutoMerge, { id: seen.id, head: headSha, method: merge.toUpperCase() }, done, { what, asks: false }).catch(
        async (error: unknown) => {
          // What nothing keeps from landing cannot be told to land later: it is landed now.
          if (!(error instanceof FatalError) || !/clean status|protected branch rules not configured/i.test(error.message)) throw error
          const target = { ...place, pull_number: number, sha: headSha, merge_method: merge }
          await rest('PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge', target, mergedSchema, { what })
        },
      )
    }
  }

  return {
    kindOf,
    abilitiesOf,
    forget: (project: string): void => void abilities.delete(project),

    async queueOf(row: PullRequestRow, seen: SeenPullRequest, contexts: readonly SeenContext[]): Promise<Queue> {
      const own = pullRequests.queue(row)
      const found = await seenQueue(row, seen, contexts)
      if (found === null) return own
      // GitHub tells the time in seconds: what stands in the queue stands there, also where it was given back in the same second.
      if (found.state === 'queued' && own.state !== 'queued')
        return { ...found, observedAt: Math.max(found.observedAt, own.observedAt + 1) }
      return found.observedAt < own.observedAt ? own : found
    },

    /** Idempotent by head. What GitHub refuses gives it back, with GitHub's words. */
    async request(request: LandingRequest): Promise<void> {
      const { project, number, headSha } = request
      const row = pullRequests.need(project, number)
      if (row.state === 'merged' && row.head_sha === headSha) return
      pullRequests.needHead(project, number, headSha)
      const kind = await kindOf(project)
      if (kind === 'embedded') return options.requestQueue(request)
      if (kind === 'external') return
      const seen = await loader.pullRequest(project, number)
      if (seen === null || seen.state !== 'OPEN') return
      const remember = (head: string | null): void => pullRequests.keep({ ...pullRequests.need(project, number), queue_head: head })
      await ask(kind, seen, request).then(
        () => remember(headSha),
        (error: unknown) => {
          if (!(error instanceof FatalError)) throw error
          const summary = error.message.replace(/\.$/, '')
          options.recordEviction({ ...request, incident: { class: 'environment', files: [], failures: [], baseSha: '', headSha, summary } })
        },
      )
    },

    async withdraw(request: LandingRequest & { reason: string }): Promise<void> {
      const { project, number } = request
      const kind = await kindOf(project)
      if (kind === 'embedded') return options.withdrawQueue(request)
      const seen = await loader.pullRequest(project, number)
      if (seen === null || seen.state !== 'OPEN') return
      const { graphql } = repositories.client(project)
      pullRequests.keep({ ...pullRequests.need(project, number), queue_head: null })
      const what = `the withdrawal of pull request #${number}`
      // It may have left by itself since.
      const unlessGone = (error: unknown): void => {
        if (!(error instanceof FatalError) || !['github-refused', 'github-not-found'].includes(error.code)) throw error
      }
      if (seen.mergeQueueEntry !== null) await graphql(dequeue, { id: seen.id }, done, { what, asks: false }).catch(unlessGone)
      if (seen.autoMergeRequest !== null) await graphql(disableAutoMerge, { id: seen.id }, done, { what, asks: false }).catch(unlessGone)
    },
  }
}
