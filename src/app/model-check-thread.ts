// A thread that explores one part of a model and says what it found.

import { parentPort, workerData } from 'node:worker_threads'
import type { Order, Word } from './model-check.ts'
import { explorePart } from './models.ts'

const { part, ...limits } = workerData as Order
const say = (word: Word): void => parentPort!.postMessage(word)
say({
  done: explorePart(part, {
    ...limits,
    clock: () => performance.now(),
    progress: (states, waiting) => say({ progress: { states, waiting } }),
  }),
})
