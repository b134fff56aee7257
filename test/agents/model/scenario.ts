// What one scenario still has to say, and which of it answers a request.

import type { ModelRequest } from './request.ts'
import type { Step } from './steps.ts'

/** Steps in order, nested as `slow` and `usage` make them. */
export type Script = (Step | Step[])[]

export interface Scenario {
  /** The step that answers this request; null when there is none left. */
  next(request: ModelRequest): Step | null
  /** Steps that nobody has asked for yet. */
  left(): number
  add(...script: Script): void
}

export function createScenario(script: Script): Scenario {
  let steps = script.flat()
  return {
    next(request) {
      for (;;) {
        const step = steps[0]
        if (step === undefined) return null
        if (step.does !== 'decide') {
          steps = steps.slice(1)
          return step
        }
        const decided = [step.decide(request)].flat()
        if (step.again && decided.length === 0) return null
        steps = [...decided, ...steps.slice(step.again ? 0 : 1)]
      }
    },
    left: () => steps.length,
    add: (...more) => void (steps = [...steps, ...more.flat()]),
  }
}

/** A scenario for each conversation, all alike: for several agents that cannot be told apart by their address. */
export function createScenarios(scriptOf: (first: ModelRequest) => Script): Scenario {
  const conversations = new Map<string, Scenario>()
  const added: Script = []
  return {
    next(request) {
      const key = request.conversation ?? ''
      let scenario = conversations.get(key)
      if (!scenario) conversations.set(key, (scenario = createScenario([...scriptOf(request), ...added])))
      return scenario.next(request)
    },
    left: () => [...conversations.values()].reduce((sum, scenario) => sum + scenario.left(), 0),
    add: (...more) => {
      added.push(...more)
      for (const scenario of conversations.values()) scenario.add(...more)
    },
  }
}
