// What a turn of an agent is given of its issue's files.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { AgentRequest, ContextRequest } from '../../src/actors/ports.ts'
import { prepareRequest, type RequestHost } from '../../src/app/agent-request.ts'
import { createContext, type RunContext } from '../../src/machines/run/context.ts'
import { sessionInput } from '../../src/machines/run/inputs.ts'
import { createPlace } from './app.ts'

const png = Buffer.from('89504e470d0a1a0a', 'hex')

/** An issue with these images; a tracker puts them into the folder that it is given. */
async function begin(names: string[]) {
  const { config, folder } = await createPlace()
  const asked: ContextRequest[] = []
  const logged: string[] = []
  const host: RequestHost = {
    config: config(),
    reviews: { scope: () => Promise.reject(new Error('There is no review.')) },
    tracker: () => ({
      async promptContext(request) {
        asked.push(request)
        mkdirSync(request.folder, { recursive: true })
        const attachments = names.map((name) => ({ title: name, url: `https://files.example/${name}`, path: join(request.folder, name) }))
        for (const { path } of attachments) writeFileSync(path, png)
        const leftOut = { comments: 0, files: 0 }
        return { labels: [], priority: 0, guidance: [], comments: [], attachments, estimate: null, dueDate: null, leftOut }
      },
    }),
    instructions: async () => ({ workflow: null, root: [], changed: [], nested: [], leftOut: { root: 0, changed: 0 } }),
    surroundings: () => ({ dependencies: null, pullRequest: null, earlier: [], earlierLeftOut: 0 }),
    log: ({ message }) => void logged.push(message),
  }
  const run = createContext({ input: { ...createContext({}), project: 'app', key: 'APP-1', runId: 'run-1', agent: 'mine', base: 'main' } })
  const describe = (changes: Partial<RunContext>): Promise<AgentRequest> =>
    prepareRequest(host, { input: sessionInput({ context: { ...run, turns: 1, worktree: folder, ...changes } }), base: 'main' })
  return {
    asked,
    logged,
    describe,
  }
}

it('a turn that only commits, or only says why nothing has changed, has no image fetched for it', async () => {
  const { asked, describe } = await begin(['a.png'])
  for (const turnKind of ['commit', 'completion_check'] as const) {
    await describe({ turnKind, turns: 2, uncommitted: [] })
  }
  await describe({ turnKind: 'stack', turns: 3 })
  expect(asked.map(({ fetches }) => fetches)).toEqual([false, false, true])
})

it('all turns of a run find the files of its issue in one folder, which is none of those that its agent may write in', async () => {
  const { asked, describe } = await begin(['a.png'])
  const folders = [await describe({}), await describe({ turns: 2 })].map(({ folder }) => folder)
  expect(new Set(asked.map(({ folder }) => folder)).size).toBe(1)
  for (const folder of folders) expect(`${asked[0]!.folder}/`.startsWith(`${folder}/`)).toBe(false)
})
