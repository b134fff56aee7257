// Any agent that speaks the Agent Client Protocol, v1, on its standard streams. https://agentclientprotocol.com/protocol/v1/overview

import { z } from 'zod'
import { ProtocolError, toErrorData } from '../../errors.ts'
import { noUsage } from '../../machines/vocabulary.ts'
import type { Agent, AgentRequest, AgentResult, Usage } from '../ports.ts'
import { authRequired, failureOf, toldFailureOf } from './acp/failure.ts'
import {
  agentAnswer,
  authStatus,
  elicitation,
  newSessionAnswer,
  permission,
  promptAnswer,
  readUpdate,
  sessionAnswer,
  steeringAnswer,
  type AcpAgent,
  type Elicitation,
  type Field,
  type Permission,
  type PromptAnswer,
  type SessionAnswer,
} from './acp/messages.ts'
import { decide } from './acp/permission.ts'
import { createProgress } from './acp/progress.ts'
import { lastWords, promptBlocks } from './acp/prompt.ts'
import { applySettings } from './acp/settings.ts'
import { readLastWords } from './answer.ts'
import { createPeer, refusalOf, type RpcError } from './json-rpc.ts'
import { createMeter } from './meter.ts'
import {
  clientInfo,
  createTalkingAgent,
  requestDeadline,
  type SandboxMode,
  type Talk,
  type TalkHost,
  type TalkingAgentOptions,
} from './talking.ts'
import { failed, filesOf, loggedOut } from './turn-process.ts'
import { writableRoots } from './writable-roots.ts'

export interface AcpOptions extends TalkingAgentOptions {
  model: string | null
  effort: string | null
  sandbox: SandboxMode
}

/** Whether an agent takes a text in while it works, it says only once it runs; that it forks a session is in no version of the protocol. */
export const createAcpAgent = (options: AcpOptions): Agent =>
  createTalkingAgent(
    'acp',
    { steer: true, fork: false },
    { ...options, environment: (request) => ({ ...options.environment?.(request), ...variables(options, request) }) },
    (host) => createTalk(options, host),
  )

/** What the protocol has no words for, for the arguments of a command that has: an agent with a sandbox of its own is told its bounds there. */
function variables({ sandbox, model, effort }: AcpOptions, { worktree, branch, network }: AgentRequest): Record<string, string> {
  return {
    SIGNALBOX_SANDBOX: sandbox,
    // As JSON, which a list of strings in TOML is too.
    SIGNALBOX_WRITABLE_ROOTS: JSON.stringify(sandbox === 'workspace-write' ? writableRoots(worktree, branch) : []),
    SIGNALBOX_NETWORK: String(network),
    SIGNALBOX_MODEL: model ?? '',
    SIGNALBOX_EFFORT: effort ?? '',
  }
}

/** Others take no notice of it. The settings, hooks, servers and guidance of the branch are not for the agent that works on it. */
const notOfBranch = { claudeCode: { options: { settingSources: ['user'] } } }

const protocolVersion = 1
/** Milliseconds for an agent to find out who it is logged in as; one that cannot says nothing. */
const loginWait = 6_000
/** Milliseconds for a turn to end by its cancelling, before a question in it is answered: an agent may wait for that. */
const answerWait = 1_000
const anything = z.unknown()

/** The protocol cannot say that an agent runs its commands in a sandbox of its own; these do, and ask only to get out of it. */
const isSandboxed = ({ agentInfo }: AcpAgent): boolean => /(^|\/)codex-acp$/.test(agentInfo?.name ?? '')

