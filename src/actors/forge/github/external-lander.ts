// An external lander speaks by one check: at work while it is queued, failed with an incident in its text when it gives a change back.

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { withoutCredentials } from '../../../errors.ts'
import type { PullRequestFacts, QueueIncident } from '../../ports.ts'
import type { SeenContext } from './queries.ts'
import { standingOf } from './standing.ts'

/** What landers write into the text of their check; all of it may be missing, and other names are known for some of it. */
const incidentSchema = z.object({
  class: z.string().optional(),
  failureClass: z.string().optional(),
  kind: z.string().optional(),
  reason: z.string().optional(),
  summary: z.string().optional(),
  message: z.string().optional(),
  files: z.array(z.string()).optional(),
  conflictFiles: z.array(z.string()).optional(),
  conflictingFiles: z.array(z.string()).optional(),
  conflicting_files: z.array(z.string()).optional(),
  baseSha: z.string().optional(),
  base_sha: z.string().optional(),
  headSha: z.string().optional(),
  prHeadSha: z.string().optional(),
  head_sha: z.string().optional(),
  failedChecks: z
    .array(z.union([z.string(), z.object({ name: z.string(), url: z.string().nullish(), summary: z.string().nullish() })]))
    .optional(),
  failed_checks: z
    .array(z.union([z.string(), z.object({ name: z.string(), url: z.string().nullish(), summary: z.string().nullish() })]))
    .optional(),
})
type Told = z.output<typeof incidentSchema>

const longestSummary = 240

/** The first JSON object in the text: alone, or fenced as Markdown does. */
function parse(text: string): Told | null {
  const fenced = /```(?:json)?\s*\n([\s\S]*?)\n```/.exec(text)?.[1]
  for (const candidate of [text, fenced ?? '']) {
    try {
      const result = incidentSchema.safeParse(JSON.parse(candidate))
      if (result.success) return result.data
    } catch {
      // Not JSON: what it says in words is all there is.
    }
  }
  return null
}

/** Its own word, which stands above what can be guessed from the rest; null for one that is not known. */
function classOf(word: string | undefined): QueueIncident['class'] | null {
  switch (word) {
    case 'conflict':
    case 'integration_conflict':
      return 'conflict'
    case 'checks':
    case 'branch_local':
      return 'checks'
    case 'environment':
    case 'main_broken':
    case 'policy_blocked':
      return 'environment'
    default:
      return null
  }
}

const shorten = (text: string): string => withoutCredentials(text).replaceAll(/\s+/g, ' ').trim().slice(0, longestSummary)

/** Malformed, it is what the check says of itself (F28: one typed structure). */
export function toIncident(said: { title: string; summary: string; text: string }, headSha: string): QueueIncident {
  const told = parse(said.text) ?? parse(said.summary) ?? {}
  const files = told.files ?? told.conflictFiles ?? told.conflictingFiles ?? told.conflicting_files ?? []
  const failed = told.failedChecks ?? told.failed_checks ?? []
  const word = [told.kind, told.reason, told.summary, told.message, said.title].join(' ').toLowerCase()
  const guess = failed.length === 0 && (files.length > 0 || /conflict/.test(word)) ? 'conflict' : 'checks'
  const failures = failed.map((entry) => {
    const { name, url = null, summary = null } = typeof entry === 'string' ? { name: entry } : entry
    const signature = createHash('sha256')
      .update(`queue\n${name}\n${summary ?? ''}`)
      .digest('hex')
      .slice(0, 32)
    return { name, url, summary: shorten(summary ?? `${name} failed`), logTail: '', signature }
  })
  const summary = shorten(told.summary ?? told.message ?? (said.title !== '' ? said.title : said.summary))
  return {
    class: classOf(told.class ?? told.failureClass) ?? guess,
    files,
    failures,
    baseSha: told.baseSha ?? told.base_sha ?? '',
    headSha: told.headSha ?? told.prHeadSha ?? told.head_sha ?? headSha,
    summary: summary === '' ? 'The landing queue gave it back' : summary,
  }
}

/** `context`: the newest of the lander's name on the head. */
export function externalQueue(context: SeenContext, headSha: string): PullRequestFacts['queue'] {
  const isRun = context.__typename === 'CheckRun'
  const startedAt = isRun ? (context.startedAt ?? 0) : context.createdAt
  // One more than the entry, which may have been in the same second: GitHub tells no finer time.
  const endedAt = (isRun ? (context.completedAt ?? startedAt) : context.createdAt) + 1
  const standing = standingOf(context)
  if (standing === 'pending') return { headSha, state: 'queued', incident: null, observedAt: startedAt }
  if (standing === 'passed') return { headSha, state: 'none', incident: null, observedAt: endedAt }
  const said = isRun
    ? { title: context.title ?? '', summary: context.summary ?? '', text: context.text ?? '' }
    : { title: context.description ?? '', summary: '', text: '' }
  return { headSha, state: 'evicted', incident: toIncident(said, headSha), observedAt: endedAt }
}
