// The form of what an agent answers at the end of its turn: what it is asked for, and how what it says is read.

import { z } from 'zod'
import { ProtocolError, suggest, toErrorData } from '../../errors.ts'
import type { AgentRequest, AgentResult } from '../ports.ts'
import { mostTokens, mostUsd } from './meter.ts'

const text = z.string().trim()
const count = z.int().min(0).max(mostTokens)

const finding = z.strictObject({
  path: text.min(1),
  // Any number: a line that is not there makes a finding a general remark, and is no reason to lose it.
  line: z.int().nullable().default(null),
  body: text.min(1),
  blocking: z.boolean().nullish(),
})

const answer = z.strictObject({ id: text.min(1), body: text.min(1) })

const usage = z.strictObject({
  inputTokens: count.default(0),
  cachedTokens: count.default(0),
  outputTokens: count.default(0),
  usd: z.number().min(0).max(mostUsd).default(0),
  writtenTokens: count.optional(),
})

const said = z.strictObject({
  outcome: z.enum(['completed', 'needs_input', 'no_change', 'failed']),
  summary: text,
  question: text.nullish(),
  prTitle: text.nullish(),
  prBody: z.string().nullish(),
  verdict: z.enum(['approve', 'request_changes']).nullish(),
  findings: z.array(finding).nullish(),
  answers: z.array(answer).nullish(),
  completion: z.enum(['continue', 'done', 'needs_input', 'failed']).nullish(),
})

/** What a program knows of its turn. A model does not know it, and may say of it what the text of an issue has told it to. */
const known = {
  usage: usage.nullish(),
  model: text.nullish(),
  // Only with the outcome failed.
  failure: z.enum(['capacity', 'auth', 'environment', 'agent']).nullish(),
  code: text.nullish(),
  retryAt: z.int().min(0).nullish(),
}

const hasQuestion = ({ outcome, question }: { outcome: string; question?: string | null | undefined }): boolean =>
  outcome !== 'needs_input' || (question ?? '') !== ''
const withoutQuestion = { path: ['question'], message: 'is required with the outcome needs_input' }

const answerForm = said.refine(hasQuestion, withoutQuestion)
const reportForm = said.extend(known).refine(hasQuestion, withoutQuestion)

const keys = Object.keys(reportForm.shape)
const keysWithin: Record<string, string[]> = {
  usage: Object.keys(usage.shape),
  findings: Object.keys(finding.shape),
  answers: Object.keys(answer.shape),
}

/**
 * What a model has answered, from its JSON. What it says of its usage, its model or the class of its failure is left out: the protocol
 * tells that. Throws ProtocolError `invalid-result` with what is wrong with it: not JSON, or not of the form above. `what` names in that
 * message where it was read.
 */
export const readAnswer = (written: string, what: string): AgentResult => toResult(answerForm, leaveOut(toJson(written, what)), what)

/** What a program has answered: all of it counts. Throws as `readAnswer`. */
export const readReport = (written: string, what: string): AgentResult => toResult(reportForm, toJson(written, what), what)

function leaveOut(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json
  return Object.fromEntries(Object.entries(json).filter(([key]) => !Object.hasOwn(known, key)))
}

function toResult(form: typeof answerForm | typeof reportForm, json: unknown, what: string): AgentResult {
  const parsed = form.safeParse(json)
  if (!parsed.success) throw invalidAnswer(what, parsed.error.issues.slice(0, 3).map(describe).join('; '))
  const { outcome, summary, ...others } = parsed.data
  const { findings } = others
  const given = Object.fromEntries(
    Object.entries({ ...others, findings: findings?.map(toFinding) }).filter(
      ([, value]) => value !== null && value !== undefined && value !== '',
    ),
  )
  if (outcome !== 'failed') {
    const { failure: _failure, code: _code, retryAt: _retryAt, ...kept } = given as Partial<AgentResult>
    return { outcome, summary, ...kept }
  }
  return { outcome, summary, failure: 'agent', ...given, reason: summary === '' ? 'The agent says that it failed.' : summary }
}

/** What is not said is not there. */
const toFinding = ({ blocking, ...rest }: z.output<typeof finding>) => (blocking == null ? rest : { ...rest, blocking })

export const invalidAnswer = (what: string, wrong: string, cause?: unknown): ProtocolError =>
  new ProtocolError('invalid-result', `${what} is not valid: ${wrong}.`, { cause })

function toJson(written: string, what: string): unknown {
  try {
    return JSON.parse(written.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw invalidAnswer(what, written.trim() === '' ? 'it is empty' : `it is not JSON (${toErrorData(error).message})`, error)
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

const orNull = (schema: object): object => ({ anyOf: [schema, { type: 'null' }] })
const aText = (description: string): object => ({ type: 'string', description })

/** Providers that enforce a schema want every key of an object required, and none beside them. */
const exactly = (properties: Record<string, object>): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

/** The JSON Schema of what this turn has to answer, in the strict subset that providers enforce. */
export function answerSchema({ runType, turnKind }: Pick<AgentRequest, 'runType' | 'turnKind'>): object {
  const common = {
    outcome: {
      type: 'string',
      enum: ['completed', 'no_change', 'needs_input', 'failed'],
      description: 'needs_input only when nothing can be done before a person has answered.',
    },
    summary: aText('What was done, or why not, in a few sentences for people.'),
    question: orNull(aText('With needs_input: what the person is asked, with the possible answers.')),
  }
  if (turnKind === 'completion_check') {
    return exactly({ ...common, completion: orNull({ type: 'string', enum: ['continue', 'done', 'needs_input', 'failed'] }) })
  }
  if (runType === 'review') {
    return exactly({
      ...common,
      verdict: orNull({ type: 'string', enum: ['approve', 'request_changes'] }),
      findings: orNull({
        type: 'array',
        items: exactly({
          path: aText('Of the file, from the root of the repository.'),
          line: orNull({ type: 'integer', description: 'In the file as it is at the head under review.' }),
          body: aText('What is wrong, and what would be right.'),
          blocking: { type: 'boolean' },
        }),
      }),
    })
  }
  return exactly({
    ...common,
    prTitle: orNull(aText('Of the pull request, one line.')),
    prBody: orNull(aText('Of the pull request, Markdown.')),
    ...(runType === 'review_fix'
      ? {
          answers: orNull({
            type: 'array',
            items: exactly({ id: aText('Of the finding that is answered.'), body: aText('What was done about it, or why nothing.') }),
          }),
        }
      : {}),
  })
}

/**
 * The answer in an agent's last words. Without a schema in force they may have it in a fenced block, or have none: then they are the
 * summary of a turn that was completed. Throws ProtocolError `invalid-result` for one that is there and not of the form.
 */
export function readLastWords(words: string): AgentResult {
  const trimmed = words.trim()
  const written = trimmed.startsWith('{') ? trimmed : [...trimmed.matchAll(/^```(?:json)?\s*\n(\{[\s\S]*?\})\s*\n```/gm)].at(-1)?.[1]
  if (written === undefined) return { outcome: 'completed', summary: trimmed.slice(0, longestSummary) }
  return readAnswer(written, "The agent's answer")
}

const longestSummary = 4_000
