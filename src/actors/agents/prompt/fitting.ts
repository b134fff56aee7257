// What others wrote, in the form and the room that it has in a prompt.

import { cut, roomFor, share, sizeOf, type Keep, type Part } from '../budget.ts'
import { code, fenced, indented, list, oneLine, paragraphs, plain, quote } from '../markdown.ts'

/** Where all of something is that is cut. */
export const wholeIn =
  (file: string) =>
  (name: string): string =>
    `\`${file}\`, as \`${name}\``

export type Whole = ReturnType<typeof wholeIn>

/** A text, and our words before it. */
export interface Piece {
  intro?: string
  text: string
  /** Default: its beginning. */
  keep?: Keep
  /** Default: a quote. `plain`: of those who run this, set apart by nothing. */
  as?: 'quote' | 'fence' | 'plain'
}

/** For the words about a cut, and a fence. */
export const aboutCut = 110

/** For the words that end a part. */
export const aboutWhole = 400

const shapes = { quote, fence: fenced, plain }

/** One text within `room`, set apart, and how much of it is not there. */
function shown({ text, keep = 'head', as = 'quote' }: Piece, room: number): { words: string; isCut: boolean } {
  const { head, tail, left, of } = cut(text, room, keep)
  const mark = left === 0 ? null : `(Left out here: ${left} of ${of} characters.)`
  const shape = shapes[as]
  return { words: paragraphs(head === '' && left > 0 ? null : shape(head), mark, tail === '' ? null : shape(tail)), isCut: left > 0 }
}

export const one = (part: Part, piece: Piece, whole: string | null): string => several(roomFor(part), [piece], whole)

interface Several {
  /** Of too many, the last are there, and of too long ones the last at greatest length. Otherwise the first, each as long as the others. */
  newest?: boolean
  /** As a list. */
  listed?: boolean
  /** No more than this of them. Default: as many as fit. */
  most?: number
  /** How many there are before them, which are not there where all of these are. Default 0. */
  before?: number
}

/** Texts within `bytes`. What stands before each is kept before the texts themselves. `whole` is where all of it is. */
export function several(
  bytes: number,
  all: readonly Piece[],
  whole: string | null,
  { newest = false, listed = false, most = all.length, before = 0 }: Several = {},
): string {
  const room = bytes - aboutWhole
  const { pieces, rooms } = newest ? giveNewest(all.slice(-most), room) : giveAll(all.slice(0, most), room)
  let isCut = pieces.length < all.length
  const parts = pieces.map((piece, index) => {
    const intro = piece.intro ?? null
    if (piece.text.trim() === '') return intro ?? ''
    const found = rooms[index]! < fewWords ? null : shown(piece, rooms[index]!)
    isCut ||= found?.isCut !== false
    if (found === null) return `${intro ?? ''} (left out here)`.trim()
    return paragraphs(intro, listed && intro !== null ? indented(found.words) : found.words)
  })
  const missing = all.length - pieces.length + before
  const count = missing === 0 ? null : `(${newest ? `${missing} earlier` : `${missing} more`} left out.)`
  return paragraphs(
    newest ? count : null,
    listed ? parts.join('\n') : paragraphs(...parts),
    newest ? null : count,
    isCut && whole !== null ? `${before === 0 ? 'All of it' : `All but the first ${before}`}: ${whole}.` : null,
  )
}

/** Less than this of a text says nothing. */
const fewWords = 40

const introOf = ({ intro }: Piece): number => Buffer.byteLength(intro ?? '') + 25

const wantedBy = ({ text }: Piece): number => Math.max(fewWords, sizeOf(text))

interface Given {
  pieces: Piece[]
  /** Bytes for the text of each. */
  rooms: number[]
}

/** All are named as long as that leaves a quarter of the room, which they share. */
function giveAll(all: readonly Piece[], room: number): Given {
  let left = room
  const end = all.findIndex((piece, index) => (left -= introOf(piece)) < room / 4 && index > 0)
  const pieces = end === -1 ? [...all] : all.slice(0, end)
  const forTexts = room - pieces.reduce((sum, piece) => sum + introOf(piece), 0)
  const given = share(
    pieces.map((piece) => wantedBy(piece) + aboutCut),
    forTexts,
  )
  return { pieces, rooms: given.map((each) => each - aboutCut) }
}

/** The newest may take half of the room, the one before half of what is left, and so on. */
function giveNewest(all: readonly Piece[], room: number): Given {
  const pieces: Piece[] = []
  const rooms: number[] = []
  let left = room
  for (const piece of all.toReversed()) {
    const about = introOf(piece) + aboutCut
    if (left < about + 4 * fewWords) break
    const given = Math.min(wantedBy(piece), Math.floor((left - about) / 2))
    left -= about + given
    pieces.unshift(piece)
    rooms.unshift(given)
  }
  return { pieces, rooms }
}

/** As many of the lines as there is room for. */
export function fitting(bytes: number, lines: readonly string[], most: number): string[] {
  let left = bytes
  const some = lines.slice(0, most)
  const end = some.findIndex((line) => (left -= Buffer.byteLength(line) + perEntry) < 0)
  return end === -1 ? some : some.slice(0, end)
}

/** The marks of a list in a quote, and the end of its line. */
const perEntry = 5

/** The same as a list, which says how many more there are. */
export function entries(bytes: number, lines: readonly string[], most: number): string[] {
  const some = fitting(bytes, lines, most)
  return some.length === lines.length ? some : [...some, `and ${lines.length - some.length} more`]
}

/** Paths that are listed; git knows the others. */
export const mostPaths = 200

/** Names of files, as many as there is room for. */
export function paths(bytes: number, all: readonly string[], whole: string, most = mostPaths): string {
  const named = fitting(bytes - aboutWhole, all.map(code), most)
  const missing = all.length - named.length
  if (missing === 0) return list(named)
  return paragraphs(list([...named, `and ${missing} more`]), `All of them: ${whole}.`)
}

/** Issues that are named. */
export const mostIssues = 50

export const short = (sha: string): string => sha.slice(0, 60).replaceAll(/\W/g, '').slice(0, 10)

export const who = (author: string): string => oneLine(author) || 'Someone'
