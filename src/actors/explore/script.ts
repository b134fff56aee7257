// Owns: the replay of a script that an exploration printed, step by step, with every property looked at again.

import { dawn, type Happening, type Model, type Situation, type Transition, type World } from '../../machines/model.ts'
import { keyOf, represent } from './explorer.ts'
import { begin, open, type Subject } from './stepping.ts'

export interface ScriptStep {
  label: string
  value: unknown
  /** What is wrong in this step or the state that it leads to. */
  violations: { property: string; statement: string; message: string }[]
}

/** Every step of the script; the first is the beginning. Throws StepError where the machine cannot take an event. */
export function replayScript<C>(subject: Subject, model: Model<C>, world: World<C>, script: readonly Happening[]): ScriptStep[] {
  let state = represent(model, world, begin<C>(subject, world.input, dawn).state)
  const past: { key: string; step: Transition<C> | null }[] = [{ key: keyOf(state), step: null }]
  const steps: ScriptStep[] = [{ label: 'the beginning', value: state.value, violations: wrongIn(model, open<C>(subject, state), state) }]
  for (const happening of script) {
    const step = open<C>(subject, state)(happening)
    const next = represent(model, world, step.after)
    const isLoop = keyOf(next) === keyOf(state)
    const transition = isLoop === step.isLoop ? step : { ...step, isLoop }
    const start = past.findIndex(({ key }) => key === keyOf(next))
    const round = start === -1 ? [] : [...past.slice(start + 1).map((one) => one.step!), transition]
    const violations = model.properties.flatMap((property) => {
      const isCycle = property.cycle && round.length > 0 && round.every(property.cycle.free) && round.some(property.cycle.costly)
      const messages = [property.step?.(transition), property.arrival?.(transition), isCycle ? 'it comes back to where it was' : undefined]
      return messages.flatMap((message) =>
        message === undefined ? [] : [{ property: property.id, statement: property.statement, message }],
      )
    })
    state = next
    past.push({ key: keyOf(state), step: transition })
    steps.push({
      label: happening.label,
      value: state.value,
      violations: [...violations, ...wrongIn(model, open<C>(subject, state), state)],
    })
  }
  return steps
}

function wrongIn<C>(model: Model<C>, from: (happening: Happening) => Transition<C>, state: Situation<C>): ScriptStep['violations'] {
  return model.properties.flatMap(({ id, statement, state: holds }) => {
    const message = holds?.(state, from)
    return message === undefined ? [] : [{ property: id, statement, message }]
  })
}
