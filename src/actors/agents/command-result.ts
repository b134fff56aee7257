// The result file of a command agent (interface.md §5): read as what a stranger wrote, and checked strictly.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { z } from 'zod'
import { ProtocolError, suggest, toErrorData } from '../../errors.ts'
import type { AgentResult } from '../ports.ts'

const text = z.string().trim()
const count = z.int().min(0).default(0)

const finding = z.strictObject({
  path: text.min(1),
  // Any number: a line that is not there makes a finding a general remark, and is no reason to lose it.
  line: z.int().nullable().default(null),
  body: text.min(1),
  blocking: z.boolean().nullish(),
})

const answer = z.strictObject({ id: text.min(1), body: text.min(1) })

const result = z
  .strictObject({
    outcome: z.enum(['completed', 'needs_input', 'no_change', 'failed']),
    summary: text,
    question: text.nullish(),
    prTitle: text.nullish(),
    prBody: z.string().nullish(),
    usage: z.strictObject({ inputTokens: count, cachedTokens: count, outputTokens: count, usd: z.number().min(0).default(0) }).nullish(),
    model: text.nullish(),
    verdict: z.enum(['approve', 'request_changes']).nullish(),
    findings: z.array(finding).nullish(),
    answers: z.array(answer).nullish(),
    completion: z.enum(['continue', 'done', 'needs_input', 'failed']).nullish(),
  })
  .refine(({ outcome, question }) => outcome !== 'needs_input' || (question ?? '') !== '', {
    path: ['question'],
    message: 'is required with the outcome needs_input',
  })

const keys = Object.keys(result.shape)
const keysWithin: Record<string, string[]> = { findings: Object.keys(finding.shape), answers: Object.keys(answer.shape) }

/**
 * The result that the agent wrote, or null when there is no file. Throws ProtocolError `invalid-result` with what is wrong
 * with it: not a file, over `limit` bytes, not JSON, or not of the form above.
 */
export async function readResult(path: string, limit: number): Promise<AgentResult | null> {
  const written = await readBounded(path, limit)
  if (written === null) return null
  const parsed = result.safeParse(toJson(written))
  if (!parsed.success) throw invalid(parsed.error.issues.slice(0, 3).map(describe).join('; '))
  const { outcome, summary, ...others } = parsed.data
  const { findings } = others
  const given = Object.fromEntries(
    Object.entries({ ...others, findings: findings?.map(toFinding) }).filter(
      ([, value]) => value !== null && value !== undefined && value !== '',
    ),
  )
  if (outcome !== 'failed') return { outcome, summary, ...given }
  return { outcome, summary, ...given, failure: 'agent', reason: summary === '' ? 'The agent says that it failed.' : summary }
}

/** What is not said is not there. */
const toFinding = ({ blocking, ...rest }: z.output<typeof finding>) => (blocking == null ? rest : { ...rest, blocking })

const invalid = (what: string, cause?: unknown): ProtocolError =>
  new ProtocolError('invalid-result', `The agent's result file is not valid: ${what}.`, { cause })

async function readBounded(path: string, limit: number): Promise<string | null> {
  let file
  try {
    // Neither through a link, which could lead anywhere, nor waiting for the other end of a pipe.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw invalid(code === 'ELOOP' ? 'it is a symbolic link' : `it cannot be read (${toErrorData(error).message})`, error)
  }
  try {
    const { size } = await file.stat().then((stats) => {
      if (!stats.isFile()) throw invalid('it is not a file')
      return stats
    })
    if (size > limit) throw invalid(`it has ${size} bytes, and at most ${limit} are read`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

function toJson(written: string): unknown {
  try {
    return JSON.parse(written.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw invalid(written.trim() === '' ? 'it is empty' : `it is not JSON (${toErrorData(error).message})`, error)
  }
}

function describe(issue: z.core.$ZodIssue): string {
  const at = issue.path.length === 0 ? '' : `'${issue.path.join('.')}' `
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => {
        const nearest = suggest(key, keysWithin[String(issue.path[0])] ?? keys)
        return `${at}unknown key '${key}'${nearest === undefined ? '' : `, did you mean '${nearest}'?`}`
      })
      .join('; ')
  }
  return `${at}${issue.message}`
}
