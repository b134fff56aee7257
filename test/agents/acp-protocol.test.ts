// What is the Agent Client Protocol's alone: on the real agents, and on one that says what a test has written.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createAcpAgent, type AcpOptions } from '../../src/actors/agents/acp.ts'
import { failureOf } from '../../src/actors/agents/acp/failure.ts'
import type { ToolCall, Update } from '../../src/actors/agents/acp/messages.ts'
import { decide, type Bounds } from '../../src/actors/agents/acp/permission.ts'
import { createProgress } from '../../src/actors/agents/acp/progress.ts'
import { lastWords } from '../../src/actors/agents/acp/prompt.ts'
import { difference } from '../../src/actors/agents/diff-size.ts'
import { endOrphans } from '../../src/actors/agents/orphans.ts'
import type { AgentEvent, AgentRequest } from '../../src/actors/ports.ts'
import { acpSchema, watchAcp, type AcpSchema } from './acp-protocol.ts'
import type { AcpScript } from './acp-script.ts'
import { agentBinaries } from './binaries.ts'
import { candidates } from './conformance/candidates.ts'
import { createGround, play, requestOf, type WholeCandidate, type Ground } from './conformance/ground.ts'
import { claudeHome, codexHome } from './homes.ts'
import { createModel, type Model } from './model/server.ts'
import { always, answer, edit, fail, say, shell, write } from './model/steps.ts'

const [codexAcp, claudeAgentAcp] = (await candidates()).filter(({ kind }) => kind.endsWith('acp')) as [WholeCandidate, WholeCandidate]
const binaries = await agentBinaries()

let model: Model
let schema: AcpSchema
let watched: ReturnType<typeof watchAcp>
const closing: (() => unknown)[] = []
beforeAll(async () => {
  model = await createModel()
  schema = acpSchema(binaries)
})
afterAll(() => model.close())
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

function ground(): Ground {
  const made = createGround()
  closing.push(made.remove, () => endOrphans(made.dataFolder, 100))
  return made
}

/** Every message of what it runs, sent and received, is as the protocol's own schema says. */
const held = (body: () => Promise<void>) => async () => {
  watched = watchAcp(schema)
  closing.push(watched.stop)
  await body()
  expect(watched.problems).toEqual([])
  expect(watched.seen.size).toBeGreaterThan(0)
}

