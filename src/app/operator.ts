// What people do to an issue: refused when the machine does not accept it now, done once for each idempotency key.

import type { LocalForge } from '../actors/forge/local.ts'
import type { Agent, Forge, Tracker } from '../actors/ports.ts'
import type { ActorRef, ActorSystem } from '../actors/system/index.ts'
import { ConfigurationError, FatalError } from '../errors.ts'
import { acceptedActions } from '../machines/issue/actions.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import { isTerminal } from '../machines/issue/document.ts'
import type { issueMachine } from '../machines/issue/machine.ts'
import type { runMachine } from '../machines/run/machine.ts'
import { runTypes } from '../machines/vocabulary.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import type { Deliveries } from '../persistence/deliveries.ts'
import { findIssue, type IssueKey } from '../persistence/issue-keys.ts'
import type { StoreReader } from '../persistence/store.ts'
import type { Action, App } from './contract.ts'
import type { definitions } from './definitions.ts'
import type { FaultedRuns } from './faulted-runs.ts'
import { readIntent } from './intents.ts'
import { nameOf } from './providers.ts'

export function createOperator({
  system,
  store,
  database,
  tracker,
  forge,
  embedded,
  agents,
  warn,
  done,
  settled,
  faultedRuns,
}: {
  system: ActorSystem<typeof definitions>
  store: StoreReader
  database: SqliteDatabase
  tracker: Tracker
  forge: Forge
  /** The embedded forge; null where another is configured. */
  embedded: LocalForge | null
  agents: ReadonlyMap<string, Agent>
  warn: (issue: string, message: string) => void
  /** What has been done, by the request's key. */
  done: Pick<Deliveries, 'tell' | 'wasTold'>
  /** Resolves when every fact that is known has reached its actor. */
  settled: () => Promise<void>
  faultedRuns: FaultedRuns
}): App['act'] {
  const contextOf = (issue: string): { context: IssueContext; value: unknown } => {
    const row = store.actor(`issue/${issue}`)
    if (!row?.snapshot) throw new FatalError('not-ready', 'The issue has just been filed; try again in a moment.')
    return JSON.parse(row.snapshot) as { context: IssueContext; value: unknown }
  }

  async function read({ issue, key }: IssueKey, { policy, issue: { title } }: IssueContext, text: string, via: 'comment' | 'session') {
    const intent = await readIntent(agents.get(policy.agent), { text, via, issue: { key, title } }, (message) => warn(issue, message))
    return intent === null ? {} : { intent }
  }

  /** What only the embedded forge does here; another has a place of its own for it. */
  function ours(action: Action['action'], { pr }: IssueContext): LocalForge {
    if (embedded !== null) return embedded
    const where = pr === null ? 'there' : `at ${pr.url}`
    throw new FatalError(
      'not-embedded',
      `'${action.replaceAll('_', '-')}' is for the embedded forge; with ${nameOf(forge.kind)}, do it ${where}.`,
    )
  }

  /** The actors of an issue, itself and its runs, that cannot go on. */
  function faultedAt(address: string) {
    const row = store.actor(address)!
    return [row, ...store.children(row.id)].filter(({ fault }) => fault !== null)
  }

  async function perform(known: IssueKey, action: Action, context: IssueContext, key: string | undefined): Promise<void> {
    const ref: ActorRef<typeof issueMachine> = system.ref(`issue/${known.issue}`)
    const author = action.author ?? 'operator'
    const asking = { author, ...(key === undefined ? {} : { key }) }
    const tell = (event: Parameters<typeof ref.send>[0]) => ref.send(event, key === undefined ? {} : { key: `action:${key}` })
    const pullRequest = () => ({ project: known.project, number: context.pr!.number })
    switch (action.action) {
      case 'prompt':
        return tracker.prompt(known.issue, action.text, { ...asking, ...(await read(known, context, action.text, 'session')) })
      case 'comment':
        return tracker.comment(known.issue, action.text, { ...asking, ...(await read(known, context, action.text, 'comment')) })
      case 'delegate':
        return tracker.delegate(known.issue, asking)
      case 'undelegate':
        return tracker.undelegate(known.issue, asking)
      case 'cancel':
        return tracker.cancel(known.issue, asking)
      case 'stop':
        await tell({ type: 'operator.stopped', author, reason: action.reason ?? 'asked to stop', source: 'operator' })
        // A faulted actor takes no event: the host ends its agent.
        for (const child of store.children(store.actor(ref.address)!.id)) {
          if (store.actor(ref.address)!.fault !== null && child.status === 'active') {
            await system
              .ref<typeof runMachine>(child.address)
              .send({ type: 'run.stop', outcome: 'released', reason: `Stopped by ${author}.` })
          }
        }
        return faultedRuns.giveUp(ref.address)
      case 'retry': {
        const { runType, skip = false } = action
        if (runType !== undefined && !runTypes.includes(runType as never)) {
          throw new ConfigurationError('unknown-run-type', `There is no run type '${runType}'. There are: ${runTypes.join(', ')}.`)
        }
        for (const faulted of faultedAt(ref.address))
          await (skip ? system.ref(faulted.address).skipFaulted() : system.ref(faulted.address).retryFaulted())
        // An issue that is not ours to work on is only got out of its fault.
        if (!acceptedActions(context, false).includes('retry')) return
        await tell({ type: 'operator.retried', author, source: 'operator', ...(runType === undefined ? {} : { runType }) })
        return
      }
      case 'close':
        await tell({ type: 'operator.closed', as: action.as ?? 'done', author, source: 'operator' })
        return faultedRuns.giveUp(ref.address)
      case 'reset_budget':
        await tell({ type: 'operator.budgetReset', author, source: 'operator' })
        return
      case 'dismiss_review':
        return ours(action.action, context).dismissReviews({
          ...pullRequest(),
          ...(action.reviewer === undefined ? {} : { reviewer: action.reviewer }),
        })
      case 'close_pull_request':
        return forge.closePullRequest(pullRequest())
      case 'reopen_pull_request':
        return forge.reopenPullRequest(pullRequest())
      case 'push':
        return ours(action.action, context).pushHead({ ...pullRequest(), branch: action.branch, author })
      case 'approve':
      case 'request_changes':
        ours(action.action, context).review({
          ...pullRequest(),
          verdict: action.action === 'approve' ? 'approved' : 'changes_requested',
          reviewer: author,
          ...(action.body === undefined ? {} : { body: action.body }),
          ...(action.action === 'request_changes' && action.comments ? { comments: action.comments } : {}),
          // The forge knows reviews of all issues by one key; a person's key counts for one issue.
          ...(key === undefined ? {} : { key: `${known.issue}:${key}` }),
        })
    }
  }

  return async function act(key: string, action: Action, idempotencyKey?: string): Promise<void> {
    const known = findIssue(database, key)
    await settled()
    const { context, value } = contextOf(known.issue)
    const usual = acceptedActions(context, isTerminal(value), embedded === null)
    const accepted = faultedAt(`issue/${known.issue}`).length > 0 ? [...new Set([...usual, 'retry' as const])] : usual
    const name = idempotencyKey === undefined ? null : `action:${known.issue}:${idempotencyKey}`
    const repeated = name !== null && done.wasTold(name)
    if (repeated) return
    // What is done elsewhere is said before what would be accepted here.
    if (embedded === null && acceptedActions(context, isTerminal(value)).includes(action.action) && !accepted.includes(action.action))
      ours(action.action, context)
    if (!accepted.includes(action.action)) {
      throw Object.assign(
        new FatalError(
          'not-accepted',
          `${known.key} does not accept '${action.action.replace('_', '-')}' now. It accepts: ${accepted.join(', ').replaceAll('_', '-')}.`,
        ),
        { accepted },
      )
    }
    await perform(known, action, context, idempotencyKey)
    await settled()
    if (name !== null) done.tell(name)
  }
}
