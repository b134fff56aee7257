// Five hundred issues through Linear and GitHub while one call in a hundred fails and webhooks get lost, come twice, late and out of
// order: every issue lands, nothing is there twice, and it costs hardly more calls than when all goes well.

import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Ci } from '../twins/github.ts'
import { both, type BothWorld } from './both.ts'
import { disturb } from './disturbances.ts'
import { createCrowd, type Kind } from './crowd.ts'
import { until } from './harness.ts'
import { watchCalls, type Calls } from './traffic.ts'

const count = Number(process.env['SIGNALBOX_SOAK'] ?? 500)

/** Most are simple; of ten, three are not. */
const kindOf = (n: number): Kind => (['question', 'red', 'points'] as const)[n % 10] ?? 'simple'

const redWhereSaid: Ci = (_sha, read) => [
  { name: 'test', delay: 50, conclusion: read('RED') === null ? 'success' : 'failure', log: 'there is a file RED\n' },
]

function open(polling: object): Promise<BothWorld> {
  return both({
    ci: redWhereSaid,
    hourly: 1_000_000,
    project: { landing: { depth: 8 } },
    more: { polling, limits: { activeRuns: 8, run: '120s', progress: '120s' } },
  })
}

/** What one issue of each kind costs by itself, where nothing fails and every webhook comes. */
async function measure(): Promise<Record<Kind, Calls>> {
  const setting = await open({ shortest: '1h', longest: '1h' })
  const crowd = createCrowd(setting)
  let calls: Calls = new Map()
  watchCalls(setting, (name) => calls.set(name, (calls.get(name) ?? 0) + 1))
  const found = new Map<Kind, Calls>()
  try {
    // The first one pays for what is asked once.
    for (const kind of ['simple', 'simple', 'question', 'red', 'points'] as const) {
      calls = new Map()
      const issue = crowd.file(kind)
      await until(async () => (await crowd.act(), crowd.isOver(issue)), {
        what: `the ${kind} issue`,
        saw: setting.world.log,
        patience: 60_000,
      })
      await wait(500)
      found.set(kind, calls)
    }
    expect(crowd.wrongs()).toEqual([])
  } finally {
    await setting.close()
  }
  return Object.fromEntries(found) as Record<Kind, Calls>
}

async function soak(seed: number): Promise<{ calls: Calls; met: Map<string, number>; seconds: number }> {
  const setting = await open({ shortest: '5s', longest: '30s' })
  const calls: Calls = new Map()
  watchCalls(setting, (name) => calls.set(name, (calls.get(name) ?? 0) + 1))
  const met = disturb(setting, seed)
  const crowd = createCrowd(setting)
  const begun = performance.now()
  let patience = 15 * 60_000
  const elapsed = (): number => (performance.now() - begun) / 1_000
  try {
    let filed = 0
    let told = 0
    let left = -1
    let since = 0
    await until(
      async () => {
        await crowd.act()
        while (filed < count && crowd.unfinished().length < 40) crowd.file(kindOf(filed++))
        if (elapsed() > told + 20) {
          told = elapsed()
          console.log(
            `${Math.round(told)} s: ${filed} filed, unfinished: ${crowd
              .unfinished()
              .map(({ identifier }) => identifier)
              .join(' ')}`,
          )
        }
        if (crowd.unfinished().length !== left || filed < count) [left, since] = [crowd.unfinished().length, elapsed()]
        // What nothing happens to any more is stuck.
        if (elapsed() - since > 120) patience = 0
        return filed === count && left === 0
      },
      {
        what: `${count} issues to be done`,
        saw: () =>
          crowd
            .unfinished()
            .map(({ identifier }) => identifier)
            .join(' '),
        patience: () => patience,
      },
    )
    const seconds = elapsed()
    await setting.github.settled()
    await until(() => crowd.wrongs().length === 0, {
      what: 'everything to be there once',
      saw: () => crowd.wrongs().join('\n'),
      patience: 60_000,
    })
    return { calls, met, seconds }
  } finally {
    if (process.env['SIGNALBOX_KEEP']) {
      const { cpSync } = await import('node:fs')
      cpSync(setting.world.data, process.env['SIGNALBOX_KEEP'], { recursive: true })
    }
    await setting.close()
  }
}

test.runIf(process.env['SIGNALBOX_NIGHTLY'])('five hundred issues, one call in a hundred fails', async () => {
  const minimum = await measure()
  const { calls, met, seconds } = await soak(1)
  const kinds = Array.from({ length: count }, (_, n) => kindOf(n))
  const names = new Set([...calls.keys(), ...Object.values(minimum).flatMap((each) => [...each.keys()])])
  const rows = [...names].toSorted().map((name) => {
    const least = kinds.reduce((sum, kind) => sum + (minimum[kind].get(name) ?? 0), 0) / count
    const made = (calls.get(name) ?? 0) / count
    return { name, least, made }
  })
  const sum = (service: string) => {
    const own = rows.filter(({ name }) => name.startsWith(service))
    const [least, made] = (['least', 'made'] as const).map((column) => own.reduce((total, row) => total + row[column], 0)) as [
      number,
      number,
    ]
    return { name: service, least, made }
  }
  const total = [sum('linear'), sum('github')]
  console.log(`${count} issues in ${Math.round(seconds)} s`)
  console.table(
    [...rows, ...total].map(({ name, least, made }) => ({
      call: name,
      alone: least.toFixed(2),
      soak: made.toFixed(2),
      ratio: (made / least).toFixed(2),
    })),
  )
  console.table(Object.fromEntries([...met].toSorted()))
  for (const { least, made } of total) expect(made / least).toBeLessThan(1.5)
  expect(seconds).toBeLessThan(600)
})
