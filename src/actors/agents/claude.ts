// Claude Code, through its stream-json and control protocol, a process a turn. https://code.claude.com/docs/en/headless

import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toErrorData } from '../../errors.ts'
import type { AgentRequest, AgentResult, AgentTurn } from '../ports.ts'
import { childEnvironment } from '../process.ts'
import { readAnswer, readLastWords } from './answer.ts'
import { commandLine, variablesOf } from './claude/command-line.ts'
import { createControl } from './claude/control.ts'
import { failureOf } from './claude/failure.ts'
import { createItems } from './claude/items.ts'
import { helloAnswer, questions, readMessage, type ClaudeMessage, type ClaudeRateLimit, type ClaudeResult } from './claude/messages.ts'
import { decide } from './claude/permissions.ts'
import { bashSandbox, linkByOtherName } from './claude/sandbox.ts'
import { ownExcludes, removeStandIns, writeExcludes } from './claude/stand-ins.ts'
import { readTranscript, readTurn } from './claude/transcript.ts'
import { createUsage } from './claude/usage.ts'
import type { SandboxMode } from './talking.ts'
import { createTalkingAgent, requestDeadline, type Talk, type TalkHost, type TalkingAgent, type TalkingAgentOptions } from './talking.ts'
import { failed, filesOf, loggedOut } from './turn-process.ts'

export interface ClaudeOptions extends TalkingAgentOptions {
  model: string | null
  effort: string | null
  sandbox: SandboxMode
  limits?: TalkingAgentOptions['limits'] & {
    /** Milliseconds without a message, after which the transcript is read: a result may have been missed. Default 60,000. */
    reread?: number
  }
}

const abilities = { steer: true, fork: true }

export function createClaudeAgent(options: ClaudeOptions): TalkingAgent {
  const agentFor = async (request: AgentRequest): Promise<TalkingAgent> => {
    const prepared = await prepare(options, request)
    return createTalkingAgent('claude', abilities, prepared.options, (host) => createTalk(prepared, host))
  }
  const unprepared = (error: unknown): AgentResult =>
    failed('environment', `The agent '${options.name}' could not be run: ${toErrorData(error).message}`)
  return {
    kind: 'claude',
    abilities,
    greet: (request, callbacks) => agentFor(request).then((agent) => agent.greet(request, callbacks), unprepared),
    start(request, callbacks): AgentTurn {
      const turn = agentFor(request).then((agent) => agent.start(request, callbacks))
      return {
        result: turn.then(({ result }) => result.finally(() => removeStandIns(request.worktree)), unprepared),
        steer: async (text) => {
          try {
            return await (await turn).steer(text)
          } catch {
            return false // it was never started
          }
        },
      }
    },
  }
}

interface Prepared {
  options: ClaudeOptions
  /** Of the agent's process, as far as it is known before it is started. */
  env: Record<string, string>
  isBashSandboxed: boolean
  /** The id of a thread that this turn makes; null where it goes on with one. */
  session: string | null
  /** Writes what git leaves out, as the worktree is now. */
  refreshExcludes: () => void
}

/** What has to be known before the process is started. */
async function prepare(options: ClaudeOptions, request: AgentRequest): Promise<Prepared> {
  const env = childEnvironment(options.env)
  const { sandboxed } = await bashSandbox(env)
  const isBashSandboxed = sandboxed && options.sandbox !== 'danger-full-access'
  const session = request.thread === null || request.recovery?.way === 'fork' ? randomUUID() : null
  const excludes = isBashSandboxed && process.platform === 'linux' ? join(request.folder, 'git-excludes') : null
  const more = excludes === null ? '' : await ownExcludes(request.worktree, env)
  removeStandIns(request.worktree)
  if (isBashSandboxed) linkByOtherName(request.worktree)
  return {
    options: {
      ...options,
      command: commandLine(options, request, session, isBashSandboxed),
      env: variablesOf(options.env, excludes),
    },
    ...{ env, isBashSandboxed, session },
    refreshExcludes: () => {
      if (excludes === null) return
      mkdirSync(request.folder, { recursive: true })
      writeExcludes(excludes, request.worktree, more)
    },
  }
}

type Said<Type extends ClaudeMessage['type']> = Extract<ClaudeMessage, { type: Type }>

