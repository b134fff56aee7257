// What was changed beside an agent's worktree while it was at work, as operators are told of it and as its run fails with it.

import type { Change, Overstepped } from '../actors/ports.ts'
import type { Phase } from '../machines/vocabulary.ts'

export interface OversteppingHost {
  /** Adds to the feed, once for each id. */
  post: (
    id: string,
    entry: { level: 'error' | 'warn'; kind: string; issue: string; phase: string; status: string; summary: string },
  ) => void
  /** Where the issue of this id stands. */
  phaseOf: (issue: string) => Phase | null
}

interface Turn {
  issue: string
  key: string
  runId: string
  turn: number
}

/** Characters of one value: a setting may be of any length. */
const longest = 120

/** Answers what is told of a turn: the reason why its run fails, or null where a person may have done it. */
export function createOverstepping({ post, phaseOf }: OversteppingHost) {
  return ({ issue, key, runId, turn }: Turn, { certain, doubtful, beside }: Overstepped): string | null => {
    const others = beside.length === 0 ? '' : ` The agents of ${beside.join(', ')} were at work there too: it may have been one of them.`
    const tell = (level: 'error' | 'warn', summary: string): string => {
      post(`escape/${issue}/${runId}/${turn}/${level}`, {
        ...{ level, kind: 'escape', issue: key, phase: phaseOf(issue) ?? 'delegated', status: level === 'error' ? 'escaped' : 'doubtful' },
        summary,
      })
      return summary
    }
    if (doubtful.length > 0) {
      tell(
        'warn',
        `While the agent was at work this was changed, which is not its own: ${listed(doubtful)}. Look whether it was you.${others}`,
      )
    }
    if (certain.length === 0) return null
    return tell(
      'error',
      `The agent has left its bounds: ${listed(certain)}.${others} Nothing of the turn is used. Look at what it did and put it right; a retry begins from before it.`,
    )
  }
}

const listed = (changes: readonly Change[]): string => changes.map(worded).join('; ')

function worded({ what, from, to }: Change): string {
  if (from === null && to === null) return `${what} is new or changed`
  if (from === null) return `${what} is now ${cut(to!)}`
  return to === null ? `${what}, which was ${cut(from)}, is gone` : `${what} went from ${cut(from)} to ${cut(to)}`
}

/** Commits as people write them. */
const cut = (value: string): string =>
  /^[0-9a-f]{40,64}$/.test(value) ? value.slice(0, 10) : value.length > longest ? `${value.slice(0, longest)}…` : value
