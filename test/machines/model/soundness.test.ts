// The abstraction of each model is sound: a step from the representative is the representative of the step, also in what it asks for.

import { describe, expect, it } from 'vitest'
import { represent } from '../../../src/actors/explore/explorer.ts'
import { begin, open } from '../../../src/actors/explore/stepping.ts'
import { seededRandom } from '../../../src/actors/system/index.ts'
import { capacityModel } from '../../../src/machines/capacity/model.ts'
import { checkModel } from '../../../src/machines/check/model.ts'
import { entryModel } from '../../../src/machines/entry/model.ts'
import { issueModel } from '../../../src/machines/issue/model.ts'
import { dawn, type Asked, type Happening, type Model, type World } from '../../../src/machines/model.ts'
import { queueModel } from '../../../src/machines/queue/model.ts'
import { runModel } from '../../../src/machines/run/model.ts'
import { kinds, type MachineName } from '../player.ts'

const stepsOfEach = process.env['SIGNALBOX_NIGHTLY'] === undefined ? 3_000 : 100_000
const longest = 60
const seed = Number(process.env['SIGNALBOX_SEED'] ?? Date.now() % 2 ** 31)
/** By world, seeds that have found a difference once: what a run alive had pushed was forgotten with the landing, and that the queue had let go. */
const telling: Record<string, number[]> = {
  'a draft': [621_417_603],
  'an umbrella': [650_295_091],
  'the base': [623_420_878],
  'the change': [643_816_102],
  // It had been escalated before it landed.
  'late words': [823_172_997],
  // Its pull request was closed and opened again while it was cancelled.
  'a late publication': [825_974_699],
}

/** What was asked for, without names and times. */
const kindsOf = (commands: readonly Asked[]): string[] =>
  commands
    .filter(({ type }) => type !== 'cancel')
    .map((command) => {
      if (command.type === 'spawn') return `spawn ${command.src}`
      if (command.type === 'send' || command.type === 'emit') {
        const { type, wanted, outcome, phase, kind } = command.event
        return JSON.stringify([command.type, type, wanted, outcome, phase, kind])
      }
      return command.type
    })

/** One life with real names and times: each step is compared with the step of its representative. Answers how many were. */
function compare<C>(model: Model<C>, world: World<C>, random: () => number, seed: number): number {
  const subject = { kind: kinds.get(model.machine as MachineName)!, address: `${model.machine}/1`, parent: model.parent }
  const past: string[] = []
  let state = begin<C>(subject, world.input, dawn).state
  for (let n = 0; n < longest; n++) {
    if (state.status !== 'active') return n
    const choice = world.events(state)
    if (choice.length === 0) return n
    const picked = choice[Math.floor(random() * choice.length)]!
    past.push(picked.label)
    const standing = represent(model, world, state)
    const same = (happening: Happening) => happening.label === picked.label
    const there = world.events(standing).find(same)
    expect(there === undefined ? `no '${picked.label}'` : '', `${model.machine}, ${world.name}, seed ${seed}: ${past.join(' | ')}`).toBe('')
    const real = open<C>(subject, state, n + 2)(picked)
    const stood = open<C>(subject, standing)(there!)
    expect({ state: represent(model, world, stood.after), asked: kindsOf(stood.commands) }, `seed ${seed}: ${past.join(' | ')}`).toEqual({
      state: represent(model, world, real.after),
      asked: kindsOf(real.commands),
    })
    state = real.after
  }
  return longest
}

function sound<C>(model: Model<C>): void {
  describe(`the model of the ${model.machine}`, () => {
    it.each(model.worlds.map((world) => [world.name, world] as const))('stands for every history: %s', (_name, world) => {
      for (const each of [seed, ...(telling[world.name] ?? [])]) {
        const random = seededRandom(each)
        let steps = 0
        while (steps < stepsOfEach / model.worlds.length) steps += compare(model, world, random, each)
        expect(steps).toBeGreaterThanOrEqual(stepsOfEach / model.worlds.length)
      }
    })
  })
}

sound(capacityModel)
sound(checkModel)
sound(runModel)
sound(queueModel)
sound(entryModel)
sound(issueModel)
