// Tests use real processes and databases: generous limits, and few at once so that they do not starve one another.

import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Those that take a minute or nearly so beside others, longest first: begun last, one of them would keep a single core busy at the end. */
const longest = [
  ...['machines/laws', 'machines/model/mutants', 'e2e/github-trust', 'e2e/control', 'e2e/passing-refusals', 'e2e/demo', 'e2e/kills'],
  ...[
    'e2e/two-worlds',
    'agents/conformance/codex',
    'agents/conformance/claude',
    'agents/conformance/claude-agent-acp',
    'agents/conformance/codex-acp',
    'agents/acp-protocol',
    'e2e/agents',
    'e2e/stop',
    'e2e/ladder',
    'examples',
    'e2e/linear',
    'actors/forge/landing',
    'e2e/package-upgrade',
    'cli/start',
    'e2e/command-line',
  ],
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
    // The scripted model before the bare programs: what goes wrong in the conformance suite by the model's fault is looked for there.
    exclude: process.env['SIGNALBOX_NIGHTLY'] ? [] : ['test/agents/ground/**'],
    // What waits for something has a patience of its own and says what it has seen; this only ends what hangs.
    testTimeout: process.env['SIGNALBOX_NIGHTLY'] ? 3_600_000 : 180_000,
    hookTimeout: 180_000,
    maxWorkers: 3,
    // The programs that tests start do not strip the types of the same files again each time.
    env: { NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/node-compile-cache') },
    sequence: { groupOrder: 0, sequencer: LongestFirst },
  },
})
