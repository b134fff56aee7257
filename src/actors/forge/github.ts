// The forge GitHub: pull requests, reviews and checks are GitHub's; our bare repository stays between it and the agents. Composes the parts beside it.

import type { ProjectConfig } from '../../config.ts'
import { FatalError } from '../../errors.ts'
import type { SqliteDatabase } from '../../persistence/database.ts'
import { createFactOutbox } from '../../persistence/fact-outbox.ts'
import type { Forge, Inlet, LandingRequest, PublishInput, PullRequest } from '../ports.ts'
import { createCheckRecords } from './check-records.ts'
import { createChecks } from './checks.ts'
import { createAdoption } from './github/adoption.ts'
import { createAgentReviews } from './github/agent-review.ts'
import { createBranches } from './github/branches.ts'
import { createCandidateChecks } from './github/candidates.ts'
import { createGithubCatchUp } from './github/catch-up.ts'
import { createCursors } from './github/cursors.ts'
import { createDeployments } from './github/deployment.ts'
import { createFacts } from './github/facts.ts'
import { createFailures } from './github/failures.ts'
import { createInTurn } from '../in-turn.ts'
import { createInlet } from './github/inlet.ts'
import { createLanders } from './github/landers.ts'
import { createLandingBranches } from './github/landing-branches.ts'
import { createLoader } from './github/loader.ts'
import { createMentions } from './github/mentions.ts'
import { createMirror, sightingOf } from './github/mirror.ts'
import { createParents } from './github/parents.ts'
import { createPublication } from './github/publication.ts'
import { createPulls, stateOf } from './github/pulls.ts'
import { createGithubRepositories, type GithubSettings } from './github/repositories.ts'
import { createRequiredChecks } from './github/required.ts'
import { createReruns } from './github/reruns.ts'
import { createShown } from './github/shown.ts'
import { createThreads } from './github/threads.ts'
import { createWatch } from './github/watch.ts'
import { checkRefs } from './guard.ts'
import { createLanding } from './landing.ts'
import { createPullRequests } from './pull-requests.ts'
import { createPushGuard } from './push-guard.ts'
import { createPushing } from './pushing.ts'
import { createRefRows, type RefIncident } from './refs.ts'
import { createRepositories } from './repository.ts'
import { createReviews } from './reviews.ts'
import { createSequencing } from './sequencing.ts'

export { findAdmittance, type Admittance } from './github/admittance.ts'
export { checkGithub } from './github/doctor.ts'
export type { GithubFinding } from './github/finding.ts'

export interface GithubForgeOptions {
  settings: GithubSettings
  projects: readonly ProjectConfig[]
  /** Whether webhooks arrive; else comments are only heard of by asking. */
  webhooks: boolean
  database: SqliteDatabase
  /** The data folder. */
  folder: string
  now: () => number
  after: (ms: number, callback: () => void) => () => void
  /** Called after a commit that added facts. */
  wake: () => void
  /** Sends the request to the landing queue of the project; both resolve when it is durable. */
  requestQueue: (request: LandingRequest) => Promise<void>
  withdrawQueue: (request: LandingRequest & { reason: string }) => Promise<void>
  /** Whether an issue is over, so that its pull request may become another's. */
  isOver: (issue: string) => boolean
  log: (level: 'info' | 'warn' | 'error', line: Record<string, unknown>, message: string) => void
  /** Milliseconds between two looks at something that is waited for. Default 15,000: webhooks tell of it. */
  pause?: number | undefined
  /** Milliseconds for one call of GitHub. Default 15,000. */
  timeout?: number | undefined
}

export interface GithubForge extends Forge {
  readonly kind: 'github'
  readonly inlet: Inlet
}

