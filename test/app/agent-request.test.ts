// Which images a turn of an agent is handed: none that its conversation has, and none where it only ends what another has begun.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { AgentRequest, ContextRequest } from '../../src/actors/ports.ts'
import { prepareRequest, rememberShown, type RequestHost } from '../../src/app/agent-request.ts'
import { createContext, type Recovery, type RunContext } from '../../src/machines/run/context.ts'
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
    /** The turn's agent begins, in this thread. */
    async play(thread: string, changes: Partial<RunContext>) {
      const request = await describe(changes)
      rememberShown(host, request, thread)
      return request
    },
  }
}

const shown = ({ images }: AgentRequest): string[] => images.map(({ path }) => path.split('/').at(-1)!)
const cutOff = (way: Recovery['way']): Recovery => ({ cause: 'interrupted', way, quiet: 0, lastLine: null })

it('a thread is handed each image once, also in another run, and is told so', async () => {
  const names = ['a.png', 'b.png']
  const { play, describe, logged } = await begin(names)
  const first = await play('t', {})
  expect(shown(first)).toEqual(['a.png', 'b.png'])
  expect(first.prompt).toContain('Images among them that are handed over with this prompt, where the agent takes images: 2.\n')

  const second = await play('t', { turns: 2, thread: 't', recovery: cutOff('resume') })
  expect(shown(second)).toEqual([])
  expect(second.prompt).toContain('\n\nImages among them that were handed over before in this conversation: 2.\n')
  // They are files in any case, at the same place.
  const [place] = /`[^`]*a\.png`/.exec(first.prompt)!
  expect(second.prompt).toContain(place)

  names.push('c.png')
  const answered = await play('t', { runId: 'run-2', thread: 't' })
  expect(shown(answered)).toEqual(['c.png'])
  expect(answered.prompt).toContain('takes images: 1. Images among them that were handed over before in this conversation: 2.\n')
  expect(shown(await describe({ runId: 'run-3', thread: 't' }))).toEqual([])
  expect(logged).toEqual([])
})

it('a copy of a thread has what the thread has, and a thread that is begun afresh is handed all of them', async () => {
  const { play } = await begin(['a.png'])
  await play('t', {})
  expect(shown(await play('copy', { turns: 2, thread: 't', recovery: cutOff('fork') }))).toEqual([])
  expect(shown(await play('copy', { turns: 3, thread: 'copy' }))).toEqual([])
  expect(shown(await play('new', { turns: 4, thread: null, recovery: cutOff('afresh') }))).toEqual(['a.png'])
})

it('a turn that only commits, or only says why nothing has changed, is handed none, and none is fetched for it', async () => {
  const { asked, describe } = await begin(['a.png'])
  for (const turnKind of ['commit', 'completion_check'] as const) {
    const request = await describe({ turnKind, turns: 2, uncommitted: [] })
    expect(request.images).toEqual([])
    expect(request.prompt).toContain('Images among them that are not handed over in a turn of this kind: 1.')
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
