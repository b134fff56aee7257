// The server is killed between any two calls of Linear, before the deed or after it: afterwards everything is there, and once.

import { expect, test } from 'vitest'
import { plainWork, until } from './harness.ts'
import { connected } from './linear.ts'
import { beyond, columnsOf, saidOf } from './told.ts'
import { randomFrom } from './traffic.ts'

const isNightly = process.env['SIGNALBOX_NIGHTLY'] !== undefined
const kills = 20

const work = ['action An agent works on it']
const landing = [
  'thought Pull request #N is open',
  'thought Pull request #N is approved and green; it waits to land',
  'response Pull request #N has landed',
]
/** What is said of each when nobody kills the server: of one that lands, one that asks first, and one that is blocked. */
const stories: Record<string, string[]> = {
  'ENG-1': ['thought Delegated; waiting for its first run', ...work, ...landing],
  'ENG-2': ['thought Delegated; waiting for its first run', ...work, 'elicitation May I?', 'action Its change is under way', ...landing],
  'ENG-3': ['thought Delegated; blocked by ENG-1', 'thought Delegated; waiting for its first run', ...work, ...landing],
}

// By day `kills.test.ts` has both at once.
test.skipIf(!isNightly).each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  'after %i × 20 kills between calls each activity, state change, attachment and landing is there once',
  async (seed) => {
    const { world, twin } = await connected({
      webhooks: seed % 2 === 1,
      // What Linear tells while the server is down it tells again after a minute: asking is faster.
      more: { polling: { shortest: '200ms', longest: '1s', everyone: 1 } },
    })
    const random = randomFrom(seed)
    const acme = twin.workspace()
    const alice = acme.as('alice')
    const asks = `if ! grep -q '^> go$' "$SIGNALBOX_PROMPT_FILE"; then
  printf '%s' '{ "outcome": "needs_input", "summary": "stuck", "question": "May I?" }' > "$SIGNALBOX_RESULT_FILE"
  exit 0
fi
${plainWork}`
    const keys = ['ENG-1', 'ENG-2', 'ENG-3']
    for (const key of keys) world.setScript(key, key === 'ENG-2' ? asks : plainWork)
    const issues = keys.map((title) => alice.createIssue({ title }))
    alice.block(issues[0]!, issues[2]!)
    for (const issue of issues) alice.delegate(issue)

    let killed = 0
    let left = 3
    let down: Promise<unknown> | null = null
    twin.faults.add({
      times: Number.MAX_SAFE_INTEGER,
      when: random() < 0.5 ? 'before' : 'after',
      status: 'reset',
      match({ path }) {
        if (path !== '/graphql' || down !== null || killed >= kills || --left > 0) return false
        killed += 1
        left = 1 + Math.floor(random() * 8)
        down = world.stop('SIGKILL')
        return true
      },
    })
    const question = (): void => {
      const [session] = acme.sessions(issues[1]!)
      const prompts = acme.activities(session!).filter(({ content }) => content.type === 'prompt')
      if (session!.status === 'awaitingInput' && prompts.length === 0) alice.prompt(session!, 'go')
    }
    const isOver = (): boolean => issues.every((issue) => acme.stateOf(issue).type === 'completed')
    while (!isOver()) {
      await until(
        () => {
          question()
          return down !== null || isOver()
        },
        { what: `kill ${killed + 1} of ${kills}, or the end`, saw: world.log, patience: 40_000 },
      )
      if (down === null) break
      await down
      await world.start()
      down = null
      question()
    }
    expect(killed).toBeGreaterThan(10)
    for (const key of keys) await world.untilIssue(key, 'done')
    await until(() => issues.every((issue) => acme.sessions(issue)[0]!.status === 'complete'), { what: 'the sessions to be over' })

    for (const issue of issues) {
      const sessions = acme.sessions(issue)
      expect(sessions).toHaveLength(1)
      const said = saidOf(acme, issue).map((line) => line.replace(/#\d+/, '#N'))
      expect(said.filter((line) => /^(response|elicitation)/.test(line))).toHaveLength(issue === issues[1] ? 2 : 1)
      expect(beyond(stories[issue.identifier]!, said)).toEqual([])
      const columns = columnsOf(acme, issue)
      expect(
        beyond(
          ['In Progress', 'In Review', 'Done'].map((to) => `signalbox: ${to}`),
          columns,
        ),
      ).toEqual([])
      expect(columns.at(-1)).toBe('signalbox: Done')
      expect(acme.attachments(issue)).toHaveLength(1)
    }
    const merges = await world.asUser(['log', '--merges', '--format=%s', 'main'])
    expect(merges.split('\n').toSorted()).toEqual(keys.map((key) => expect.stringContaining(`(${key})`) as string))
  },
  180_000,
)
