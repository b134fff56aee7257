// What the commands that act on one issue or on the whole server have in common.

import type { Action } from '../app.ts'
import type { Argument, Context } from './command.ts'
import { exit } from './exit.ts'

export const keyArgument: Argument = { name: 'KEY', description: 'The key of an issue, such as APP-1, or PROJECT/KEY' }

/** Sends the action of the issue `KEY` to the server and says that it was taken. */
export async function act(context: Context, action: Action): Promise<number> {
  const key = context.required('KEY')
  const answer = await context.client().post(`/api/issues/${encodeURIComponent(key)}/actions`, action)
  context.output.line(`${key}: ${action.action.replaceAll('_', ' ')} accepted`)
  context.output.document({ key, action: action.action, ...(answer as object) })
  return exit.done
}

export const projectArgument: Argument = { name: 'PROJECT', optional: true, description: 'The id of a project; all of them when left out' }

export async function control(context: Context, action: 'pause' | 'resume' | 'lift_budget'): Promise<number> {
  const project = context.value('PROJECT')
  const answer = await context.client().post('/api/control', { action, ...(project === undefined ? {} : { project }) })
  const whom = project ?? 'all projects'
  const done = {
    pause: 'paused, no new run starts',
    resume: 'resumed',
    lift_budget: 'the budget of the day is lifted until midnight in UTC',
  }[action]
  context.output.line(`${whom}: ${done}`)
  context.output.document({ action, project: project ?? null, ...(answer as object) })
  return exit.done
}
