// What an agent does in a turn, as progress: from the updates of its session, of which each has only a piece.

import { isAbsolute, relative, sep } from 'node:path'
import type { AgentEvent } from '../../ports.ts'
import { createDiffSum, difference } from '../diff-size.ts'
import type { Chunk, ToolCall, Update } from './messages.ts'
import { pathsOf } from './permission.ts'

type Told = Extract<AgentEvent, { type: 'progressed' }>

export interface Progress {
  take: (update: Update) => void
  /** All that has been said of a tool call. */
  call: (update: ToolCall) => ToolCall
  /**
   * What is being said is cut off by a text of ours, and what it says to that is no news either, until it does something: else a nudge
   * would be the progress of an agent that only talks. Answers what takes it back.
   */
  cut: () => () => void
  /** The last message, as far as it has come. */
  words: () => string
}

const editing = new Set(['edit', 'delete', 'move'])

const firstLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.replaceAll('**', '').trim())
    .find((line) => line !== '') ?? ''

/** Paths of the worktree, from its root. */
const inside = (paths: string[], worktree: string): string[] =>
  paths.map((path) => (isAbsolute(path) ? relative(worktree, path) : path)).filter((path) => path !== '' && path.split(sep)[0] !== '..')

/** Pure, apart from what it remembers. */
export function createProgress(worktree: string, tell: (progress: Told) => void): Progress {
  const calls = new Map<string, ToolCall & { isTold: boolean; isOver: boolean }>()
  const sum = createDiffSum()
  let speech: { kind: 'message' | 'thought'; id: string | null; text: string } | null = null
  let isCut = false
  let words = ''

  const say = (line: string, item: Told['item'], more: Partial<Told> = {}): void => {
    if (line !== '') tell({ type: 'progressed', line, item: item!, ...more })
  }

  /** Something else begins: what was being said is now said. An answer is no news, it comes with the result. */
  function endSpeech(): void {
    if (isCut) return void (speech = null)
    if (speech?.kind === 'message' && !/^\s*(\{|```)/.test(speech.text)) say(firstLine(speech.text), 'message')
    if (speech?.kind === 'thought') say(firstLine(speech.text), 'reasoning')
    speech = null
  }

  function onChunk(kind: 'message' | 'thought', { content, messageId = null }: Chunk): void {
    if (content.text === undefined) return
    if (speech === null || speech.kind !== kind || speech.id !== messageId) {
      endSpeech()
      speech = { kind, id: messageId, text: '' }
      if (kind === 'thought' && !isCut) say('thinks', 'reasoning') // it may take long
    }
    speech.text += content.text
    if (kind === 'message') words = speech.text
  }

  /** What an update does not say stays as it was. */
  function merge(update: ToolCall) {
    const known = Object.entries(update).filter(([, value]) => value !== undefined && value !== null)
    const before = calls.get(update.toolCallId)
    return { isTold: false, isOver: false, ...before, ...(Object.fromEntries(known) as unknown as ToolCall) }
  }

  function onCall(update: ToolCall): void {
    const call = merge(update)
    calls.set(call.toolCallId, call)
    const title = firstLine(call.title ?? '')
    const isEdit = editing.has(call.kind ?? '')
    const item = call.kind === 'execute' ? 'command' : isEdit ? 'edit' : 'tool'
    if (!call.isTold && !isDraft(call)) {
      call.isTold = true
      if (item === 'command') say(`$ ${title}`, item)
      if (item === 'tool') say(title, item)
    }
    if (call.isOver) return
    if (call.status === 'failed') say(`failed: ${title}`, item)
    if (call.status === 'completed') {
      if (item === 'command') say(`ran ${title}`, item)
      if (isEdit) onEdit(call, title)
    }
    call.isOver = call.status === 'failed' || call.status === 'completed'
  }

  function onEdit(call: ToolCall, title: string): void {
    const files = inside(pathsOf(call), worktree)
    const diffs = (call.content ?? []).filter(({ type }) => type === 'diff')
    const size = sum.add(
      files,
      diffs.map(({ oldText, newText }) => difference(oldText ?? '', newText ?? '')),
    )
    const line = files.length === 0 ? title : `edited ${files.join(', ')}`
    say(line, 'edit', { files, ...(diffs.length === 0 ? {} : { diff: size }) })
  }

  return {
    take({ kind, told }) {
      switch (kind) {
        case 'agent_message_chunk':
          return onChunk('message', told)
        case 'agent_thought_chunk':
          return onChunk('thought', told)
        case 'tool_call':
          endSpeech()
          isCut = false
          return onCall(told)
        case 'tool_call_update':
          return onCall(told)
        case 'plan': {
          endSpeech()
          isCut = false
          return say(firstLine(told.entries.find(({ status }) => status === 'in_progress')?.content ?? ''), 'plan')
        }
      }
    },
    call: merge,
    cut() {
      const before = isCut
      isCut = true
      return () => void (isCut = before)
    },
    words: () => words,
  }
}

/** Announced before it is known what with, under a title that says nothing yet. */
function isDraft({ status, rawInput }: ToolCall): boolean {
  return status === 'pending' && typeof rawInput === 'object' && rawInput !== null && Object.keys(rawInput).length === 0
}
