// Live progress on standard error: one line an issue, redrawn in place on a terminal, appended when it changes elsewhere.

import type { IssueDocument } from '../../app.ts'
import { oneLine, toColumns } from '../output.ts'
import { hasEnded } from './scenario.ts'
import type { Task } from './tasks.ts'

export interface Progress {
  /** Shows what has changed; `rows` are the same issues in the same order every time. */
  show: (rows: readonly { task: Task; document: IssueDocument | undefined }[]) => void
  /** A line above the issues that stays. */
  note: (text: string) => void
}

export interface ProgressStream {
  isTTY?: boolean
  columns?: number
  write: (text: string) => unknown
}

export function createProgress(stream: ProgressStream): Progress {
  const isLive = stream.isTTY === true
  let drawn: string[] = []
  let texts: string[] = []

  const draw = (lines: string[]): void => {
    if (drawn.length > 0) stream.write(`\x1b[${drawn.length}A\x1b[0J`)
    if (lines.length > 0) stream.write(`${lines.join('\n')}\n`)
    drawn = lines
  }

  return {
    show: (rows) => {
      const cells = rows.map(({ task, document }) => [document?.key ?? '', task.title, now(task, document)])
      const next = cells.map((row) => row.join(' | '))
      if (isLive) {
        // One column short of the width: a full line would wrap, and the redrawing would be one line off.
        const lines = toColumns(cells, (stream.columns ?? 80) - 1).map((line) => line.slice(0, (stream.columns ?? 80) - 1))
        if (lines.join('\n') !== drawn.join('\n')) draw(lines)
      } else {
        for (const [index, [key, title, text]] of cells.entries()) {
          if (key !== '' && next[index] !== texts[index]) stream.write(`${key}  ${title}: ${text}\n`)
        }
      }
      texts = next
    },
    note: (text) => {
      const lines = drawn
      draw([])
      stream.write(`${text}\n`)
      draw(lines)
    },
  }
}

/** What an issue is doing, in a few words. */
function now(task: Task, document: IssueDocument | undefined): string {
  if (document === undefined) return ''
  if (hasEnded(task, document))
    return document.question !== null
      ? `asks: ${oneLine(document.question)}`
      : document.pr === null
        ? 'done'
        : `landed as #${document.pr.number}`
  if (document.run !== null) return `${document.phase}, ${document.run.type} by ${document.run.agent}`
  const parties = [...new Set(document.waitsFor.map(({ party }) => party))]
  return parties.length === 0 ? document.phase : `${document.phase}, waits for ${parties.join(', ')}`
}
