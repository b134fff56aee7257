// Codex, through its app-server: JSON-RPC, a line a message, without the version member. https://developers.openai.com/codex/app-server

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ProtocolError, toErrorData } from '../../errors.ts'
import type { Agent, AgentResult, Usage } from '../ports.ts'
import { answerSchema, readLastWords } from './answer.ts'
import { failureOf, failureOfRefusal, overloaded } from './codex/failure.ts'
import { progressOf, sizeOf } from './codex/items.ts'
import { withUpdate } from './codex/limits.ts'
import {
  accountAnswer,
  agentMessage,
  approval,
  helloAnswer,
  question,
  readNotification,
  threadAnswer,
  turnAnswer,
  turnsAnswer,
  type CodexLimits,
  type CodexTurn,
  type Notification,
} from './codex/messages.ts'
import { sandboxPolicy } from './codex/sandbox.ts'
import { threadConfig } from './codex/thread-config.ts'
import { createUsage } from './codex/usage.ts'
import { createPeer, refusalOf, type RpcError } from './json-rpc.ts'
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

export interface CodexOptions extends TalkingAgentOptions {
  model: string | null
  effort: string | null
  sandbox: SandboxMode
  limits?: TalkingAgentOptions['limits'] & {
    /** Milliseconds without a message, after which the thread is read: a completion may have been missed. Default 60,000. */
    reread?: number
  }
}

export const createCodexAgent = (options: CodexOptions): Agent =>
  createTalkingAgent('codex', { steer: true, fork: true }, options, (host) => createTalk(options, host))

const anything = z.unknown()

