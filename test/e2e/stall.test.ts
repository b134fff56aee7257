// Agents that stall: a real process from which nothing comes any more is ended and started again with word of it; one that works without
// a word is left alone; one that stalls for good is brought to a human.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { IssueDocument } from '../../src/app.ts'
import { createWorld, isAlive, plainWork, type World } from './harness.ts'

let world: World

beforeAll(async () => {
  world = createWorld({
    projects: [{ id: 'app', budgets: { implementation: 3 } }],
    limits: { activeRuns: 3, progress: '2s', stalls: 2, run: '120s' },
  })
  await world.start()
})

afterAll(async () => {
  await world.close()
})

const reasonOf = ({ waitsFor }: IssueDocument): string => waitsFor.map(({ reason }) => reason).join('\n')
const prompt = (key: string, turn: string): string => readFileSync(join(world.data, 'runs', key, turn, 'prompt.md'), 'utf8')
const pidOf = (key: string, n: number): number => Number(readFileSync(join(world.folder, `${key}-${n}.pid`), 'utf8'))
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
})
