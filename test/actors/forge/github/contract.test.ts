// GitHub passes the contract of the port `Forge`.

import { forgeContract } from '../contract.ts'
import { createWorld } from './fixture.ts'

forgeContract('GitHub', async () => {
  const { forge, repository, twin, commit, branch, queued, close } = await createWorld()
  const pull = (number: number) => repository.pulls.get(number)!
  return {
    ...{ forge, project: 'app', base: 'main', commit, close },
    published: async (name) => branch(name),
    count: async () => repository.pulls.size,
    approve: async (number) => void (await twin.as('ada').approve(pull(number))),
    requestChanges: async (number, body) => void (await twin.as('kim').requestChanges(pull(number), body)),
    queued: async () => queued.map(({ number, headSha }) => ({ number, headSha })),
  }
})
