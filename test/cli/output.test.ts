// What reaches a terminal and what reaches a pipe: columns, colours, control characters, times.

import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { readEnvironment } from '../../src/config.ts'
import { createOutput, indent, oneLine, toColumns } from '../../src/cli/output.ts'
import { clockOf, relative, spanOf, valueText } from '../../src/cli/text.ts'

function capture(tty: boolean, variables: Record<string, string> = {}, json = false) {
  let written = ''
  const stream = (): NodeJS.WriteStream => {
    const made = new Writable({ write: (chunk, _encoding, done) => ((written += String(chunk)), done()) })
    return Object.assign(made, { isTTY: tty, columns: 40 }) as unknown as NodeJS.WriteStream
  }
  const errors = stream()
  const output = createOutput({ stdout: stream(), stderr: errors }, readEnvironment(variables), json)
  return { output, text: () => written }
}

describe('colour', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('terminal %s with %j: %s', (tty, variables, expected) => {
    expect(capture(tty, variables).output.style('red', 'x') !== 'x').toBe(expected)
  })

  test('never with --json', () => {
    expect(capture(true, {}, true).output.style('red', 'x')).toBe('x')
  })
})

describe('--json', () => {
  test('prints documents and no lines', () => {
    const { output, text } = capture(false, {}, true)
    output.line('for people')
    output.table([['a', 'b']])
    output.document({ a: 1 })
    output.lineOfJson({ b: 2 })
    expect(text()).toBe('{\n  "a": 1\n}\n{"b":2}\n')
  })

  test('without it, lines and no documents', () => {
    const { output, text } = capture(false)
    output.line('for people')
    output.document({ a: 1 })
    output.lineOfJson({ b: 2 })
    expect(text()).toBe('for people\n')
  })
})

describe('columns', () => {
  test('are aligned, also with letters that are wide or have no width', () => {
    const rows = toColumns(
      [
        ['KEY', 'TITLE'],
        ['APP-1', 'x'],
        ['日本', 'y'],
        ['e\u0301', 'z'],
        ['🚂', 'w'],
      ],
      80,
    )
    expect(rows).toEqual(['KEY    TITLE', 'APP-1  x', '日本   y', 'e\u0301      z', '🚂     w'])
  })

  test('the last is cut where a terminal ends, and never in a pipe', () => {
    const title = 'a long title that does not fit'
    expect(toColumns([['APP-1', title]], 20)).toEqual(['APP-1  a long title…'])
    expect(toColumns([['APP-1', title]], Infinity)).toEqual([`APP-1  ${title}`])
  })
})

describe('text from outside', () => {
  test('cannot steer the terminal', () => {
    expect(oneLine('a\x1b[2Jb\x1b]0;title\x07c\r\nd\u0085e\u2028f')).toBe('abc d e f')
    expect(indent('a\x1b[31m\n\tb\x07')).toBe('  a\n    b')
  })
})

describe('times', () => {
  const now = Date.parse('2026-05-01T12:00:00Z')
  test.each([
    ['2026-05-01T11:59:57Z', '3 s ago'],
    ['2026-05-01T12:00:20Z', 'in 20 s'],
    ['2026-05-01T11:20:00Z', '40 min ago'],
    ['2026-05-01T06:30:00Z', '5 h 30 min ago'],
    ['2026-05-01T12:00:00.200Z', 'now'],
    ['2026-04-01T12:00:00.000Z', '2026-04-01 12:00:00Z'],
  ])('%s is %s', (iso, text) => {
    expect(relative(iso, now)).toBe(text)
  })

  test('none, and one that is no time', () => {
    expect(relative(null)).toBe('never')
    expect(relative('soon\x1b[0m')).toBe('soon')
    expect(clockOf('soon')).toBe('soon')
    expect(spanOf(59_000)).toBe('59 s')
  })
})

test('a state value is one line', () => {
  expect(valueText({ lifecycle: 'delegated', run: { waiting: 'capacity' }, authority: {} })).toBe(
    'lifecycle.delegated run.waiting.capacity authority',
  )
  expect(valueText('idle')).toBe('idle')
  expect(valueText(undefined)).toBe('')
})
