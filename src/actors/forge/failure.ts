// Turns the output of a failed check into what people and agents read, and into a signature that is equal for the same failure.

import { createHash } from 'node:crypto'
import type { CheckFailure } from '../ports.ts'

const tailBytes = 4 * 1024
const signatureLines = 40

/** `output` is the end of what the check printed; `folder` its worktree, whose name differs each time. */
export function toFailure(check: { name: string; ending: string; output: string; folder: string; url: string | null }): CheckFailure {
  const output = plain(check.output)
  const lines = normalise(output, check.folder)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-signatureLines)
  return {
    name: check.name,
    url: check.url,
    summary: `${check.name} ${check.ending}.`,
    logTail: tail(output),
    signature: createHash('sha256')
      .update([check.name, check.ending, ...lines].join('\n'))
      .digest('hex')
      .slice(0, 32),
  }
}

/** The last 4 KiB, from the start of a line where there is one. */
function tail(output: string): string {
  const bytes = Buffer.from(output)
  if (bytes.length <= tailBytes) return output
  const cut = bytes.subarray(bytes.length - tailBytes)
  const line = cut.indexOf('\n')
  if (line >= 0 && line < cut.length - 1) return cut.subarray(line + 1).toString()
  let start = 0
  while ((cut[start]! & 0xc0) === 0x80) start += 1 // not in the middle of a character
  return cut.subarray(start).toString()
}

/**
 * Without colours, and as a terminal would show lines that overwrite themselves. Like everything here it must take linear time:
 * the output is an agent's, and one line may be all of it.
 */
const plain = (output: string) =>
  output
    // oxlint-disable-next-line no-control-regex
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_])/g, '')
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .map((line) => line.slice(line.lastIndexOf('\r') + 1))
    .join('\n')

/** What differs between two runs of the same failure: where, when, how long, which process, which commit. */
const normalise = (output: string, folder: string) =>
  output
    .replaceAll(folder, '<worktree>')
    .replace(/(?:\/private)?(?:\/var)?\/(?:tmp|folders)\/[^\s:'")\]]*/g, '<temporary>')
    .replace(/\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?\b/g, '<time>')
    .replace(/\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b/g, '<time>')
    .replace(/\b\d+(?:[.,]\d+)?\s?(?:ns|µs|us|ms|s|sec|secs|seconds?|m|min|mins|minutes?)\b/g, '<duration>')
    .replace(/\b(duration_ms|duration|time|elapsed|took)([:= ]+)\d+(?:[.,]\d+)?/gi, '$1$2<duration>')
    .replace(/\b0x[0-9a-f]+\b/gi, '<hex>')
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<hex>')
    .replace(/\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b/gi, '<hex>')
    .replace(/\b(pid|process|port)([:= ]+)\d+/gi, '$1$2<number>')
