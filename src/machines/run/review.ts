// What a reviewing agent's answer comes to: the verdict by its blocking findings, and the review as the forge is given it.

import type { Finding } from '../vocabulary.ts'
import type { Inspection, RunContext, RunOutput, SessionResult } from './context.ts'
import { longestReview, mostFindings } from './policy.ts'

type Review = NonNullable<RunOutput['review']>

/** A finding that does not say whether it blocks has the weight of the verdict that it came with. */
const isBlocking = (finding: Finding, verdict: SessionResult['verdict']): boolean => finding.blocking ?? verdict === 'request_changes'

/**
 * By the blocking findings, whatever word came with them; null when the answer cannot be read as a verdict. Nothing is approved that
 * was not called so, and changes that are asked for without a finding are asked for in the summary.
 */
export function verdictOf({ verdict, findings = [], summary }: SessionResult): Review['verdict'] | null {
  if (findings.some((finding) => isBlocking(finding, verdict))) return 'changes_requested'
  if (verdict === undefined) return null
  if (verdict === 'approve' || findings.length > 0) return 'approved'
  return summary.trim() === '' ? null : 'changes_requested'
}

/** Why there is no verdict. */
export const unreadableText = ({ verdict }: SessionResult): string =>
  verdict === undefined
    ? "The reviewer ended without a verdict: its answer has neither 'verdict' (approve or request_changes) nor a blocking finding."
    : 'The reviewer asks for changes and says neither in a finding nor in its summary which.'

/** The review of what was looked at; findings that are of no line of the change are told in its text. */
export function reviewOf({ result, inspection, past, runId }: RunContext): Review {
  const { bound = [], others = result?.findings ?? [] } = inspection?.review ?? ({} as Partial<NonNullable<Inspection['review']>>)
  const weighed = (findings: readonly Finding[]): Finding[] =>
    findings.map((finding) => ({ ...finding, blocking: isBlocking(finding, result?.verdict) }))
  // Those that block first: what does not find room is in the text.
  const placed = weighed(bound).toSorted((a, b) => Number(b.blocking) - Number(a.blocking))
  const remarks = [...placed.slice(mostFindings), ...weighed(others)]
  const body = [result?.summary.trim() ?? '', remarks.map(remark).join('\n')].filter((text) => text !== '').join('\n\n')
  return {
    verdict: verdictOf(result!)!,
    body: cut(body, runId),
    findings: placed.slice(0, mostFindings).map((finding) => ({ ...finding, body: cut(finding.body, runId) })),
    headSha: past!,
  }
}

function remark({ path, line, body, blocking }: Finding): string {
  const at = path === '' ? '' : `${path}${line === null ? '' : `:${line}`}: `
  return `- ${blocking === true ? '(blocking) ' : ''}${at}${body}`
}

/** What is too long is not lost: the agent's own file has it. */
const cut = (text: string, runId: string): string =>
  text.length <= longestReview ? text : `${text.slice(0, longestReview - 100)}…\n\nCut: the rest is in the result file of ${runId}.`
