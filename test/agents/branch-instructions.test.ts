// What a branch has for agents to read by themselves does not reach the agent that works on it: on the real programs, by their requests.

import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { candidates } from './conformance/candidates.ts'
import { createGround, play } from './conformance/ground.ts'
import { guide, instructionsIn, plant } from './hostile-branch.ts'
import { createModel, type Model } from './model/server.ts'
import { answer, shell, tool } from './model/steps.ts'
import { holdToSchemas } from './protocols.ts'

let model: Model
beforeAll(async () => {
  model = await createModel()
})
afterAll(() => model.close())
holdToSchemas()

const done = answer({ outcome: 'completed', summary: 'Greets.', question: null, prTitle: 'Greet', prBody: 'It greets.' })
const all = await candidates()
const kinds = all.filter(({ can }) => can.protocol)

describe.each(kinds.map((candidate) => [candidate.kind, candidate] as const))('%s', (kind, candidate) => {
  test('is not instructed by the branch that it works on, and runs none of its programs', async () => {
    const place = createGround()
    onTestFinished(place.remove)
    const ran = join(place.folder, 'ran')
    plant(place.worktree, ran)
    guide(place.folder)
    const read = kind.startsWith('claude') ? tool('Read', { file_path: join(place.worktree, 'pkg/x.txt') }) : shell('cat pkg/x.txt')
    const first = play(candidate, place, model, [read, shell('cd pkg && cat x.txt'), done])
    const { thread, outcome } = await first.turn.result
    expect(outcome).toBe('completed')
    // What a thread was told when it began is not all that it could be told.
    const second = play(candidate, place, model, [read, done], { thread: thread!, prompt: 'Go on.' })
    expect(await second.turn.result).toMatchObject({ outcome: 'completed', thread })

    const requests = [...first.scenario.requests(), ...second.scenario.requests()].map(({ body }) => JSON.stringify(body))
    expect(requests).toHaveLength(5)
    expect(requests.flatMap(instructionsIn)).toEqual([])
    for (const body of requests) expect(body).toContain('OPERATOR-WORDS')
    if (kind !== 'codex-acp') expect(requests[0]).toContain('OPERATOR-SKILL')
    expect(readdirSync(place.folder)).not.toContain('ran')
    // Nor does the operator's own configuration trust the folder from now on.
    if (kind === 'codex') expect(readFileSync(join(place.folder, 'codex/config.toml'), 'utf8')).not.toContain('trust_level')
    expect(model.problems).toEqual([])
  })
})

test('codex takes nothing of a branch up although its operator trusts the folder', async () => {
  const place = createGround()
  onTestFinished(place.remove)
  plant(place.worktree, join(place.folder, 'ran'))
  const codex = kinds.find(({ kind }) => kind === 'codex')!
  const config = join(place.folder, 'codex/config.toml')
  const played = play(
    {
      ...codex,
      create: (...args) => {
        const agent = codex.create(...args)
        appendFileSync(
          config,
          `[projects."${place.worktree}"]\ntrust_level = "trusted"\n[projects."${place.clone}"]\ntrust_level = "trusted"\n`,
        )
        return agent
      },
    },
    place,
    model,
    [done],
  )
  expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
  expect(instructionsIn(JSON.stringify(played.scenario.requests()[0]!.body))).toEqual([])
  expect(readdirSync(place.folder)).not.toContain('ran')
})
