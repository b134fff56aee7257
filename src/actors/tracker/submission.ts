// What a human may write into the embedded tracker: limits, tidying, and an error that names the field.

import { z } from 'zod'
import { ConfigurationError, suggest } from '../../errors.ts'

const titleLimit = 500
/** The most bytes of an issue's description. */
export const bodyLimit = 256 * 1024
const textLimit = 64 * 1024
const labelLimit = 100
const listLimit = 100

// A title becomes the subject of a merge commit and an argument of git: one line, no control characters.
// oxlint-disable-next-line no-control-regex
const unprintable = /[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

const toLine = (text: string) => text.toWellFormed().replace(unprintable, ' ').trim()
const toText = (text: string) => text.toWellFormed().replaceAll('\u0000', '')

const line = (limit: number) =>
  z
    .string('must be a text')
    .transform(toLine)
    .refine((text) => text !== '', 'is empty')
    .refine((text) => [...text].length <= limit, {
      error: (issue) => `is ${[...String(issue.input)].length} characters long; at most ${limit} are allowed`,
    })

const text = (limit: number) =>
  z
    .string('must be a text')
    .transform(toText)
    .refine((value) => Buffer.byteLength(value) <= limit, {
      error: (issue) => `is ${Buffer.byteLength(String(issue.input))} bytes long; at most ${limit} are allowed`,
    })

const requiredText = text(textLimit).refine((value) => value.trim() !== '', 'is empty')
const labels = z
  .array(line(labelLimit), 'must be a list of texts')
  .max(listLimit, `has more than ${listLimit} entries`)
  .transform((all) => [...new Set(all)])
const keys = z.array(line(200), 'must be a list of issue keys').max(listLimit, `has more than ${listLimit} entries`)
const links = z
  .array(line(300), 'must be a list of pull requests')
  .max(10, 'has more than 10 entries')
  .transform((all) => [...new Set(all)])
const priority = z
  .number('must be a number: 0 none, 1 urgent, 2 high, 3 medium, 4 low')
  .refine((value) => Number.isInteger(value) && value >= 0 && value <= 4, 'must be 0 (none), 1 (urgent), 2, 3 or 4 (low)')

const submission = z.strictObject({
  title: line(titleLimit),
  body: text(bodyLimit).optional(),
  project: z.string('must be a project id').optional(),
  labels: labels.optional(),
  blockedBy: keys.optional(),
  parent: line(200).optional(),
  priority: priority.optional(),
  links: links.optional(),
  hold: z.boolean('must be true or false').optional(),
})

const change = z.strictObject({
  title: line(titleLimit).optional(),
  body: text(bodyLimit).optional(),
  labels: labels.optional(),
  blockedBy: keys.optional(),
  parent: line(200).nullable().optional(),
  priority: priority.optional(),
  links: links.optional(),
})

const message = z.strictObject({ text: requiredText, author: line(200).optional() })

/** What is needed to file an issue; `hold`: not delegated yet. */
export type Submission = z.input<typeof submission>
export type ParsedSubmission = z.output<typeof submission>
/** What may be changed of an issue after it was submitted; `blockedBy` and `labels` replace the whole list. */
export type Change = z.input<typeof change>
export type ParsedChange = z.output<typeof change>

/** Throws ConfigurationError `invalid-input` naming the field. */
export const parseSubmission = (input: unknown): ParsedSubmission => parse(submission, 'submission', input)
/** Throws ConfigurationError `invalid-input` naming the field. */
export const parseChange = (input: unknown): ParsedChange => parse(change, 'change', input)
/** Throws ConfigurationError `invalid-input` naming the field. */
export const parseMessage = (input: unknown): { text: string; author?: string | undefined } => parse(message, 'message', input)

function parse<T extends z.ZodObject>(schema: T, what: string, input: unknown): z.output<T> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const sentences = result.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, Object.keys(schema.shape))).join(' ')
    const field = issue.path.map(String).join('.')
    if (field === '') return `The ${what} must be an object.`
    const missing = issue.path.length === 1 && (input as Record<string, unknown>)[field] === undefined
    return missing ? `${field} is missing.` : `${field} ${issue.message}.`
  })
  throw new ConfigurationError('invalid-input', sentences.join(' '))
}

function unknownKey(key: string, known: string[]): string {
  const nearest = suggest(key, known)
  return `${key} is not a field here${nearest === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${nearest}?`}.`.replace(
    '?.',
    '?',
  )
}
