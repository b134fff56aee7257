// Tests use real processes and databases: generous limits, and few at once so that they do not starve one another.

import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: process.env['SIGNALBOX_NIGHTLY'] ? 3_600_000 : 60_000,
    hookTimeout: 60_000,
    maxWorkers: 4,
    // The programs that tests start do not strip the types of the same files again each time.
    env: { NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/node-compile-cache') },
    sequence: { groupOrder: 0 },
  },
})
