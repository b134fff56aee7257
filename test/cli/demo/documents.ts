// Issue documents and timelines for the demo's tests, made from what matters to each.

import type { IssueDocument, TimelineEntry } from '../../../src/app.ts'

type PullRequest = NonNullable<IssueDocument['pr']>

export function documentOf(key: string, changes: Partial<IssueDocument> = {}): IssueDocument {
  return {
    key,
    id: key,
    title: key,
    url: '',
    project: 'demo',
    phase: 'delegated',
    authority: 'acting',
    value: {},
    waitsFor: [],
    run: null,
    pr: null,
    question: null,
    branch: null,
    worktree: null,
    thread: null,
    budgets: {},
    attempts: {},
    blockedBy: [],
    delegated: true,
    faulted: null,
    version: 1,
    updatedAt: '2025-01-01T00:00:00.000Z',
    ...changes,
  }
}

export function pullRequest(changes: Partial<PullRequest> = {}): PullRequest {
  return {
    number: 1,
    url: '',
    state: 'open',
    headSha: 'a',
    draft: false,
    review: 'none',
    checks: 'passed',
    mergeable: 'unknown',
    ...changes,
  }
}

export function waitingFor(...parties: IssueDocument['waitsFor'][number]['party'][]): IssueDocument['waitsFor'] {
  return parties.map((party) => ({ party, reason: `the ${party} acts`, since: '2025-01-01T00:00:00.000Z', until: null }))
}

export function landedDocument(key: string, changes: Partial<IssueDocument> = {}): IssueDocument {
  return documentOf(key, { phase: 'done', pr: pullRequest({ state: 'merged' }), attempts: { implementation: 1 }, ...changes })
}

export function timelineOf(...types: string[]): TimelineEntry[] {
  return types.map((type, index) => ({
    seq: index + 1,
    at: '2025-01-01T00:00:00.000Z',
    address: 'issue/1',
    event: { type },
    cause: 'external',
  }))
}