function createTalk(options: AcpOptions, host: TalkHost): Talk {
  const { request } = host
  const rpc = createPeer({
    send: host.send,
    version: true,
    deadline: requestDeadline(options),
    after: host.after,
    onNotification,
    onRequest,
  })
  const progress = createProgress(request.worktree, host.tell)
  let agent: AcpAgent | undefined
  let session: string | undefined
  /** The prompt that is being worked on. Before there is one, a session that is loaded tells its history. */
  let prompt: Promise<PromptAnswer> | undefined
  let asked: string | null = null
  let refused: string | null = null
  /** Null until it is known what the session had cost before this turn. */
  let meter = request.thread === null ? createMeter({ baseline: noUsage }) : null
  let usage: Usage | undefined
  let model: string | null = null
  /** Who the agent says that it is logged in as; a session may bring a better word of it. */
  let login: { kind: string; label: string } | undefined
  const loginTold = Promise.withResolvers<void>()

  function onNotification(method: string, params: unknown): void {
    if (method === '_auth/status_update') {
      login = authStatus.safeParse(params).data?.authStatus ?? login
      return loginTold.resolve()
    }
    const read = method === 'session/update' ? readUpdate(params) : null
    if (read === null || read.session !== (session ?? request.thread)) return
    const { update } = read
    if (update.kind === 'usage_update') onCost(update.told.cost)
    if (prompt !== undefined) progress.take(update)
  }

  /** The cost is the session's. How many tokens were used is told at the end, if at all; what the context holds is not that. */
  function onCost(cost: { amount: number; currency: string } | null | undefined): void {
    if (cost == null || cost.currency !== 'USD') return
    if (prompt === undefined) meter = createMeter({ baseline: { ...noUsage, usd: cost.amount } })
    else if (meter !== null) tellUsage(meter.take({ usd: cost.amount }))
  }

  function tellUsage(used: Usage): void {
    usage = used
    host.tell({ type: 'used', usage, ...(model === null ? {} : { model }) })
  }

  /** Files and terminals are not offered: agents have their own, and what they do with these is in their sandbox. */
  async function onRequest(method: string, params: unknown): Promise<unknown> {
    if (method === 'session/request_permission') {
      const parsed = permission.safeParse(params)
      return parsed.success ? answerPermission(parsed.data) : { outcome: { outcome: 'cancelled' } }
    }
    if (method === 'elicitation/create') {
      const parsed = elicitation.safeParse(params)
      return parsed.success ? putOff(parsed.data) : { action: 'decline' }
    }
    return undefined
  }

  function answerPermission({ toolCall, options: offered }: Permission): object {
    const call = progress.call(toolCall)
    const { answer, option } = decide(call, offered, {
      sandbox: options.sandbox,
      folders: [request.worktree, filesOf(request.folder).temporary],
      network: request.network,
      isSandboxed: agent !== undefined && isSandboxed(agent),
    })
    const text = call.title ?? `a tool of kind ${call.kind ?? 'other'}`
    if (answer === 'refused') refused = text
    host.tell({ type: 'asked', about: 'permission', text, options: offered.map(({ name }) => name), answer })
    return { outcome: option === null ? { outcome: 'cancelled' } : { outcome: 'selected', optionId: option } }
  }

  /** Nobody is there to be asked: a question ends the turn. */
  async function putOff({ message, requestedSchema }: Elicitation): Promise<object> {
    const fields = Object.values(requestedSchema.properties)
    const choices = fields.flatMap(choicesOf)
    asked = [message, ...(fields.length > 1 ? fields.flatMap(describe) : choices.map((choice) => `- ${choice}`))].join('\n')
    host.tell({ type: 'asked', about: 'question', text: asked, options: choices, answer: 'put_off' })
    cancel()
    // Answered at once, some would ask their model what follows before they hear that the turn is over.
    await Promise.race([prompt?.catch(() => {}), new Promise<void>((resolve) => host.after(answerWait, resolve))])
    return { action: 'cancel' }
  }

  function cancel(): void {
    if (session !== undefined) rpc.notify('session/cancel', { sessionId: session })
  }

  const place = { cwd: request.worktree, mcpServers: [], _meta: notOfBranch }

  async function open(): Promise<{ id: string; answer: SessionAnswer }> {
    if (request.thread === null) {
      const answer = await rpc.request('session/new', place, newSessionAnswer)
      return { id: answer.sessionId, answer }
    }
    const { resume } = agent!.agentCapabilities.sessionCapabilities
    const answer = await rpc.request(resume ? 'session/resume' : 'session/load', { ...place, sessionId: request.thread }, sessionAnswer)
    return { id: request.thread, answer }
  }

  /** An agent that wants a key that is in its environment is told to take it; what needs a person is answered with the error. */
  async function openAuthenticated() {
    try {
      return await open()
    } catch (error) {
      const method = agent!.authMethods.find(
        ({ type, vars = [] }) =>
          type === 'env_var' && vars.every(({ name, optional = false }) => optional || (options.env[name] ?? '') !== ''),
      )
      if (refusalOf(error)?.code !== authRequired || method === undefined) throw error
      try {
        await rpc.request('authenticate', { methodId: method.id }, anything)
      } catch (refused) {
        throw refusalOf(refused) === null ? refused : error // the key is not taken: it has to be let in in another way
      }
      return await open()
    }
  }

  const lost = (why: string): AgentResult => ({
    ...failed('environment', `Its thread could not be opened: ${why}`, 'thread-lost'),
    lost: true,
  })

  const unauthenticated = (why: string): AgentResult =>
    failed('auth', `${why.trim().replace(/\.?$/, '.')} ${waysIn(agent!)}`, 'auth-required')

  /** Null when the session is there to be worked in. */
  async function begin(): Promise<AgentResult | null> {
    const { loadSession, sessionCapabilities } = agent!.agentCapabilities
    if (request.thread !== null && !loadSession && !sessionCapabilities.resume) return lost('the agent cannot go on with one.')
    if (request.recovery?.way === 'fork') return lost('the agent cannot make another one of it.')
    let opened
    try {
      opened = await openAuthenticated()
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === null) throw error
      return request.thread === null ? refusedOpening(refusal) : unresumed(refusal)
    }
    session = opened.id
    host.started(session)
    try {
      model = await applySettings(rpc.request, session, opened.answer, options)
      return null
    } catch (error) {
      const { code, message } = toErrorData(error)
      if (code === 'not-offered') return failed('auth', message, code)
      const refusal = refusalOf(error)
      if (refusal === null) throw error
      return refusedOpening(refusal)
    }
  }

  const refusedOpening = (refusal: RpcError): AgentResult =>
    refusal.code === authRequired ? unauthenticated(refusal.message) : failureOf(refusal, 'opening')

  /** Where nothing is said of what has failed, it is the thread. */
  function unresumed(refusal: RpcError): AgentResult {
    const failure = refusedOpening(refusal)
    const isTold = refusal.code === authRequired || toldFailureOf(refusal) !== null
    return isTold ? failure : lost(failure.reason!)
  }

  function conclude({ stopReason, usage: told }: PromptAnswer): AgentResult {
    if (told != null) {
      const cached = told.cachedReadTokens ?? 0
      const writtenTokens = told.cachedWriteTokens ?? 0
      const inputTokens = told.inputTokens + cached + writtenTokens
      const outputTokens = told.outputTokens + (told.thoughtTokens ?? 0)
      tellUsage((meter ?? createMeter({ baseline: noUsage })).total({ inputTokens, cachedTokens: cached, writtenTokens, outputTokens }))
    }
    if (asked !== null) return { outcome: 'needs_input', summary: asked, question: asked }
    if (stopReason !== 'end_turn') return stopped(stopReason)
    try {
      return readLastWords(lastWords(progress.words()))
    } catch (error) {
      const { message, code } = toErrorData(error)
      return failed('agent', message, code)
    }
  }

  function stopped(reason: string): AgentResult {
    switch (reason) {
      case 'cancelled':
        return refused === null
          ? failed('environment', 'The turn was interrupted.', 'interrupted')
          : failed('agent', `The agent gave up when it was not permitted: ${refused}`, 'permission-refused')
      case 'max_tokens':
        return failed('agent', 'The agent has said as much as it can at once.', reason)
      case 'max_turn_requests':
        return failed('agent', 'The agent has asked its model as often as it can in one turn.', reason)
      case 'refusal':
        return failed('agent', progress.words().trim() || 'The model refuses to go on.', reason)
      default:
        return failed('agent', `The agent stopped: ${reason}.`, reason)
    }
  }

  async function sayHello(): Promise<AcpAgent> {
    agent = await rpc.request(
      'initialize',
      {
        protocolVersion,
        clientInfo,
        // A question is taken, to end the turn with it; without this, agents have no way to ask one.
        clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false, elicitation: { form: {} } },
      },
      agentAnswer,
    )
    const spoken = agent.protocolVersion
    if (spoken === protocolVersion) return agent
    throw new ProtocolError('unsupported-version', `It speaks version ${spoken} of the Agent Client Protocol, and not ${protocolVersion}.`)
  }

  const loginWithin = (ms: number): Promise<void> =>
    Promise.race([loginTold.promise, new Promise<void>((resolve) => host.after(ms, resolve))])

  return {
    async run() {
      const { agentCapabilities } = await sayHello()
      const failure = await begin()
      if (failure !== null) return failure
      const blocks = await promptBlocks(request, agentCapabilities.promptCapabilities.image)
      // It takes as long as the turn does, whose time is limited.
      prompt = rpc.request('session/prompt', { sessionId: session, prompt: blocks }, promptAnswer, null)
      try {
        return conclude(await prompt)
      } catch (error) {
        if (asked !== null) return { outcome: 'needs_input', summary: asked, question: asked }
        const refusal = refusalOf(error)
        if (refusal === null) throw error
        return refusal.code === authRequired ? unauthenticated(progress.words() || refusal.message) : failureOf(refusal, 'prompt')
      }
    },
    async greet() {
      const { agentInfo, agentCapabilities } = await sayHello()
      const tellsLogin = agentCapabilities._meta?.authStatus === true
      // Before its session too: it gives itself five seconds to find out, and both at once take longer on a busy machine.
      if (tellsLogin) await loginWithin(loginWait)
      const failure = await begin()
      if (failure !== null) return failure
      if (tellsLogin) await loginWithin(loginWait)
      const name = [agentInfo?.title ?? agentInfo?.name ?? 'An agent', agentInfo?.version].filter(Boolean).join(' ')
      if (login?.kind === 'none') return loggedOut(`${name} is not logged in.`)
      const silent = tellsLogin ? 'which does not say whether it is logged in' : 'which opens a session'
      return { outcome: 'completed', summary: `${name}, ${login === undefined ? silent : `logged in (${login.label})`}` }
    },
    receive: rpc.receive,
    async steer(text) {
      if (prompt === undefined || agent?._meta?.steering?.supported !== true) return false
      const _meta = { steering: { idleBehavior: 'promptRequired' } }
      const params = { sessionId: session, prompt: [{ type: 'text', text }], _meta }
      const goOn = progress.cut()
      const asked = rpc.request('_session/steering', params, steeringAnswer).then(({ outcome }) => outcome === 'injected')
      const isTaken = await asked.catch((error: unknown) => (goOn(), Promise.reject(error as Error)))
      if (!isTaken) goOn()
      return isTaken
    },
    async interrupt() {
      if (prompt === undefined) return
      cancel()
      await prompt
    },
    close: rpc.close,
    known: () => ({
      ...(session === undefined ? {} : { thread: session }),
      ...(usage === undefined ? {} : { usage }),
      ...(model === null ? {} : { model }),
    }),
  }
}

function waysIn({ authMethods }: AcpAgent): string {
  if (authMethods.length === 0) return 'The agent does not say how.'
  return `The agent can be let in by: ${authMethods.map(({ name, id }) => `${name} (${id})`).join(', ')}.`
}

const choicesOf = ({ oneOf, enum: values, items }: Field): string[] =>
  (oneOf ?? items?.anyOf)?.map(({ const: value, title }) => title ?? value) ?? values ?? items?.enum ?? []

/** A field of several, with what may be answered. One without choices is for words of one's own. */
function describe(field: Field): string[] {
  const choices = choicesOf(field)
  const what = field.description ?? field.title
  return choices.length === 0 || what == null ? [] : ['', what, ...choices.map((choice) => `- ${choice}`)]
}
