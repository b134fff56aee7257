// What a branch asks of those who want to change it: required checks, reviews, resolved threads, the merge queue.

import { checkVerdict, latestChecks, latestStatuses, statusVerdict } from './checks.ts'
import type { Verdict } from './checks.ts'
import { announce } from './events.ts'
import { repoApi, repoHtml } from './account-json.ts'
import { canWrite, roleOf } from './repositories.ts'
import type { Account, Protection, PullRequest, QueueRules, Repository, Review, Rules, WorkflowRun, World } from './state.ts'
import { fullName, iso, nodeId } from './state.ts'

/** All rules that hold for a branch, taken together. */
export function rulesFor(repository: Repository, branch: string): Rules | undefined {
  const found = repository.protections.filter((protection) => protection.branch === branch || protection.branch === '*')
  if (found.length === 0) return undefined
  if (found.length === 1) return found[0]!.rules
  const all: Rules = {}
  for (const { rules } of found) {
    for (const [key, value] of Object.entries(rules)) {
      const before = all[key as keyof Rules]
      if (Array.isArray(before) && Array.isArray(value)) Object.assign(all, { [key]: [...before, ...(value as unknown[])] })
      else if (typeof before === 'number' && typeof value === 'number') Object.assign(all, { [key]: Math.max(before, value) })
      else Object.assign(all, { [key]: before || value })
    }
  }
  return all
}

export function queueRules(repository: Repository, branch: string): QueueRules | undefined {
  const queue = rulesFor(repository, branch)?.mergeQueue
  return queue === undefined ? undefined : { method: 'MERGE', maxEntriesToBuild: 5, checkTimeoutMs: 3_600_000, ...queue }
}

/** Sets the rules of a branch; without rules they are taken away. */
export function protect(
  world: World,
  repository: Repository,
  branch: string,
  kind: Protection['kind'],
  rules: Rules | undefined,
  by: Account,
): void {
  const index = repository.protections.findIndex((each) => each.branch === branch && each.kind === kind)
  const before = repository.protections[index]
  if (rules === undefined) {
    if (before === undefined) return
    repository.protections.splice(index, 1)
    return tellProtection(world, repository, before, 'deleted', by)
  }
  const id = before?.id ?? world.nextId()
  const protection: Protection = {
    id,
    branch,
    kind,
    name: before?.name ?? `${branch} rules`,
    rules,
    createdAt: before?.createdAt ?? world.clock.now(),
  }
  if (before === undefined) repository.protections.push(protection)
  else repository.protections[index] = protection
  tellProtection(world, repository, protection, before === undefined ? 'created' : 'edited', by)
}

function tellProtection(
  world: World,
  repository: Repository,
  protection: Protection,
  action: 'created' | 'edited' | 'deleted',
  by: Account,
): void {
  if (protection.kind === 'ruleset') {
    announce(world, repository, 'repository_ruleset', action, by, () => ({
      repository_ruleset: rulesetJson(world, repository, protection),
      ...(action === 'edited' ? { changes: {} } : {}),
    }))
    return
  }
  announce(world, repository, 'branch_protection_rule', action, by, () => ({
    rule: ruleJson(world, repository, protection),
    ...(action === 'edited' ? { changes: {} } : {}),
  }))
}

export function rulesetJson(world: World, repository: Repository, protection: Protection) {
  return {
    id: protection.id,
    name: protection.name,
    target: 'branch',
    source_type: 'Repository',
    source: `${repository.owner.login}/${repository.name}`,
    enforcement: 'active',
    node_id: nodeId('RRS', protection.id),
    _links: {
      self: { href: `${repoApi(world, repository)}/rulesets/${protection.id}` },
      html: { href: `${repoHtml(world, repository)}/rules/${protection.id}` },
    },
    created_at: iso(protection.createdAt),
    updated_at: iso(world.clock.now()),
    conditions: { ref_name: { include: [`refs/heads/${protection.branch}`], exclude: [] } },
    rules: branchRules(repository, protection).map(({ type, parameters }) => (parameters === undefined ? { type } : { type, parameters })),
  }
}

