// A worktree that was given back late must not be taken from the run that has begun in it since.

import { existsSync } from 'node:fs'
import { createActor, toPromise, type AnyActorLogic } from 'xstate'
import { expect, test } from 'vitest'
import { createEffects } from '../../src/app/effects.ts'
import { run } from '../actors/repository.ts'
import { createReviewCheckouts } from '../../src/actors/workspace/review-checkout.ts'
import { request, world } from '../actors/workspace/fixture.ts'

test.each([
  [false, 'is removed'],
  [true, 'stays'],
])('the worktree of an issue whose run is claimed (%s) %s', async (isClaimed) => {
  const { workspace, prepare, path, folder, repository } = world()
  await prepare()
  const reviews = createReviewCheckouts({ folder })
  const review = await reviews.prepare({ ...request, head: run(repository, 'rev-parse', request.base) })
  const { effects } = createEffects({
    config: { projects: [], limits: { checks: 1 }, forge: { kind: 'local' } },
    ...{ workspace, reviews, ready: Promise.resolve(), hasRun: () => isClaimed },
    forge: () => ({ repository: async () => ({ base: { name: request.base } }) }),
  } as never)
  const report = { ...request, type: 'worktree.released', landed: null }
  const delivery = createActor(effects['worktree.released']!.logic as AnyActorLogic, { input: { report, from: 'issue/1', id: '1' } })
  delivery.start()
  await toPromise(delivery)
  expect(existsSync(path)).toBe(isClaimed)
  expect(existsSync(review.path)).toBe(isClaimed)
})
