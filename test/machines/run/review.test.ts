// What a reviewing agent's answer comes to.

import { describe, expect, it } from 'vitest'
import { createContext, type RunContext, type SessionResult } from '../../../src/machines/run/context.ts'
import { longestReview, mostFindings } from '../../../src/machines/run/policy.ts'
import { reviewOf, verdictOf } from '../../../src/machines/run/review.ts'

const finding = (blocking?: boolean) => ({ path: 'a.ts', line: 1, body: 'b', ...(blocking === undefined ? {} : { blocking }) })
const answer = (changes: Partial<SessionResult>): SessionResult => ({ outcome: 'completed', summary: 's', ...changes })

describe('the verdict', () => {
  it.each<[string, Partial<SessionResult>, ReturnType<typeof verdictOf>]>([
    ['approve without findings', { verdict: 'approve' }, 'approved'],
    ['approve with advice', { verdict: 'approve', findings: [finding(false)] }, 'approved'],
    ['approve with findings that do not say', { verdict: 'approve', findings: [finding()] }, 'approved'],
    ['approve with a blocking finding', { verdict: 'approve', findings: [finding(false), finding(true)] }, 'changes_requested'],
    ['request_changes with findings that do not say', { verdict: 'request_changes', findings: [finding()] }, 'changes_requested'],
    ['request_changes with nothing but advice', { verdict: 'request_changes', findings: [finding(false)] }, 'approved'],
    ['request_changes with a summary alone', { verdict: 'request_changes', findings: [] }, 'changes_requested'],
    ['request_changes with nothing', { verdict: 'request_changes', summary: ' ' }, null],
    ['a blocking finding alone', { findings: [finding(true)] }, 'changes_requested'],
    ['advice alone', { findings: [finding(false)] }, null],
    ['no findings alone', { findings: [] }, null],
    ['nothing', {}, null],
  ])('of %s', (_, changes, verdict) => {
    expect(verdictOf(answer(changes))).toBe(verdict)
  })
})

describe('the review', () => {
  const review = (result: Partial<SessionResult>, bound = result.findings ?? [], others: typeof bound = []) =>
    reviewOf({
      ...createContext({}),
      ...{ runId: 'run-2', past: 'A', result: answer({ verdict: 'request_changes', ...result }) },
      inspection: { review: { bound, others, left: [] } } as unknown as RunContext['inspection'],
    })

  it('is bound to the head, and says of each finding whether it blocks', () => {
    expect(review({ findings: [finding(false), finding()] })).toEqual({
      ...{ verdict: 'changes_requested', body: 's', headSha: 'A' },
      findings: [finding(true), finding(false)],
    })
  })

  it('tells in its text what belongs to no line', () => {
    const others = [
      { path: '../x', line: 9, body: 'far' },
      { path: 'y', line: null, body: 'wide', blocking: false },
    ]
    expect(review({}, [], others).body).toBe('s\n\n- (blocking) ../x:9: far\n- y: wide')
    expect(review({ summary: '' }, [], others.slice(1)).body).toBe('- y: wide')
  })

  it('has room for so many findings; those that block go first, and the others are told in its text', () => {
    const advice = Array.from({ length: mostFindings }, (_, i) => ({ path: `f${i}`, line: 1, body: 'b', blocking: false }))
    const { findings, body } = review({}, [...advice, finding(true)])
    expect(findings).toHaveLength(mostFindings)
    expect(findings[0]).toEqual(finding(true))
    expect(body).toContain(`- f${mostFindings - 1}:1: b`)
  })

  it('is cut where it is too long for a forge, and says where the rest is', () => {
    const long = 'x'.repeat(longestReview + 1)
    const { body, findings } = review({ summary: long, findings: [{ ...finding(true), body: long }] })
    for (const text of [body, findings[0]!.body]) {
      expect(text.length).toBeLessThanOrEqual(longestReview)
      expect(text).toMatch(/Cut: the rest is in the result file of run-2\.$/)
    }
  })
})
