// The real agent programs as a configuration has them, each at a scripted model, and what goes over their wires.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { messagesChannel, type AgentMessage } from '../../src/actors/agents/talking.ts'
import { acpSchema, watchAcp } from '../agents/acp-protocol.ts'
import type { AgentBinaries } from '../agents/binaries.ts'
import { codexSchema, watchCodex } from '../agents/codex-protocol.ts'
import { sandboxArguments } from '../agents/conformance/candidates.ts'
import { claudeHome, codexHome } from '../agents/homes.ts'
import type { ScenarioHandle } from '../agents/model/server.ts'

export type RealAgent = 'codex' | 'claude' | 'codex-acp' | 'claude-agent-acp'
export const realAgents: RealAgent[] = ['codex', 'claude', 'codex-acp', 'claude-agent-acp']

interface Place {
  binaries: AgentBinaries
  /** For its home. */
  folder: string
  scenario: ScenarioHandle
}

/** Its part of the configuration. */
export function realAgent(name: RealAgent, { binaries, folder, scenario }: Place): { kind: string; command: string; env: object } {
  const { name: key, responsesUrl, messagesUrl } = scenario
  switch (name) {
    case 'codex': {
      const { env } = codexHome(folder, responsesUrl, key, { features: { default_mode_request_user_input: true } })
      return { kind: 'codex', command: `${binaries.codex} app-server`, env }
    }
    case 'claude':
      return { kind: 'claude', command: binaries.claude, env: claudeHome(folder, messagesUrl, key).env }
    case 'codex-acp': {
      // A slug that Codex knows: of others it warns in a message.
      const { env } = codexHome(folder, responsesUrl, key, { model: 'gpt-5.4' })
      return { kind: 'acp', command: `${binaries.codexAcp} ${sandboxArguments}`, env }
    }
    case 'claude-agent-acp':
      return { kind: 'acp', command: binaries.claudeAgentAcp.join(' '), env: claudeHome(folder, messagesUrl, key).env }
  }
}

/** The same agent with its wire kept. `deaf`: it never hears that it is interrupted, nor of a SIGTERM. */
export function wired<A extends { command: string; env: object }>(agent: A, folder: string, deaf = false): A {
  const wire = join(folder, 'wire')
  mkdirSync(wire, { recursive: true })
  const env = { ...agent.env, WIRE: wire, ...(deaf && { DEAF: '1' }) }
  return { ...agent, command: `sh ${join(import.meta.dirname, 'wire.sh')} ${agent.command}`, env }
}

type Json = Record<string, any>

/** What was said to one process, and by it. */
export interface Wire {
  us: Json[]
  agent: Json[]
}

/** Those of each process that has worked on an issue, the first one first. */
export function wiresOf(folder: string, key: string): Wire[] {
  const wire = join(folder, 'wire')
  // What was killed may have left a part of a line.
  const read = (file: string): Json[] =>
    readFileSync(join(wire, file), 'utf8')
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Json] : []))
  const names = readdirSync(wire)
    .filter((file) => file.startsWith(`${key}.`) && file.endsWith('.us'))
    .toSorted()
  return names.map((file) => ({ us: read(file), agent: read(file.replace(/us$/, 'agent')) }))
}

/**
 * Asserts that everything that went over the wires there is as the agent's own schema says, and that something did. Claude Code
 * has no schema.
 */
export function assertSchema(name: RealAgent, binaries: AgentBinaries, folder: string): void {
  if (name === 'claude') return
  const keys = new Set(readdirSync(join(folder, 'wire')).map((file) => file.split('.')[0]!))
  const wires = [...keys].flatMap((key) => wiresOf(folder, key))
  expect(wires.filter(({ us, agent }) => us.length > 0 && agent.length > 0)).not.toEqual([])
  const schema = name === 'codex' ? codexSchema(binaries.codex) : null
  const watched = schema === null ? watchAcp(acpSchema(binaries)) : watchCodex(schema)
  for (const wire of wires) sayAgain(name === 'codex' ? 'codex' : 'acp', wire)
  watched.stop()
  schema?.remove()
  expect(watched.problems).toEqual([])
}

/** As if it had been said here, for those who hold protocols against their schemas. */
export function sayAgain(kind: string, { us, agent }: Wire): void {
  const turn = {}
  const say = (from: AgentMessage['from'], message: Json): void =>
    messagesChannel.publish({ kind, turn, from, message } satisfies AgentMessage)
  const isRequest = ({ method, id }: Json): boolean => method !== undefined && id !== undefined
  // Each side's requests before the answers of the other one, whatever the order was.
  for (const message of us.filter(isRequest)) say('us', message)
  for (const message of agent) say('agent', message)
  for (const message of us.filter((one) => !isRequest(one))) say('us', message)
}
