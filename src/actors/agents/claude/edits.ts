// How many lines an edit of Claude Code has changed: by what the tool says of it, which knows what was there before.

import { z } from 'zod'
import { difference, type LineCount } from '../diff-size.ts'

const text = z.string()

/** Of a file that is written; the patch of a new one is empty. */
const created = z.object({ type: z.literal('create'), content: text }).transform(({ content }) => difference('', content))

const patched = z.object({ structuredPatch: z.array(z.object({ lines: z.array(text) })) }).transform(({ structuredPatch }): LineCount => {
  const lines = structuredPatch.flatMap((hunk) => hunk.lines)
  const count = (mark: string): number => lines.filter((line) => line.startsWith(mark)).length
  return { added: count('+'), removed: count('-') }
})

const notebook = z
  .object({ original_file: text, updated_file: text })
  .transform(({ original_file: before, updated_file: after }) => difference(before, after))

const result = z.union([created, patched, notebook])

/** Null where the tool does not say it. */
export const linesOf = (told: unknown): LineCount | null => result.safeParse(told).data ?? null
