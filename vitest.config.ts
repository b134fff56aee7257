// Tests use real processes and databases: generous limits, and few at once so that they do not starve one another.

import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Those that take a minute or more, longest first: begun last, one of them would keep a single core busy at the end. */
const longest = [
  ...['machines/laws', 'machines/model/mutants', 'examples', 'e2e/github-trust', 'e2e/demo', 'e2e/control', 'e2e/kills'],
  ...['machines/model/models', 'e2e/github', 'e2e/two-worlds', 'actors/forge/github/contract'],
].map((name) => resolve(import.meta.dirname, `test/${name}.test.ts`))

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (longest.indexOf(moduleId) + longest.length + 1) % (longest.length + 1)
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other))
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: process.env['SIGNALBOX_NIGHTLY'] ? 3_600_000 : 60_000,
    hookTimeout: 60_000,
    maxWorkers: 4,
    // The programs that tests start do not strip the types of the same files again each time.
    env: { NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/node-compile-cache') },
    sequence: { groupOrder: 0, sequencer: LongestFirst },
  },
})
