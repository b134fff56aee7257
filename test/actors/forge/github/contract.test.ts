// GitHub passes the contract of the port `Forge`, as an App and with a user's token.

import { forgeContract } from '../contract.ts'
import { createWorld } from './fixture.ts'

for (const token of [false, true]) {
  forgeContract(token ? "GitHub, with a user's token" : 'GitHub, as an App', async () => {
    const world = await createWorld({ token })
    const { forge, repository, twin, commit, branch, queued, close } = world
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
}
