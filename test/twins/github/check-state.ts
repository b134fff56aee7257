// Checks, statuses and workflow runs as the twin remembers them, and what a CI function says.

import type { Account, App, CommitInfo, Repository } from './state.ts'

export type Conclusion = 'success' | 'failure' | 'neutral' | 'cancelled' | 'skipped' | 'timed_out' | 'action_required' | 'stale'
export type CheckStatus = 'queued' | 'in_progress' | 'completed'

export interface Annotation {
  path: string
  start_line: number
  end_line: number
  annotation_level: 'notice' | 'warning' | 'failure'
  message: string
  title?: string
}

export interface CheckRun {
  id: number
  nodeId: string
  repository: Repository
  suite: CheckSuite
  app: App
  sha: string
  name: string
  status: CheckStatus
  conclusion: Conclusion | null
  startedAt: number
  completedAt: number | undefined
  externalId: string
  detailsUrl: string | undefined
  title: string | null
  summary: string | null
  text: string | null
  annotations: Annotation[]
}

export interface CheckSuite {
  id: number
  nodeId: string
  repository: Repository
  app: App
  sha: string
  branch: string
  before: string
  createdAt: number
  updatedAt: number
  run: WorkflowRun | undefined
  checks: CheckRun[]
  commit: CommitInfo
}

export interface Status {
  id: number
  nodeId: string
  sha: string
  context: string
  state: 'error' | 'failure' | 'pending' | 'success'
  description: string | null
  targetUrl: string | null
  creator: Account
  at: number
}

export interface Workflow {
  id: number
  nodeId: string
  name: string
  path: string
  /** `owner/name` of the repository that has the file. */
  source: string
  runs: WorkflowRun[]
}

export interface WorkflowRun {
  id: number
  nodeId: string
  repository: Repository
  workflow: Workflow
  suite: CheckSuite
  event: string
  branch: string
  sha: string
  number: number
  attempt: number
  actor: Account
  createdAt: number
  updatedAt: number
  title: string
  jobs: Job[]
}

export interface Job {
  id: number
  run: WorkflowRun
  check: CheckRun
  plan: CheckPlan
  attempt: number
  steps: { name: string; conclusion: Conclusion }[]
}

/** What CI says of one commit: one job, with the check run that reports it. */
export interface CheckPlan {
  name: string
  conclusion?: Conclusion
  /** The workflow whose job it is; `CI` when not given. Each workflow that has jobs for an event has a run of its own. */
  workflow?: string
  /** `owner/name` of the repository that has the workflow's file, where that is another: a ruleset of the organization runs it here. */
  source?: string
  /** Milliseconds of the twin's clock until it completes; 0 when not given. */
  delay?: number
  steps?: { name: string; conclusion?: Conclusion }[]
  annotations?: Annotation[]
  log?: string
  /** Milliseconds of the twin's clock from the job's end until its log can be had; 0 when not given. */
  logDelay?: number
  summary?: string
  /** Fails at the first attempt and passes when it is run again. */
  flaky?: boolean
}

export interface CiEvent {
  branch: string
  event: 'push' | 'pull_request' | 'merge_group'
}

export type Ci = (sha: string, read: (path: string) => string | null, event: CiEvent) => CheckPlan[] | Promise<CheckPlan[]>
