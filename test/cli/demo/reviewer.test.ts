import { describe, expect, it } from 'vitest'
import type { IssueDocument } from '../../../src/app.ts'
import { createReviewer } from '../../../src/cli/demo/reviewer.ts'
import type { Reviewer } from '../../../src/cli/demo/reviewer.ts'
import type { TaskName } from '../../../src/cli/demo/tasks.ts'
import { documentOf, landedDocument, pullRequest, waitingFor } from './documents.ts'

const green = (key: string, headSha = 'a'): IssueDocument => documentOf(key, { pr: pullRequest({ headSha }) })

function verdicts(reviewer: Reviewer, issues: Partial<Record<TaskName, IssueDocument>>): string[] {
  const due = reviewer.due(new Map(Object.entries(issues) as [TaskName, IssueDocument][]))
  for (const review of due) reviewer.given(review)
  return due.map(({ key, headSha, action }) => `${action.action} ${key} ${headSha}`)
}

describe('the reviewer of the demo', () => {
  it('looks at what is open and green only', () => {
    const reviewer = createReviewer()
    expect(verdicts(reviewer, { red: documentOf('DEMO-3') })).toEqual([])
    expect(verdicts(reviewer, { red: documentOf('DEMO-3', { pr: pullRequest({ checks: 'failed' }) }) })).toEqual([])
    expect(verdicts(reviewer, { red: documentOf('DEMO-3', { pr: pullRequest({ draft: true }) }) })).toEqual([])
    expect(verdicts(reviewer, { red: landedDocument('DEMO-3') })).toEqual([])
    expect(verdicts(reviewer, { red: green('DEMO-3') })).toEqual(['approve DEMO-3 a'])
  })

  it('gives one verdict per head', () => {
    const reviewer = createReviewer()
    expect(verdicts(reviewer, { red: green('DEMO-3') })).toHaveLength(1)
    expect(verdicts(reviewer, { red: green('DEMO-3') })).toEqual([])
    expect(verdicts(reviewer, { red: green('DEMO-3', 'b') })).toEqual(['approve DEMO-3 b'])
  })

  it('offers a verdict again, under the same idempotency key, until it was accepted', () => {
    const reviewer = createReviewer()
    const issues = new Map<TaskName, IssueDocument>([['red', green('DEMO-3')]])
    expect(reviewer.due(issues)).toEqual(reviewer.due(issues))
    expect(reviewer.due(issues)[0]!.idempotencyKey).toBe('demo-approve-DEMO-3-a')
  })

  it('has the first head of one issue reviewed by an agent and approves the next', () => {
    const reviewer = createReviewer()
    expect(verdicts(reviewer, { reviewed: green('DEMO-4') })).toEqual(['retry DEMO-4 a'])
    expect(verdicts(reviewer, { reviewed: green('DEMO-4') })).toEqual([])
    expect(verdicts(reviewer, { reviewed: green('DEMO-4', 'b') })).toEqual(['approve DEMO-4 b'])
  })

  it('approves the first of several only when all are green, and the others when the first is in the queue', () => {
    const reviewer = createReviewer()
    const clashing = green('DEMO-6')
    expect(verdicts(reviewer, { plain: green('DEMO-1') })).toEqual([])
    expect(verdicts(reviewer, { plain: green('DEMO-1'), conflicting: green('DEMO-5') })).toEqual([])
    expect(verdicts(reviewer, { plain: green('DEMO-1'), conflicting: documentOf('DEMO-5'), clashing })).toEqual([])
    expect(verdicts(reviewer, { plain: green('DEMO-1'), conflicting: green('DEMO-5'), clashing })).toEqual(['approve DEMO-1 a'])
    expect(verdicts(reviewer, { plain: green('DEMO-1'), conflicting: green('DEMO-5') })).toEqual([])
    const queued = { ...green('DEMO-1'), waitsFor: waitingFor('queue') }
    expect(verdicts(reviewer, { plain: queued, conflicting: green('DEMO-5') })).toEqual(['approve DEMO-5 a'])
    expect(verdicts(reviewer, { plain: landedDocument('DEMO-1'), conflicting: green('DEMO-5', 'b') })).toEqual(['approve DEMO-5 b'])
  })
})
