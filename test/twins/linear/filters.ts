// Decides whether a record passes one of Linear's filters, following the schema's own input types.

import { getNamedType, isInputObjectType, type GraphQLInputObjectType } from 'graphql'
import { notModelled } from './errors.ts'
import type { AnyRecord } from './records.ts'

type Loose = Record<string, unknown>

export interface Reader {
  /** Reads a field of a record: a value, a record, or a list of records; undefined for an unknown field. */
  read(record: AnyRecord, field: string): unknown
  /** What a duration is counted from. */
  now: number
}

export function passes(type: GraphQLInputObjectType, filter: Loose, record: AnyRecord | undefined, reader: Reader): boolean {
  return Object.entries(filter).every(([name, wanted]) => {
    if (wanted === undefined || wanted === null) return true
    if (name === 'and') return (wanted as Loose[]).every((part) => passes(type, part, record, reader))
    if (name === 'or') return (wanted as Loose[]).some((part) => passes(type, part, record, reader))
    if (name === 'null') return (record === undefined) === wanted
    if (!record) return false
    const value = reader.read(record, name)
    if (value === undefined) throw notModelled(`the field ${name} of the filter ${type.name}`)
    const inner = getNamedType(type.getFields()[name]!.type)
    if (!isInputObjectType(inner)) throw notModelled(`the filter ${type.name}.${name}`)
    if (inner.name === 'IssueIdComparator') return comparesId(wanted as Loose, [record.id, String(reader.read(record, 'identifier'))])
    if (inner.name.includes('DateComparator')) return compares(withInstants(wanted as Loose, reader.now), value)
    if (inner.name.endsWith('Comparator')) return compares(wanted as Loose, value)
    if (Array.isArray(value)) return passesList(inner, wanted as Loose, value as AnyRecord[], reader)
    return passes(inner, wanted as Loose, (value ?? undefined) as AnyRecord | undefined, reader)
  })
}

function passesList(type: GraphQLInputObjectType, filter: Loose, records: AnyRecord[], reader: Reader): boolean {
  const { some, every, length, and, or, ...direct } = filter
  const inner = (name: string) => getNamedType(type.getFields()[name]!.type) as GraphQLInputObjectType
  if (some && !records.some((record) => passes(inner('some'), some as Loose, record, reader))) return false
  if (every && !records.every((record) => passes(inner('every'), every as Loose, record, reader))) return false
  if (length && !compares(length as Loose, records.length)) return false
  if (and && !(and as Loose[]).every((part) => passesList(type, part, records, reader))) return false
  if (or && !(or as Loose[]).some((part) => passesList(type, part, records, reader))) return false
  return Object.keys(direct).length === 0 || records.some((record) => passes(type, direct, record, reader))
}

const milliseconds = [365 * 86_400_000, 30 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000]

/** An ISO 8601 duration in milliseconds, for example `-P2W`; undefined for what is none. */
export function durationOf(text: string): number | undefined {
  const match = /^(-?)P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text)
  if (!match) return undefined
  const sum = milliseconds.reduce((total, unit, at) => total + unit * Number(match[at + 2] ?? 0), 0)
  return match[1] ? -sum : sum
}

/** A date may be given as a duration from now. */
function withInstants(comparator: Loose, now: number): Loose {
  const instant = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(instant)
    const duration = typeof value === 'string' ? durationOf(value) : undefined
    return duration === undefined ? value : new Date(now + duration).toISOString()
  }
  return Object.fromEntries(Object.entries(comparator).map(([operator, value]) => [operator, instant(value)]))
}

/** An issue answers to its UUID and to its identifier. */
function comparesId(comparator: Loose, ids: string[]): boolean {
  return Object.entries(comparator).every(([operator, wanted]) => {
    const answers = ids.map((id) => compares({ [operator]: wanted }, id))
    return operator === 'neq' || operator === 'nin' ? answers.every(Boolean) : answers.some(Boolean)
  })
}

function compares(comparator: Loose, value: unknown): boolean {
  return Object.entries(comparator).every(([operator, wanted]) => {
    if (wanted === undefined) return true
    const test = operators[operator]
    if (!test) throw notModelled(`the comparison ${operator}`)
    return test(value, wanted)
  })
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const lower = (value: unknown): string => text(value).toLowerCase()
const isDate = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d))?$/.test(value)

/** Dates are compared as times, for `Z` and `+00:00` are the same. */
const comparable = (value: unknown): string | number => (isDate(value) ? Date.parse(value) : (value as string | number))
const same = (a: unknown, b: unknown): boolean => comparable(a) === comparable(b)
const ordered = (test: (a: string | number, b: string | number) => boolean) => (value: unknown, wanted: unknown) =>
  value !== null && test(comparable(value), comparable(wanted))

const operators: Record<string, (value: unknown, wanted: unknown) => boolean> = {
  eq: same,
  neq: (value, wanted) => !same(value, wanted),
  in: (value, wanted) => (wanted as unknown[]).some((item) => same(value, item)),
  nin: (value, wanted) => !(wanted as unknown[]).some((item) => same(value, item)),
  null: (value, wanted) => (value === null) === wanted,
  lt: ordered((a, b) => a < b),
  lte: ordered((a, b) => a <= b),
  gt: ordered((a, b) => a > b),
  gte: ordered((a, b) => a >= b),
  eqIgnoreCase: (value, wanted) => lower(value) === lower(wanted),
  neqIgnoreCase: (value, wanted) => lower(value) !== lower(wanted),
  contains: (value, wanted) => text(value).includes(text(wanted)),
  containsIgnoreCase: (value, wanted) => lower(value).includes(lower(wanted)),
  notContains: (value, wanted) => !text(value).includes(text(wanted)),
  notContainsIgnoreCase: (value, wanted) => !lower(value).includes(lower(wanted)),
  startsWith: (value, wanted) => text(value).startsWith(text(wanted)),
  startsWithIgnoreCase: (value, wanted) => lower(value).startsWith(lower(wanted)),
  notStartsWith: (value, wanted) => !text(value).startsWith(text(wanted)),
  endsWith: (value, wanted) => text(value).endsWith(text(wanted)),
  notEndsWith: (value, wanted) => !text(value).endsWith(text(wanted)),
}
