// Every error this project throws: four kinds, each with a kebab-case code and a sentence that says what to do.

/** The text without the passwords and tokens of its URLs: what is shown, logged or stored of a repository's address. */
export const withoutCredentials = (text: string): string => text.replaceAll(/\b(https?:\/\/)[^\s/@]+@/gi, '$1')

/** The base of all errors of this project. `code` is kebab-case and stable; no message has the password of a URL in it. */
export class SignalboxError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(withoutCredentials(message), options)
    this.name = new.target.name
    this.code = code
  }
}

/** What the user wrote or the machine offers is not usable: stop at start, change nothing. */
export class ConfigurationError extends SignalboxError {}

/** The same request may succeed later. `retryAfter` is in milliseconds. */
export class RetryableError extends SignalboxError {
  readonly retryAfter: number
  constructor(code: string, message: string, options?: { cause?: unknown; retryAfter?: number }) {
    super(code, message, options)
    this.retryAfter = options?.retryAfter ?? 1_000
  }
}

/** The same request will never succeed: do not retry. */
export class FatalError extends SignalboxError {}

/** Notes a refusal in `met`, by code: one that may be a mistake is believed when it was met often enough. Answers how often that is by now. */
export function meetRefusal(met: Map<string, number>, { code }: FatalError): number {
  const count = (met.get(code) ?? 0) + 1
  met.set(code, count)
  return count
}

/** The other side sent something that its protocol does not allow. */
export class ProtocolError extends SignalboxError {}

/** The nearest of `candidates` to a misspelt `word`, when one is near enough to be meant. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution))
    }
    previous = current
  }
  return previous[b.length]!
}

/** Plain data that says what went wrong; errors cross the journal in this form. */
export interface ErrorData {
  name: string
  message: string
  code?: string
  [key: string]: unknown
}

/** An error as plain data; anything thrown is accepted. Never throws. */
export function toErrorData(error: unknown): ErrorData {
  if (error instanceof Error) {
    const data: ErrorData = { name: error.name, message: error.message }
    for (const [key, value] of Object.entries(error)) {
      if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) data[key] = value
    }
    if (error.cause !== undefined) data['cause'] = toErrorData(error.cause).message
    return data
  }
  if (typeof error === 'object' && error !== null) {
    const { name, message } = error as { name?: unknown; message?: unknown }
    try {
      const plain = JSON.parse(JSON.stringify(error)) as Record<string, unknown>
      return { ...plain, name: String(name ?? 'Error'), message: String(message ?? JSON.stringify(plain)) }
    } catch {
      return { name: String(name ?? 'Error'), message: String(message ?? 'an object that is not JSON') }
    }
  }
  return { name: 'Error', message: String(error) }
}
