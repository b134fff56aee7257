// What the twin remembers: plain objects with indexes, kept in memory; only git objects and refs are on disk.

import type { CheckRun, CheckSuite, Ci, Job, Status, Workflow, WorkflowRun } from './check-state.ts'
import type { IssueComment, Label, PullRequest, QueueEntry, Review, Thread } from './pull-state.ts'
import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { Git } from './git.ts'
import type { Webhooks } from './webhooks.ts'
import type { RequestRecord } from './faults.ts'
import type { Schemas } from './schemas.ts'

export type Role = 'admin' | 'write' | 'read' | 'none'
export type Level = 'read' | 'write' | 'admin'
export type Permissions = Record<string, Level>

export interface Account {
  id: number
  nodeId: string
  login: string
  name: string
  type: 'User' | 'Organization' | 'Bot'
}

export interface App {
  id: number
  nodeId: string
  slug: string
  name: string
  owner: Account
  bot: Account
  permissions: Permissions
  events: string[]
  publicKey: string
  privateKey: string
  hook: Hook | undefined
  createdAt: number
}

export interface Installation {
  id: number
  app: App
  account: Account
  /** Undefined: all repositories of the account. */
  repositories: Set<number> | undefined
  permissions: Permissions
  createdAt: number
  suspendedAt: number | undefined
}

export interface Token {
  token: string
  kind: 'installation' | 'user'
  account: Account
  installation: Installation | undefined
  permissions: Permissions | undefined
  repositories: Set<number> | undefined
  /** Of a classic token; undefined for one that is fine-grained, and for those of installations. */
  scopes?: readonly string[] | undefined
  expiresAt: number
}

export interface Hook {
  id: number
  /** The App's hook, or one repository's. */
  app: App | undefined
  repository: Repository | undefined
  url: string
  secret: string
  events: string[]
  active: boolean
  createdAt: number
}

/** Rules of a branch: a classic protection or the rules of a ruleset, which the twin judges alike. */
export interface Rules {
  requiredChecks?: { context: string; appId?: number }[]
  /** Of a ruleset: workflows that have to pass on the pull request. */
  workflows?: { path: string; repositoryId: number }[]
  /** Of a ruleset: tools whose results have to be there, and how grave an alert keeps the change from landing. */
  codeScanning?: { tool: string; alerts?: 'none' | 'errors' | 'all'; security?: 'none' | 'high_or_higher' | 'all' }[]
  /** The branch has to contain the base's tip before it merges. */
  strict?: boolean
  requiredApprovals?: number
  codeOwnerReviews?: boolean
  dismissStale?: boolean
  requireConversationResolution?: boolean
  mergeQueue?: Partial<QueueRules>
  enforceAdmins?: boolean
  /** Logins (an App's is `SLUG[bot]`) that may push past the rules. */
  bypass?: string[]
  /** Nobody changes it. */
  locked?: boolean
  /** Logins that may push at all; of a ruleset, that only those may who bypass it is `restrictUpdates`. */
  pushers?: string[]
  restrictUpdates?: boolean
  linearHistory?: boolean
  allowForcePushes?: boolean
  allowDeletions?: boolean
}

export interface QueueRules {
  method: 'MERGE' | 'SQUASH' | 'REBASE'
  maxEntriesToBuild: number
  checkTimeoutMs: number
}

export interface Protection {
  id: number
  branch: string
  /** A classic protection is told by `branches/B/protection`, a ruleset by `rules/branches/B`. */
  kind: 'protection' | 'ruleset'
  name: string
  rules: Rules
  createdAt: number
}

export interface Repository {
  id: number
  nodeId: string
  owner: Account
  name: string
  private: boolean
  archived: boolean
  defaultBranch: string
  parent: Repository | undefined
  createdAt: number
  updatedAt: number
  pushedAt: number
  git: Git
  refs: Map<string, string>
  roles: Map<string, Role>
  settings: {
    autoMerge: boolean
    mergeCommit: boolean
    squash: boolean
    rebase: boolean
    deleteBranchOnMerge: boolean
    /** How long mergeability stays unknown after a push, in milliseconds. */
    mergeableAfter: number
  }
  pulls: Map<number, PullRequest>
  /** Pull requests by `OWNER:BRANCH` of their head, the newest last. */
  byHead: Map<string, PullRequest[]>
  nextNumber: number
  protections: Protection[]
  hooks: Map<number, Hook>
  labels: Map<string, Label>
  checks: Map<string, CheckRun[]>
  checkById: Map<number, CheckRun>
  suites: Map<string, CheckSuite[]>
  statuses: Map<string, Status[]>
  runs: Map<number, WorkflowRun>
  workflows: Map<string, Workflow>
  jobs: Map<number, Job>
  comments: Map<number, IssueComment>
  queues: Map<string, QueueEntry[]>
  ci: Ci | undefined
  /** The branches whose pushes CI runs for by themselves. */
  ciBranches: (branch: string) => boolean
}

export interface CommitInfo {
  sha: string
  tree: string
  parents: string[]
  message: string
  author: { name: string; email: string; at: number }
  committer: { name: string; email: string; at: number }
}

export type * from './pull-state.ts'
export type * from './check-state.ts'

/** One twin's whole world; the modules beside this file are what it does. */
export interface World {
  readonly folder: string
  /** The time that everything timed runs on: token expiry, CI, merge queue, rate limits, deliveries. */
  readonly clock: Clock
  readonly schemas: Schemas
  readonly webhooks: Webhooks
  readonly faults: Faults<RequestRecord>
  /** What went wrong in the twin itself: an answer that does not follow GitHub's schema, an unexpected error. */
  readonly problems: string[]
  /** The address of the server, without a slash at its end. */
  origin: string
  accounts: Map<string, Account>
  apps: Map<number, App>
  installations: Map<number, Installation>
  tokens: Map<string, Token>
  repositories: Map<string, Repository>
  repositoryById: Map<number, Repository>
  /** Former names that lead on to a repository. */
  renamed: Map<string, Repository>
  nodes: Map<string, Node>
  actions: App
  closed: boolean
  nextId(): number
  /** Runs `work` without anyone waiting; its failure becomes a problem, and `settled` waits for it. */
  background(work: () => Promise<void>): void
}

export type Node =
  | { kind: 'PullRequest'; value: PullRequest }
  | { kind: 'Repository'; value: Repository }
  | { kind: 'PullRequestReviewThread'; value: Thread }
  | { kind: 'PullRequestReview'; value: Review }
  | { kind: 'IssueComment'; value: IssueComment }
  | { kind: 'CheckRun'; value: CheckRun }

/** A refusal as GitHub answers it. */
export class Refusal extends Error {
  readonly status: number
  readonly errors: unknown[] | undefined
  readonly headers: Record<string, string>
  constructor(status: number, message: string, errors?: unknown[], headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.errors = errors
    this.headers = headers
  }
}

export const nodeId = (prefix: string, id: number): string => `${prefix}_${Buffer.from(`twin:${id}`).toString('base64url')}`
export const iso = (at: number): string => new Date(Math.floor(at / 1000) * 1000).toISOString().replace('.000Z', 'Z')
export const fullName = (repository: Repository): string => `${repository.owner.login}/${repository.name}`
export const branchRef = (branch: string): string => `refs/heads/${branch}`
export const ZERO = '0'.repeat(40)

export function invalid(resource: string, field: string, code: string, message?: string): Refusal {
  return new Refusal(422, 'Validation Failed', [{ resource, field, code, ...(message === undefined ? {} : { message }) }])
}
