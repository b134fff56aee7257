// What the machines' effects mean here: each name in a chart, bound to a port.

import { fromPromise } from 'xstate'
import { priceOf, withCost } from '../actors/agents/prices.ts'
import { composeNudge } from '../actors/agents/prompt.ts'
import type { LocalForge } from '../actors/forge/local.ts'
import { createInTurn } from '../actors/in-turn.ts'
import type {
  AdoptedPullRequest,
  AdoptionRequest,
  Agent,
  Deployment,
  Enclosed,
  Forge,
  LandingRequest,
  Overstepped,
  ReviewCheckouts,
  Tracker,
  TrackerReport,
  Workspace,
} from '../actors/ports.ts'
import { createSessions, type Sessions, type TurnEnd } from '../actors/run/agent-session.ts'
import type { EffectPolicy } from '../actors/system/index.ts'
import type { Config } from '../config.ts'
import { FatalError, RetryableError, toErrorData } from '../errors.ts'
import type { Answer, ReconciliationContext } from '../machines/reconciliation/context.ts'
import type {
  ConflictInput,
  PrepareInput,
  ProbeInput,
  PublishInput,
  SessionInput,
  SubmitInput,
  Submitted,
  VerifyInput,
} from '../machines/run/inputs.ts'
import { prepareRequest, rememberShown, type RequestHost } from './agent-request.ts'
import type { Phase, Usage } from '../machines/vocabulary.ts'
import type { Counted } from '../persistence/spending.ts'
import { modelOf } from './agents.ts'
import { doubts } from './doubts.ts'

export interface EffectsHost {
  config: Config
  /** Resolves when the forge's repositories have been opened. */
  ready: Promise<unknown>
  forge: () => Forge
  /** The embedded forge; null where another is configured. */
  embedded: () => LocalForge | null
  tracker: () => Tracker
  workspace: Workspace
  reviews: ReviewCheckouts
  instructions: RequestHost['instructions']
  surroundings: RequestHost['surroundings']
  agents: ReadonlyMap<string, Agent>
  postToFeed: (id: string, report: Record<string, unknown>) => void
  /** What a run has used so far. */
  count: (report: Counted) => void
  log: (line: { issue: string; run: string; message: string }) => void
  /** Tells operators what was changed beside a turn's worktree; answers why the run fails for it, null where it does not. */
  overstepped: (turn: { issue: string; key: string; runId: string; turn: number }, found: Overstepped) => string | null
  /** What an agent has printed. */
  onLine: (turn: { project: string; key: string; runId: string; line: string }) => void
  /** One round of asking tracker and forge. */
  reconcile: (turn: ReconciliationContext['turn'], signal: AbortSignal) => Promise<Answer>
  /** Asks a tracker that is elsewhere about an issue, and tells it what it does not know. Never rejects. */
  lookAtTracker: (issue: string) => Promise<void>
  /** Where an issue stands by now; null for one that is not there any more. */
  phaseOf: (issue: string) => Phase | null
  /** Whether the issue at this address has claimed a run that has not ended. */
  hasRun: (address: string) => boolean
  after: (ms: number, callback: () => void) => () => void
}

/** A reviewer has a repository of its own, and no branch. */
const enclosed = ({ project, key, branch, type }: SessionInput): Enclosed => ({ project, key, branch: type === 'review' ? null : branch })

interface Delivery<R> {
  report: R
  from: string
  id: string
}

const git = { attempts: 4, backoff: { initial: 1_000, max: 10_000 }, onRestart: 'rerun', doubts } as const

/** The time between two reports of an agent's progress that reach the journal. */
const progressEvery = 2_000
/** And between two reports of what it has used: a budget is noticed to be used up no later than this. */
const usedEvery = 10_000

/** What is known of a turn that was cut off, when it has ended; `left`: paths that are not committed. */
interface Left {
  left: string[]
  used: Usage | null
  escape?: string
  consumed?: NonNullable<TurnEnd['consumed']>
}

