// Asking for what was told while nobody listened, part by part: what cannot be had of one keeps nothing of the others back.

import { toErrorData } from '../errors.ts'
import type { Inlet, Notice } from './ports.ts'

export interface Found {
  notices: Notice[]
  /** To be called when they are durable: how far has been read is remembered. */
  seen: () => void
}

export interface Part {
  /** The workspace or project. */
  of: string
  /** What is asked for, such as "comments". */
  kind: string
  read: (signal: AbortSignal) => Promise<Found>
}

export function createCatchUp(parts: () => Iterable<Part>, log: (message: string) => void): Inlet['catchUp'] {
  /** What has failed, and with what: it fails at each round, and is said once. */
  const failing = new Map<string, unknown>()

  return async (signal) => {
    const found: Found[] = []
    for (const { of, kind, read } of parts()) {
      const name = `${of} could not be caught up with (${kind})`
      try {
        found.push(await read(signal))
        failing.delete(name)
      } catch (error) {
        signal.throwIfAborted()
        // How far it was read stays as it is, so that nothing is passed over.
        const { code, message } = toErrorData(error)
        if (!failing.has(name) || failing.get(name) !== code) log(`${name}: ${message} It is asked again at each round.`)
        failing.set(name, code)
      }
    }
    return { notices: found.flatMap(({ notices }) => notices), seen: () => found.forEach(({ seen }) => seen()) }
  }
}