const done = answer({ outcome: 'completed', summary: 'Greets.', question: null, prTitle: 'Greet', prBody: 'It greets.' })
const lines = (events: AgentEvent[]): string[] => events.flatMap((event) => (event.type === 'progressed' ? [event.line] : []))
const asked = (events: AgentEvent[]) =>
  events.flatMap((event) => (event.type === 'asked' ? [{ answer: event.answer, text: event.text.replaceAll(/\S*\//g, '') }] : []))

/** A variant of a candidate, with other options. */
const withOptions = (
  candidate: WholeCandidate,
  options: Partial<AcpOptions>,
  home: 'codex' | 'claude',
  env: Record<string, string> = {},
): WholeCandidate => ({
  ...candidate,
  create: ({ folder, processes }, { name, responsesUrl, messagesUrl }) =>
    createAcpAgent({
      name: candidate.kind,
      command: home === 'codex' ? binaries.codexAcp : binaries.claudeAgentAcp.join(' '),
      ...{ model: null, effort: null, sandbox: 'workspace-write', processes, limits: { request: 60_000 } },
      env: {
        ...(home === 'codex'
          ? codexHome(folder, responsesUrl, name, { model: 'gpt-5.4' }).env
          : { ...claudeHome(folder, messagesUrl, name).env, CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION: 'false' }),
        ...env,
      },
      ...options,
    }),
})

describe('the real agents', () => {
  describe.each([
    { name: 'codex-acp', candidate: codexAcp },
    { name: 'claude-agent-acp', candidate: claudeAgentAcp },
  ])('$name', ({ name, candidate }) => {
    test(
      'what a loaded session tells of its history is neither progress nor use',
      held(async () => {
        const place = ground()
        const first = play(candidate, place, model, [shell('touch first.txt'), say('It greets now.')])
        const { thread } = await first.turn.result
        // It would be resumed, without its history, where that is offered.
        const strip = join(place.folder, 'strip.sh')
        writeFileSync(strip, `"$@" | sed -u 's/"resume":{}/"resume":null/'\n`)
        const script = [say('Still.')]
        const second = play(candidate, place, model, script, { thread: thread!, prompt: 'Go on.' }, { wrap: `sh ${strip}` })
        expect(await second.turn.result).toMatchObject({ outcome: 'completed', summary: 'Still.', thread })
        expect(watched.seen).toContain('us session/load Request')
        expect(lines(second.events)).toEqual([])
        expect(second.scenario.requests()[0]!.said.join('\n')).toContain('Greet the world.')
        expect(name === 'codex-acp' || (await second.turn.result).usage!.inputTokens === 100).toBe(true)
      }),
    )

    test(
      'an answer in a fenced block after other words is the answer',
      held(async () => {
        const words =
          'I see.\n\n```json\n{"outcome":"no_change","summary":"It greets already.","question":null,"prTitle":null,"prBody":null}\n```'
        const played = play(candidate, ground(), model, [say(words)])
        expect(await played.turn.result).toMatchObject({ outcome: 'no_change', summary: 'It greets already.' })
      }),
    )
  })

  describe('codex-acp', () => {
    test.each([
      ['rate-limit', { failure: 'capacity', code: 'responseTooManyFailedAttempts 429' }],
      ['server-error', { failure: 'environment', code: 'internalServerError' }],
      ['overloaded', { failure: 'capacity', code: 'serverOverloaded' }],
      ['context-exhausted', { failure: 'agent', code: 'context_length_exceeded', exhausted: true }],
      // For these it has words only.
      ['unauthorized', { failure: 'agent', code: 'other', reason: expect.stringContaining('401 Unauthorized') }],
      ['invalid-request', { failure: 'agent', code: 'other' }],
    ] as const)('%s', async (reason, expected) => {
      const refusal = fail(reason as 'unauthorized')
      expect(await play(codexAcp, ground(), model, [always(() => refusal)]).turn.result).toMatchObject({ outcome: 'failed', ...expected })
    })

    test(
      'the model and the effort of the configuration are chosen',
      held(async () => {
        const chosen = withOptions(codexAcp, { model: 'gpt-5.5', effort: 'high' }, 'codex')
        const played = play(chosen, ground(), model, [done])
        expect(await played.turn.result).toMatchObject({ outcome: 'completed', model: 'gpt-5.5' })
        const { body } = played.scenario.requests()[0]!
        expect(body).toMatchObject({ model: 'gpt-5.5', reasoning: { effort: 'high' } })
      }),
    )

    test(
      'a model that is not offered is refused, with those that are',
      held(async () => {
        const played = play(withOptions(codexAcp, { model: 'gpt-1' }, 'codex'), ground(), model, [])
        const result = await played.turn.result
        expect(result).toMatchObject({
          outcome: 'failed',
          failure: 'auth',
          code: 'not-offered',
          reason: expect.stringContaining("'gpt-5.5'"),
        })
      }),
    )

    test(
      'without its account it says how it can be let in; with a key it lets itself in',
      held(async () => {
        const place = ground()
        const needsAccount = (env: Record<string, string>): WholeCandidate => ({
          ...codexAcp,
          create: ({ folder, processes }, { name, responsesUrl }) => {
            const home = codexHome(folder, responsesUrl, name, {
              model: 'gpt-5.4',
              more: `openai_base_url = ${JSON.stringify(responsesUrl)}`,
            })
            const config = join(home.home, 'config.toml')
            writeFileSync(config, readFileSync(config, 'utf8').replace('model_provider = "test"', 'model_provider = "openai"'))
            const options = { model: null, effort: null, sandbox: 'workspace-write' as const, processes }
            return createAcpAgent({ name: 'codex-acp', command: binaries.codexAcp, ...options, env: { ...home.env, ...env } })
          },
        })
        const result = await play(needsAccount({}), place, model, []).turn.result
        expect(result).toMatchObject({ outcome: 'failed', failure: 'auth', code: 'auth-required' })
        expect(result.reason).toMatch(/Login with ChatGPT \(chatgpt\), .*\(openai-api-key\)/)
        const played = play(needsAccount({ OPENAI_API_KEY: 'sk-test' }), place, model, [done])
        // What it says to its own provider the model here does not understand; it has got as far as that.
        expect(await played.turn.result).toMatchObject({ code: 'other', thread: expect.any(String) })
        expect(watched.seen).toContain('agent authenticate Response')
      }),
    )

    test(
      'asking to leave its own sandbox, it is refused',
      held(async () => {
        const place = ground()
        // Without bounds on its command line: its mode `auto` is chosen, in which it asks.
        const script = [shell(`echo x > ${place.folder}/beside.txt && echo written`), done]
        const escalating = {
          name: 'exec_command',
          input: { cmd: `echo x > ${place.folder}/beside.txt`, sandbox_permissions: 'require_escalated', justification: 'It must.' },
        }
        const played = play(withOptions(codexAcp, {}, 'codex'), place, model, [{ does: 'tool', ...escalating }, ...script])
        const result = await played.turn.result
        expect(asked(played.events)).toMatchObject([{ answer: 'refused' }])
        expect(() => readFileSync(join(place.folder, 'beside.txt'))).toThrow(/ENOENT/)
        expect(result).toMatchObject({ outcome: 'failed', failure: 'agent', code: 'permission-refused' })
      }),
    )
  })

  describe('claude-agent-acp', () => {
    test.each([
      ['rate-limit', { failure: 'capacity', code: 'rate_limit' }],
      ['unauthorized', { failure: 'auth', code: 'auth-required', reason: expect.stringContaining('Invalid API key') }],
      // It says the same of it as of any error of the server, and of a full context as of any request that is not valid.
      ['overloaded', { failure: 'environment', code: 'server_error' }],
      ['context-exhausted', { failure: 'agent', code: 'invalid_request', reason: expect.stringContaining('Prompt is too long') }],
    ] as const)('%s', async (reason, expected) => {
      const refusal = fail(reason as 'unauthorized')
      expect(await play(claudeAgentAcp, ground(), model, [always(() => refusal)]).turn.result).toMatchObject({
        outcome: 'failed',
        ...expected,
      })
    })

    test(
      'edits in the worktree are allowed, others are not, by real paths; commands are',
      held(async () => {
        const place = ground()
        symlinkSync(place.folder, join(place.worktree, 'out'))
        const script = [
          write('new.txt', 'x\n'),
          edit('greet.txt', 'hello\n', 'hello, world\n'),
          write(join(place.folder, 'beside.txt'), 'x\n'),
          write('out/linked.txt', 'x\n'),
          shell('touch by-command.txt'),
          done,
        ]
        const played = play(claudeAgentAcp, place, model, script)
        expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
        expect(asked(played.events)).toEqual([
          { answer: 'allowed', text: 'Write new.txt' },
          { answer: 'allowed', text: 'Edit greet.txt' },
          { answer: 'refused', text: 'Write beside.txt' },
          { answer: 'refused', text: expect.stringContaining('linked.txt') },
          { answer: 'allowed', text: 'touch by-command.txt' },
        ])
        for (const name of ['beside.txt', 'linked.txt']) expect(() => readFileSync(join(place.folder, name))).toThrow(/ENOENT/)
        const edits = played.events.flatMap((event) => (event.type === 'progressed' && event.item === 'edit' ? [event] : []))
        expect(edits.slice(0, 2)).toMatchObject([
          { line: 'edited new.txt', files: ['new.txt'], diff: { files: 1, added: 1, removed: 0 } },
          { line: 'edited greet.txt', files: ['greet.txt'], diff: { files: 2, added: 2, removed: 1 } },
        ])
      }),
    )

    test(
      'read-only, it changes nothing, and looks at everything',
      held(async () => {
        const place = ground()
        const script = [write('new.txt', 'x\n'), shell('touch by-command.txt'), shell('git log --oneline'), shell('cat greet.txt'), done]
        const played = play(withOptions(claudeAgentAcp, { sandbox: 'read-only' }, 'claude'), place, model, script)
        expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
        for (const name of ['new.txt', 'by-command.txt']) expect(() => readFileSync(join(place.worktree, name))).toThrow(/ENOENT/)
        // What Claude knows to be only reading it does not ask for; `git log` it does.
        expect(played.scenario.requests().at(-1)!.results.at(-1)!.output).toContain('hello')
      }),
    )

    test(
      'with full access it asks for nothing',
      held(async () => {
        const place = ground()
        const full = withOptions(claudeAgentAcp, { sandbox: 'danger-full-access', model: 'haiku' }, 'claude')
        const played = play(full, place, model, [write(join(place.folder, 'beside.txt'), 'x\n'), done])
        expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
        expect(asked(played.events)).toEqual([])
        expect(readFileSync(join(place.folder, 'beside.txt'), 'utf8')).toBe('x\n')
        expect(played.scenario.requests()[0]!.model).toContain('haiku')
      }),
    )
  })
})

/** A turn of the agent in `acp-script.ts`. */
async function scripted(script: AcpScript, request: Partial<AgentRequest> = {}, options: Partial<AcpOptions> = {}) {
  const place = ground()
  const log = join(place.folder, 'log.jsonl')
  writeFileSync(log, '')
  const agent = createAcpAgent({
    ...{ name: 'scripted', command: `${process.execPath} ${join(import.meta.dirname, 'acp-script.ts')}` },
    ...{ model: null, effort: null, sandbox: 'workspace-write', processes: place.processes },
    env: {
      ACP_LOG: log,
      ACP_SCRIPT: JSON.stringify({ initialize: { result: initialized }, 'session/new': { result: { sessionId: 's' } }, ...script }),
    },
    ...options,
  })
  const events: AgentEvent[] = []
  const turn = agent.start(
    { ...requestOf(codexAcp, place, 'run-1'), ...request },
    { signal: new AbortController().signal, onEvent: (event) => events.push(event) },
  )
  const result = await turn.result
  const heard = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { method?: string; params?: any; result?: any; error?: any })
  return { result, events, heard, steered: await turn.steer('x') }
}

const initialized = { protocolVersion: 1, agentCapabilities: {} }
const text = (words: string) => ({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: words } })
const ended = (stopReason: string) => ({ result: { stopReason } })

describe('an agent that says what a test has written', () => {
  test(
    'cannot go on with a thread: it is lost, and nothing was done',
    held(async () => {
      const { result, heard, events } = await scripted({}, { thread: 'old' })
      expect(result).toMatchObject({ outcome: 'failed', failure: 'environment', code: 'thread-lost', lost: true })
      expect(result).not.toHaveProperty('thread')
      expect(heard.map(({ method }) => method)).toEqual(['initialize'])
      expect(events).toEqual([])
    }),
  )

  test(
    'a fork is not made of a thread that would be changed by it',
    held(async () => {
      const recovery = { cause: 'stalled' as const, way: 'fork' as const, quiet: 0, lastLine: null }
      const capable = { initialize: { result: { ...initialized, agentCapabilities: { loadSession: true } } } }
      expect((await scripted(capable, { thread: 'old', recovery })).result).toMatchObject({ lost: true })
    }),
  )

  test.each([
    ['max_tokens', { outcome: 'failed', failure: 'agent', code: 'max_tokens' }],
    ['max_turn_requests', { outcome: 'failed', failure: 'agent', code: 'max_turn_requests' }],
    ['refusal', { outcome: 'failed', failure: 'agent', code: 'refusal', reason: 'Not that.' }],
    ['cancelled', { outcome: 'failed', failure: 'environment', code: 'interrupted' }],
    ['_of_its_own', { outcome: 'failed', failure: 'agent', code: '_of_its_own' }],
    ['end_turn', { outcome: 'completed', summary: 'Not that.' }],
  ] as const)('stops with %s', async (stopReason, expected) => {
    const { result } = await scripted({ 'session/prompt': { says: [text('Not '), text('that.')], ...ended(stopReason) } })
    expect(result).toMatchObject(expected)
  })

  test(
    'asks for files and terminals, which are not offered',
    held(async () => {
      const params = { sessionId: 's', path: '/etc/passwd' }
      const asks = [
        { method: 'fs/read_text_file', params },
        { method: 'terminal/create', params: { sessionId: 's', command: 'id' } },
      ]
      const { heard, result } = await scripted({ 'session/prompt': { asks, ...ended('end_turn') } })
      expect(heard.flatMap(({ error }) => error?.code ?? [])).toEqual([-32601, -32601])
      expect(heard[0]!.params.clientCapabilities).toMatchObject({ fs: { readTextFile: false, writeTextFile: false }, terminal: false })
      expect(result.outcome).toBe('completed')
    }),
  )

  test(
    'offers nothing that could be chosen: its request is cancelled',
    held(async () => {
      const toolCall = { toolCallId: '1', title: 'ls', kind: 'execute' }
      const asks = [[{ optionId: 'a', name: 'Always', kind: 'allow_always' }], []].map((options) => ({
        method: 'session/request_permission',
        params: { sessionId: 's', toolCall, options },
      }))
      const { heard, events } = await scripted({ 'session/prompt': { asks, ...ended('end_turn') } })
      expect(heard.flatMap(({ result }) => result ?? [])).toEqual(Array(2).fill({ outcome: { outcome: 'cancelled' } }))
      expect(asked(events)).toEqual(Array(2).fill({ answer: 'refused', text: 'ls' }))
    }),
  )

  test(
    'asks several questions at once: the turn ends with them all',
    held(async () => {
      const requestedSchema = {
        type: 'object',
        properties: {
          one: {
            type: 'string',
            description: 'Which?',
            oneOf: [
              { const: 'a', title: 'A' },
              { const: 'b', title: 'B' },
            ],
          },
          two: { type: 'array', title: 'How?', items: { type: 'string', enum: ['x', 'y'] } },
          other: { type: 'string', title: 'Other' },
        },
      }
      const asks = [{ method: 'elicitation/create', params: { mode: 'form', sessionId: 's', message: 'Two things.', requestedSchema } }]
      const { result, events, heard } = await scripted({ 'session/prompt': { asks, ...ended('cancelled') } })
      expect(result).toMatchObject({ outcome: 'needs_input', question: 'Two things.\n\nWhich?\n- A\n- B\n\nHow?\n- x\n- y' })
      expect(events).toContainEqual(
        expect.objectContaining({ type: 'asked', about: 'question', answer: 'put_off', options: ['A', 'B', 'x', 'y'] }),
      )
      expect(heard.some(({ method }) => method === 'session/cancel')).toBe(true)
    }),
  )

  test('speaks another version, or refuses what we say: that is a fault of the program', async () => {
    const other = await scripted({ initialize: { result: { protocolVersion: 2 } } })
    expect(other.result).toMatchObject({ failure: 'bug', code: 'unsupported-version' })
    const refusing = await scripted({ 'session/new': { error: { code: -32602, message: 'Invalid params' } } })
    expect(refusing.result).toMatchObject({ failure: 'bug', reason: 'Invalid params' })
    const failing = await scripted({
      'session/new': { error: { code: -32603, message: 'Internal error', data: { details: 'no program' } } },
    })
    expect(failing.result).toMatchObject({ failure: 'environment', reason: 'Internal error: no program' })
  })

  test.each([
    ['a code in words', { error: { code: 'rate_limited', message: 'Later' } }, { code: 'invalid-answer', reason: /rate_limited/ }],
    ['no code', { error: { message: 'Later' } }, { code: 'invalid-answer', reason: /Later/ }],
    ['no object', { error: 'Later' }, { code: 'invalid-answer', reason: /Later/ }],
    [
      'the number of its request as a text',
      { id: '3', error: { code: -32602, message: 'No' } },
      { code: 'refused -32602', reason: /^No$/ },
    ],
    ['it could read no request of ours', { id: null, error: { code: -32700, message: 'Parse error' } }, { code: 'refused -32700' }],
    ['neither a request nor a form', { id: null, error: {} }, { code: 'invalid-answer' }],
  ] as const)('answers the prompt with an error (%s): the turn fails at once, and says so', async (_, reply, { code, ...expected }) => {
    const { result } = await scripted({ 'session/prompt': reply }, { timeout: 20_000 })
    expect(result).toMatchObject({ outcome: 'failed', failure: 'bug', code, thread: 's' })
    if ('reason' in expected) expect(result.reason).toMatch(expected.reason)
  })

  test('answers what nobody has asked, or with no answer at all: that is left out, and its prompt’s answer counts', async () => {
    const stray = [
      { id: 99, result: {} },
      { id: 'a', error: { code: 1, message: 'm' } },
      { id: null, result: {} },
      { level: 'error', error: 'x' },
      { id: {} },
      {},
      [],
      7,
    ]
    const { result } = await scripted({ 'session/prompt': { strays: stray, ...ended('end_turn'), says: [text('Fine.')] } })
    expect(result).toMatchObject({ outcome: 'completed', summary: 'Fine.' })
  })

  test('has asked a question when it fails in whatever form: the question stands', async () => {
    const params = { mode: 'form', sessionId: 's', message: 'Which?', requestedSchema: { type: 'object', properties: {} } }
    const asks = [{ method: 'elicitation/create', params }]
    for (const error of [{ code: -32603, message: 'cancelled' }, { code: 'cancelled' }])
      expect((await scripted({ 'session/prompt': { asks, error } })).result).toMatchObject({ outcome: 'needs_input', question: 'Which?' })
  })

  test('says what is not known, or not of the form: it is left out', async () => {
    const says = [
      { sessionUpdate: 'of_tomorrow', what: 1 },
      { sessionUpdate: 'tool_call', title: 'without an id' },
      { sessionUpdate: 'tool_call', toolCallId: '1', title: 'Fetch the page', kind: 'of_tomorrow', status: 'completed' },
      { sessionUpdate: 'plan', entries: [{ content: 'Second', status: 'in_progress', priority: 'high' }] },
      text('Fine.'),
    ]
    const { result, events } = await scripted({ 'session/prompt': { says, ...ended('end_turn') } })
    expect(result).toMatchObject({ outcome: 'completed', summary: 'Fine.' })
    expect(lines(events)).toEqual(['Fetch the page', 'Second'])
  })

  test('tells what its session has cost: what it cost before a turn is not that turn’s', async () => {
    const cost = (amount: number, currency = 'USD') => ({ sessionUpdate: 'usage_update', used: 1, size: 2, cost: { amount, currency } })
    const prompt = { says: [cost(2), cost(1.5), cost(9, 'EUR')], ...ended('end_turn') }
    expect((await scripted({ 'session/prompt': prompt })).result.usage).toMatchObject({ usd: 2, inputTokens: 0 })
    const initialize = { result: { ...initialized, agentCapabilities: { loadSession: true } } }
    const loaded = await scripted({ initialize, 'session/load': { says: [cost(0.5)] }, 'session/prompt': prompt }, { thread: 's' })
    expect(loaded.result.usage).toMatchObject({ usd: 1.5 })
    // What it cost until now it does not say: then neither what this turn does.
    const unknown = await scripted({ initialize, 'session/prompt': prompt }, { thread: 's' })
    expect(unknown.result).not.toHaveProperty('usage')
  })

  test('claims a cost, a model and a class of failure in its answer: what its program says of them counts', async () => {
    const claims = { usage: { usd: 1e6 }, model: 'free', failure: 'capacity', code: 'used-up', retryAt: 9e12 }
    const says = [text(JSON.stringify({ outcome: 'failed', summary: 'No.', ...claims }))]
    const used = { inputTokens: 30, cachedReadTokens: 10, cachedWriteTokens: 6, outputTokens: 4, totalTokens: 50 }
    const { result } = await scripted({ 'session/prompt': { says, result: { stopReason: 'end_turn', usage: used } } })
    expect(result).toMatchObject({ outcome: 'failed', failure: 'agent', usage: { inputTokens: 46, outputTokens: 4, usd: 0 } })
    for (const key of ['model', 'code', 'retryAt']) expect(result).not.toHaveProperty(key)
  })

  test('tells what was written to a cache: that is told apart', async () => {
    const used = { inputTokens: 30, cachedReadTokens: 10, cachedWriteTokens: 6, outputTokens: 4, totalTokens: 50 }
    const { result } = await scripted({ 'session/prompt': { result: { stopReason: 'end_turn', usage: used } } })
    expect(result.usage).toEqual({ inputTokens: 46, cachedTokens: 10, writtenTokens: 6, outputTokens: 4, usd: 0 })
  })

  const values = ['small', 'large'].map((value) => ({ value, name: value }))
  const models = (currentValue: string) => [
    { id: 'model', name: 'Model', category: 'model', type: 'select', currentValue, options: values },
  ]
  test.each([
    ['in its options', { configOptions: models('small') }, null, 'small'],
    ['when it was chosen', { configOptions: models('small') }, 'large', 'large'],
    ['as agents of an earlier draft do', { models: { currentModelId: 'small', availableModels: [] } }, null, 'small'],
    ['nowhere', {}, 'large', undefined],
  ])('names its model %s, and it is told with what it uses', async (_, session, chosen, expected) => {
    const used = { inputTokens: 30, outputTokens: 4, totalTokens: 34 }
    const script = {
      'session/new': { result: { sessionId: 's', ...session } },
      'session/set_config_option': { result: { configOptions: models('large') } },
      'session/prompt': { result: { stopReason: 'end_turn', usage: used } },
    }
    const { result, events } = await scripted(script, {}, { model: chosen })
    expect(result.model).toBe(expected)
    expect(events.flatMap((event) => (event.type === 'used' ? [event.model] : []))).toEqual([expected])
  })

  const loading = { initialize: { result: { ...initialized, agentCapabilities: { loadSession: true } } } }
  const modes = { currentModeId: 'ask', availableModes: ['ask', 'default'].map((id) => ({ id, name: id })) }

  test(
    'goes on with a thread, and does not take its mode: the thread is not lost',
    held(async () => {
      const error = { code: -32603, message: 'Internal error' }
      const script = { ...loading, 'session/load': { result: { modes } }, 'session/set_mode': { error } }
      const { result } = await scripted(script, { thread: 's' })
      expect(result).toMatchObject({ outcome: 'failed', failure: 'environment', code: 'refused -32603', thread: 's' })
      expect(result).not.toHaveProperty('lost')
    }),
  )

  test.each([
    ['there is no room', { code: -32603, message: 'm', data: { errorKind: 'rate_limit' } }, { failure: 'capacity', code: 'rate_limit' }],
    [
      'its plan is used up',
      { code: -32603, message: 'm', data: { codex_error_info: 'usage_limit_exceeded' } },
      { failure: 'capacity', code: 'usageLimitExceeded' },
    ],
    ['it is not let in', { code: -32000, message: 'm' }, { failure: 'auth', code: 'auth-required' }],
    [
      'it cannot start',
      { code: -32603, message: 'm', data: { startupFailureReason: 'proxy_invalid' } },
      { failure: 'environment', code: 'proxy_invalid' },
    ],
  ] as const)('is refused a thread because %s: the thread is not lost', async (_, error, expected) => {
    const { result } = await scripted({ ...loading, 'session/load': { error } }, { thread: 's' })
    expect(result).toMatchObject({ outcome: 'failed', ...expected })
    expect(result).not.toHaveProperty('lost')
  })

  test.each([
    { code: -32002, message: 'Resource not found', data: { sessionId: 's' } },
    { code: -32603, message: 'Internal error' },
  ])('is refused a thread, and it is not said why (%o): the thread is lost', async (error) => {
    const { result } = await scripted({ ...loading, 'session/load': { error } }, { thread: 's' })
    expect(result).toMatchObject({
      failure: 'environment',
      code: 'thread-lost',
      lost: true,
      reason: expect.stringContaining(error.message),
    })
  })

  test('has a key that is not taken when it goes on with a thread: it has to be let in, and the thread is not lost', async () => {
    const authMethods = [{ type: 'env_var', id: 'key', name: 'A key', vars: [{ name: 'ACP_LOG' }] }]
    const script = {
      initialize: { result: { ...loading.initialize.result, authMethods } },
      'session/load': { error: { code: -32000, message: 'Authentication required' } },
      authenticate: { error: { code: -32603, message: 'Internal error' } },
    }
    const { result, heard } = await scripted(script, { thread: 's' })
    expect(heard.map(({ method }) => method)).toContain('authenticate')
    expect(result).toMatchObject({ outcome: 'failed', failure: 'auth', code: 'auth-required' })
    expect(result).not.toHaveProperty('lost')
  })

  test.each([false, true])('is sent the prompt as it is, without pictures that nobody can look at (%s)', async (image) => {
    const images = [{ path: '/pictures/a.png', mediaType: 'image/png', size: 1 }]
    const initialize = { result: { ...initialized, agentCapabilities: { promptCapabilities: { image } } } }
    const { heard } = await scripted({ initialize, 'session/prompt': ended('end_turn') }, { images })
    const { prompt } = heard.find(({ method }) => method === 'session/prompt')!.params
    expect(prompt).toEqual([{ type: 'text', text: 'Greet the world.' }])
  })

  test('never says that its turn has ended: there is no way to ask, and the turn ends at its limit', async () => {
    const { result, steered } = await scripted({ 'session/prompt': { says: [text('Done.')], silent: true } }, { timeout: 3_000 })
    expect(result).toMatchObject({ outcome: 'failed', failure: 'environment', reason: expect.stringContaining('3 s'), thread: 's' })
    expect(steered).toBe(false)
  })
})

test('the pinned schema has every method that is called or served', () => {
  const called = ['initialize', 'authenticate', 'session/new', 'session/load', 'session/resume', 'session/prompt', 'session/cancel']
  expect(schema.methods('agent')).toEqual(expect.arrayContaining([...called, 'session/set_mode', 'session/set_config_option']))
  expect(schema.methods('client')).toEqual(expect.arrayContaining(['session/update', 'session/request_permission', 'elicitation/create']))
})

describe('the rules', () => {
  const options = ['allow_once', 'allow_always', 'reject_once'].map((kind) => ({ optionId: kind, name: kind, kind }))
  const bounds = (more: Partial<Bounds> = {}): Bounds => ({
    sandbox: 'workspace-write',
    folders: [],
    network: false,
    isSandboxed: false,
    ...more,
  })
  const call = (kind: string, ...paths: string[]): ToolCall => ({
    toolCallId: '1',
    rawInput: {},
    kind,
    locations: paths.map((path) => ({ path })),
  })
  const answers = (one: ToolCall, more?: Partial<Bounds>) => decide(one, options, bounds(more)).answer

  test('an edit is allowed where all of its files are in the worktree, and never of git’s own', () => {
    const { worktree, folder } = ground()
    symlinkSync('nowhere', join(worktree, 'dangling'))
    mkdirSync(join(worktree, 'src'))
    const folders = [worktree]
    for (const path of ['src/new.ts', 'greet.txt', 'new/folders/file'])
      expect(answers(call('edit', join(worktree, path)), { folders })).toBe('allowed')
    for (const path of ['../x', 'dangling', '.git', '.git/config'])
      expect(answers(call('edit', join(worktree, path)), { folders })).toBe('refused')
    expect(answers(call('edit', `${worktree}-other/x`), { folders })).toBe('refused')
    expect(answers(call('move', join(worktree, 'a'), join(folder, 'b')), { folders })).toBe('refused')
    expect(answers(call('edit', 'relative'), { folders })).toBe('refused')
    expect(answers(call('edit'), { folders })).toBe('refused')
  })

  test('what reads is allowed, what reaches the network where the project lets it, and nothing for good', () => {
    expect(answers(call('read', '/etc/hosts'), { sandbox: 'read-only' })).toBe('allowed')
    expect(answers(call('execute'), { sandbox: 'read-only' })).toBe('refused')
    expect(answers(call('execute'))).toBe('allowed')
    expect(answers(call('execute'), { isSandboxed: true })).toBe('refused')
    expect(answers(call('fetch'))).toBe('refused')
    expect(answers(call('fetch'), { network: true })).toBe('allowed')
    expect(answers(call('switch_mode'))).toBe('refused')
    expect(answers(call('switch_mode'), { sandbox: 'danger-full-access' })).toBe('allowed')
    expect(decide(call('execute'), options, bounds()).option).toBe('allow_once')
    expect(decide(call('fetch'), options, bounds()).option).toBe('reject_once')
  })

  test('a kind of error has a class, an unknown one is the agent’s, and a thread whose program has died can be gone on with', () => {
    const died = failureOf({ code: -32603, message: 'm', data: { errorKind: 'transport_lost' } }, 'prompt')
    expect(died).toMatchObject({ failure: 'environment', code: 'transport_lost', died: true })
    expect(failureOf({ code: -32603, message: 'm' }, 'prompt')).toMatchObject({ failure: 'agent', reason: 'm', code: 'refused -32603' })
    for (const [errorKind, failure] of Object.entries({ of_tomorrow: 'agent', billing_error: 'auth', server_error: 'environment' })) {
      expect(failureOf({ code: -32603, message: 'm', data: { errorKind } }, 'prompt')).toMatchObject({ failure, code: errorKind })
    }
  })

  test('what an agent says in pieces is told as one, and its answer is not told', () => {
    const told: string[] = []
    const progress = createProgress('/w', ({ line, item }) => told.push(`${item}: ${line}`))
    const chunk = (kind: 'agent_message_chunk' | 'agent_thought_chunk', words: string, messageId?: string): Update => ({
      kind,
      told: { content: { type: 'text', text: words }, messageId },
    })
    const tool = (kind: 'tool_call' | 'tool_call_update', more: Partial<ToolCall>): Update => ({
      kind,
      told: { toolCallId: '1', rawInput: undefined, ...more },
    })
    const updates = [
      chunk('agent_thought_chunk', '**Look'),
      chunk('agent_thought_chunk', ' around**'),
      chunk('agent_message_chunk', 'I will ', 'a'),
      chunk('agent_message_chunk', 'look.\nThen more.', 'a'),
      tool('tool_call', { title: 'Terminal', kind: 'execute', status: 'pending', rawInput: {} }),
      tool('tool_call_update', { title: 'ls -l', rawInput: { command: 'ls -l' } }),
      tool('tool_call_update', { status: 'completed' }),
      tool('tool_call_update', { status: 'completed' }),
      chunk('agent_message_chunk', '{"outcome"', 'b'),
      chunk('agent_message_chunk', ': 1}', 'b'),
    ]
    for (const update of updates) progress.take(update)
    expect(told).toEqual(['reasoning: thinks', 'reasoning: Look around', 'message: I will look.', 'command: $ ls -l', 'command: ran ls -l'])
    expect(progress.words()).toBe('{"outcome": 1}')
  })

  test('a fence that begins in the middle of a line is one, and the size of an edit is what is different', () => {
    expect(lastWords('A warning.```json\n{}\n```')).toBe('A warning.\n```json\n{}\n```')
    expect(lastWords('Fine.\n```json\n{}\n```')).toBe('Fine.\n```json\n{}\n```')
    expect(difference('', 'a\nb\n')).toEqual({ added: 2, removed: 0 })
    expect(difference('a\nb\nc\n', 'a\nx\ny\nc\n')).toEqual({ added: 2, removed: 1 })
    expect(difference('a\na\n', 'a\n')).toEqual({ added: 0, removed: 1 })
    expect(difference('a', 'a')).toEqual({ added: 0, removed: 0 })
  })
})
