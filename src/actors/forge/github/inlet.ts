// What GitHub tells by itself: webhooks read into facts and looks, by repository and number, whatever the repository is called by now.

import { z } from 'zod'
import { ProtocolError } from '../../../errors.ts'
import type { FactEvent } from '../../../persistence/fact-outbox.ts'
import { createFirsts } from '../../firsts.ts'
import type { Delivery, Inlet, Notice } from '../../ports.ts'
import type { PullRequestRow, PullRequests } from '../pull-requests.ts'
import type { Landers } from './landers.ts'
import type { Mentions, Words } from './mentions.ts'
import { sightingOf, type Mirror } from './mirror.ts'
import { ownName } from './own-check.ts'
import {
  aboutSchema,
  checkRunSchema,
  checkSuiteSchema,
  envelopeSchema,
  issueCommentSchema,
  laneSchema,
  mergeGroupSchema,
  pullRequestSchema,
  reviewCommentSchema,
  reviewSchema,
  statusSchema,
  workflowRunSchema,
} from './payloads.ts'
import { stateOf, type Pull } from './pulls.ts'
import type { GithubRepositories } from './repositories.ts'
import type { RequiredChecks } from './required.ts'
import { isHeard } from './summaries.ts'
import type { Watch } from './watch.ts'

/** Of a pull request itself; other actions say nothing that is asked for. */
const factTypes: Partial<Record<string, string>> = {
  opened: 'pr.opened',
  synchronize: 'pr.pushed',
  reopened: 'pr.reopened',
  edited: 'pr.updated',
  ready_for_review: 'pr.updated',
  converted_to_draft: 'pr.updated',
}
/** Told without being asked for: nothing is to be done about them. */
const unasked = new Set(['ping', 'meta', 'installation_target', 'github_app_authorization'])
/** What somebody may do may be another by now, here or in all repositories of the organization. */
const ofPeople = new Set(['member', 'membership', 'organization', 'team', 'team_add'])
/** By which people speak. */
const spoken = new Set(['issue_comment', 'pull_request_review_comment', 'pull_request_review'])
const lookActions = new Set(['enqueued', 'dequeued', 'auto_merge_enabled', 'auto_merge_disabled'])

interface Told {
  project: string
  action: string | undefined
  body: unknown
  event: string
}

