// What a command prints: answers on standard output, everything else on standard error, colour only for a terminal.

import { stripVTControlCharacters, styleText } from 'node:util'
import type { Environment } from '../config.ts'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export interface Output {
  /** Whether `--json` was given. */
  readonly json: boolean
  readonly interactive: boolean
  /** One line (or text of several) of the answer for people. Nothing with `--json`. */
  line: (text?: string) => void
  /** The answer as JSON: a document, or one line of several. Nothing without `--json`. */
  document: (value: unknown) => void
  lineOfJson: (value: unknown) => void
  /** Rows in columns, the first of them the heading. */
  table: (rows: readonly (readonly string[])[]) => void
  /** Progress and diagnostics, on standard error. */
  note: (text: string) => void
  style: (style: Style, text: string) => string
}

export interface Streams {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
}

export function createOutput(streams: Streams, environment: Environment, json: boolean): Output {
  const { stdout, stderr } = streams
  const interactive = stdout.isTTY === true && !json
  const { variables } = environment
  const coloured = interactive && !variables['NO_COLOR'] && variables['TERM'] !== 'dumb'
  const line = (text = ''): void => {
    if (!json) stdout.write(`${text}\n`)
  }
  return {
    json,
    interactive,
    line,
    document: (value) => void (json && stdout.write(`${JSON.stringify(value, null, 2)}\n`)),
    lineOfJson: (value) => void (json && stdout.write(`${JSON.stringify(value)}\n`)),
    table: (rows) => {
      for (const text of toColumns(rows, interactive ? stdout.columns || 120 : Infinity)) line(text)
    },
    note: (text) => void stderr.write(`${text}\n`),
    style: (style, text) => (coloured ? styleText(style, text, { validateStream: false }) : text),
  }
}

/** Aligned lines, two spaces between columns; the last column is cut where a terminal ends. */
export function toColumns(rows: readonly (readonly string[])[], width: number): string[] {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, widthOf(cell))))
  return rows.map((row) => {
    const cells = row.map((cell, index) => (index === row.length - 1 ? cell : cell + ' '.repeat(widths[index]! - widthOf(cell))))
    const last = cells.pop() ?? ''
    const before = cells.map((cell) => `${cell}  `).join('')
    return (before + cut(last, Math.max(width - widthOf(before), 10))).trimEnd()
  })
}

/** Text from outside on one line: no control character of it reaches the terminal. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
}

/** Text of several lines, each of them harmless and indented. */
export function indent(text: string, by = '  '): string {
  return text
    .split('\n')
    .map((part) => by + oneLineKeepingStart(part))
    .join('\n')
}

function oneLineKeepingStart(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll('\t', '  ')
    .replaceAll(/\p{Cc}/gu, '')
    .trimEnd()
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width || text !== stripVTControlCharacters(text)) return text
  let kept = ''
  for (const character of text) {
    if (widthOf(kept) + widthOf(character) > width - 1) break
    kept += character
  }
  return `${kept}…`
}

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

/** Columns that a terminal gives to `text`. */
function widthOf(text: string): number {
  let width = 0
  for (const character of stripVTControlCharacters(text)) {
    if (/\p{M}|\u200d/u.test(character)) continue
    width += wide.test(character) ? 2 : 1
  }
  return width
}
