// What is known of a turn that was cut off, when not all of what it has left can be read.

import { expect, test } from 'vitest'
import { createPlace, withScript } from './app.ts'

const long = { timeout: 30_000 }

test('a turn that was cut off has escaped and has used what it has, also where its worktree cannot be read', async () => {
  const place = await createPlace()
  const usage = (amount: number) => ({ sessionUpdate: 'usage_update', used: 0, size: 1, cost: { amount, currency: 'USD' } })
  // The first word of it is more than the issue may spend, and ends the turn; the last is known at its end alone.
  const spends = { 'session/prompt': { says: [usage(10), usage(20)], silent: true } }
  // It has git ask something else for secrets, and git's look at the worktree fails as it does on a full disk.
  const escapes = [
    'git config core.askPass /tmp/elsewhere',
    'git config filter.full.clean "echo No space left on device >&2; exit 1"',
    'git config filter.full.required true',
    'echo "README.md filter=full" > .gitattributes',
    'touch -d 2001-01-01 README.md',
  ].join('\n')
  const app = await place.open(withScript(place, { budgets: { usd: 5 } }, spends, escapes))
  const { key } = await app.submit({ title: 'Leave the bounds' })
  const told = (type: string) => app.timeline(key).flatMap(({ event }) => (event.type === type ? [event] : []))
  await expect.poll(() => told('run.finished'), long).not.toEqual([])

  expect(told('run.finished')).toMatchObject([{ outcome: 'failed', failure: 'escape', usage: { usd: 20 } }])
  expect(told('xstate.done.actor.closing')).toMatchObject([
    {
      output: {
        ...{ left: [], used: { usd: 20 }, escape: expect.stringContaining('core.askpass') },
        consumed: { cpu: expect.any(Number), memory: expect.any(Number), processes: expect.any(Number) },
      },
    },
  ])
})
