// A thread that explores the parts it is given, one after the other, and says what it found.

import { parentPort } from 'node:worker_threads'
import type { Order, Word } from './model-check.ts'
import { explorePart } from './models.ts'

const say = (word: Word): void => parentPort!.postMessage(word)
parentPort!.on('message', ({ part, ...limits }: Order) => {
  say({
    done: explorePart(part, {
      ...limits,
      clock: () => performance.now(),
      progress: (states, waiting) => say({ progress: { states, waiting } }),
    }),
  })
})
