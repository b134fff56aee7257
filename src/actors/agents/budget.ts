// How long a prompt may become, and how what is too long is cut: in one table, by an estimate that needs no tokenizer.
//
// A token is taken for three bytes of UTF-8. English and code have about four to a token and most other scripts about three, so that
// a prompt is rather shorter than its estimate. Every budget is one of the finished text: marks of quotes and words about cuts included.

import { plain } from './markdown.ts'

const bytesPerToken = 3

/** Tokens for each part of a prompt that others determine. What is not here is of our own words, and short. */
export const budgets = {
  description: 16_000,
  /** The headings of the sections that say what is asked for, and those sections where a long description loses them. */
  asked: 6_000,
  dependencies: 2_000,
  guidance: 4_000,
  comments: 7_000,
  attachments: 3_000,
  question: 1_500,
  messages: 8_000,
  recovery: 2_000,
  completion: 1_500,
  uncommitted: 2_000,
  parent: 2_000,
  change: 4_000,
  review: 14_000,
  checks: 12_000,
  incident: 7_000,
  runs: 4_000,
  workflow: 12_000,
  instructions: 10_000,
  extra: 4_000,
} as const
export type Part = keyof typeof budgets

/** For our own words, and names of others within them: title, branch, project files. */
const own = 8_000

/** No prompt is estimated higher than this. */
export const ceiling: number = Object.values(budgets).reduce<number>((sum, budget) => sum + budget, own)

export const tokensOf = (text: string): number => Math.ceil(Buffer.byteLength(text) / bytesPerToken)

/** Bytes for a part of the prompt. */
export const roomFor = (part: Part): number => budgets[part] * bytesPerToken

/** Which end says more: the beginning of what people write, the end of what programs print, both where it may be either. */
export type Keep = 'head' | 'tail' | 'ends'

export interface Cut {
  head: string
  tail: string
  /** Characters that are in neither; 0 for a text that is there whole, in `head`. */
  left: number
  /** Characters of the whole. */
  of: number
}

/** Of a line: its end, and the marks that a quote within a list puts before it. */
const perLine = 5

const costOf = (line: string): number => Buffer.byteLength(line) + perLine

/** Bytes that a text takes when it is set apart. */
export const sizeOf = (text: string): number =>
  plain(text)
    .split('\n')
    .reduce((sum, line) => sum + costOf(line), 0)

/** At most `room` bytes of the text, set apart; at the end of a line where lines are short. */
export function cut(text: string, room: number, keep: Keep): Cut {
  const whole = plain(text)
  if (sizeOf(whole) <= room) return { head: whole, tail: '', left: 0, of: whole.length }
  const lines = whole.split('\n')
  const head = keep === 'tail' ? '' : take(lines, keep === 'head' ? room : room / 4)
  const tail = keep === 'head' ? '' : reversed(take(lines.map(reversed).reverse(), keep === 'tail' ? room : (room / 4) * 3))
  return { head, tail, left: Math.max(0, whole.length - head.length - tail.length), of: whole.length }
}

/** Whole lines from the first, and a part of the one that does not fit where much room is left. */
function take(lines: readonly string[], room: number): string {
  const taken: string[] = []
  let left = room
  for (const line of lines) {
    if (costOf(line) > left) {
      if (left > room / 2) taken.push(within(line, left - perLine))
      break
    }
    taken.push(line)
    left -= costOf(line)
  }
  return taken.join('\n')
}

/** As many whole characters as fit. */
function within(line: string, room: number): string {
  let end = 0
  let used = 0
  for (const character of line) {
    used += Buffer.byteLength(character)
    if (used > room) break
    end += character.length
  }
  return line.slice(0, end)
}

/** By characters, not by their halves. Twice is the text itself. */
const reversed = (text: string): string => [...text].reverse().join('')

/** What each of those that want room gets: all get the same, and what one does not need is for the others. */
export function share(wanted: readonly number[], room: number): number[] {
  const given = wanted.map(() => 0)
  let left = Math.max(0, room)
  let rest = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]!)
  while (rest.length > 0) {
    const [index, ...others] = rest as [number, ...number[]]
    given[index] = Math.min(wanted[index]!, Math.floor(left / rest.length))
    left -= given[index]
    rest = others
  }
  return given
}