function ruleJson(world: World, repository: Repository, protection: Protection) {
  const { rules } = protection
  const level = (on: boolean) => (on ? 'non_admins' : 'off')
  return {
    id: protection.id,
    repository_id: repository.id,
    name: protection.branch,
    created_at: iso(protection.createdAt),
    updated_at: iso(world.clock.now()),
    pull_request_reviews_enforcement_level: level((rules.requiredApprovals ?? 0) > 0),
    required_approving_review_count: rules.requiredApprovals ?? 0,
    dismiss_stale_reviews_on_push: rules.dismissStale ?? false,
    require_code_owner_review: rules.codeOwnerReviews ?? false,
    authorized_dismissal_actors_only: false,
    ignore_approvals_from_contributors: false,
    required_status_checks: (rules.requiredChecks ?? []).map((check) => check.context),
    required_status_checks_enforcement_level: level((rules.requiredChecks ?? []).length > 0),
    strict_required_status_checks_policy: rules.strict ?? false,
    signature_requirement_enforcement_level: 'off',
    linear_history_requirement_enforcement_level: 'off',
    admin_enforced: rules.enforceAdmins ?? false,
    allow_force_pushes_enforcement_level: 'off',
    allow_deletions_enforcement_level: 'off',
    merge_queue_enforcement_level: level(rules.mergeQueue !== undefined),
    required_deployments_enforcement_level: 'off',
    lock_branch_enforcement_level: 'off',
    required_conversation_resolution_level: level(rules.requireConversationResolution ?? false),
    authorized_actors_only: false,
    authorized_actor_names: [],
  }
}

/** The rules of one ruleset as `rules/branches/B` tells them. */
export function branchRules(repository: Repository, protection: Protection): { type: string; parameters?: unknown }[] {
  const { rules } = protection
  const told: { type: string; parameters?: unknown }[] = []
  if (rules.allowForcePushes !== true) told.push({ type: 'non_fast_forward' })
  if (rules.allowDeletions !== true) told.push({ type: 'deletion' })
  if (rules.restrictUpdates === true) told.push({ type: 'update' })
  if (rules.linearHistory === true) told.push({ type: 'required_linear_history' })
  if (rules.requiredChecks !== undefined) {
    told.push({
      type: 'required_status_checks',
      parameters: {
        strict_required_status_checks_policy: rules.strict ?? false,
        do_not_enforce_on_create: false,
        required_status_checks: rules.requiredChecks.map(({ context, appId }) => ({
          context,
          ...(appId === undefined ? {} : { integration_id: appId }),
        })),
      },
    })
  }
  if (rules.workflows !== undefined) {
    const workflows = rules.workflows.map(({ path, repositoryId }) => ({ path, repository_id: repositoryId, ref: 'refs/heads/main' }))
    told.push({ type: 'workflows', parameters: { do_not_enforce_on_create: false, workflows } })
  }
  if (rules.codeScanning !== undefined) {
    const tools = rules.codeScanning.map(({ tool, alerts = 'errors', security = 'high_or_higher' }) => ({
      ...{ tool, alerts_threshold: alerts, security_alerts_threshold: security },
    }))
    told.push({ type: 'code_scanning', parameters: { code_scanning_tools: tools } })
  }
  if (rules.requiredApprovals !== undefined || rules.codeOwnerReviews === true) {
    told.push({
      type: 'pull_request',
      parameters: {
        required_approving_review_count: rules.requiredApprovals ?? 0,
        dismiss_stale_reviews_on_push: rules.dismissStale ?? false,
        require_code_owner_review: rules.codeOwnerReviews ?? false,
        require_last_push_approval: false,
        required_review_thread_resolution: rules.requireConversationResolution ?? false,
        allowed_merge_methods: ['merge', 'squash', 'rebase'],
      },
    })
  }
  const queue = queueRules(repository, protection.branch)
  if (rules.mergeQueue !== undefined && queue !== undefined) {
    told.push({
      type: 'merge_queue',
      parameters: {
        check_response_timeout_minutes: Math.max(1, Math.round(queue.checkTimeoutMs / 60_000)),
        grouping_strategy: 'ALLGREEN',
        max_entries_to_build: queue.maxEntriesToBuild,
        max_entries_to_merge: 1,
        merge_method: queue.method,
        min_entries_to_merge: 1,
        min_entries_to_merge_wait_minutes: 0,
      },
    })
  }
  return told
}