/** Throws ConfigurationError `github-credentials`, `not-at-github`. */
export function createGithubForge(options: GithubForgeOptions): GithubForge {
  const {
    settings,
    projects,
    webhooks,
    database,
    folder,
    now,
    after,
    wake,
    requestQueue,
    withdrawQueue,
    isOver,
    log,
    pause = 15_000,
    timeout,
  } = options
  const repositories = createGithubRepositories({ settings, projects, database, now, timeout })
  // A repository that cannot be one of GitHub's is a mistake of the configuration: nothing starts.
  for (const { id } of projects) repositories.configuredName(id)
  const queueCheck = (project: string): string => projects.find(({ id }) => id === project)!.checks.queue

  const outbox = createFactOutbox({ database, now, wake })
  const guard = createPushGuard(folder)
  const refs = createRefRows(database)
  const open = createRepositories({
    ...{ folder, database, refs, guard },
    projects: projects.map(({ id, baseBranch }) => ({ id, baseBranch, repo: id })),
    access: repositories.access,
    identity: repositories.identity,
    discoverBase: async (project) => (await repositories.place(project)).defaultBranch,
  })
  const url = ({ project, number }: { project: string; number: number }): string => `${repositories.pageOf(project)}/pull/${number}`
  const pullRequests = createPullRequests({ database, outbox, now, url, tellsChildren: false })
  const reviews = createReviews({ database, outbox, pullRequests })
  const records = createCheckRecords({ database, outbox, pullRequests })
  const checks = createChecks({ folder, projects, open })
  const { mergeable: _mergeable, mergedHead, ...landing } = createLanding({ open, pullRequests, refs, outbox, now })
  const compare = async (project: string): Promise<RefIncident[]> => checkRefs(await open(project), { database, refs, guard, now })
  const pushing = createPushing({ refs, guard, pullRequests, compare })

  const inTurn = createInTurn()
  const branches = createBranches(database)
  const landingBranches = createLandingBranches({ database, open, branches })
  const cursors = createCursors(database)
  const pulls = createPulls(repositories)
  const loader = createLoader(repositories)
  const watch = createWatch({ after })
  const mirror = createMirror({ database, pullRequests, refs, branches, pushing, open, inTurn, now })
  const onUnreadable = (project: string, error: FatalError): void => log('warn', { project, code: error.code }, error.message)
  const required = createRequiredChecks({ repositories, projects, now, onUnreadable })
  const failures = createFailures({ repositories, database, now })
  const threads = createThreads({ repositories, loader, open })
  const parents = createParents({ repositories, pullRequests, pulls, open })
  const landers = createLanders({
    ...{ repositories, projects, loader, pullRequests, open, required, failures, cursors, now, requestQueue, withdrawQueue },
    recordEviction: landing.recordEviction,
    hasMovedSince: mirror.hasMovedSince,
  })
  const facts = createFacts({
    ...{ repositories, loader, mirror, pullRequests, records, reviews, required, failures, landers, threads, parents, queueCheck, now },
    onUnreadable,
  })
  const publish = createPublication({ open, refs, pushing, branches, pulls, pullRequests, mirror, inTurn })
  const { findConflict } = createSequencing({ open, pullRequests, reviewsOf: mirror.reviewsOf, records })
  const mentions = createMentions({ repositories, projects, pullRequests, now, log: (message) => log('warn', {}, message) })
  const readMissed = createGithubCatchUp({
    ...{ repositories, projects, pullRequests, mentions, cursors, webhooks, now },
    log: (message) => log('warn', {}, message),
  })
  const catchUp: Inlet['catchUp'] = async (signal) => {
    // Side by side: a removal that is not answered holds up nothing that was told.
    const [missed] = await Promise.all([readMissed(signal), ...projects.map(({ id }) => landingBranches.sweep(id))])
    return missed
  }

  /** As GitHub has it after what was done. */
  async function decide(project: string, number: number, to: 'open' | 'closed'): Promise<void> {
    await mirror.note(project, sightingOf(await pulls.change(project, number, { state: to })))
  }

  /** A human's word. Nothing when it is so already. */
  async function close(target: { project: string; number: number }, from: 'open' | 'closed', to: 'open' | 'closed'): Promise<void> {
    const { project, number } = target
    const row = pullRequests.need(project, number)
    const state = stateOf(await pulls.get(project, number))
    if (state === to) return
    if (state !== from) throw new FatalError('pull-request-closed', `Pull request #${row.number} is ${state}: it cannot be ${to}.`)
    await decide(project, number, to)
  }

  return {
    kind: 'github',
    ...landing,
    inlet: createInlet({
      ...{ repositories, pullRequests, mirror, mentions, required, landers, watch, catchUp },
      log: (line, message) => log('info', line, message),
    }),
    repository: open,
    facts,
    findConflict,
    isInFlight: (project, branch) => pullRequests.openOn(project, branch) !== undefined,
    rerunChecks: createReruns({ repositories, loader, pullRequests, required, queueCheck }),
    deployment: createDeployments({ repositories, projects, watch, pause, now }),
    adopt: createAdoption({ repositories, pullRequests, pulls, branches, mirror, open, isOver }),
    submitReview: createAgentReviews({ repositories, pullRequests, pulls, reviews }),
    tell: createShown({ repositories, pullRequests, inTurn, cursors, log }),
    runCandidateChecks: createCandidateChecks({
      ...{
        repositories,
        projects,
        open,
        landingBranches,
        mergedHead,
        checks,
        loader,
        records,
        pullRequests,
        required,
        failures,
        watch,
        pause,
        now,
      },
    }),
    requestLanding: landers.request,
    withdrawLanding: landers.withdraw,
    closePullRequest: (target) => close(target, 'open', 'closed'),
    reopenPullRequest: (target) => close(target, 'closed', 'open'),

    async start() {
      await checks.clear()
      const incidents: RefIncident[] = []
      const found: { project: string; error: unknown }[] = []
      for (const { id } of projects) {
        try {
          await repositories.place(id)
          const repository = await open(id)
          await repository.syncBase()
          incidents.push(...(await compare(id)))
        } catch (error) {
          found.push({ project: id, error })
        }
      }
      return { incidents, failures: found }
    },

    async publish(request: PublishInput, signal?: AbortSignal): Promise<PullRequest> {
      const { row, adopted } = await publish(request, signal)
      // Also when it was published before: a kill may have come between the two.
      if (row.state === 'open') {
        const answer = (): Promise<FatalError[]> => threads.answerObjections(request, row.number)
        // A reviewer waits for the answers: that they cannot be given now may be a mistake.
        const again = (error: unknown): Promise<FatalError[]> => (error instanceof FatalError ? answer() : Promise.reject(error))
        const refused = await answer()
          .catch(again)
          .catch((error: unknown) => {
            if (!(error instanceof FatalError)) throw error
            return [error]
          })
        // It is published all the same.
        for (const { code, message } of refused) log('warn', { issue: request.key, project: request.project, code }, message)
      }
      return pullRequests.toPullRequest(row, adopted)
    },

    async decidePublication({ project, number, headSha, wanted }) {
      const row = pullRequests.byNumber(project, number)
      const [from, to] = wanted ? (['closed', 'open'] as const) : (['open', 'closed'] as const)
      if (row === undefined) return
      const pull = await pulls.get(project, number)
      if (stateOf(pull) !== from || pull.head.sha !== headSha) return
      await decide(project, number, to)
    },

    async refresh(project) {
      await (await open(project)).syncBase()
      await parents.settle(project)
    },

    refIncidents: refs.incidents,
    async checkRefs(project) {
      const incidents: RefIncident[] = []
      for (const { id } of projects) if (project === undefined || id === project) incidents.push(...(await compare(id)))
      return incidents
    },
  }
}