function createTalk({ options, env, isBashSandboxed, refreshExcludes }: Prepared, host: TalkHost): Talk {
  const { request } = host
  const files = filesOf(request.folder)
  const control = createControl({ send: host.send, deadline: requestDeadline(options), after: host.after })
  const items = createItems(request.worktree)
  const used = createUsage()
  const finished = Promise.withResolvers<AgentResult>()
  finished.promise.catch(() => {}) // its process may end before anybody waits for it
  const prompt = randomUUID()
  /** Texts that it was given while it works, and has not taken in yet. */
  const queued = new Map<string, (taken: boolean) => void>()
  let thread: string | undefined
  let model: string | undefined
  let isAtWork = false
  let takesTexts = false
  let words = ''
  let refusal: string | null = null
  let limit: ClaudeRateLimit | null = null
  let asked: string | null = null
  let cancelReread = (): void => {}

  function receive(received: unknown): void {
    watchSilence()
    const message = readMessage(received)
    switch (message?.type) {
      case 'system':
        return onSystem(message)
      case 'assistant':
        return onAssistant(message)
      case 'user':
        for (const block of message.message.content) tell(items.returned(block, message.tool_use_result))
        return
      case 'control_request':
        return onRequest(message)
      case 'control_response':
        return control.receive(message.response)
      case 'command_lifecycle':
        return onLifecycle(message)
      case 'rate_limit_event':
        limit = message.rate_limit_info
        return
      case 'result':
        return onResult(message)
    }
  }

  function tell(progress: ReturnType<typeof items.said>): void {
    if (progress !== null) host.tell(progress)
  }

  function onSystem({ subtype, session_id: id, model: name, capabilities }: Said<'system'>): void {
    if (subtype === 'init' && thread === undefined && id !== undefined) {
      thread = id
      model = name ?? undefined
      isAtWork = true
      takesTexts = capabilities?.includes('msg_lifecycle_v1') ?? false
      host.started(thread)
    }
    if (subtype === 'compact_boundary') {
      host.tell({ type: 'progressed', line: 'shortens its memory of the conversation', item: 'tool' })
    }
  }

  function onAssistant({ message: { id, content, usage }, parent_tool_use_id: parent, error }: Said<'assistant'>): void {
    const isCalled = parent != null
    if (error != null) refusal = error
    else {
      const said = content.flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : []))
      if (!isCalled && said.length > 0) words = said.join('\n')
      if (content.some(({ type }) => type === 'tool_use')) refreshExcludes()
      for (const block of content) tell(items.said(block, isCalled))
    }
    if (usage != null && used.addMessage(id, usage)) tellUsage()
  }

  /** Nobody is there to be asked for a permission: the rules answer. A question ends the turn. */
  function onRequest({ request_id: id, request: { subtype, tool_name: tool = '', input = {} } }: Said<'control_request'>): void {
    const respond = (response: object): void => host.send({ type: 'control_response', response: { request_id: id, ...response } })
    if (subtype !== 'can_use_tool') return respond({ subtype: 'error', error: `'${subtype}' is not offered here.` })
    const answer = (response: object): void => respond({ subtype: 'success', response })
    if (tool === 'AskUserQuestion') {
      const parsed = questions.safeParse(input).data?.questions
      if (parsed === undefined) return answer({ behavior: 'deny', message: 'The question has no text.' })
      const choices = parsed.map((one) => (one.options ?? []).map(({ label }) => label))
      asked = parsed.map((one, i) => [one.question, ...choices[i]!.map((label) => `- ${label}`)].join('\n')).join('\n\n')
      host.tell({ type: 'asked', about: 'question', text: asked, options: choices.flat(), answer: 'put_off' })
      return answer({ behavior: 'deny', message: 'A person is asked, and will answer later.', interrupt: true })
    }
    const decision = decide(
      { tool, input },
      {
        mode: options.sandbox,
        worktree: request.worktree,
        writable: [request.folder, files.temporary],
        network: request.network,
        isBashSandboxed,
      },
    )
    // What is allowed is told as what it is: a command, an edit.
    if (decision.allowed) return answer({ behavior: 'allow', updatedInput: input })
    const about = [input['command'], input['file_path'], input['notebook_path'], input['url'], input['host']].find(
      (one) => typeof one === 'string',
    )
    const text = `${tool}${about === undefined ? '' : ` ${String(about).slice(0, 300)}`}: ${decision.why}`
    host.tell({ type: 'asked', about: 'permission', text, options: [], answer: 'refused' })
    answer({ behavior: 'deny', message: decision.why })
  }

  function tellUsage(): void {
    const usage = used.total()
    if (usage !== undefined) host.tell({ type: 'used', usage, ...(model === undefined ? {} : { model }) })
  }

  function onLifecycle({ command_uuid: id, state }: Said<'command_lifecycle'>): void {
    const settle = queued.get(id)
    if (settle === undefined || state === 'queued') return
    queued.delete(id)
    settle(state === 'started' || state === 'completed')
  }

  function onResult(result: ClaudeResult): void {
    used.addResult(result)
    tellUsage()
    // A text that came too late for this answer is taken in by itself, and answered next: that is the answer then.
    if (!result.is_error && asked === null && queued.size > 0) return
    finish(conclude(result))
  }

  function finish(result: AgentResult): void {
    isAtWork = false
    for (const settle of queued.values()) settle(false)
    queued.clear()
    finished.resolve(result)
  }

  function conclude(result: ClaudeResult): AgentResult {
    if (asked !== null) return { outcome: 'needs_input', summary: asked, question: asked }
    // Before its first word: the session was not found. There is no field that says so.
    if (thread === undefined && request.thread !== null && result.subtype === 'error_during_execution') {
      const reason = result.errors?.join(' ') ?? 'it says not why'
      return { ...failed('environment', `Its thread could not be opened: ${reason}`, 'thread-lost'), lost: true }
    }
    const hasNoForm = result.subtype === 'error_max_structured_output_retries' && words !== ''
    if ((result.is_error || result.subtype !== 'success') && !hasNoForm) return failureOf(result, refusal, limit, Date.now())
    return concludeWith({ answer: result.structured_output, words: words === '' ? (result.result ?? '') : words })
  }

  function concludeWith({ answer, words: last }: { answer?: unknown; words: string }): AgentResult {
    try {
      return answer == null ? readLastWords(last) : readAnswer(JSON.stringify(answer), "The agent's answer")
    } catch (error) {
      const { message, code } = toErrorData(error)
      return failed('agent', message, code)
    }
  }

  /** A result that was missed on the stream is in the transcript. */
  function watchSilence(): void {
    cancelReread()
    cancelReread = host.after(options.limits?.reread ?? 60_000, () => {
      watchSilence()
      void reread().then((result) => result !== null && isAtWork && queued.size === 0 && finish(result))
    })
  }

  /** Null while the turn goes on, as far as is known. */
  async function reread(): Promise<AgentResult | null> {
    const transcript = thread === undefined ? null : await readTranscript(thread, env)
    if (transcript === null) return null
    const { end, messages } = readTurn(transcript, prompt)
    // Also for a turn that has none: the numbers of the stream are those of the beginning of each message.
    for (const { id, tokens } of messages) used.addMessage(id, tokens)
    return end === null ? null : concludeWith(end)
  }

  async function messageOf(text: string, id: string): Promise<object> {
    const images = id === prompt ? request.images : []
    const pictures = await Promise.all(
      images.map(async ({ path, mediaType }) => ({
        type: 'image',
        source: { type: 'base64', media_type: mediaType, data: await readFile(path, 'base64') },
      })),
    )
    return { type: 'user', uuid: id, parent_tool_use_id: null, message: { role: 'user', content: [{ type: 'text', text }, ...pictures] } }
  }

  return {
    async run() {
      refreshExcludes()
      try {
        const first = await Promise.race([control.request('initialize', { hooks: {} }).then(() => null), finished.promise])
        if (first !== null) return first // it has no such session
        host.send(await messageOf(request.prompt, prompt))
        watchSilence()
        return await finished.promise
      } catch (error) {
        const result = await reread()
        if (result === null) throw error
        return result
      } finally {
        cancelReread()
      }
    },
    async greet() {
      const { account, claude_code_version: version } = helloAnswer.safeParse(await control.request('initialize', { hooks: {} })).data ?? {}
      const name = version == null ? 'Claude Code' : `Claude Code ${version}`
      if (account == null) return { outcome: 'completed', summary: `${name}, which does not say whether it is logged in` }
      const { apiProvider, tokenSource, apiKeySource } = account
      const source = [apiProvider, tokenSource, apiKeySource].find((one) => one != null && one !== 'none' && one !== 'firstParty')
      if (source === undefined) return loggedOut('Claude Code is not logged in.')
      return { outcome: 'completed', summary: `${name}, logged in (${source})` }
    },
    receive,
    async steer(text) {
      if (!isAtWork || !takesTexts) return false
      const id = randomUUID()
      const taken = new Promise<boolean>((resolve) => queued.set(id, resolve))
      host.send(await messageOf(text, id))
      return taken
    },
    async interrupt() {
      await control.request('interrupt')
      await finished.promise // its result has what the turn has used
    },
    close() {
      cancelReread()
      isAtWork = false
      for (const settle of queued.values()) settle(false)
      control.close()
      finished.reject(new Error('closed'))
    },
    known: () => {
      const usage = used.total()
      return {
        ...(thread === undefined ? {} : { thread }),
        ...(usage === undefined ? {} : { usage }),
        ...(model === undefined ? {} : { model }),
      }
    },
  }
}
