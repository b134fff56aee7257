// One contract for all kinds of agent, tried on their real programs against a scripted model.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createModel, type Model } from '../model/server.ts'
import { answer, shell, write } from '../model/steps.ts'
import { candidates } from './candidates.ts'
import { createGround, git, play, read, threadOf, type Ground } from './ground.ts'

let model: Model
const closing: (() => void)[] = []
beforeAll(async () => {
  model = await createModel()
})
afterAll(() => model.close())
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function ground(): Ground {
  const made = createGround()
  closing.push(made.remove)
  return made
}

const done = answer({ outcome: 'completed', summary: 'Greets.', question: null, prTitle: 'Greet', prBody: 'It greets.' })
const commit = shell('git add --all && git commit --quiet --message "Greet" && git log --oneline | head -1')

describe.each(await candidates())('$kind', (candidate) => {
  test('edits and commits, and says so', async () => {
    const place = ground()
    const played = play(candidate, place, model, [write('new.txt', 'hello, world\n'), commit, done])
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'completed', summary: 'Greets.', prTitle: 'Greet' })
    expect(git(place.worktree, 'log', '--format=%s', '-1')).toBe('Greet')
    expect(read(place.worktree, 'new.txt')).toBe('hello, world\n')
    expect(threadOf(played)).toBeTruthy()
  })
})
