// logs [KEY]: the structured log of the server, from its file.

import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { follow } from './follow.ts'
import { oneLine, type Output } from './output.ts'
import { clockOf } from './text.ts'

export const command: Command = {
  name: 'logs',
  summary: 'Show the log of the server, all of it or the lines about one issue.',
  arguments: [{ name: 'KEY', optional: true, description: 'Only lines about this issue' }],
  flags: {
    follow: { description: 'Go on with what is written next' },
    lines: { value: 'N', description: 'How many of the last lines (200; 0 shows all)' },
  },
  json: '{ lines }; with --follow one line for each',
  examples: ['signalbox logs', 'signalbox logs APP-1 --follow'],
  run: async (context) => {
    const { output } = context
    const count = context.value('lines') ?? '200'
    if (!/^\d{1,9}$/.test(count)) throw wrongUse('invalid-argument', `--lines must be a number, not "${count}".`)
    const file = join(context.config().dataFolder, 'log.jsonl')
    const issue = await issueOf(context)
    const isWanted = (line: LogLine): boolean => issue === undefined || isAbout(line, issue)
    if (!existsSync(file) && !context.has('follow')) {
      output.note(`No log yet at ${file}: \`signalbox start\` writes it.`)
      output.document({ lines: [] })
      return exit.done
    }
    // The last rotated file as well: right after a rotation the new one is nearly empty.
    const older = existsSync(`${file}.1`) ? createTail(`${file}.1`).read() : []
    const tail = createTail(file)
    const lines = [...older, ...tail.read()].filter(isWanted)
    const shown = count === '0' ? lines : lines.slice(-Number(count))
    if (!context.has('follow')) {
      for (const line of shown) printLine(line, output)
      output.document({ lines: shown })
      return exit.done
    }
    const show = (some: LogLine[]): undefined => {
      for (const line of some) {
        printLine(line, output)
        output.lineOfJson(line)
      }
    }
    show(shown)
    return await follow(() => show(tail.read().filter(isWanted)))
  },
}

type LogLine = Record<string, unknown>

interface Named {
  key: string
  project: string | null
}

/** The issue that KEY names. Without a database nobody can say more of it than its key. */
async function issueOf(context: Context): Promise<Named | undefined> {
  const key = context.value('KEY')
  if (key === undefined) return undefined
  if (existsSync(context.config().store.path)) return (await context.reader()).issue(key)
  const slash = key.lastIndexOf('/')
  return { key: key.slice(slash + 1), project: slash < 0 ? null : key.slice(0, slash) }
}

function isAbout(line: LogLine, { key, project }: Named): boolean {
  const isOther = project !== null && typeof line['project'] === 'string' && line['project'] !== project
  return (line['key'] === key || line['issue'] === key) && !isOther
}

/** Reads what was added since the last time; starts again when the file was rotated. */
function createTail(file: string): { read: () => LogLine[] } {
  let position = 0
  let inode = 0
  let rest = Buffer.alloc(0)
  return {
    read() {
      if (!existsSync(file)) return []
      const { ino, size } = statSync(file)
      if (ino !== inode || size < position) {
        inode = ino
        position = 0
        rest = Buffer.alloc(0)
      }
      const added = readFrom(file, position)
      position += added.length
      const bytes = Buffer.concat([rest, added])
      const end = bytes.lastIndexOf('\n') + 1
      rest = bytes.subarray(end)
      return bytes.toString('utf8', 0, end).split('\n').flatMap(parse)
    },
  }
}

function readFrom(file: string, position: number): Buffer {
  const descriptor = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - position))
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, position))
  } finally {
    closeSync(descriptor)
  }
}

/** A line that is not JSON (the end of a full disk) is shown as it is. */
function parse(text: string): LogLine[] {
  if (text === '') return []
  try {
    const value: unknown = JSON.parse(text)
    return [typeof value === 'object' && value !== null ? (value as LogLine) : { msg: text }]
  } catch {
    return [{ msg: text }]
  }
}

const levelNames: Record<string, string> = { '10': 'trace', '20': 'debug', '30': 'info', '40': 'warn', '50': 'error', '60': 'fatal' }

function printLine(line: LogLine, output: Output): void {
  const { time, level, msg, pid: _pid, hostname: _hostname, ...rest } = line
  const name = levelNames[String(level)] ?? String(level ?? '')
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const style = name === 'error' || name === 'fatal' ? 'red' : name === 'warn' ? 'yellow' : 'dim'
  const at = typeof time === 'number' || typeof time === 'string' ? clockOf(time) : ''
  const parts = [
    output.style('dim', at),
    output.style(style, name.padEnd(5)),
    oneLine(String(msg ?? '')),
    output.style('dim', oneLine(fields.join(' '))),
  ]
  output.line(parts.join('  ').trimEnd())
}
