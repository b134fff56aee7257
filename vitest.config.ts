// Tests use real processes and databases: generous limits, and few at once so that they do not starve one another.

import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: process.env['SIGNALBOX_NIGHTLY'] ? 3_600_000 : 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    sequence: { groupOrder: 0 },
  },
})
