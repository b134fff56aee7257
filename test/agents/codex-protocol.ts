// Holds every message of the app-server, sent and received, against the schema that the pinned binary itself prints.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { messagesChannel, type AgentMessage } from '../../src/actors/agents/talking.ts'

type Json = Record<string, any>

export interface CodexSchema {
  /** What is wrong with a message; null when nothing is. `method` is that of the request for an answer. */
  problemOf: (file: string, message: unknown) => string | null
  schemaOf: (file: string) => Json
  remove: () => void
}

export function codexSchema(codex: string): CodexSchema {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-schema-'))
  execFileSync(codex, ['app-server', 'generate-json-schema', '--out', folder, '--experimental'], {
    env: { ...process.env, CODEX_HOME: folder },
    stdio: 'pipe',
  })
  const ajv = new Ajv({ strict: false, allErrors: false, validateFormats: false })
  const compiled = new Map<string, ValidateFunction>()
  const schemaOf = (file: string): Json => {
    const path = ['', 'v2', 'v1'].map((version) => join(folder, version, `${file}.json`)).find(existsSync)
    if (path === undefined) throw new Error(`the binary has no schema '${file}'`)
    return JSON.parse(readFileSync(path, 'utf8')) as Json
  }
  return {
    schemaOf,
    problemOf(file, message) {
      let validate = compiled.get(file)
      if (!validate) compiled.set(file, (validate = ajv.compile(schemaOf(file))))
      return validate(message) ? null : `${file}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(message).slice(0, 500)}`
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Those whose answer has a name of its own. */
const named: Record<string, string> = { 'account/read': 'GetAccount' }

/** `thread/turns/list` is answered by ThreadTurnsListResponse, and `item/commandExecution/requestApproval` by us without the `item`. */
const nameOf = (method: string): string =>
  named[method] ??
  method
    .replace(/^item\//, '')
    .split('/')
    .map((part) => part[0]!.toUpperCase() + part.slice(1))
    .join('')

/** Watches every turn of Codex from now on. `seen` counts the messages that were held against a schema. */
export function watchCodex(schema: CodexSchema): { problems: string[]; seen: () => number; stop: () => void } {
  const problems: string[] = []
  const methods = new WeakMap<object, Map<string, string>>()
  let seen = 0
  const check = (file: string, message: unknown): void => {
    seen++
    const problem = schema.problemOf(file, message)
    if (problem !== null) problems.push(problem)
  }
  const listener = (published: unknown): void => {
    const { kind, turn, from, message } = published as AgentMessage
    if (kind !== 'codex') return
    if (typeof message !== 'object' || message === null) return void problems.push(`no message: ${JSON.stringify(message)}`)
    const { id, method, result, error } = message as Json
    const known = methods.get(turn) ?? new Map<string, string>()
    methods.set(turn, known)
    if (method !== undefined && id !== undefined) {
      known.set(`${from}-${id}`, method as string)
      check(from === 'us' ? 'ClientRequest' : 'ServerRequest', message)
    } else if (method !== undefined) check(from === 'us' ? 'ClientNotification' : 'ServerNotification', message)
    else if (error !== undefined) check('JSONRPCError', message)
    else {
      const asked = known.get(`${from === 'us' ? 'agent' : 'us'}-${id}`)
      if (asked === undefined) problems.push(`an answer to nothing: ${JSON.stringify(message).slice(0, 200)}`)
      else check(`${nameOf(asked)}Response`, result)
    }
  }
  messagesChannel.subscribe(listener)
  return { problems, seen: () => seen, stop: () => void messagesChannel.unsubscribe(listener) }
}
