// A phase in the words of those who only show it: a column of a tracker, a plan of a few steps.

import type { Phase } from '../vocabulary.ts'

export type Stage = 'waiting' | 'working' | 'reviewing' | 'needs_human' | 'done' | 'failed'

/** `steps` of the way are behind it: making the change, having it reviewed and checked, landing it. */
interface Place {
  stage: Stage
  steps: 0 | 1 | 2 | 3
}

const places: Record<Phase, Place> = {
  delegated: { stage: 'waiting', steps: 0 },
  implementing: { stage: 'working', steps: 0 },
  pr_open: { stage: 'reviewing', steps: 1 },
  changes_requested: { stage: 'working', steps: 1 },
  repairing_ci: { stage: 'working', steps: 1 },
  awaiting_queue: { stage: 'reviewing', steps: 2 },
  repairing_queue: { stage: 'working', steps: 2 },
  deploying: { stage: 'reviewing', steps: 2 },
  awaiting_input: { stage: 'needs_human', steps: 0 },
  escalated: { stage: 'needs_human', steps: 0 },
  failed: { stage: 'failed', steps: 0 },
  done: { stage: 'done', steps: 3 },
}

/** Where a phase stands; `failed` and `needs_human` do not say how far it had come. */
export const stageOf = (phase: Phase): Stage => places[phase].stage

/** The steps that are behind it, and whether the next one is under way. */
export function stepsOf(phase: Phase): { behind: number; isUnderWay: boolean } {
  const { stage, steps } = places[phase]
  return { behind: steps, isUnderWay: stage === 'working' || stage === 'reviewing' }
}

/** Nothing goes on until a person decides, and it has asked no question. */
export const isGivenUp = (phase: Phase): boolean => phase === 'escalated' || phase === 'failed'
