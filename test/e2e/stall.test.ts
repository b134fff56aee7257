// Agents that stall: a real process from which nothing comes any more is ended and started again with word of it; one that works without
// a word is left alone; one that stalls for good is brought to a human. And one that gives no sign of life, by the other clock.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { IssueDocument } from '../../src/app.ts'
import { createWorld, isAlive, plainWork, type World } from './harness.ts'

let world: World
let quiet: World

beforeAll(async () => {
  world = createWorld({
    projects: [{ id: 'app', budgets: { implementation: 3 } }],
    limits: { activeRuns: 3, progress: '2s', stalls: 2, run: '120s' },
  })
  quiet = createWorld({ limits: { activeRuns: 3, signal: '3s', progress: '60s', run: '120s' } })
  await Promise.all([world.start(), quiet.start()])
})

afterAll(async () => {
  await Promise.all([world.close(), quiet.close()])
})

const reasonOf = ({ waitsFor }: IssueDocument): string => waitsFor.map(({ reason }) => reason).join('\n')
const prompt = (key: string, turn: string, of = world): string => readFileSync(join(of.data, 'runs', key, turn, 'prompt.md'), 'utf8')
const pidOf = (key: string, n: number, of = world): number => Number(readFileSync(join(of.folder, `${key}-${n}.pid`), 'utf8'))
/** What each turn begins with: it notes its process, and which turn it is. */
const beginning = `n=1; while [ -e "$WORLD/$SIGNALBOX_ISSUE-$n.pid" ]; do n=$((n + 1)); done
echo $$ > "$WORLD/$SIGNALBOX_ISSUE-$n.pid"`

describe.concurrent('an agent', () => {
  it('that stalls is ended, told so, and goes on in its worktree with the work that it left there', async () => {
    const key = await world.submit(`${beginning}
if [ $n = 1 ]; then
  echo half > half.txt
  echo "Starting the server on port 3000"
  sleep 1000
fi
cat half.txt > "$WORLD/$SIGNALBOX_ISSUE.found"
git add half.txt
${plainWork}`)
    const landed = await world.untilIssue(key, 'done', 60_000)
    // One run, and one attempt of it: the stall was dealt with inside.
    expect(landed).toMatchObject({ attempts: { implementation: 1 }, budgets: { runs: { used: 1 } } })
    expect(readFileSync(join(world.folder, `${key}.found`), 'utf8')).toBe('half\n')
    expect(isAlive(pidOf(key, 1))).toBe(false)
    expect(prompt(key, 'run-1')).not.toContain('The turn before this one')
    expect(prompt(key, 'run-1-turn-2')).toMatch(/It made no progress for \d s and was ended\./)
    expect(prompt(key, 'run-1-turn-2')).toContain('> Starting the server on port 3000')
    expect(prompt(key, 'run-1-turn-2')).toContain('- `half.txt`, not committed')
  })

  it('that stalls for good is started again as often as the configuration says, then a human is asked, with its last words', async () => {
    const key = await world.submit(`${beginning}
echo "Waiting for input"
sleep 1000`)
    const ended = await world.untilIssue(key, 'escalated', 60_000)
    expect(reasonOf(ended)).toContain("No progress for 2 s, 3 times. The agent's last words: Waiting for input")
    // No attempt is spent on doing the same again.
    expect(ended).toMatchObject({ attempts: { implementation: 1 }, pr: null, run: null })
    expect([1, 2, 3].map((n) => isAlive(pidOf(key, n)))).toEqual([false, false, false])
    expect(existsSync(join(world.folder, `${key}-4.pid`))).toBe(false)
  })

  it('that says nothing and writes its files is not disturbed', async () => {
    const key = await world.submit(`${beginning}
for i in 1 2 3 4 5 6 7 8; do echo $i > silent.txt; sleep 1; done
git add silent.txt
${plainWork}`)
    expect(await world.untilIssue(key, 'done', 60_000)).toMatchObject({ attempts: { implementation: 1 } })
    expect(existsSync(join(world.folder, `${key}-2.pid`))).toBe(false)
  })
  it('that prints nothing for `limits.signal` is ended, also while it writes its files, and another run is told so', async () => {
    const key = await quiet.submit(`${beginning}
if [ $n = 1 ]; then
  while :; do date > silent.txt; sleep 0.2; done
fi
echo "At work again"
${plainWork}`)
    const landed = await quiet.untilIssue(key, 'done', 60_000)
    // The environment is to blame: no attempt is spent.
    expect(landed).toMatchObject({ attempts: { implementation: 1 } })
    expect(isAlive(pidOf(key, 1, quiet))).toBe(false)
    expect(prompt(key, 'run-1', quiet)).not.toContain('No sign of life')
    expect(prompt(key, 'run-2', quiet)).toContain('No sign of life for 3 s.')
  })

  it('that prints a line now and then lives, however long it takes', async () => {
    const key = await quiet.submit(`${beginning}
for i in 1 2 3 4 5 6 7 8 9 10; do echo "at $i"; sleep 0.5; done
${plainWork}`)
    expect(await quiet.untilIssue(key, 'done', 60_000)).toMatchObject({ attempts: { implementation: 1 }, budgets: { runs: { used: 1 } } })
  })
})
