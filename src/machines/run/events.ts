// Everything that can happen to a run: its parent's words and its agent session's.

import type { Usage } from '../vocabulary.ts'
import type { AgentAbilities, SessionResult } from './context.ts'

export interface Told {
  at?: number
}

export type RunEvent =
  | (Told & { type: 'run.stop'; outcome: 'released' | 'superseded'; reason: string })
  /** What a person has said meanwhile. */
  | (Told & { type: 'run.steer'; id: string; text: string; author?: string; via?: string })
  | (Told & {
      type: 'session.started'
      process: { pid: number; group: number; startTime: string }
      thread?: string
      abilities?: AgentAbilities
    })
  | (Told & { type: 'session.progressed'; line: string; step?: string })
  /** A sign of life, and nothing new in it. */
  | (Told & { type: 'session.signalled' })
  /** It asked for a permission and was refused it: a sign of life, and no progress. */
  | (Told & { type: 'session.refused'; text: string })
  | (Told & { type: 'session.steered'; id: string; taken: boolean })
  /** What the present turn has used so far. */
  | (Told & { type: 'session.used'; usage: Usage })
  | (Told & { type: 'session.finished'; result: SessionResult })
  | { type: 'xstate.error.actor.session'; error: unknown; actorId: string; at?: number }
