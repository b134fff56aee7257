// What Claude Code does in a turn, as progress: a line for people, the kind of item, the files it touches.

import { isAbsolute, relative, sep } from 'node:path'
import type { AgentEvent } from '../../ports.ts'
import { createDiffSum } from '../diff-size.ts'
import { linesOf } from './edits.ts'
import type { ClaudeBlock } from './messages.ts'

type Progress = Extract<AgentEvent, { type: 'progressed' }>
type Described = Omit<Progress, 'type'>
type Input = Record<string, unknown>

/** Characters of a line; a command may be a whole script in one. */
const longest = 500

const toText = (value: unknown): string => (typeof value === 'string' ? value : '')
const firstLine = (value: unknown): string =>
  toText(value)
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '') ?? ''

export const editTools = ['Write', 'Edit', 'MultiEdit', 'NotebookEdit']

/** The file that a call is about; null when it names none. */
export const pathOf = (input: Input): string | null => toText(input['file_path'] ?? input['notebook_path'] ?? input['path']) || null

const within = (path: string, worktree: string): string => (isAbsolute(path) ? relative(worktree, path) : path)

/** Their result is told, or a question is asked, or they say nothing to people. */
const untold = [...editTools, 'StructuredOutput', 'AskUserQuestion', 'ToolSearch', 'TaskGet', 'TaskList']

export interface Items {
  /** A part of what the model has said. `called` is true for agents that this one has called. */
  said: (block: ClaudeBlock, called: boolean) => Progress | null
  /** What a call has come to. `result`: as the tool itself tells it. */
  returned: (block: ClaudeBlock, result: unknown) => Progress | null
}

/** For one turn, in which calls and their results belong together. */
export function createItems(worktree: string): Items {
  const calls = new Map<string, { name: string; input: Input }>()
  const sum = createDiffSum()
  /** The subjects of the plan's steps, by the numbers that they were given. */
  const steps = new Map<string, string>()

  function called(name: string, input: Input): Described | null {
    if (untold.includes(name)) return null
    switch (name) {
      case 'Bash':
        return { line: `$ ${firstLine(input['command'])}`, item: 'command' }
      case 'TodoWrite': {
        const todos = Array.isArray(input['todos']) ? (input['todos'] as Input[]) : []
        const step = todos.find(({ status }) => status === 'in_progress')
        return step === undefined ? null : { line: firstLine(step['activeForm'] ?? step['content']), item: 'plan' }
      }
      case 'TaskCreate':
        return { line: `plans: ${firstLine(input['subject'])}`, item: 'plan' }
      case 'TaskUpdate': {
        const step = firstLine(input['activeForm']) || steps.get(toText(input['taskId'])) || ''
        return input['status'] === 'in_progress' ? { line: step, item: 'plan' } : null
      }
      case 'Task':
      case 'Agent':
        return { line: `another agent: ${firstLine(input['description'])}`, item: 'tool' }
      default: {
        const about = within(firstLine(pathOf(input) ?? input['pattern'] ?? input['query'] ?? input['url'] ?? input['skill']), worktree)
        return { line: `uses ${name}${about === '' ? '' : ` ${about}`}`, item: 'tool' }
      }
    }
  }

  return {
    said(block, isCalled) {
      switch (block.type) {
        case 'text': {
          // One that is the answer is no news, and what a called agent says is said to this one.
          const line = block.text?.startsWith('{') ? '' : firstLine(block.text)
          return isCalled ? null : told({ line, item: 'message' })
        }
        case 'thinking':
          return told({ line: firstLine(block.thinking) || 'thinks', item: 'reasoning' })
        case 'tool_use': {
          const { id, name = '', input = {} } = block
          if (id !== undefined) calls.set(id, { name, input })
          return told(called(name, input))
        }
      }
      return null
    },
    returned({ tool_use_id: id = '', is_error: isError }, result) {
      const call = calls.get(id)
      calls.delete(id)
      if (call === undefined) return null
      const { name, input } = call
      if (name === 'TaskCreate') {
        const { task } = (result ?? {}) as { task?: { id?: unknown } }
        if (typeof task?.id === 'string') steps.set(task.id, firstLine(input['activeForm'] ?? input['subject']))
      }
      if (name === 'Bash') return told({ line: `ran ${firstLine(input['command'])}`, item: 'command' })
      const path = pathOf(input)
      if (!editTools.includes(name) || path === null || isError === true) return null
      const file = within(path, worktree)
      // Its own notes in the folder of its turn are no part of the change.
      const lines = file.split(sep)[0] === '..' ? null : linesOf(result)
      return told({ line: `edited ${file}`, item: 'edit', files: [file], ...(lines === null ? {} : { diff: sum.add([file], [lines]) }) })
    },
  }
}

function told(described: Described | null): Progress | null {
  if (described === null || described.line === '') return null
  return { type: 'progressed', ...described, line: described.line.slice(0, longest) }
}
