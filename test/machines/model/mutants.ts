// Tries mutants: first on the stories of the mutant's machine, in a vitest of its own that stops at the first failure; then, when no story
// noticed, on the properties.

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { textOf, type Mutation } from '../../../src/actors/explore/mutate.ts'
import { checkModels, parts } from '../../../src/app/model-check.ts'
import type { Verdict } from '../../../src/cli/check-mutants.ts'
import { survivors } from './survivors.ts'

const root = join(import.meta.dirname, '../../..')
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

/** The variable by which test/machines/player.ts learns which mutant it plays. */
export const mutantVariable = 'SIGNALBOX_MUTANT'

/** Milliseconds. */
const longestStory = 120_000

/** The stories of a machine, and those of all machines together. Truth tables ask guards themselves, which no mutant changes. */
const storiesOf = (machine: string): string[] => [
  ...readdirSync(join(root, 'test/machines', machine))
    .filter((file) => file.endsWith('.test.ts') && file !== 'guards.test.ts')
    .map((file) => `test/machines/${machine}/${file}`),
  'test/machines/world.test.ts',
]

/** The first story that fails; null when none does. */
async function storyThatNotices(mutation: Mutation): Promise<string | null> {
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--bail=1', '--reporter=tap-flat', '--maxWorkers=1', '--no-isolate', ...storiesOf(mutation.machine)],
    {
      cwd: root,
      env: { ...process.env, [mutantVariable]: JSON.stringify(mutation), SIGNALBOX_SEED: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve))
  // A mutant may turn a story into one without an end: that is noticed too.
  const limit = setTimeout(() => child.kill('SIGKILL'), longestStory)
  const [out, problems, code] = await Promise.all([readText(child.stdout), readText(child.stderr), ended])
  clearTimeout(limit)
  if (code === 0) return null
  if (code === null) return 'a story that does not end'
  // Those that were not run any more are not ok either; only the one that failed has an error.
  const failed = /^not ok \d+ - (.*?)(?: # .*)?\n\s+---\n\s+error/m.exec(out)
  if (failed) return `the story ${failed[1]}`
  throw new Error(`The stories could not be run for ${textOf(mutation)}: ${problems || out}`)
}

async function propertyThatNotices(mutation: Mutation): Promise<string | null> {
  for (const part of parts.filter(({ machine }) => machine === mutation.machine)) {
    const [explored] = await checkModels({ parts: [{ ...part, mutation }], threads: 1, first: true, states: 20_000 })
    const [violation] = explored!.violations
    if (violation) return `${violation.property} (${part.world})`
  }
  return null
}

async function tryOne(mutation: Mutation): Promise<Verdict> {
  const started = performance.now()
  const by = (await storyThatNotices(mutation)) ?? (await propertyThatNotices(mutation))
  const mutant = textOf(mutation)
  return { mutant, by, why: by === null ? (survivors[mutant] ?? null) : null, ms: performance.now() - started }
}

/** Two at a time. */
export async function tryAll(all: readonly Mutation[], finished: (verdict: Verdict, left: number) => void = () => {}): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < all.length) {
      const index = next++
      verdicts[index] = await tryOne(all[index]!)
      finished(verdicts[index], all.length - next)
    }
  }
  await Promise.all([work(), work()])
  return verdicts
}
