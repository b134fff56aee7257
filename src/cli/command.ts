// What a command is, how its words are read from the command line, and how its help is printed from the same description.

import { parseArgs, type ParseArgsConfig } from 'node:util'
import type { Config } from '../config.ts'
import type { Reader } from '../app.ts'
import { ConfigurationError, suggest } from '../errors.ts'
import type { Client } from './client.ts'
import type { Output } from './output.ts'

export interface Argument {
  /** In capitals, as the help shows it. */
  name: string
  description: string
  optional?: boolean
  /** Takes all words that are left, joined with spaces. */
  rest?: boolean
}

export interface Flag {
  description: string
  /** What its value is called; a flag without one is a switch. */
  value?: string
  /** May be given several times. */
  multiple?: boolean
  /** The only values it takes. */
  choices?: readonly string[]
}

export interface Command {
  name: string
  aliases?: readonly string[]
  /** One line, for the list of commands. */
  summary: string
  arguments?: readonly Argument[]
  flags?: Readonly<Record<string, Flag>>
  /** What `--json` prints, for the help. */
  json?: string
  examples: readonly string[]
  /** The exit code; a thrown error is printed and gives its own. */
  run: (context: Context) => Promise<number> | number
}

/** What a command works with. Everything that costs something is made when it is asked for. */
export interface Context extends Words {
  output: Output
  /** The `--config` flag as it was given, and the folder relative paths start at. */
  configFile: string | undefined
  cwd: string
  /** Throws ConfigurationError. */
  config: () => Config
  /** The database, read-only. Throws FatalError `no-database` when there is none yet. */
  reader: () => Promise<Reader>
  /** The running server. */
  client: () => Client
}

/** The words of one command line, by name. */
export interface Words {
  /** The value of an argument or of a flag; undefined when it was not given. */
  value: (name: string) => string | undefined
  /** The value of an argument or a flag that must be there. */
  required: (name: string) => string
  /** Every value of a flag that may be repeated. */
  values: (name: string) => string[]
  has: (flag: string) => boolean
}

/** Flags of every command. */
export const commonFlags: Readonly<Record<string, Flag>> = {
  json: { description: 'Print JSON on standard output, and nothing else' },
  config: { value: 'FILE', description: 'The configuration; otherwise the nearest signalbox.config.json upward' },
  help: { description: 'Print this help' },
}

export function wrongUse(
  code: 'unknown-command' | 'unknown-flag' | 'missing-argument' | 'invalid-argument',
  message: string,
): ConfigurationError {
  return new ConfigurationError(code, message)
}

/** Reads the words after the command's name. Throws ConfigurationError `unknown-flag`, `missing-argument` or `invalid-argument`. */
export function readWords(command: Command, args: readonly string[]): Words {
  const flags: Record<string, Flag> = { ...command.flags, ...commonFlags }
  const options: NonNullable<ParseArgsConfig['options']> = {}
  for (const [name, flag] of Object.entries(flags)) options[name] = { type: flag.value ? 'string' : 'boolean', multiple: true }
  options['help'] = { type: 'boolean', multiple: true, short: 'h' }
  const { tokens } = parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true })
  const given = new Map<string, string[]>()
  const words: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind === 'option') given.set(token.name, [...(given.get(token.name) ?? []), readFlag(command, flags, token)])
  }
  // Help wins over whatever else is wrong with the line.
  if (!given.has('help')) placeArguments(command, words, given)
  const value = (name: string): string | undefined => given.get(name)?.at(-1)
  return {
    value,
    required: (name) => {
      const found = value(name)
      if (found !== undefined) return found
      throw wrongUse('missing-argument', `--${name} is missing.`)
    },
    values: (name) => given.get(name) ?? [],
    has: (flag) => given.has(flag),
  }
}

type OptionToken = { name: string; rawName: string; value?: string | undefined; inlineValue?: boolean | undefined }