/** How the required checks of a branch stand on a commit; a check that nobody has reported is pending. */
export function requiredVerdicts(
  repository: Repository,
  branch: string,
  sha: string,
): { context: string; verdict: Verdict; expected: boolean }[] {
  const required = rulesFor(repository, branch)?.requiredChecks ?? []
  if (required.length === 0) return []
  const checks = latestChecks(repository, sha)
  const statuses = latestStatuses(repository, sha)
  return required.map(({ context, appId }) => {
    const verdicts = [
      ...checks.filter((check) => check.name === context && (appId === undefined || check.app.id === appId)).map(checkVerdict),
      ...statuses.filter((status) => status.context === context && appId === undefined).map(statusVerdict),
    ]
    const verdict = verdicts.length === 0 || verdicts.includes('pending') ? 'pending' : verdicts.includes('failure') ? 'failure' : 'success'
    return { context, verdict, expected: verdicts.length === 0 }
  })
}

/** Workflows and scanners that a ruleset requires and that have not passed on the head of a pull request. */
function unmetOnHead(repository: Repository, rules: Rules, sha: string): string[] {
  const runs = [...repository.runs.values()].filter((run) => run.sha === sha && run.event.startsWith('pull_request'))
  const workflows = (rules.workflows ?? []).filter(({ path, repositoryId }) => {
    const isIt = ({ workflow }: WorkflowRun) =>
      workflow.path === path && (workflow.source === fullName(repository)) === (repositoryId === repository.id)
    const run = runs.findLast(isIt)
    return run === undefined || run.suite.checks.some((check) => checkVerdict(check) !== 'success')
  })
  const scanners = (rules.codeScanning ?? []).filter(({ tool, alerts, security }) => {
    const found = latestChecks(repository, sha).find((check) => check.name === tool && check.app.slug === 'github-advanced-security')
    const isLenient = alerts === 'none' && security === 'none'
    return found === undefined || (isLenient ? found.status !== 'completed' : checkVerdict(found) !== 'success')
  })
  return [
    ...workflows.map(({ path }) => `Required workflow '${path}' is not satisfied`),
    ...scanners.map(({ tool }) => `Code scanning is waiting for results from ${tool}`),
  ]
}

export const isRequired = (repository: Repository, branch: string, name: string): boolean =>
  (rulesFor(repository, branch)?.requiredChecks ?? []).some((check) => check.context === name)

/** The last approval or objection of everyone; comments say nothing, and a dismissed review is none. */
export function opinions(pull: PullRequest, writersOnly: boolean): Review[] {
  const last = new Map<string, Review>()
  for (const review of pull.reviews) {
    if (review.state === 'COMMENTED' || review.state === 'PENDING') continue
    last.set(review.user.login, review)
  }
  return [...last.values()].filter((review) => !writersOnly || canWrite(pull.repository, review.user))
}

export type Decision = 'APPROVED' | 'CHANGES_REQUESTED' | 'REVIEW_REQUIRED' | null

export function reviewDecision(pull: PullRequest): Decision {
  const rules = rulesFor(pull.repository, pull.base.branch)
  const counted = opinions(pull, true)
  if (counted.some((review) => review.state === 'CHANGES_REQUESTED')) return 'CHANGES_REQUESTED'
  const approvers = new Set(counted.filter((review) => review.state === 'APPROVED').map((review) => review.user.login))
  const needed = Math.max(rules?.requiredApprovals ?? 0, rules?.codeOwnerReviews === true && pull.codeOwners.size > 0 ? 1 : 0)
  if (approvers.size < needed) return 'REVIEW_REQUIRED'
  if (rules?.codeOwnerReviews === true && pull.codeOwners.size > 0 && ![...pull.codeOwners].some((owner) => approvers.has(owner)))
    return 'REVIEW_REQUIRED'
  return approvers.size > 0 ? 'APPROVED' : null
}

