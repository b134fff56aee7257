// The models of the machines of this build, and what one part of an exploration is.

import { explore, type Exploration, type Limits } from '../actors/explore/explorer.ts'
import { mutate, mutationsOf, type Mutation } from '../actors/explore/mutate.ts'
import type { Subject } from '../actors/explore/stepping.ts'
import { defineActor, resolveKinds } from '../actors/system/index.ts'
import { FatalError } from '../errors.ts'
import { capacityModel } from '../machines/capacity/model.ts'
import { checkModel } from '../machines/check/model.ts'
import { entryModel } from '../machines/entry/model.ts'
import { issueModel } from '../machines/issue/model.ts'
import type { Model, World } from '../machines/model.ts'
import { queueModel } from '../machines/queue/model.ts'
import { runModel } from '../machines/run/model.ts'
import { definitions } from './definitions.ts'

// Each model knows its own context; whoever walks through them all does not.
type AnyModel = Model<never>
const models = [issueModel, runModel, queueModel, entryModel, capacityModel, checkModel] as unknown as AnyModel[]

/** One world of one machine: what a thread explores at a time. */
export interface Part {
  machine: string
  world: string
  mutation?: Mutation
}

/** The worlds that take long, the longest first: begun early, they leave the small ones to fill up the other thread. */
const long = [
  'the change',
  'the tracker',
  'a late publication',
  'decisions',
  'words',
  'a repair by an able agent',
  'a repair by an agent with a thread',
  'an umbrella',
  'one place',
  'checks that come and go',
  'the base',
]
const rank = ({ world }: Part): number => (long.includes(world) ? long.indexOf(world) : long.length)

/** The longest first, so that two threads end at about the same time. */
export const parts: Part[] = models
  .flatMap(({ machine, worlds }) => worlds.map(({ name }): Part => ({ machine, world: name })))
  .sort((a, b) => rank(a) - rank(b))

export const mutations = (): Mutation[] =>
  models.flatMap(({ machine }) => mutationsOf(machine, definitions[machine as keyof typeof definitions].machine))

/** Throws FatalError `unknown-part` for a machine or a world that this build has not. */
export function find({ machine, world, mutation }: Part): { subject: Subject; model: AnyModel; world: World<never> } {
  const model = models.find((one) => one.machine === machine)
  const found = model?.worlds.find(({ name }) => name === world)
  if (!model || !found)
    throw new FatalError(
      'unknown-part',
      `This build explores no '${world}' of '${machine}'. \`signalbox check --json\` lists what it explores.`,
    )
  const original = definitions[machine as keyof typeof definitions].machine
  const shown = mutation ? mutate(original, mutation) : original
  const kind = resolveKinds({ ...definitions, [machine]: defineActor(shown, { version: 1 }) }, new Set()).get(machine)!
  return { subject: { kind, address: `${machine}/1`, parent: model.parent }, model, world: found }
}

export function explorePart(part: Part, limits: Limits): Exploration {
  const { subject, model, world } = find(part)
  return explore(subject, model, world, limits)
}

/** Statements by machine, as they are proved when nothing is violated. */
export const statements = (): { machine: string; id: string; statement: string }[] =>
  models.flatMap(({ machine, properties }) => properties.map(({ id, statement }) => ({ machine, id, statement })))
