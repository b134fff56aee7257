// What the server knows of the webhooks of the providers that are configured, and what of it an operator has to do something about.

import type { Config } from '../config.ts'
import { SignalboxError } from '../errors.ts'
import type { DoorDocument } from '../server/webhooks/routes.ts'
import { createClient } from './client.ts'
import { oneLine } from './output.ts'
import { relative } from './text.ts'

/** Null where no server of this configuration answers. */
export async function askDoors(config: Config, patience: number): Promise<DoorDocument[] | null> {
  try {
    return ((await createClient(config, patience).get('/api/webhooks')) as { webhooks: DoorDocument[] }).webhooks
  } catch (error) {
    // Why nobody answers, or who does, is said by the commands that need the server.
    if (error instanceof SignalboxError) return null
    throw error
  }
}

export interface Problem {
  message: string
  remedy: string
}

/** What was refused since the last genuine delivery. */
export function refusalsOf({ lastAt, refused }: Pick<DoorDocument, 'lastAt' | 'refused'>): Problem[] {
  const since = lastAt === null ? 'no genuine one has come' : `the last genuine one came ${relative(lastAt)}`
  return refused
    .filter((refusal) => lastAt === null || refusal.lastAt > lastAt)
    .map(({ reason, count, lastAt: at, remedy }) => ({
      message: `${count} ${wasOf(count)} refused (${reason}), the last one ${relative(at)}, and ${since}`,
      remedy,
    }))
}

/** What could not be handled. */
export function putAsideOf({ putAside }: Pick<DoorDocument, 'putAside'>): Problem[] {
  if (putAside === null) return []
  const { count, lastAt, message } = putAside
  return [
    {
      message: `${count} could not be handled and ${wasOf(count)} put aside, the last one ${relative(lastAt)}: ${oneLine(message)}`,
      remedy:
        'What they told is asked for all the same, a little later. Mend what the reason names; where the provider says what Signalbox does not know, a newer version may.',
    },
  ]
}

const wasOf = (count: number): string => (count === 1 ? 'was' : 'were')
