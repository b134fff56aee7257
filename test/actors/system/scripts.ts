// Scripts of what happens to a machine, and what is compared after each line.

import type { AnyStateMachine } from 'xstate'
import type { World } from './world.ts'

/** One thing that happens. `to` is a path of child ids from the root. */
export type Line =
  | { send: { type: string; [key: string]: unknown }; to?: string }
  | { advance: number }
  | { act: 'resolve' | 'reject' | 'say' | 'next' | 'complete' | 'fail'; key: string; value?: unknown }

/** An actor as both hosts can describe it. */
export interface Seen {
  status: string
  value?: unknown
  context?: unknown
  output?: unknown
  children: Record<string, Seen>
}

export interface Moment {
  root: Seen
  emitted: unknown[]
  log: string[]
}

export type Build = (world: World) => AnyStateMachine

/** As JSON. A reference to a child that has gone reads as undefined after the next restore: it is left out on both sides. */
const plain = (value: unknown, children: object = {}): unknown =>
  value === undefined
    ? undefined
    : JSON.parse(
        JSON.stringify(value, (_, part: { xstate$$type?: number; id?: string } | undefined) =>
          part?.xstate$$type === 1 && !(part.id! in children) ? undefined : part,
        ),
      )

/**
 * A persisted machine snapshot and its machine children as `Seen`. Of a child that is no machine only its presence is compared:
 * what a durable parent keeps of it is data of its own.
 */
export function seen(snapshot: Record<string, unknown>, childOf: (id: string) => Seen | undefined): Seen {
  const children: Record<string, Seen> = {}
  for (const id of Object.keys((snapshot['children'] as object | undefined) ?? {}).sort()) {
    children[id] = childOf(id) ?? { status: 'effect', children: {} }
  }
  return {
    status: String(snapshot['status']),
    value: snapshot['value'],
    context: plain(snapshot['context'], snapshot['children'] as object),
    output: plain(snapshot['output']),
    children,
  }
}
