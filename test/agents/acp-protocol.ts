// Holds every message of the Agent Client Protocol, sent and received, against the schema that the protocol's own SDK is published with.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { messagesChannel, type AgentMessage } from '../../src/actors/agents/talking.ts'
import type { AgentBinaries } from './binaries.ts'

type Json = Record<string, any>

export interface AcpSchema {
  /** What is wrong with it; null when nothing is. `side` is who receives the request. */
  problemOf: (side: 'agent' | 'client', method: string, part: 'Request' | 'Notification' | 'Response', value: unknown) => string | null
  methods: (side: 'agent' | 'client') => string[]
}

/** Of the SDK that claude-agent-acp depends on: the lockfile of agents-e2e pins it. */
export function acpSchema({ claudeAgentAcp }: AgentBinaries): AcpSchema {
  const path = join(dirname(claudeAgentAcp[1]!), '../../sdk/schema/v1/schema.json')
  const schema = JSON.parse(readFileSync(path, 'utf8')) as { $defs: Record<string, Json> }
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema(schema, 'acp')
  const compiled = new Map<string, ValidateFunction>()
  const named = (side: string, method: string, part: string): string | undefined =>
    Object.entries(schema.$defs).find(
      ([name, one]) => one['x-method'] === method && [side, 'both', 'protocol'].includes(one['x-side'] as string) && name.endsWith(part),
    )?.[0]
  return {
    problemOf(side, method, part, value) {
      const name = named(side, method, part)
      if (name === undefined) return `no ${part} '${method}' for the ${side}: ${JSON.stringify(value).slice(0, 300)}`
      let validate = compiled.get(name)
      if (!validate) compiled.set(name, (validate = ajv.compile({ $ref: `acp#/$defs/${name}` })))
      return validate(value) ? null : `${name}: ${ajv.errorsText(validate.errors).slice(0, 600)} in ${JSON.stringify(value).slice(0, 600)}`
    },
    methods: (side) => [
      ...new Set(Object.values(schema.$defs).flatMap((one) => (one['x-side'] === side ? [one['x-method'] as string] : []))),
    ],
  }
}

/** Extensions have a line before their name, and are between those who know them. */
const isExtension = (method: string): boolean => method.startsWith('_')

/** Watches every turn from now on. `seen` has the methods that were held against the schema, with who spoke. */
export function watchAcp(schema: AcpSchema): { problems: string[]; seen: Set<string>; stop: () => void } {
  const problems: string[] = []
  const seen = new Set<string>()
  const asked = new WeakMap<object, Map<string, string>>()
  const listener = (published: unknown): void => {
    const { kind, turn, from, message } = published as AgentMessage
    if (kind !== 'acp' || typeof message !== 'object' || message === null || Array.isArray(message)) return
    const { id, method, params, result, error, jsonrpc } = message as Json
    const known = asked.get(turn) ?? new Map<string, string>()
    asked.set(turn, known)
    const check = (side: 'agent' | 'client', name: string, part: 'Request' | 'Notification' | 'Response', value: unknown): void => {
      if (isExtension(name)) return
      seen.add(`${from} ${name} ${part}`)
      const problem = schema.problemOf(side, name, part, value)
      if (problem !== null) problems.push(problem)
    }
    if (jsonrpc !== '2.0') problems.push(`no version: ${JSON.stringify(message).slice(0, 200)}`)
    if (method !== undefined) {
      if (id !== undefined) known.set(`${from} ${id}`, method as string)
      check(from === 'us' ? 'agent' : 'client', method as string, id === undefined ? 'Notification' : 'Request', params)
      return
    }
    const request = known.get(`${from === 'us' ? 'agent' : 'us'} ${id}`)
    if (request === undefined) problems.push(`an answer to nothing: ${JSON.stringify(message).slice(0, 200)}`)
    else if (error === undefined) check(from === 'us' ? 'client' : 'agent', request, 'Response', result)
    else if (!Number.isInteger((error as Json)['code'])) problems.push(`no error: ${JSON.stringify(error).slice(0, 200)}`)
  }
  messagesChannel.subscribe(listener)
  return { problems, seen, stop: () => void messagesChannel.unsubscribe(listener) }
}
