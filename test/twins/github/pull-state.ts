// Pull requests and what hangs on them, as the twin remembers them.

import type { Account, App, Repository } from './state.ts'

export interface Label {
  id: number
  nodeId: string
  name: string
  color: string
}

export interface PullRequest {
  id: number
  nodeId: string
  repository: Repository
  number: number
  title: string
  body: string | null
  author: Account
  state: 'open' | 'closed'
  draft: boolean
  createdAt: number
  updatedAt: number
  closedAt: number | undefined
  mergedAt: number | undefined
  mergedBy: Account | undefined
  mergeSha: string | undefined
  head: { repository: Repository | undefined; owner: Account; branch: string; sha: string }
  base: { branch: string; sha: string }
  /** When mergeability is known again after a push. */
  mergeableAt: number
  labels: Label[]
  requested: Account[]
  codeOwners: Set<string>
  reviews: Review[]
  threads: Thread[]
  comments: IssueComment[]
  autoMerge: { by: Account; method: 'merge' | 'squash' | 'rebase'; title: string | null; message: string | null; at: number } | undefined
  queueEntry: QueueEntry | undefined
  timeline: TimelineEvent[]
}

export interface TimelineEvent {
  id: string
  type: 'AddedToMergeQueueEvent' | 'RemovedFromMergeQueueEvent' | 'HeadRefForcePushedEvent'
  at: number
  actor: Account
  reason?: string
  before?: string
  after?: string
}

export interface Review {
  id: number
  nodeId: string
  pull: PullRequest
  user: Account
  state: 'APPROVED' | 'CHANGES_REQUESTED' | 'COMMENTED' | 'DISMISSED' | 'PENDING'
  body: string
  sha: string
  at: number
  updatedAt: number
}

export interface Thread {
  id: string
  pull: PullRequest
  path: string
  line: number
  startLine: number | undefined
  /** The file's text at the commented line when the thread began: it is outdated once another is there. */
  outdated: boolean
  resolvedBy: Account | undefined
  comments: ReviewComment[]
}

export interface ReviewComment {
  id: number
  nodeId: string
  thread: Thread
  review: Review
  user: Account
  body: string
  sha: string
  hunk: string
  replyTo: ReviewComment | undefined
  at: number
  updatedAt: number
  reactions: Reaction[]
}

export interface Reaction {
  id: number
  user: Account
  content: string
  at: number
}

export interface IssueComment {
  id: number
  nodeId: string
  repository: Repository
  pull: PullRequest
  user: Account
  app: App | undefined
  body: string
  at: number
  updatedAt: number
  reactions: Reaction[]
}

export interface QueueEntry {
  id: string
  pull: PullRequest
  base: string
  enqueuer: Account
  at: number
  jump: boolean
  /** The commit that is tested, once it is made, and the one that it stands on. */
  group: { sha: string; ref: string; on: string } | undefined
  state: 'QUEUED' | 'AWAITING_CHECKS' | 'MERGEABLE' | 'UNMERGEABLE' | 'LOCKED'
  cancelTimeout: (() => void) | undefined
}
