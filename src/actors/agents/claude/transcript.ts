// The transcript that Claude Code keeps of a session: where it is, and what a turn has come to whose result was missed on the stream.

import { readdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readMessage, type ClaudeTokens } from './messages.ts'

export interface TurnInTranscript {
  /** Null while the turn goes on; its structured answer if it has given one, and its last words. */
  end: { answer?: unknown; words: string } | null
  /** By message, as they were in the end. */
  messages: { id: string; tokens: ClaudeTokens }[]
}

/** The transcript's text; null when there is none. The folder's name is made of the working folder, in a way that is Claude's own affair. */
export async function readTranscript(session: string, env: Record<string, string>): Promise<string | null> {
  const projects = join(env['CLAUDE_CONFIG_DIR'] || join(env['HOME'] ?? homedir(), '.claude'), 'projects')
  try {
    for (const folder of await readdir(projects)) {
      const text = await readFile(join(projects, folder, `${session}.jsonl`), 'utf8').catch(() => null)
      if (text !== null) return text
    }
  } catch {
    // no session was ever kept
  }
  return null
}

/** What follows the prompt of this id. Pure. A line that is cut off, or of an unknown form, is left out. */
export function readTurn(transcript: string, prompt: string): TurnInTranscript {
  const turn: TurnInTranscript = { end: null, messages: [] }
  const answers = new Map<string, unknown>()
  let hasBegun = false
  let words = ''
  for (const line of transcript.split('\n')) {
    const entry = parse(line)
    if (entry === null || entry['isSidechain'] === true) continue
    if (entry['type'] === 'user' && entry['uuid'] === prompt) hasBegun = true
    const message = readMessage(entry)
    if (!hasBegun || message === null) continue
    if (message.type === 'assistant') {
      const { id, usage, content, stop_reason: reason } = message.message
      if (usage != null) turn.messages.push({ id, tokens: usage })
      const said = content.flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : []))
      if (said.length > 0) words = said.join('\n')
      for (const { type, name, id: call, input } of content) {
        if (type === 'tool_use' && name === 'StructuredOutput' && call !== undefined) answers.set(call, input)
      }
      turn.end = reason === 'end_turn' && message.error == null ? { words } : null
    } else if (message.type === 'user') {
      // An answer that was refused, and everything else that is said to the model, is followed by more.
      const [answered] = message.message.content.filter(
        ({ tool_use_id: call, is_error: isError }) => isError !== true && answers.has(call ?? ''),
      )
      turn.end = answered === undefined ? null : { answer: answers.get(answered.tool_use_id!), words }
    }
  }
  return turn
}

function parse(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return null
  }
}
