// A model on 127.0.0.1 that says what a test has written, to every real agent at once.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { refusalOf } from './failures.ts'
import { messages } from './messages.ts'
import { emptyNeutral, readMessagesRequest, readResponsesRequest, type Body, type ModelRequest } from './request.ts'
import { responses } from './responses.ts'
import { createScenario, createScenarios, type Scenario, type Script } from './scenario.ts'
import { isSide, sideAnswer } from './side.ts'
import type { Utterance } from './speech.ts'
import type { Step, Usage } from './steps.ts'

export interface Model {
  /** `http://127.0.0.1:PORT`, without a scenario: then the API key selects it. */
  url: string
  /** Every request of every scenario, in order of arrival, the agents' side requests and what was not understood too. */
  requests: ModelRequest[]
  /** What was not understood or asked for too much. A test that ends with one of these has gone wrong. */
  problems: string[]
  /** Contract: a name is an API key or the first segment of a path; giving it again replaces its steps. */
  scenario(name: string, script: Script | ((first: ModelRequest) => Script)): ScenarioHandle
  close(): Promise<void>
}

export interface ScenarioHandle {
  name: string
  /** What Codex wants as `base_url`. */
  responsesUrl: string
  /** What Claude wants as `ANTHROPIC_BASE_URL`. */
  messagesUrl: string
  /** The requests that took steps, in order of arrival. */
  requests(): ModelRequest[]
  left(): number
  add(...script: Script): void
  /** Resolves with the request of this index (from 0) once it has arrived. Rejects after `patience` ms. Default 60,000. */
  request(index: number, patience?: number): Promise<ModelRequest>
}

const usageOfSide: Usage = { input: 1, output: 1 }
const usageOfSteps: Usage = { input: 100, output: 10 }

export async function createModel(): Promise<Model> {
  const scenarios = new Map<string, Scenario>()
  const requests: ModelRequest[] = []
  const problems: string[] = []
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      problems.push(`${incoming.method} ${incoming.url}: ${(error as Error).stack}`)
      response.destroy()
    })
  })
  let number = 0

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await read(incoming)
    requests.push(request)
    response.once('close', () => (request.abandoned = !response.writableFinished))
    response.once('finish', () => (request.status = response.statusCode))
    const refuse = (status: number, headers: Record<string, string>, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
    }
    const problem = (what: string): void => {
      problems.push(`${request.method} ${request.path} (${request.name}): ${what}`)
      // The one kind of error that each client does not try again, in whatever form: a test is to fail, not to wait.
      const error = { type: 'permission_error', code: null, param: null, message: `The test's model: ${what}.` }
      refuse(request.protocol === 'messages' ? 403 : 400, {}, { type: 'error', error })
    }
    if (request.kind === 'unknown') return problem('is not understood')
    if (request.kind === 'count') return refuse(200, {}, { input_tokens: 100 })
    const dialect = request.protocol === 'messages' ? messages : responses
    const utter = async (utterances: Utterance[], usage: Usage, end: 'complete' | 'hang' | 'break', every?: number): Promise<void> => {
      const streamed = request.protocol === 'responses' || request.body?.['stream'] === true
      response.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json', 'cache-control': 'no-cache' })
      response.flushHeaders()
      await dialect.speak({ utterances, usage, end, every, id: `${(number += 1)}` }, request, response)
      if (end === 'complete') response.end()
      if (end === 'break') response.destroy()
    }
    if (request.kind === 'side') return utter([{ text: sideAnswer(request) }], usageOfSide, 'complete')

    const step = scenarios.get(request.name)?.next(request) ?? null
    if (step === null) return problem(scenarios.has(request.name) ? 'no step is left' : 'there is no such scenario')
    if (step.delay !== undefined) await pause(step.delay)
    if (step.does === 'fail') {
      const { status, headers, body } = refusalOf(step.failure, request.protocol!, Date.now())
      return refuse(status, headers, body)
    }
    const parts = step.does === 'together' ? step.steps : [step]
    const calls = (part: Step): Utterance[] =>
      (dialect.callsOf(part, request) ?? []).map(({ name, input }) => ({ call: name, id: `call_${(number += 1)}`, input }))
    const utterances = parts.flatMap((part) => {
      if (part.does === 'say' || part.does === 'hang' || part.does === 'break') return part.text === '' ? [] : [{ text: part.text }]
      const made = calls(part)
      return made.length > 0 || part.does !== 'answer' ? made : [{ text: JSON.stringify(part.value) }]
    })
    const last = parts.at(-1)!
    const end = last.does === 'hang' || last.does === 'break' ? last.does : 'complete'
    await utter(utterances, step.usage ?? usageOfSteps, end, last.does === 'hang' ? last.every : undefined)
  }

  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    requests,
    problems,
    scenario(name, script) {
      const scenario = typeof script === 'function' ? createScenarios(script) : createScenario(script)
      scenarios.set(name, scenario)
      const own = (): ModelRequest[] => requests.filter((request) => request.name === name && request.kind === 'step')
      return {
        name,
        responsesUrl: `${url}/${name}/v1`,
        messagesUrl: `${url}/${name}`,
        requests: own,
        left: scenario.left,
        add: scenario.add,
        async request(index, patience = 60_000) {
          for (const deadline = Date.now() + patience; ; await pause(10)) {
            const found = own()[index]
            if (found) return found
            if (Date.now() > deadline)
              throw new Error(`${name}: request ${index} has not come: ${requests.map(({ path, kind }) => `${kind} ${path}`).join(', ')}`)
          }
        },
      }
    },
    async close() {
      server.close()
      server.closeAllConnections()
      if (server.listening) await once(server, 'close')
    },
  }
}

async function read(incoming: IncomingMessage): Promise<ModelRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const path = incoming.url ?? '/'
  const [, prefix, verb] = /^(?:\/([^/?]+))?\/v1\/(responses|messages|messages\/count_tokens)(?:\?.*)?$/.exec(path) ?? []
  const key = incoming.headers['x-api-key'] ?? incoming.headers.authorization?.replace(/^Bearer /, '')
  const body = parse(Buffer.concat(chunks).toString())
  const protocol = verb === undefined ? null : verb === 'responses' ? 'responses' : 'messages'
  const request: ModelRequest = {
    ...{ protocol, kind: 'unknown', name: prefix ?? String(key), method: incoming.method ?? '', path, headers: incoming.headers, body },
    ...{ status: null, abandoned: false },
    ...(body === null || protocol === null
      ? emptyNeutral()
      : protocol === 'responses'
        ? readResponsesRequest(body)
        : readMessagesRequest(body)),
  }
  if (request.method !== 'POST' || protocol === null || body === null) return request
  if (verb === 'messages/count_tokens') return { ...request, kind: 'count' }
  return { ...request, kind: isSide(request) ? 'side' : 'step' }
}

function parse(text: string): Body | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : null
  } catch {
    return null // not understood, which the caller records
  }
}
