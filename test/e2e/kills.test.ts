// The server is killed between any two calls of Linear and GitHub, git's included, before the deed or after it: afterwards there is one
// branch, one pull request, one answer to each point, and each word and move in Linear once.

import { expect, test } from 'vitest'
import { both, people, wholeWork, type BothWorld } from './both.ts'
import { until } from './harness.ts'
import { beyond, columnsOf, saidOf } from './told.ts'
import { isCounted, randomFrom } from './traffic.ts'

const isNightly = process.env['SIGNALBOX_NIGHTLY'] !== undefined
const seeds = isNightly ? Array.from({ length: 15 }, (_, n) => n + 1) : [1]
const kills = 20
/** Worlds beside each other: they wait more than they work. */
const worldsAtOnce = 4

type When = 'before' | 'after'

/** Arms both twins: `isDue` is asked at every call, once, when it comes to it, and says whether the server is gone there and on which side of the deed. */
function arm({ world, linear, github }: BothWorld, isDue: () => When | null) {
  const state = { calls: 0, killed: 0, isArmed: true, down: null as Promise<unknown> | null }
  let due: When | null = null
  const kill = (when: When): boolean => {
    if (due !== when) return false
    due = null
    state.killed += 1
    state.down = world.stop('SIGKILL')
    return true
  }
  const look = (path: string): boolean => {
    if (!isCounted(path) || state.down !== null || !state.isArmed) return false
    state.calls += 1
    due = isDue()
    return false
  }
  linear.faults.add({ status: 'reset', match: ({ path }) => look(path) })
  github.faults.add({ status: 'reset', match: ({ path }) => look(path) })
  for (const when of ['before', 'after'] as const) {
    linear.faults.add({ times: Infinity, status: 'reset', when, match: () => kill(when) })
    github.faults.add({ times: Infinity, status: 'reset', when, match: () => kill(when) })
  }
  return state
}

/** Plays the story to its end in a world of its own, starting the server again after each kill. Answers how many calls and kills there were. */
async function play(how: { webhooks: boolean; more?: object }, isDue: () => When | null): Promise<{ calls: number; killed: number }> {
  const setting = await both(how)
  const { world, acme } = setting
  try {
    world.setScript('ENG-1', wholeWork)
    const kill = arm(setting, isDue)
    const issue = acme.as('alice').createIssue({ title: 'Paint it', delegate: true })
    const act = people(setting, issue)
    const startAgain = async (down: Promise<unknown>): Promise<void> => {
      await down
      // What was told while it was down is told again after a minute: asking is faster.
      setting.configure({})
      await world.start()
      kill.down = null
    }
    let done = Infinity
    // Some of what is shown comes after the last word.
    const isOver = (): boolean => {
      const isDone = acme.stateOf(issue).type === 'completed' && acme.sessions(issue)[0]?.status === 'complete'
      done = isDone ? Math.min(done, performance.now()) : Infinity
      return performance.now() - done > 1_000 && kill.down === null
    }
    while (!isOver()) {
      await until(
        async () => {
          await act()
          return kill.down !== null || isOver()
        },
        { what: `kill ${kill.killed + 1}, or the end`, saw: world.log, patience: 60_000 },
      )
      if (kill.down === null) break
      await startAgain(kill.down)
    }
    kill.isArmed = false
    await world.untilIssue('ENG-1', 'done')
    await setting.github.settled()
    const { calls, killed } = kill
    expectOnce(setting, issue)
    return { calls, killed }
  } finally {
    await setting.close()
  }
}

/** What is said in the session, and the columns of the issue, when nobody kills the server. */
const story = {
  said: [
    'thought Delegated; waiting for its first run',
    'action An agent works on it',
    'elicitation Which colour?\n- blue\n- red',
    'action Its change is under way',
    'thought Pull request #1 is open',
    'action The checks of pull request #1 are red',
    'thought Pull request #1 is open',
    'action Changes were requested on pull request #1, whose head HEAD is blocked until another answers them',
    'thought Review round 1: app makes the changes that were asked for on HEAD.',
    'thought Pull request #1 is open',
    'thought Pull request #1 is approved and green; it waits to land',
    'response Pull request #1 has landed',
  ],
  columns: ['In Progress', 'In Review', 'In Progress', 'In Review', 'In Progress', 'In Review', 'Done'].map((to) => `signalbox: ${to}`),
}

/** Everything that the story makes at Linear and GitHub is there, and once. */
function expectOnce({ acme, repository }: BothWorld, issue: { id: string }): void {
  const sessions = acme.sessions(issue)
  expect(sessions).toHaveLength(1)
  const said = saidOf(acme, issue)
  expect(beyond(story.said, said)).toEqual([])
  expect(said.filter((line) => line.startsWith('elicitation'))).toHaveLength(1)
  expect(said.filter((line) => line.startsWith('response'))).toHaveLength(1)
  const columns = columnsOf(acme, issue)
  expect(beyond(story.columns, columns)).toEqual([])
  expect([columns[0], columns.at(-1)]).toEqual([story.columns[0], story.columns.at(-1)])
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
  expect([...repository.refs.keys()].filter((ref) => ref.startsWith('refs/heads/'))).toHaveLength(2)
  const shown = (repository.checks.get(pull!.head.sha) ?? []).filter(({ name }) => name === 'Signalbox')
  expect(shown).toHaveLength(1)
}

test.each(seeds)(
  'seed %i: twenty kills, and everything is there once',
  async (seed) => {
    const random = randomFrom(seed)
    let [left, killed] = [5, 0]
    const { killed: met } = await play({ webhooks: seed % 2 === 0 }, () => {
      if (killed >= kills || --left > 0) return null
      killed += 1
      left = 1 + Math.floor(random() * 12)
      return random() < 0.5 ? 'before' : 'after'
    })
    expect(met).toBeGreaterThan(10)
  },
  600_000,
)

/** Nothing is asked for by the clock before the kill: the story is the same to the call each time, or nearly so. */
const untold = { webhooks: true, more: { polling: { shortest: '1h', longest: '1h' } } }

test.runIf(isNightly)('one kill at each call of the story, before the deed and after it', async () => {
  const { calls } = await play(untold, () => null)
  const places = Array.from({ length: calls }, (_, n) => n + 1).flatMap((n) => [
    { n, when: 'before' as const },
    { n, when: 'after' as const },
  ])
  const failures: string[] = []
  let met = 0
  const playSome = async (): Promise<void> => {
    for (let place = places.shift(); place !== undefined; place = places.shift()) {
      const { n, when } = place
      if (places.length % 20 === 0) console.log(`${places.length} places left`)
      let call = 0
      try {
        const { killed } = await play(untold, () => (++call === n ? when : null))
        met += killed
      } catch (error) {
        failures.push(`${when} call ${n}: ${error instanceof Error ? error.message : String(error)}`)
        // It takes half an hour: what is wrong is told at once.
        console.log(failures.at(-1))
      }
    }
  }
  await Promise.all(Array.from({ length: worldsAtOnce }, playSome))
  console.log(`${calls} calls, ${met} kills, ${failures.length} failures`)
  expect(failures).toEqual([])
  // The story is not the same to the call each time: it may end before the last of them.
  expect(met).toBeGreaterThan(calls * 1.8)
})
