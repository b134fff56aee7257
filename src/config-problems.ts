// What is wrong with a configuration, in sentences: full key path, what is allowed, and the nearest known key.

import type { z } from 'zod'
import { branchOf, type JsonSchema } from './config-schema.ts'
import { suggest } from './errors.ts'

export type KeyPath = (string | number)[]

export interface Problem {
  path: KeyPath
  message: string
}

/** `['projects', 0, 'ci']` as `projects[0].ci`. */
export function toKey(path: KeyPath): string {
  if (path.length === 0) return 'the configuration'
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('')
}

/** One sentence for each thing that the schema refused in `value`. */
export function explainIssues(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  schema: JsonSchema,
): { path: KeyPath; message: string }[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, value, path)
      return issue.keys.map((key) => ({ path: [...path, key], message: explainUnknown(key, path, known) }))
    }
    const given = valueAt(value, path)
    if (given === undefined && issue.code !== 'invalid_union')
      return [{ path, message: `is missing; ${expectation(issue, at(schema, value, path))}` }]
    const where = issue.code === 'invalid_key' ? path.slice(0, -1) : path
    return [{ path, message: explain(issue, given, at(schema, value, where)) }]
  })
}

function explainUnknown(key: string, path: KeyPath, known: string[]): string {
  const near = suggest(key, known)
  if (near) return `unknown key; did you mean "${toKey([...path, near])}"?`
  return known.length > 0 ? `unknown key; known here: ${known.join(', ')}` : 'unknown key'
}

function explain(issue: z.core.$ZodIssue, given: unknown, expected: JsonSchema | undefined): string {
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    const options = ((issue as { options?: unknown[] }).options ?? []).map((option) => JSON.stringify(option))
    if (given === undefined) return `is missing; it must be one of ${options.join(', ')}`
    const near =
      typeof given === 'string'
        ? suggest(
            given,
            options.map((option) => JSON.parse(option) as string),
          )
        : undefined
    return `must be one of ${options.join(', ')}, not ${show(given)}${near ? `; did you mean "${near}"?` : ''}`
  }
  if (issue.code === 'invalid_key')
    return `"${String(issue.path.at(-1))}" is not allowed as a name; ${patternOf(expected?.propertyNames?.pattern)}`
  if (issue.code === 'invalid_value') {
    const near =
      typeof given === 'string'
        ? suggest(
            given,
            issue.values.filter((value) => typeof value === 'string'),
          )
        : undefined
    return `${expectation(issue, expected)}, not ${show(given)}${near ? `; did you mean "${near}"?` : ''}`
  }
  return `${expectation(issue, expected)}, not ${show(given)}`
}

/** What is allowed at the place of the issue. */
function expectation(issue: z.core.$ZodIssue, expected: JsonSchema | undefined): string {
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`
  if (issue.code === 'too_small' || issue.code === 'too_big') return boundOf(issue)
  const leaf = branchOf(expected)
  const orNull = expected?.anyOf?.some((branch) => branch.type === 'null') ? ', or null' : ''
  // A duration has bounds beside its pattern, which say themselves what they are.
  if (leaf?.format === 'duration' && issue.code === 'custom') return `${issue.message}${orNull}`
  if (leaf?.format === 'duration') return `must be a duration such as "15s", "20m" or "14d"${orNull}`
  if (leaf?.format === 'secret') return `must be a text such as "$NAME", "file:PATH" or "credential:NAME"${orNull}`
  if (leaf?.format === 'branch')
    return 'must be the beginning of a branch name: letters, digits, ".", "_", "-" and "/", without "..", and no part may begin with a sign or end in "." or ".lock"'
  if (leaf?.format === 'uri') return `must be an address that begins with http:// or https://${orNull}`
  if (leaf?.enum) return `must be one of ${leaf.enum.map((value) => JSON.stringify(value)).join(', ')}${orNull}`
  if (leaf?.pattern && issue.code === 'invalid_format') return `must match ${leaf.pattern}${orNull}`
  return `must be ${nameOf(leaf?.type ?? (issue as { expected?: string }).expected)}${orNull}`
}

function boundOf(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const least = issue.code === 'too_small'
  const bound = least ? issue.minimum : issue.maximum
  if (issue.origin === 'string') return least ? 'must not be empty' : `must have at most ${bound} characters`
  if (issue.origin === 'array') return `must have at ${least ? 'least' : 'most'} ${bound} ${bound === 1 ? 'entry' : 'entries'}`
  return `must be at ${least ? 'least' : 'most'} ${bound}`
}

function patternOf(pattern: string | undefined): string {
  return pattern ? `it must match ${pattern}` : 'see the schema for those that are'
}

const names: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object ({ … })',
  record: 'an object ({ … })',
}

function nameOf(type: string | string[] | undefined): string {
  return [type ?? 'something else']
    .flat()
    .map((name) => names[name] ?? name)
    .join(' or ')
}

/** Never the value of a secret: those are objects by now and print as `[secret]`. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((current, key) => (current as Record<string | number, unknown> | null | undefined)?.[key], value)
}

/** The schema at `path`, following the `kind` that the file has chosen. */
function at(schema: JsonSchema, value: unknown, path: KeyPath): JsonSchema | undefined {
  let current: JsonSchema | undefined = schema
  path.forEach((key, index) => {
    const branch = branchOf(current, valueAt(value, path.slice(0, index)))
    const rest: JsonSchema | undefined = typeof branch?.additionalProperties === 'object' ? branch.additionalProperties : undefined
    current = typeof key === 'number' ? branch?.items : (branch?.properties?.[key] ?? rest)
  })
  return current
}

function keysAt(schema: JsonSchema, value: unknown, path: KeyPath): string[] {
  const here = branchOf(at(schema, value, path), valueAt(value, path))
  return Object.keys(here?.properties ?? {}).concat((here?.propertyNames?.enum ?? []).map(String))
}