/** Why a pull request may not be merged yet, in GitHub's words. */
export function unmet(pull: PullRequest): string[] {
  const { repository, base, head } = pull
  const rules = rulesFor(repository, base.branch)
  if (rules === undefined) return []
  const reasons = requiredVerdicts(repository, base.branch, head.sha)
    .filter(({ verdict }) => verdict !== 'success')
    .map(
      ({ context, verdict, expected }) =>
        `Required status check "${context}" is ${expected ? 'expected' : verdict === 'pending' ? 'pending' : 'failing'}.`,
    )
  reasons.push(...unmetOnHead(repository, rules, head.sha))
  const decision = reviewDecision(pull)
  const asked = (rules.requiredApprovals ?? 0) > 0 || rules.codeOwnerReviews === true
  if (decision === 'REVIEW_REQUIRED') {
    const count = rules.requiredApprovals ?? 1
    reasons.push(
      count <= 1
        ? 'At least 1 approving review is required by reviewers with write access.'
        : `At least ${count} approving reviews are required by reviewers with write access.`,
    )
  } else if (asked && decision === 'CHANGES_REQUESTED') reasons.push('Changes have been requested.')
  if (rules.requireConversationResolution === true && pull.threads.some((thread) => thread.resolvedBy === undefined)) {
    reasons.push('A conversation must be resolved before this pull request can be merged.')
  }
  return reasons
}

export const mayBypass = (repository: Repository, branch: string, by: Account): boolean =>
  mayPass(rulesFor(repository, branch), repository, by)

/** Whether the rules do not hold for somebody. */
export function mayPass(rules: Rules | undefined, repository: Repository, by: Account): boolean {
  if (rules === undefined || rules.bypass?.includes(by.login)) return true
  return roleOf(repository, by) === 'admin' && rules.enforceAdmins !== true
}

export interface PushVerdict {
  /** Refused whatever is pushed. */
  refusal: string | undefined
  /** Only descendants of what is there may be pushed. */
  forwardOnly: boolean
  /** No merges may be pushed. */
  linear: boolean
  /** Pushed must be one of these commits, or a merge of one. */
  approved: string[] | undefined
}

/** What a push to a branch may do, or undefined when nothing is asked. `sha` is the commit that is pushed, undefined for a deletion. */
export function pushVerdict(repository: Repository, branch: string, sha: string | undefined, by: Account): PushVerdict | undefined {
  if (branch.startsWith('gh-readonly-queue/'))
    return { refusal: 'Cannot update this protected ref.', forwardOnly: false, linear: false, approved: undefined }
  const rules = rulesFor(repository, branch)
  if (rules === undefined || mayBypass(repository, branch, by)) return undefined
  const refused = (refusal: string) => ({ refusal, forwardOnly: false, linear: false, approved: undefined })
  if (sha === undefined) return rules.allowDeletions === true ? undefined : refused('Cannot delete this protected branch')
  if (rules.locked === true) return refused('Cannot change this locked branch')
  if (rules.pushers?.includes(by.login) === false) return refused("You're not authorized to push to this branch.")
  if (rules.restrictUpdates === true) return refused('Cannot update this protected ref.')
  if (rules.mergeQueue !== undefined) return refused('Changes must be made through the merge queue')
  // They run for pull requests and merge groups alone.
  if (rules.workflows !== undefined) return refused(`Required workflow '${rules.workflows[0]!.path}' is not satisfied`)
  const waiting = requiredVerdicts(repository, branch, sha).filter(({ verdict }) => verdict !== 'success')
  if (waiting.length > 1) return refused(`${waiting.length} of ${rules.requiredChecks!.length} required status checks are expected.`)
  if (waiting.length === 1) {
    const { context, expected, verdict } = waiting[0]!
    return refused(`Required status check "${context}" is ${expected ? 'expected' : verdict === 'pending' ? 'pending' : 'failing'}.`)
  }
  const reviewed = (rules.requiredApprovals ?? 0) > 0 || rules.codeOwnerReviews === true
  const approved = reviewed
    ? [...repository.pulls.values()]
        .filter((pull) => pull.state === 'open' && pull.base.branch === branch && reviewDecision(pull) === 'APPROVED')
        .map((pull) => pull.head.sha)
    : undefined
  return { refusal: undefined, forwardOnly: rules.allowForcePushes !== true, linear: rules.linearHistory === true, approved }
}
