// How much a turn has changed, summed up from its single edits: for agents that tell of these, and not of the whole.

import type { AgentEvent } from '../ports.ts'

export type DiffSize = NonNullable<Extract<AgentEvent, { type: 'progressed' }>['diff']>
export type LineCount = Omit<DiffSize, 'files'>

export interface DiffSum {
  /** Answers the size of the turn's change so far. A line that is changed twice counts twice. */
  add: (files: readonly string[], edits: readonly LineCount[]) => DiffSize
}

export function createDiffSum(): DiffSum {
  const edited = new Set<string>()
  const size = { added: 0, removed: 0 }
  return {
    add(files, edits) {
      for (const file of files) edited.add(file)
      for (const { added, removed } of edits) {
        size.added += added
        size.removed += removed
      }
      return { files: edited.size, ...size }
    },
  }
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

/** The lines between what both have in common at their beginning and end. Pure. */
export function difference(before: string, after: string): LineCount {
  const [old, now] = [linesOf(before), linesOf(after)]
  let start = 0
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start++
  let end = 0
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end++
  return { added: now.length - start - end, removed: old.length - start - end }
}
