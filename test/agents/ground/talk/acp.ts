// Talks the Agent Client Protocol, version 1, with Zed's codex-acp and with claude-agent-acp.

import { agentBinaries } from '../../binaries.ts'
import { claudeHome, codexHome } from '../../homes.ts'
import { startProgram, type Message } from '../../program.ts'
import type { Agent, Outcome, Place, TalkOptions } from './talk.ts'

type Command = readonly [string, ...string[]]
type Start = (place: Place, options: TalkOptions) => Promise<{ command: Command; env: Record<string, string>; mode: string }>

const over =
  (start: Start): Agent =>
  async (place, options, started) => {
    const { command, env, mode } = await start(place, options)
    const program = startProgram(command, { cwd: place.repository, env, note: options.note })
    started(program)
    let id = 0
    const request = async (method: string, params: object): Promise<Message> => {
      const own = (id += 1)
      program.send({ jsonrpc: '2.0', id: own, method, params })
      return program.until((message) => message['id'] === own && message['method'] === undefined)
    }
    const call = async (method: string, params: object): Promise<Message> => {
      const { result, error } = await request(method, params)
      if (error) throw new Error(`${method}: ${JSON.stringify(error)}`)
      return result as Message
    }
    const clientCapabilities = { fs: { readTextFile: false, writeTextFile: false }, terminal: false }
    await call('initialize', { protocolVersion: 1, clientCapabilities, clientInfo: { name: 'test', title: 'Test', version: '0' } })
    const { sessionId } = await call('session/new', { cwd: place.repository, mcpServers: [] })
    await call('session/set_mode', { sessionId, modeId: mode })

    const outcomeOf = (response: Message, from: number): Outcome => {
      const chunks = program.messages.slice(from).map(({ params }) => params?.update as Message | undefined)
      const said = chunks.filter((update) => update?.['sessionUpdate'] === 'agent_message_chunk')
      const { result, error } = response
      const usage = result?.usage
      const failure = error ? JSON.stringify(error) : result.stopReason === 'end_turn' ? null : String(result.stopReason)
      const input = usage && usage.inputTokens + usage.cachedReadTokens + usage.cachedWriteTokens
      const tokens = usage ? { input, output: usage.outputTokens } : null
      return { text: said.map((update) => update!['content'].text).join(''), failure, answer: null, tokens }
    }

    return {
      program,
      async begin({ text, image }) {
        const from = program.messages.length
        const images = image ? [{ type: 'image', mimeType: 'image/png', data: image }] : []
        const response = request('session/prompt', { sessionId, prompt: [{ type: 'text', text }, ...images] })
        return { outcome: response.then((message) => outcomeOf(message, from)) }
      },
      interrupt: async () => program.send({ jsonrpc: '2.0', method: 'session/cancel', params: { sessionId } }),
    }
  }

export const codexAcp = over(async ({ folder, scenario }, { retries = 0 }) => ({
  command: [(await agentBinaries()).codexAcp],
  env: codexHome(folder, scenario.responsesUrl, undefined, { retries }).env,
  mode: 'full-access',
}))

export const claudeAgentAcp = over(async ({ folder, scenario }, { retries = 0 }) => ({
  command: (await agentBinaries()).claudeAgentAcp,
  env: claudeHome(folder, scenario.messagesUrl, undefined, { retries }).env,
  mode: 'bypassPermissions',
}))
