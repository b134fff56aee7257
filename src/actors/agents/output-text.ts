// What an agent's process has printed, as text for people and the journal.

import { constants } from 'node:os'
import { stripVTControlCharacters } from 'node:util'

/** How much of the end of an output is told. */
const toldBytes = 4_096

/** Without colours, cursor movements and other control characters. */
export const toPlain = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000B-\u001F\u007F]/g, '')

/** The end of its standard error, as a sentence to go on with; empty when there was none. */
export function endOfOutput(stderr: string): string {
  const bytes = Buffer.from(toPlain(stderr).trim())
  const end = bytes
    .subarray(Math.max(0, bytes.length - toldBytes))
    .toString()
    .replace(/^\uFFFD+/, '')
  return end === '' ? '' : ` Its standard error ended with:\n${end}`
}

/** As one word of a shell. */
export const quoted = (argument: string): string => `'${argument.replaceAll("'", `'\\''`)}'`

/** `exit code 3`, or the signal that ended it: a shell that has waited for it tells that as 128 and its number (POSIX, `sh`, 2.8.2). */
export function howItEnded({ exitCode, signal }: { exitCode: number | null; signal: string | null }): string {
  if (exitCode === null) return `signal ${signal}`
  const [name] = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128) ?? []
  return name === undefined ? `exit code ${exitCode}` : `exit code ${exitCode}, ${name}`
}