function readFlag(command: Command, flags: Record<string, Flag>, token: OptionToken): string {
  const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
  if (!flag) {
    const near = suggest(token.name, Object.keys(flags))
    const hint = near ? ` Did you mean --${near}?` : ` \`signalbox ${command.name} --help\` lists the flags.`
    throw wrongUse(
      'unknown-flag',
      `Unknown flag ${token.rawName} for \`signalbox ${command.name}\`.${hint} (Text that begins with a dash goes after \`--\`.)`,
    )
  }
  if (!flag.value) {
    if (token.value !== undefined) throw wrongUse('invalid-argument', `--${token.name} is a switch and takes no value.`)
    return 'true'
  }
  if (token.value === undefined || (!token.inlineValue && /^-./.test(token.value))) {
    const hint = token.value === undefined ? '' : ` If the value is "${token.value}", write --${token.name}=${token.value}.`
    throw wrongUse('missing-argument', `--${token.name} needs a value: --${token.name} ${flag.value}.${hint}`)
  }
  if (flag.choices && !flag.choices.includes(token.value)) {
    const near = token.value.length > 2 ? suggest(token.value, flag.choices) : undefined
    const hint = near ? ` Did you mean ${near}?` : ''
    throw wrongUse('invalid-argument', `--${token.name} must be one of ${flag.choices.join(', ')}, not "${token.value}".${hint}`)
  }
  return token.value
}

function placeArguments(command: Command, words: string[], given: Map<string, string[]>): void {
  const left = [...words]
  for (const argument of command.arguments ?? []) {
    const value = argument.rest ? left.splice(0).join(' ') : left.shift()
    if (value !== undefined && value !== '') given.set(argument.name, [value])
    else if (!argument.optional) {
      const what = words.length > 0 && value === '' && !argument.rest ? 'is empty' : 'is missing'
      throw wrongUse('missing-argument', `${argument.name} ${what}: ${usageOf(command)}`)
    }
  }
  if (left.length > 0) {
    const hint = (command.arguments ?? []).length > 0 ? ' Put a text with spaces in quotes.' : ''
    throw wrongUse(
      'invalid-argument',
      `Too many arguments: ${left.map((word) => `"${word}"`).join(' ')}. Usage: ${usageOf(command)}.${hint}`,
    )
  }
}

/** `signalbox submit TITLE [flags]` */
export function usageOf(command: Command): string {
  const words = (command.arguments ?? []).map(({ name, optional }) => (optional ? `[${name}]` : name))
  const flags = Object.keys(command.flags ?? {}).length > 0 ? ['[flags]'] : []
  return ['signalbox', command.name, ...words, ...flags].join(' ')
}

/** The text of `signalbox COMMAND --help`. */
export function helpOf(command: Command): string {
  const flags = Object.entries({ ...command.flags, ...commonFlags }).map(([name, flag]): [string, string] => [
    `${name === 'help' ? '-h, ' : ''}--${name}${flag.value ? ` ${flag.value}` : ''}`,
    [
      name === 'json' && command.json ? `Print ${command.json}` : flag.description,
      flag.choices ? `(${flag.choices.join(', ')})` : '',
      flag.multiple ? '(may be repeated)' : '',
    ]
      .filter(Boolean)
      .join(' '),
  ])
  return [
    `Usage: ${usageOf(command)}`,
    command.aliases?.length ? `Alias: ${command.aliases.join(', ')}` : '',
    '',
    command.summary,
    ...section(
      'Arguments',
      (command.arguments ?? []).map(({ name, description }) => [name, description]),
    ),
    ...section('Flags', flags),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
  ]
    .filter((line, index) => line !== '' || index !== 1)
    .join('\n')
}

function section(title: string, rows: [string, string][]): string[] {
  if (rows.length === 0) return []
  const width = Math.max(...rows.map(([left]) => left.length))
  return ['', `${title}:`, ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)]
}
