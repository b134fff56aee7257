// Explores every part of every model in two threads, each of which takes the next part when it has ended one.

import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Exploration } from '../actors/explore/explorer.ts'
import { FatalError } from '../errors.ts'
import { parts, type Part } from './models.ts'

export type { Exploration, Violation } from '../actors/explore/explorer.ts'
export { parts, statements, type Part } from './models.ts'
export { replayScript, type ScriptStep } from '../actors/explore/script.ts'

/** What a thread is given, and what it says. */
export interface Order {
  part: Part
  states?: number
  first?: boolean
}
export type Word = { progress: { states: number; waiting: number } } | { done: Exploration }

export interface CheckOptions {
  parts?: readonly Part[]
  threads?: number
  /** Limits of each part. */
  states?: number
  first?: boolean
  progress?: (part: Part, states: number, waiting: number) => void
  finished?: (exploration: Exploration) => void
}

/** The explorations in the order of the parts. Throws FatalError `exploration-failed` when a thread breaks. */
export async function checkModels(options: CheckOptions = {}): Promise<Exploration[]> {
  const all = options.parts ?? parts
  const results: Exploration[] = []
  let next = 0
  const work = async (): Promise<void> => {
    if (next >= all.length) return
    const thread = new Worker(file)
    try {
      while (next < all.length) {
        const index = next++
        results[index] = await exploreInThread(thread, all[index]!, options)
        options.finished?.(results[index])
      }
    } finally {
      await thread.terminate()
    }
  }
  await Promise.all(Array.from({ length: options.threads ?? 2 }, work))
  return results
}

const file = fileURLToPath(new URL(`./model-check-thread${extname(import.meta.url)}`, import.meta.url))

function exploreInThread(thread: Worker, part: Part, { states, first, progress }: CheckOptions): Promise<Exploration> {
  const order: Order = { part, ...(states === undefined ? {} : { states }), ...(first === undefined ? {} : { first }) }
  const failed = (cause: unknown): FatalError =>
    new FatalError('exploration-failed', `The exploration of ${part.world} of the ${part.machine} broke: ${String(cause)}`, { cause })
  return new Promise<Exploration>((resolve, reject) => {
    const listeners = {
      message(word: Word) {
        if ('progress' in word) return progress?.(part, word.progress.states, word.progress.waiting)
        // One by one: without its own listeners the thread's port would stay closed.
        for (const [name, listener] of Object.entries(listeners)) thread.off(name, listener)
        resolve(word.done)
      },
      error: (error: unknown) => reject(failed(error)),
      exit: (code: number) => reject(failed(`exit ${code}`)),
    }
    for (const [name, listener] of Object.entries(listeners)) thread.on(name, listener)
    thread.postMessage(order)
  })
}
