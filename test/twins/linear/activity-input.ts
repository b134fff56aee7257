// Checks what an agent wants to say before it is said, by the rules of Linear's pages on activities and signals.
// https://linear.app/developers/agent-interaction#activity-content-payload, https://linear.app/developers/agent-signals

import { invalidInput } from './errors.ts'
import type { ActivityContent, ActivityRecord, ActivityType } from './records.ts'

interface ActivityInput {
  content: Record<string, unknown>
  ephemeral?: boolean | null
  signal?: ActivityRecord['signal']
  signalMetadata?: Record<string, unknown> | null
}

const fieldsOf: Record<ActivityType, { required: string[]; optional: string[] }> = {
  thought: { required: ['body'], optional: [] },
  action: { required: ['action', 'parameter'], optional: ['result'] },
  elicitation: { required: ['body'], optional: [] },
  response: { required: ['body'], optional: [] },
  error: { required: ['body'], optional: [] },
  prompt: { required: ['body'], optional: [] },
}

const refuse = (why: string) => invalidInput('Argument Validation Error', why)

/** The content of an activity that an app may create; throws Linear's refusal. */
export function checkedActivity(input: ActivityInput): ActivityContent {
  const content = checkedContent(input.content)
  if (content.type === 'prompt') throw refuse('content.type prompt is for people: an app cannot create it.')
  if (input.ephemeral && content.type !== 'thought' && content.type !== 'action') {
    throw refuse(`ephemeral is only for thought and action, not for ${content.type}.`)
  }
  checkSignal(input, content.type)
  return content
}

export function checkedContent(content: Record<string, unknown>): ActivityContent {
  const type = content['type'] as ActivityType
  const fields = typeof type === 'string' && Object.hasOwn(fieldsOf, type) ? fieldsOf[type] : undefined
  if (!fields) throw refuse(`content.type must be one of ${Object.keys(fieldsOf).join(', ')}.`)
  for (const name of fields.required) {
    if (typeof content[name] !== 'string' || content[name] === '') throw refuse(`content.${name} must be a text of a ${type}.`)
  }
  for (const name of fields.optional) {
    if (content[name] !== undefined && content[name] !== null && typeof content[name] !== 'string') {
      throw refuse(`content.${name} must be a text.`)
    }
  }
  for (const name of Object.keys(content)) {
    if (name !== 'type' && !fields.required.includes(name) && !fields.optional.includes(name)) {
      throw refuse(`content.${name} does not belong to a ${type}.`)
    }
  }
  return content as unknown as ActivityContent
}

function checkSignal({ signal, signalMetadata }: ActivityInput, type: ActivityType): void {
  if (!signal) {
    if (signalMetadata) throw refuse('signalMetadata needs a signal.')
    return
  }
  if (signal === 'stop' || signal === 'continue') throw refuse(`The signal ${signal} is for people: an app cannot send it.`)
  if (type !== 'elicitation') throw refuse(`The signal ${signal} belongs to an elicitation, not to a ${type}.`)
  if (signal === 'select') {
    const options = signalMetadata?.['options']
    const isOption = (option: unknown) => typeof (option as { value?: unknown } | null)?.value === 'string'
    if (!Array.isArray(options) || options.length === 0 || !options.every(isOption)) {
      throw refuse('signalMetadata.options must be a list of options with a value.')
    }
  } else if (typeof signalMetadata?.['url'] !== 'string') {
    throw refuse('signalMetadata.url must be the address where the person grants access.')
  }
}
