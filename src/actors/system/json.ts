// What the journal carries: JSON, and nothing that JSON would change silently.

import { FatalError } from '../../errors.ts'

/**
 * Throws FatalError `not-json` naming the path of the first value that would not survive JSON: functions, symbols, bigints,
 * NaN and infinities, Dates, Maps, Sets and other class instances, holes and undefined in arrays, cycles.
 * Undefined properties are allowed: they mean absent. `marker` objects (own children in a context) are checked by `isOwnChild`.
 */
export function assertJson(value: unknown, what: string, isOwnChild?: (id: string) => boolean): void {
  walk(value, what, 0, isOwnChild)
}

function walk(value: unknown, path: string, depth: number, isOwnChild?: (id: string) => boolean): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return
    case 'number':
      if (Number.isFinite(value)) return
      throw refuse(path, String(value), 'Use null or a string.')
    case 'object':
      break
    default:
      throw refuse(path, `a ${typeof value}`, 'Keep plain data only.')
  }
  if (value === null) return
  if (depth > 500) throw refuse(path, 'deeper than 500 levels or a cycle', 'Keep plain, finite data.')
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (value[i] === undefined) throw refuse(`${path}[${i}]`, 'undefined', 'JSON turns it into null: use null.')
      walk(value[i], `${path}[${i}]`, depth + 1, isOwnChild)
    }
    return
  }
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null
  if (prototype !== null && prototype !== Object.prototype) {
    if (isActorRef(value)) throw foreignReference(path)
    throw refuse(
      path,
      `an instance of ${prototype.constructor?.name ?? 'a class'}`,
      'Keep plain objects, arrays, strings, numbers, booleans and null.',
    )
  }
  const marker = (value as { xstate$$type?: unknown; id?: unknown }).xstate$$type
  if (marker === 1) {
    if (!isOwnChild?.(String((value as { id?: unknown }).id))) throw foreignReference(path)
    return
  }
  if (isActorRef(value)) throw foreignReference(path)
  for (const key in value) walk((value as Record<string, unknown>)[key], `${path}.${key}`, depth + 1, isOwnChild)
}

const isActorRef = (value: object): boolean => 'sessionId' in value && 'send' in value

function foreignReference(path: string): FatalError {
  return new FatalError(
    'foreign-reference',
    `${path} holds a reference to an actor that is not an own child. Keep its id or address as a string, and reach it through its parent or a route.`,
  )
}

function refuse(path: string, found: string, advice: string): FatalError {
  return new FatalError('not-json', `${path} is ${found}, which JSON does not carry. ${advice}`)
}
