import { describe, expect, it } from 'vitest'
import { createProgress } from '../../../src/cli/demo/progress.ts'
import { tasks } from '../../../src/cli/demo/tasks.ts'
import { documentOf, landedDocument, waitingFor } from './documents.ts'

function stream(options: { isTTY: boolean; columns?: number }): {
  write: (text: string) => void
  written: string[]
  isTTY: boolean
  columns: number
} {
  const written: string[] = []
  return { columns: 100, ...options, written, write: (text) => void written.push(text) }
}

const [plain, , , , , impossible] = tasks

describe('live progress', () => {
  it('without a terminal appends a line for every change and none for none', () => {
    const out = stream({ isTTY: false })
    const progress = createProgress(out)
    progress.show([{ task: plain!, document: undefined }])
    expect(out.written).toEqual([])
    const waiting = documentOf('DEMO-1', { waitsFor: waitingFor('capacity') })
    progress.show([{ task: plain!, document: waiting }])
    progress.show([{ task: plain!, document: waiting }])
    progress.show([{ task: plain!, document: landedDocument('DEMO-1') }])
    expect(out.written).toEqual([
      'DEMO-1  Add slugify to the text module: delegated, waits for capacity\n',
      'DEMO-1  Add slugify to the text module: landed as #1\n',
    ])
    expect(out.written.join('')).not.toContain('\x1b')
  })

  it('on a terminal redraws its lines in place and keeps notes above them', () => {
    const out = stream({ isTTY: true })
    const progress = createProgress(out)
    progress.show([{ task: plain!, document: documentOf('DEMO-1') }])
    progress.show([{ task: plain!, document: landedDocument('DEMO-1') }])
    expect(out.written[1]).toBe('\x1b[1A\x1b[0J')
    progress.note('Killed the server')
    expect(out.written.slice(-3)).toEqual([
      '\x1b[1A\x1b[0J',
      'Killed the server\n',
      'DEMO-1  Add slugify to the text module  landed as #1\n',
    ])
  })

  it.each([120, 60, 20])('never writes a line that a terminal of %i columns would wrap', (columns) => {
    const out = stream({ isTTY: true, columns })
    const question = 'Which registry should it be published to, and under whose account, and when? '.repeat(3)
    createProgress(out).show([{ task: impossible!, document: documentOf('DEMO-6', { question, waitsFor: waitingFor('human') }) }])
    expect(out.written.join('').trimEnd().length).toBeLessThan(columns)
  })
})