export function createInlet(options: {
  repositories: GithubRepositories
  pullRequests: PullRequests
  mirror: Mirror
  mentions: Mentions
  required: RequiredChecks
  landers: Landers
  watch: Watch
  catchUp: Inlet['catchUp']
  /** What an operator may do something about. */
  log: (line: Record<string, unknown>, message: string) => void
}): Inlet {
  const { repositories, pullRequests, mirror, mentions, required, landers, watch, catchUp, log } = options
  const foreign = createFirsts()
  const unread = createFirsts()

  function noteForeign(name: string): void {
    // One that could not be looked at yet is said to be so at the start.
    if (repositories.isConfigured(name) || !foreign.isFirst(name)) return
    const source = repositories.isApp ? "the App's installation" : 'its webhooks at GitHub'
    log({ repository: name }, `GitHub tells of ${name}, which no project has: set it as the \`repo\` of one, or take it out of ${source}.`)
  }

  function noteUnread(event: string): void {
    if (unasked.has(event) || !unread.isFirst(event)) return
    log({ event }, `GitHub tells of "${event}", which is not read: end the subscription to it there, and both are spared the traffic.`)
  }

  function parse<T>(schema: z.ZodType<T>, body: unknown, event: string): T {
    const result = schema.safeParse(body)
    if (result.success) return result.data
    const [issue] = result.error.issues
    throw new ProtocolError(
      'github-nonsense',
      `The webhook ${event} is not what its documentation says: ${issue!.path.join('.')}: ${issue!.message}.`,
    )
  }

  const look = (rows: readonly (PullRequestRow | undefined)[]): Notice[] =>
    [...new Set(rows.flatMap((row) => (row === undefined || row.issue === '' ? [] : [row.issue])))].map((issue) => ({
      kind: 'look',
      issue,
      at: 'forge',
    }))

  /** The pull requests that a commit belongs to: by number, else by head, else by branch. */
  function rowsOf(
    project: string,
    { numbers, sha, branch }: { numbers: readonly number[]; sha: string; branch: string | null | undefined },
  ): PullRequestRow[] {
    const named = numbers.flatMap((number) => pullRequests.byNumber(project, number) ?? [])
    if (named.length > 0) return named
    const atHead = pullRequests.inFlight(project).filter(({ head_sha }) => head_sha === sha)
    if (atHead.length > 0) return atHead
    const onBranch = branch == null ? undefined : pullRequests.openOn(project, branch)
    return onBranch === undefined ? [] : [onBranch]
  }

  function factOf(row: PullRequestRow, type: string, pull: Pull): Notice {
    const { headSha, headRef, baseRef, draft, mergedSha, updatedAt } = sightingOf(pull)
    const parent = pullRequests.below(row.project, baseRef) === undefined ? {} : { parent: pullRequests.parentOf(row) }
    const event: FactEvent = {
      ...{ type, source: 'webhook', observedAt: updatedAt, number: pull.number, url: pull.html_url, headSha, headRef, baseRef, draft },
      ...{
        author: pull.user?.login ?? 'ghost',
        mergeable: 'unknown',
        mergedSha,
        patchId: row.head_sha === headSha ? row.patch_id : null,
        ...parent,
      },
    }
    return { kind: 'fact', issue: row.issue, event }
  }

  async function pullRequest({ project, action = '', body, event }: Told): Promise<Notice[]> {
    if (factTypes[action] === undefined && action !== 'closed' && !lookActions.has(action)) return []
    const { pull_request: pull } = parse(pullRequestSchema, body, event)
    const row = await mirror.note(project, sightingOf(pull))
    if (row === undefined) return []
    if (lookActions.has(action)) return look([row])
    const type = action === 'closed' ? (stateOf(pull) === 'merged' ? 'pr.merged' : 'pr.closed') : factTypes[action]!
    return [factOf(row, type, pull), ...look([row])]
  }

  /** What a person has written, or written anew. */
  function wordsIn({ project, action, body, event }: Told): Words | null {
    if (action !== 'created' && action !== 'submitted' && action !== 'edited') return null
    switch (event) {
      case 'issue_comment': {
        const { issue, comment } = parse(issueCommentSchema, body, event)
        return issue.pull_request == null ? null : { project, number: issue.number, comment, kind: 'comment' }
      }
      case 'pull_request_review_comment': {
        const { pull_request: pull, comment } = parse(reviewCommentSchema, body, event)
        return { project, number: pull.number, comment, kind: 'review_comment' }
      }
      case 'pull_request_review': {
        const { pull_request: pull, review } = parse(reviewSchema, body, event)
        const at = review.updated_at ?? review.submitted_at
        if (!isHeard(review.state) || at == null) return null
        return { project, number: pull.number, comment: { ...review, id: review.node_id, updated_at: at }, kind: 'review' }
      }
      default:
        return null
    }
  }

  async function heard(told: Told, signal: AbortSignal | undefined): Promise<Notice[]> {
    const words = wordsIn(told)
    return words === null ? [] : mentions.read(words, 'webhook', signal)
  }

  const about = ({ project, body, event }: Told): Notice[] =>
    look([pullRequests.byNumber(project, parse(aboutSchema, body, event).pull_request.number)])

  let ownSlug: string | undefined

  /** Of one commit: whatever is said of its checks leads to one and the same look, except what we have said ourselves. */
  function isNewsOfChecks(event: string, payload: unknown): boolean {
    if (ownSlug === undefined) return false
    switch (event) {
      case 'check_run': {
        const run = checkRunSchema.safeParse(payload).data?.check_run
        return run !== undefined && run.name !== ownName
      }
      case 'check_suite': {
        const suite = checkSuiteSchema.safeParse(payload).data?.check_suite
        return suite !== undefined && suite.app?.slug !== ownSlug
      }
      case 'workflow_run':
        return workflowRunSchema.safeParse(payload).success
      case 'status': {
        const status = statusSchema.safeParse(payload).data
        return status !== undefined && status.context !== ownName
      }
      default:
        return false
    }
  }

  async function checks({ project, body, event }: Told): Promise<Notice[]> {
    const { slug } = await repositories.self()
    ownSlug = slug
    const numbersOf = (list: readonly { number: number }[]): number[] => list.map(({ number }) => number)
    switch (event) {
      case 'check_run': {
        const { check_run: run } = parse(checkRunSchema, body, event)
        if (run.name === ownName && run.app?.slug === slug) return []
        watch.tell(`commit ${run.head_sha}`)
        return look(rowsOf(project, { numbers: numbersOf(run.pull_requests), sha: run.head_sha, branch: run.check_suite?.head_branch }))
      }
      case 'check_suite': {
        const { check_suite: suite } = parse(checkSuiteSchema, body, event)
        if (suite.app?.slug === slug) return []
        watch.tell(`commit ${suite.head_sha}`)
        return look(rowsOf(project, { numbers: numbersOf(suite.pull_requests), sha: suite.head_sha, branch: suite.head_branch }))
      }
      case 'workflow_run': {
        const { workflow_run: run } = parse(workflowRunSchema, body, event)
        watch.tell(`commit ${run.head_sha}`)
        watch.tell(`deployment ${project}`)
        return look(rowsOf(project, { numbers: numbersOf(run.pull_requests), sha: run.head_sha, branch: run.head_branch }))
      }
      default: {
        const { sha, context, branches } = parse(statusSchema, body, event)
        if (context === ownName) return []
        watch.tell(`commit ${sha}`)
        return look(rowsOf(project, { numbers: [], sha, branch: branches[0]?.name }))
      }
    }
  }

  function ofRepository(told: Told & { repositoryId: number; fullName: string }): Notice[] {
    const { project, event, action, body, repositoryId, fullName } = told
    switch (event) {
      case 'repository':
        if (action === 'renamed' || action === 'transferred') repositories.moved(repositoryId, fullName)
        return []
      case 'branch_protection_rule':
      case 'repository_ruleset':
        required.forget(project)
        landers.forget(project)
        return look(pullRequests.inFlight(project))
      case 'merge_group': {
        const { merge_group: group } = parse(mergeGroupSchema, body, event)
        watch.tell(`commit ${group.head_sha}`)
        const [, number] = /\/pr-(\d+)-/.exec(group.head_ref) ?? []
        return number === undefined ? [] : look([pullRequests.byNumber(project, Number(number))])
      }
      default:
        noteUnread(event)
        return []
    }
  }

  async function readFor(told: Told & { repositoryId: number; fullName: string }, signal: AbortSignal | undefined): Promise<Notice[]> {
    switch (told.event) {
      case 'pull_request':
        return pullRequest(told)
      case 'pull_request_review_thread':
        return about(told)
      case 'pull_request_review':
      case 'pull_request_review_comment':
        return [...(await heard(told, signal)), ...about(told)]
      case 'issue_comment':
        return heard(told, signal)
      case 'check_run':
      case 'check_suite':
      case 'workflow_run':
      case 'status':
        return checks(told)
      default:
        return ofRepository(told)
    }
  }

  /** For each project whose repository it is of; for the others it is nothing. */
  function toldBy({ event, body }: Delivery): {
    repository: z.output<typeof envelopeSchema>['repository']
    told: (Told & { repositoryId: number; fullName: string })[]
  } {
    let json: unknown
    try {
      json = JSON.parse(body)
    } catch (error) {
      throw new ProtocolError('github-nonsense', `The webhook ${event} is not JSON.`, { cause: error })
    }
    const { action, repository } = parse(envelopeSchema, json, event)
    if (repository === undefined) return { repository, told: [] }
    const { id: repositoryId, full_name: fullName } = repository
    const projects = repositories.projectsOf(repositoryId)
    return { repository, told: projects.map((project) => ({ project, action, body: json, event, repositoryId, fullName })) }
  }

  return {
    turnOf({ event }, payload) {
      const { data } = laneSchema.safeParse(payload)
      if (data === undefined) return { lane: event, topic: null }
      const number = data.pull_request?.number ?? data.issue?.number ?? data.number
      const sha = data.sha ?? data.check_run?.head_sha ?? data.check_suite?.head_sha ?? data.workflow_run?.head_sha
      return {
        lane: [data.repository?.id ?? event, number ?? sha ?? ''].join(' '),
        topic: isNewsOfChecks(event, payload) ? event : null,
      }
    },

    async read(delivery, signal) {
      const { event } = delivery
      if (event === 'installation' || event === 'installation_repositories') {
        repositories.installationChanged()
        return []
      }
      if (ofPeople.has(event)) {
        mentions.forget()
        return []
      }
      const { repository, told } = toldBy(delivery)
      if (repository === undefined) noteUnread(event)
      else if (told.length === 0) noteForeign(repository.full_name)
      const notices: Notice[] = []
      for (const one of told) notices.push(...(await readFor(one, signal)))
      return notices
    },

    async acknowledge(delivery) {
      if (!spoken.has(delivery.event)) return []
      try {
        for (const told of toldBy(delivery).told) {
          const words = wordsIn(told)
          if (words !== null) await mentions.acknowledge(words)
        }
      } catch {
        // What makes no sense is refused in its turn, and the reason is said there.
      }
      return []
    },

    catchUp,
  }
}
