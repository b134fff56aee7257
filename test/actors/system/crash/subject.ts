// The program that is killed: couriers with parcels to send, and what a client remembers between its lives.
// Its files: actors.db, world (traces of effects), acks and sent (the client's), wrong (what must not have been answered), passed (fault points).

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSystem, seededRandom, type FaultPoint } from '../../../../src/actors/system/index.ts'
import { sqliteStore } from '../../../../src/persistence/sqlite-store.ts'
import { actors, hopKey, routes } from './courier.ts'
import { parcel } from './plan.ts'
import { effectsOn, linesOf } from './world.ts'

export interface Life {
  folder: string
  seed: number
  couriers: number
  /** Parcels to have sent by the end of this life. */
  parcels: number
  /** Every first hop has every task. */
  everything: boolean
  /** Milliseconds that an effect takes at most. */
  work: number
  /** Ends itself at this passing of this point. */
  kill?: { point: FaultPoint; passing: number }
  /** Parcels in flight. */
  clients: number
  limits?: { turn?: number; steps?: number; cacheBytes?: number }
}

if (process.argv[2] !== undefined) {
  // Its end of the pipe tells that the test is gone: nothing may outlive it.
  process.stdin.on('close', () => process.exit(1)).resume()
  await live(JSON.parse(process.argv[2]) as Life)
}

async function live(life: Life): Promise<void> {
  const file = (name: string): string => join(life.folder, name)
  const note = (name: string, line: string): void => appendFileSync(file(name), `${line}\n`)
  const random = seededRandom(life.seed + linesOf(file('lives')).length)
  note('lives', String(Date.now()))

  const passed = new Map<FaultPoint, number>()
  const system = await createSystem({
    store: sqliteStore(file('actors.db')),
    actors,
    routes,
    effects: effectsOn(file('world'), () => random() * life.work),
    random,
    ...(life.limits ? { limits: life.limits } : {}),
    onProblem: (problem) => note('wrong', JSON.stringify(problem)),
    faultPoint(point) {
      const count = (passed.get(point) ?? 0) + 1
      passed.set(point, count)
      if (life.kill?.point === point && life.kill.passing === count) process.kill(process.pid, 'SIGKILL')
    },
  })
  process.stdout.write('ready\n')
  await Promise.all(Array.from({ length: life.couriers }, (_, n) => system.spawn('courier', String(n))))

  const acknowledged = new Set(linesOf(file('acks')))
  const sent = new Set(linesOf(file('sent')))
  const send = async (n: number): Promise<void> => {
    const { id, hops, keyed } = parcel(life.seed, n, life.couriers, life.everything)
    const isRepeat = acknowledged.has(id)
    if (keyed ? isRepeat && n % 5 !== 0 : sent.has(id)) return
    if (!keyed) note('sent', id)
    const receipt = await system
      .ref(hops[0]!.address)
      .send({ type: 'tick', key: hopKey(id, 0), hops }, keyed ? { key: `parcel ${id}` } : undefined)
    if (isRepeat && !receipt.duplicate) note('wrong', `parcel ${id} was taken in twice`)
    if (receipt.ignored !== null) note('wrong', `parcel ${id} was ignored: ${receipt.ignored}`)
    if (!isRepeat) note('acks', id)
  }
  let next = 0
  const client = async (): Promise<void> => {
    while (next < life.parcels) await send(next++)
  }
  await Promise.all(Array.from({ length: life.clients }, client))

  const isDone = (): boolean => {
    const { inbox, timers } = system.store.counts()
    const effects = system.store.effects()
    return inbox === 0 && timers === 0 && effects.every((e) => e.src === 'radio' && system.store.messages(e.id).length === 0)
  }
  do {
    await sleep(5)
    await system.idle()
  } while (!isDone())
  await system.stop()
  for (const [point, count] of passed) note('passed', `${point} ${count}`)
  process.stdout.write('done\n', () => process.exit(0))
}