/** What works on the world at this moment, agents' turns apart. */
export interface Works {
  /** Resolves when all of it has ended, or after `timeout` ms: a git that outlives us would go on writing. */
  ended: (timeout: number) => Promise<void>
}

export function createEffects(host: EffectsHost): { effects: Record<string, EffectPolicy>; sessions: Sessions; works: Works } {
  const { config, forge, workspace, reviews } = host
  const checks = { pool: 'checks', limit: config.limits.checks }
  const { sessions, logic, endOf } = createSessions<SessionInput>({
    keyOf: ({ issue, runId }) => `${issue}/${runId}`,
    agentOf: (input) => {
      const agent = host.agents.get(input.agent)
      if (!agent) throw new FatalError('unknown-agent', `There is no agent '${input.agent}' in the configuration.`)
      return agent
    },
    prepare: async (input) => {
      // Nor does an agent start beside one that a dead server left behind.
      await host.ready
      // What nobody has told of yet, a new blocker above all, ends the run before its agent begins.
      if (input.turn === 1) await host.lookAtTracker(input.issue)
      return prepareRequest(host, { input: await withBase(input), base: (await forge().repository(input.project)).base.name })
    },
    enclose: async (input) => {
      const found = await workspace.enclose(enclosed(input))
      return found === null ? null : host.overstepped(input, found)
    },
    async escaped(input) {
      for (let tries = 1; ; tries++) {
        try {
          return host.overstepped(input, await workspace.overstepped(enclosed(input)))
        } catch (error) {
          const { message } = toErrorData(error)
          host.log({ issue: input.key, run: input.runId, message: `What lies beside its worktree could not be compared: ${message}` })
          if (error instanceof RetryableError && tries < 3) await new Promise<void>((resolve) => void host.after(tries * 1_000, resolve))
          // Else whoever makes it unreadable would not be found out.
          else
            return host.overstepped(input, {
              certain: [{ what: `what lies beside its worktree (${message})`, from: null, to: null }],
              doubtful: [],
              beside: [],
            })
        }
      }
    },
    onHeard: (request, thread) => rememberShown(host, request, thread),
    onLine: ({ project, issue, runId }, line) => host.onLine({ project, key: issue, runId, line }),
    nudge: composeNudge,
    price({ agent }, usage, model) {
      // The table may have the name that is configured for a model, and not the one that the agent has for it.
      const named = [model, modelOf(config, agent)].find((name) => priceOf(config.prices, name) !== null)
      return withCost(config.prices, named, usage)
    },
    progressEvery,
    usedEvery,
    after: host.after,
  })
  const underWay = new Set<Promise<unknown>>()
  const works: Works = {
    async ended(timeout) {
      const limit = Promise.withResolvers<void>()
      const cancel = host.after(timeout, limit.resolve)
      await Promise.race([Promise.allSettled(underWay), limit.promise])
      cancel()
    },
  }
  const effect = <I, O>(work: (input: I, signal: AbortSignal) => Promise<O> | O) =>
    fromPromise<O, I>(async ({ input, signal }) => {
      await host.ready
      const done = Promise.resolve(work(input, signal))
      underWay.add(done)
      return done.finally(() => underWay.delete(done))
    })
  const delivery = <R>(work: (delivery: Delivery<R>) => Promise<void> | void) => effect<Delivery<R>, void>(work)
  /**
   * The base branch has one name, the repository's; a machine that was made while it was out of reach does not have it. Of a change that
   * is based on another which has ended meanwhile, it is the base too.
   */
  const withBase = async <T extends { project: string; base: string; onto?: string | null }>(input: T): Promise<T> => ({
    ...input,
    base: input.onto && forge().isInFlight(input.project, input.onto) ? input.onto : (await forge().repository(input.project)).base.name,
  })

  /** What it has left uncommitted. Whether that can be read or not, what is known of its turn is told: nobody asks for it twice. */
  const leftBy = async (input: SessionInput): Promise<string[]> => {
    // A reviewer has a checkout of its own, which goes with it.
    if (input.type === 'review') return []
    try {
      return await workspace.uncommitted(input)
    } catch (error) {
      const { message } = toErrorData(error)
      host.log({ issue: input.key, run: input.runId, message: `What its agent has left uncommitted could not be read: ${message}` })
      return []
    }
  }

  /** Checks of heads are run by the embedded forge alone. */
  const ours = (): LocalForge => {
    const embedded = host.embedded()
    if (embedded === null)
      throw new FatalError('not-embedded', 'The checks of a head are run by its forge, which is not the embedded one any more.')
    return embedded
  }

  /** One at a time makes or removes a worktree: that of a run that was called off goes on for a moment. */
  const turns = createInTurn()
  const inTurn = <T>({ project, key }: { project: string; key: string }, work: () => Promise<T>): Promise<T> =>
    turns(`${project}/${key}`, work)

  const effects: Record<string, EffectPolicy> = {
    prepareWorktree: {
      ...git,
      limit: 4,
      logic: effect<PrepareInput, unknown>((input, signal) =>
        inTurn(input, async () => {
          signal.throwIfAborted()
          const { review, ...request } = await withBase(input)
          // An effect that an earlier version began knows of no reviews.
          return review == null ? workspace.prepare({ ...request, signal }) : reviews.prepare({ ...request, head: review })
        }),
      ),
    },
    agentSession: { limit: 1_000, onRestart: 'interrupt', logic },
    endSession: {
      limit: 1_000,
      onRestart: 'rerun',
      logic: effect<SessionInput, Left>(async (input) => {
        const { used = null, escape = null, ...rest } = (await endOf(input)) ?? {}
        return { left: await leftBy(input), used, ...(escape === null ? {} : { escape }), ...rest }
      }),
    },
    probeWork: {
      limit: 4,
      onRestart: 'rerun',
      logic: effect<ProbeInput, { changedAt: number | null }>(async (input) => ({
        changedAt: await workspace.lastChange(await withBase(input)),
      })),
    },
    verifyWork: {
      ...git,
      limit: 4,
      logic: effect<VerifyInput, unknown>(async (input) => {
        const { review, ...request } = await withBase(input)
        return review == null ? workspace.inspect(request) : reviews.inspect({ ...request, ...review })
      }),
    },
    findConflict: {
      ...git,
      attempts: 2,
      limit: 2,
      deadline: 2 * 60_000,
      logic: effect((input: ConflictInput) => forge().findConflict(input)),
    },
    // Over all attempts, each of which git ends by itself: a forge that hangs must not hold its run for ever.
    publishChange: {
      ...git,
      limit: 4,
      // The work is done, and another run of its agent costs more than to wait for a forge that is away.
      attempts: 40,
      backoff: { initial: 1_000, max: 60_000 },
      deadline: 20 * 60_000,
      logic: effect<PublishInput, unknown>(async (input, signal) => forge().publish(await withBase(input), signal)),
    },
    submitReview: {
      ...git,
      logic: effect<SubmitInput, Submitted>(async (input) => {
        const submitted = await forge().submitReview(input)
        // Nobody looks into the checkout any more; one that cannot be removed is replaced by the next.
        await inTurn(input, () => reviews.remove(input)).catch((error: unknown) =>
          host.log({ issue: input.key, run: input.runId, message: toErrorData(error).message }),
        )
        return submitted
      }),
    },

    adoptPullRequest: {
      ...git,
      limit: 4,
      logic: effect<AdoptionRequest, AdoptedPullRequest>(async (input) => forge().adopt(await withBase(input))),
    },
    watchDeployment: {
      ...git,
      limit: 2,
      logic: effect<{ project: string; sha: string }, Deployment>((input, signal) => forge().deployment({ ...input, signal })),
    },

    runChecks: {
      ...checks,
      onRestart: 'rerun',
      logic: effect((input: Parameters<LocalForge['runChecks']>[0], signal) => ours().runChecks({ ...input, signal })),
    },
    recordChecks: { ...git, logic: effect((input: Parameters<LocalForge['recordChecks']>[0]) => ours().recordChecks(input)) },
    recordObstacle: { ...git, logic: effect((input: Parameters<LocalForge['recordObstacle']>[0]) => ours().recordObstacle(input)) },

    recordEntered: { ...git, logic: effect((input: Parameters<Forge['recordEntered']>[0]) => forge().recordEntered(input)) },
    buildCandidate: { ...git, logic: effect((input: Parameters<Forge['buildCandidate']>[0]) => forge().buildCandidate(input)) },
    runCandidateChecks: {
      ...checks,
      onRestart: 'rerun',
      logic: effect((input: Parameters<Forge['runCandidateChecks']>[0], signal) => forge().runCandidateChecks({ ...input, signal })),
    },
    landCandidate: { ...git, logic: effect((input: Parameters<Forge['landCandidate']>[0]) => forge().landCandidate(input)) },
    adoptLanding: { ...git, logic: effect((input: Parameters<Forge['adoptLanding']>[0]) => forge().adoptLanding(input)) },
    recordEviction: { ...git, logic: effect((input: Parameters<Forge['recordEviction']>[0]) => forge().recordEviction(input)) },
    recordLeft: { ...git, logic: effect((input: Parameters<Forge['recordLeft']>[0]) => forge().recordLeft(input)) },

    askForFacts: {
      limit: 1,
      onRestart: 'rerun',
      logic: effect<ReconciliationContext['turn'], Answer>((turn, signal) => host.reconcile(turn, signal)),
    },

    'tracker.report': {
      // A day, at five minutes each: so long a person has to let us in again before something is left unsaid.
      attempts: 300,
      doubts,
      // The forge shows it too, whatever the tracker says to this one or to those before it; the embedded one has its page for that.
      also: config.forge.kind === 'local' ? [] : ['forge.told'],
      logic: delivery<TrackerReport>(({ report, id }) => host.tracker().report(report, id)),
    },
    'forge.told': {
      attempts: 300,
      doubts,
      logic: delivery<TrackerReport>(async ({ report, id }) => {
        // Told late, it would show there what was true once; what is true by now is told by the report that follows.
        const isPast = report.kind !== 'comment' && host.phaseOf(report.issue) !== report.phase
        if (!isPast) await forge().tell?.({ ...report, id })
      }),
    },
    'feed.posted': { logic: delivery<Record<string, unknown>>(({ report, id }) => host.postToFeed(id, report)) },
    'usage.counted': { logic: delivery<Counted>(({ report }) => host.count(report)) },
    'landing.decided': {
      doubts,
      logic: delivery<LandingRequest & { wanted: boolean; reason: string | null }>(
        ({ report: { wanted, reason, project, issue, key, number, headSha, priority } }) => {
          const request = { project, issue, key, number, headSha, priority }
          return wanted ? forge().requestLanding(request) : forge().withdrawLanding({ ...request, reason: reason ?? '' })
        },
      ),
    },
    'publication.decided': {
      ...git,
      logic: delivery<Parameters<Forge['decidePublication']>[0]>(({ report: { project, number, headSha, wanted } }) =>
        forge().decidePublication({ project, number, headSha, wanted }),
      ),
    },
    'rerun.wanted': {
      ...git,
      // At a minute each while other jobs of the same run go on: after half an hour the issue has given this up.
      attempts: 30,
      logic: delivery<Parameters<Forge['rerunChecks']>[0]>(({ report: { project, number, headSha } }) =>
        forge().rerunChecks({ project, number, headSha }),
      ),
    },
    'worktree.released': {
      logic: delivery<Parameters<Workspace['remove']>[0]>(({ report, from }) =>
        inTurn(report, async () => {
          // Told late, it may find a new run in it; the end of that one gives the worktree back again.
          if (host.hasRun(from)) return
          await reviews.remove(report)
          await workspace.remove(await withBase(report))
        }),
      ),
    },
  }
  return { effects, sessions, works }
}