function createTalk(options: CodexOptions, host: TalkHost): Talk {
  const { request } = host
  const rpc = createPeer({
    send: host.send,
    version: false,
    deadline: requestDeadline(options),
    after: host.after,
    onNotification,
    onRequest,
  })
  const finished = Promise.withResolvers<CodexTurn>()
  finished.promise.catch(() => {}) // its process may end before anybody waits for it
  let thread: string | undefined
  let turn: string | undefined
  let isUnheard = true
  let words = ''
  let lastDiff = ''
  let asked: string | null = null
  let limits: CodexLimits[] = []
  const used = createUsage()
  let usage: Usage | undefined
  let model: string | undefined
  let cancelReread = (): void => {}

  function onNotification(method: string, params: unknown): void {
    watchSilence()
    const told = readNotification(method, params)
    if (told === null) return
    if (told.method === 'account/rateLimits/updated') limits = withUpdate(limits, told.params.rateLimits)
    // Threads of agents that this one has called are not the one that is waited for (F27).
    else if (told.params.threadId === thread) onOwn(told)
  }

  function onOwn(told: Exclude<Notification, { method: 'account/rateLimits/updated' }>): void {
    switch (told.method) {
      case 'item/started':
      case 'item/completed': {
        const { item } = told.params
        isUnheard &&= item.type === 'userMessage'
        const when = told.method === 'item/started' ? 'started' : 'completed'
        if (when === 'completed' && item.type === 'agentMessage') words = item.text ?? words
        const progress = progressOf(when, item, request.worktree)
        if (progress !== null) host.tell(progress)
        return
      }
      case 'turn/plan/updated': {
        const step = told.params.plan.find(({ status }) => status === 'inProgress')
        if (step) host.tell({ type: 'progressed', line: step.step, item: 'plan' })
        return
      }
      case 'turn/diff/updated': {
        // It is told after each response, the same one too.
        if (told.params.diff === lastDiff) return
        lastDiff = told.params.diff
        const diff = sizeOf(lastDiff)
        return host.tell({ type: 'progressed', line: `${diff.files} files, +${diff.added} -${diff.removed}`, item: 'edit', diff })
      }
      case 'thread/tokenUsage/updated': {
        const now = turn === undefined ? null : used.take(told.params.tokenUsage)
        if (now === null) return
        usage = now
        return host.tell({ type: 'used', usage, ...(model === undefined ? {} : { model }) })
      }
      case 'turn/completed':
        if (turn === undefined || told.params.turn.id === turn) finished.resolve(told.params.turn)
    }
  }

  /** Nobody is there to be asked for a permission: what the sandbox does not allow is refused. A question ends the turn. */
  async function onRequest(method: string, params: unknown): Promise<unknown> {
    switch (method) {
      case 'item/commandExecution/requestApproval':
      case 'item/fileChange/requestApproval': {
        const { command, reason } = approval.safeParse(params).data ?? {}
        const text = [command ?? 'to change files', reason].filter((part) => part != null).join(': ')
        host.tell({ type: 'asked', about: 'permission', text, options: [], answer: 'refused' })
        return { decision: 'decline' }
      }
      case 'item/tool/requestUserInput': {
        const parsed = question.safeParse(params)
        if (!parsed.success) return undefined
        const { questions } = parsed.data
        const options = questions.flatMap((one) => (one.options ?? []).map(({ label }) => label))
        asked = questions.map((one) => [one.question, ...(one.options ?? []).map(({ label }) => `- ${label}`)].join('\n')).join('\n\n')
        host.tell({ type: 'asked', about: 'question', text: asked, options, answer: 'put_off' })
        void interruptTurn().catch(() => {})
        return new Promise(() => {}) // the interrupt takes it back
      }
    }
    return undefined
  }

  async function sayHello() {
    const capabilities = { experimentalApi: true, requestAttestation: false }
    const answer = await rpc.request('initialize', { clientInfo, capabilities }, helloAnswer)
    rpc.notify('initialized')
    return answer
  }

  async function openThread() {
    const { sandbox } = options
    const config = threadConfig(request, options.env)
    const chosen = options.model === null ? {} : { model: options.model }
    const settings = { cwd: request.worktree, approvalPolicy: 'never', sandbox, config, ...chosen }
    if (request.thread === null) return rpc.request('thread/start', { ...settings, serviceName: 'signalbox' }, threadAnswer)
    const method = request.recovery?.way === 'fork' ? 'thread/fork' : 'thread/resume'
    return rpc.request(method, { ...settings, threadId: request.thread, excludeTurns: true }, threadAnswer)
  }

  /** Its code does not say whether it is the thread that is wrong, or its settings are: whether the thread can be read does. */
  async function unopened(refusal: RpcError): Promise<AgentResult> {
    if (request.thread === null || refusal.code === overloaded || (await readLastTurns(request.thread)) !== null) {
      return failureOfRefusal(refusal, 'opening')
    }
    return { ...failed('environment', `Its thread could not be opened: ${refusal.message}`, 'thread-lost'), lost: true }
  }

  function startTurn() {
    const { effort } = options
    const images = request.images.map(({ path }) => ({ type: 'localImage', path }))
    return rpc.request(
      'turn/start',
      {
        threadId: thread!,
        input: [{ type: 'text', text: request.prompt, text_elements: [] }, ...images],
        sandboxPolicy: sandboxPolicy(options.sandbox, { ...request, temporary: filesOf(request.folder).temporary }),
        outputSchema: answerSchema(request),
        ...(effort === null ? {} : { effort }),
      },
      turnAnswer,
    )
  }

  async function interruptTurn(): Promise<void> {
    if (thread === undefined || turn === undefined) return
    await rpc.request('turn/interrupt', { threadId: thread, turnId: turn }, anything)
  }

  /** A completion that was missed on the stream is in the thread. */
  function watchSilence(): void {
    cancelReread()
    cancelReread = host.after(options.limits?.reread ?? 60_000, () => {
      watchSilence()
      // What it does not answer or refuses is asked again, and the turn has its clocks. Nonsense is nonsense the next time too.
      void reread().catch((error: unknown) => error instanceof ProtocolError && finished.reject(error))
    })
  }

  async function reread(): Promise<void> {
    if (thread === undefined || turn === undefined) return
    const last = (await readLastTurns(thread))?.find(({ id }) => id === turn)
    if (last !== undefined && last.status !== 'inProgress') finished.resolve(last)
  }

  /** The last one, or none; null of a thread that cannot be read. It need not have been opened. */
  async function readLastTurns(of: string): Promise<CodexTurn[] | null> {
    try {
      return (await rpc.request('thread/turns/list', { threadId: of, limit: 1 }, turnsAnswer)).data
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === null || refusal.code === overloaded) throw error
      return null
    }
  }

  /** The turn's id. One that takes the place of this turn, when it was cut off, is of the same run and has the same folder. */
  const record = join(request.folder, 'codex-turn')

  /** A turn that was cut off for us may have been finished in the thread: null where it was not. */
  async function findFinished(of: string): Promise<CodexTurn | null> {
    if (request.recovery?.way !== 'resume') return null
    const before = await readFile(record, 'utf8').catch(() => null) // it was not begun
    if (before === null) return null
    return (await readLastTurns(of))?.find(({ id, status }) => id === before && status === 'completed') ?? null
  }

  function conclude({ status, error, items }: CodexTurn): AgentResult {
    if (asked !== null) return { outcome: 'needs_input', summary: asked, question: asked }
    if (status === 'interrupted') return failed('environment', 'The turn was interrupted.', 'interrupted')
    if (status === 'failed') return failureOf(error, limits, Date.now(), isUnheard)
    if (status !== 'completed') return failed('bug', `Codex says '${status}' of its turn, which is not known here.`, 'unknown-status')
    // In the thread there is more than was heard, when something was missed.
    const last = items.flatMap((item) => agentMessage.safeParse(item).data ?? []).at(-1)?.text ?? words
    try {
      return readLastWords(last)
    } catch (error) {
      const { message, code } = toErrorData(error)
      return failed('agent', message, code)
    }
  }

  return {
    async run() {
      await sayHello()
      try {
        const opened = await openThread()
        thread = opened.thread.id
        model = opened.model
      } catch (error) {
        const refusal = refusalOf(error)
        if (refusal === null) throw error
        return unopened(refusal)
      }
      host.started(thread)
      try {
        const before = await findFinished(thread)
        if (before !== null) return conclude(before)
        turn = (await startTurn()).turn.id
        await writeFile(record, turn).catch(() => {}) // without it, one that takes its place does all of it again
        watchSilence()
        return conclude(await finished.promise)
      } catch (error) {
        const refusal = refusalOf(error)
        if (refusal === null) throw error
        return failureOfRefusal(refusal, 'turn')
      } finally {
        cancelReread()
      }
    },
    async greet() {
      const { userAgent = '' } = await sayHello()
      const { account, requiresOpenaiAuth } = await rpc.request('account/read', {}, accountAnswer)
      if (account == null && requiresOpenaiAuth) return loggedOut('Codex is not logged in.')
      const how = account == null ? 'its provider needs no login' : `logged in (${account.type})`
      return { outcome: 'completed', summary: `Codex ${/\/(\S+)/.exec(userAgent)?.[1] ?? ''}, ${how}`.replace(' ,', ',') }
    },
    receive: rpc.receive,
    async steer(text) {
      if (thread === undefined || turn === undefined) return false
      const input = [{ type: 'text', text, text_elements: [] }]
      await rpc.request('turn/steer', { threadId: thread, expectedTurnId: turn, input }, anything)
      return true
    },
    async interrupt() {
      if (thread === undefined) return // nothing of it runs
      try {
        await interruptTurn()
      } finally {
        // An interrupted turn leaves its running commands behind, and so does one that has just ended.
        await rpc.request('thread/backgroundTerminals/clean', { threadId: thread }, anything)
      }
    },
    close() {
      cancelReread()
      rpc.close()
      finished.reject(new Error('closed'))
    },
    known: () => ({
      ...(thread === undefined ? {} : { thread }),
      ...(usage === undefined ? {} : { usage }),
      ...(model === undefined ? {} : { model }),
    }),
  }
}
