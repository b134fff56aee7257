// What Codex does in a turn, as progress: a line for people, the kind of item, the files it touches.

import { isAbsolute, relative } from 'node:path'
import type { AgentEvent } from '../../ports.ts'
import type { CodexItem } from './messages.ts'

type Progress = Extract<AgentEvent, { type: 'progressed' }>
type Describe = (item: CodexItem, worktree: string) => Omit<Progress, 'type'>

const firstLine = (text: string | undefined): string =>
  (text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '') ?? ''

/** As the agent wrote it, without the shell that it is given to. */
const withoutShell = (command: string): string =>
  /^\S*\/(?:ba|z)?sh -lc '([\s\S]*)'$/.exec(command)?.[1]?.replaceAll(`'\\''`, "'") ?? command

const within = (path: string, worktree: string): string => (isAbsolute(path) ? relative(worktree, path) : path)

const started: Record<string, Describe> = {
  commandExecution: ({ command = '' }) => ({ line: `$ ${firstLine(withoutShell(command))}`, item: 'command' }),
  mcpToolCall: ({ tool = '' }) => ({ line: `uses ${tool}`, item: 'tool' }),
  dynamicToolCall: ({ tool = '' }) => ({ line: `uses ${tool}`, item: 'tool' }),
  collabAgentToolCall: ({ tool = '' }) => ({ line: `another agent: ${tool}`, item: 'tool' }),
  webSearch: ({ query = '' }) => ({ line: `searches ${query}`, item: 'tool' }),
}

const completed: Record<string, Describe> = {
  commandExecution: ({ command = '' }) => ({ line: `ran ${firstLine(withoutShell(command))}`, item: 'command' }),
  fileChange: ({ changes = [] }, worktree) => {
    const files = changes.map(({ path }) => within(path, worktree))
    return { line: `edited ${files.join(', ')}`, item: 'edit', files }
  },
  // One that is the answer is no news: it comes with the result.
  agentMessage: ({ text = '' }) => ({ line: text.startsWith('{') ? '' : firstLine(text), item: 'message' }),
  reasoning: ({ summary = [] }) => ({ line: firstLine(summary.at(-1)) || 'thinks', item: 'reasoning' }),
  contextCompaction: () => ({ line: 'shortens its memory of the conversation', item: 'tool' }),
}

/** Null where nothing new is said by it. */
export function progressOf(when: 'started' | 'completed', item: CodexItem, worktree: string): Progress | null {
  const describe = (when === 'started' ? started : completed)[item.type]
  if (describe === undefined) return null
  const progress = describe(item, worktree)
  return progress.line === '' ? null : { type: 'progressed', ...progress }
}

/** The size of a unified diff. Pure. */
export function sizeOf(diff: string): { files: number; added: number; removed: number } {
  const size = { files: 0, added: 0, removed: 0 }
  for (const line of diff.split('\n')) {
    if (line.startsWith('diff --git ')) size.files++
    else if (line.startsWith('+') && !line.startsWith('+++')) size.added++
    else if (line.startsWith('-') && !line.startsWith('---')) size.removed++
  }
  return size
}
