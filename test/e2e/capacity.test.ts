// A provider without room, through a real server: the time that it tells is waited for, over a kill of the server too and by every issue
// of its agent; with a fail-over the next agent does the work meanwhile; with the real Codex, whose provider tells it in its own words.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { IssueDocument } from '../../src/app.ts'
import { agentBinaries, type AgentBinaries } from '../agents/binaries.ts'
import { createModel, type Model } from '../agents/model/server.ts'
import { answer, fail, shell } from '../agents/model/steps.ts'
import { createWorld, plainWork, type World } from './harness.ts'
import { assertSchema, realAgent, wired } from './real-agents.ts'

let world: World
let model: Model
let binaries: AgentBinaries
let folder: string

/** Milliseconds; long enough for a kill and a restart in between. */
const short = 10_000

/** Who works notes it, with the time; without room an agent leaves what it has begun, and says when it has some again. */
const command = (name: string, scripts: string) => `NAME=${name}; . '${scripts}'/"$SIGNALBOX_ISSUE.sh"`
const workOf = (room: string, milliseconds: number) => `echo "$NAME $(date +%s%3N)" >> "$WORLD/$SIGNALBOX_ISSUE.turns"
if [ "$NAME" = first ] && [ ! -e "$WORLD/room-${room}" ]; then
  touch begun.txt
  ${milliseconds < 3_600_000 ? `touch "$WORLD/room-${room}"` : ''}
  at=$(($(date +%s%3N) + ${milliseconds}))
  echo $at > "$WORLD/$SIGNALBOX_ISSUE.at"
  printf '{ "outcome": "failed", "failure": "capacity", "code": "used-up", "summary": "The plan is used up.", "retryAt": %s }' $at > "$SIGNALBOX_RESULT_FILE"
  exit 0
fi
cp "$SIGNALBOX_PROMPT_FILE" "$WORLD/$SIGNALBOX_ISSUE.prompt"
${plainWork}`

beforeAll(async () => {
  model = await createModel()
  folder = mkdtempSync(join(tmpdir(), 'signalbox-capacity-'))
  const scenario = model.scenario('capacity-codex', [
    fail('usage-limit', { resetsIn: 10 }),
    shell('echo plain > plain.txt && git add --all && git commit --quiet --message "Do it"'),
    answer({ outcome: 'completed', summary: 'Done.', question: null, prTitle: 'Do it', prBody: 'It.' }),
  ])
  binaries = await agentBinaries()
  world = createWorld({
    projects: [{ id: 'alone' }, { id: 'app' }, { id: 'back' }, { id: 'real' }],
    limits: { run: '300s', progress: '300s' },
  })
  const agentOf = (name: string) => ({
    kind: 'command',
    namespace: false,
    command: command(name, world.scripts),
    env: { WORLD: world.folder },
  })
  world.writeConfig({
    agents: {
      alone: agentOf('first'),
      app: { ...agentOf('first'), failover: 'second' },
      back: { ...agentOf('first'), failover: 'second' },
      second: agentOf('second'),
      real: wired(realAgent('codex', { binaries, folder, scenario }), folder),
    },
  })
  await world.start()
})

afterAll(async () => {
  await world.close()
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Turn {
  by: string
  at: number
}
const linesOf = (name: string): string[] => readFileSync(join(world.folder, name), 'utf8').trim().split('\n')
const turnsOf = (key: string): Turn[] =>
  linesOf(`${key}.turns`).map((line) => ({ by: line.split(' ')[0]!, at: Number(line.split(' ')[1]) }))
/** Epoch ms until which it waits for the provider. */
async function untilWaiting(key: string): Promise<number> {
  const waitOf = ({ waitsFor }: IssueDocument) => waitsFor.find(({ party }) => party === 'provider')
  return Date.parse(waitOf(await world.untilIssue(key, (issue) => waitOf(issue) !== undefined, 60_000))!.until!)
}

it('that says when it has room again is waited for, by all of its issues and over a kill, and no attempt is spent', async () => {
  const key = await world.submit(workOf('alone', short), { project: 'alone' })
  const until = await untilWaiting(key)
  expect(until).toBe(Number(linesOf(`${key}.at`)[0]))
  const other = await world.submit(workOf('alone', short), { project: 'alone' })
  await world.stop('SIGKILL')
  await world.start()
  const issues = await Promise.all([key, other].map((each) => world.untilIssue(each, 'done', 90_000)))
  expect(turnsOf(key).map(({ by }) => by)).toEqual(['first', 'first'])
  expect(turnsOf(other).map(({ by }) => by)).toEqual(['first'])
  for (const { at } of [turnsOf(key)[1]!, turnsOf(other)[0]!]) expect(at).toBeGreaterThanOrEqual(until)
  for (const { attempts } of issues) expect(attempts).toMatchObject({ implementation: 1 })
})

it('while it has none the next agent does its work, told what was before', async () => {
  const key = await world.submit(workOf('room', 3_600_000), { project: 'app' })
  // Nobody waits an hour: the other goes on in the same worktree, and is told how the run before it ended.
  await world.untilIssue(key, 'done', 90_000)
  expect(turnsOf(key).map(({ by }) => by)).toEqual(['first', 'second'])
  expect(readFileSync(join(world.repo('app'), 'begun.txt'), 'utf8')).toBe('')
  expect(linesOf(`${key}.prompt`).join('\n')).toContain('The plan is used up.')

  const next = await world.submit(workOf('room', 3_600_000), { project: 'app' })
  await world.untilIssue(next, 'done', 90_000)
  expect(turnsOf(next).map(({ by }) => by)).toEqual(['second'])
})

it('as soon as it has some again its work is its own', async () => {
  const key = await world.submit(workOf('back', short), { project: 'back' })
  await world.untilIssue(key, 'done', 90_000)
  const at = Number(linesOf(`${key}.at`)[0])
  await expect.poll(Date.now, { timeout: 60_000 }).toBeGreaterThanOrEqual(at)
  const next = await world.submit(workOf('back', short), { project: 'back' })
  await world.untilIssue(next, 'done', 90_000)
  expect(turnsOf(next).map(({ by }) => by)).toEqual(['first'])
})

it('F36: with the real Codex, whose plan is used up, the renewal is waited for in the time that its provider tells', async () => {
  const key = await world.submit(null, { project: 'real', title: 'Do something plain' })
  const until = await untilWaiting(key)
  expect(until - Date.now()).toBeLessThan(10_000)
  expect(await world.untilIssue(key, 'done', 120_000)).toMatchObject({ attempts: { implementation: 1 } })
  expect(Date.now()).toBeGreaterThanOrEqual(until)
  expect(existsSync(join(world.repo('real'), 'plain.txt'))).toBe(true)
  assertSchema('codex', binaries, folder)
})
