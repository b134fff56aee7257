// The server is killed between any two calls of Linear and GitHub, git's included, before the deed or after it: afterwards there is one
// branch, one pull request, one answer to each point, and each word and move in Linear once.

import { expect, test } from 'vitest'
import { both, people, wholeWork, type BothWorld } from './both.ts'
import { until } from './harness.ts'

/** Numbers in [0, 1) that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
}

const seeds = process.env['SIGNALBOX_NIGHTLY'] ? Array.from({ length: 15 }, (_, n) => n + 1) : [1]
const kills = 20

/** Arms both twins: after so many calls, at the next one, the server is gone. Answers how the kills go. */
function arm({ world, linear, github }: BothWorld, random: () => number) {
  const state = { killed: 0, left: 5, down: null as Promise<unknown> | null }
  const isDue = (path: string): boolean => {
    if (path.startsWith('/oauth') || state.down !== null || state.killed >= kills || --state.left > 0) return false
    state.killed += 1
    state.left = 1 + Math.floor(random() * 12)
    state.down = world.stop('SIGKILL')
    return true
  }
  for (const when of ['before', 'after'] as const) {
    const isTurn = (): boolean => (when === 'before') === random() < 0.5
    linear.faults.add({ times: Infinity, status: 'reset', when, match: ({ path }) => isTurn() && isDue(path) })
    github.faults.add({ times: Infinity, status: 'reset', when, match: ({ path }) => isTurn() && isDue(path) })
  }
  return state
}

test.each(seeds)(
  'seed %i: twenty kills, and everything is there once',
  async (seed) => {
    const random = randomFrom(seed)
    const setting = await both({ webhooks: seed % 2 === 0 })
    const { world, acme, repository } = setting
    try {
      world.setScript('ENG-1', wholeWork)
      const issue = acme.as('alice').createIssue({ title: 'Paint it', delegate: true })
      const act = people(setting, issue)
      const kill = arm(setting, random)
      const isOver = (): boolean => acme.stateOf(issue).type === 'completed' && acme.sessions(issue)[0]?.status === 'complete'
      while (!isOver()) {
        await until(
          async () => {
            await act()
            return kill.down !== null || isOver()
          },
          { what: `kill ${kill.killed + 1} of ${kills}, or the end`, saw: world.log, patience: 60_000 },
        )
        if (kill.down === null) break
        await kill.down
        await world.start()
        kill.down = null
      }
      expect(kill.killed).toBeGreaterThan(10)
      await world.untilIssue('ENG-1', 'done')
      await setting.github.settled()

      const sessions = acme.sessions(issue)
      expect(sessions).toHaveLength(1)
      const said = acme.activities(sessions[0]!).filter(({ content, ephemeral }) => content.type !== 'prompt' && !ephemeral)
      expect(said.filter(({ content }) => content.type === 'elicitation')).toHaveLength(1)
      expect(said.filter(({ content }) => content.type === 'response')).toHaveLength(1)
      expect(acme.attachments(issue)).toHaveLength(1)
      expect(acme.comments(issue).filter(({ parentId, userId }) => parentId === null && userId === acme.appUser.id)).toEqual([])

      const pulls = [...repository.pulls.values()]
      expect(pulls).toHaveLength(1)
      const [pull] = pulls
      expect(pull!.mergedAt).toBeDefined()
      expect(pull!.threads.map(({ comments }) => comments.map(({ body }) => body.split('\n')[0]))).toEqual([
        ['Say that it is very good.', 'It says so now.'],
      ])
      const bodies = pull!.comments.map(({ body }) => body)
      expect(new Set(bodies).size).toBe(bodies.length)
      expect([...repository.refs.keys()].filter((ref) => ref.startsWith('refs/heads/') && !ref.includes('/landing/'))).toHaveLength(2)
      const shown = (repository.checks.get(pull!.head.sha) ?? []).filter(({ name }) => name === 'Signalbox')
      expect(shown).toHaveLength(1)
    } finally {
      await setting.close()
    }
  },
  240_000,
)
