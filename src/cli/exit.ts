// The exit codes of the contract (interface.md §1), and which error gives which.

import { SignalboxError, toErrorData } from '../errors.ts'

export const exit = { done: 0, failed: 1, wrongUse: 2, attention: 3, owned: 4 } as const

const wrongUse = new Set([
  'unknown-command',
  'unknown-flag',
  'missing-argument',
  'invalid-argument',
  'no-configuration',
  'configuration-unreadable',
  'configuration-invalid',
  'unreadable-value',
  'no-operator-token',
  'public-url-invalid',
  'operator-token-missing',
])

export function exitCodeOf(error: unknown): number {
  const code = error instanceof SignalboxError ? error.code : ''
  if (wrongUse.has(code)) return exit.wrongUse
  if (code === 'machines-incompatible') return exit.attention
  if (code === 'database-owned') return exit.owned
  return exit.failed
}

/** What a person reads: the sentence for an error of this project, the whole error for one that nobody expected. */
export function sentenceOf(error: unknown): string {
  if (error instanceof SignalboxError) return error.message
  if (error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string') return error.message
  return error instanceof Error ? (error.stack ?? error.message) : toErrorData(error).message
}
