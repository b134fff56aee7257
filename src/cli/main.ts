// The command line: finds the command, reads its words, runs it and turns what it threw into a sentence and an exit code.

import { existsSync } from 'node:fs'
import type { Reader } from '../app.ts'
import { type Config, loadConfig, readEnvironment } from '../config.ts'
import { FatalError, suggest } from '../errors.ts'
import { type Client, createClient } from './client.ts'
import { type Command, commonFlags, helpOf, readWords, wrongUse } from './command.ts'
import { aliases, commands } from './commands.ts'
import { exit, exitCodeOf, sentenceOf } from './exit.ts'
import { createOutput } from './output.ts'

/** Runs one command line (without the program's name) and answers its exit code. Never throws. */
export async function main(args: readonly string[]): Promise<number> {
  const { stdout, stderr } = process
  for (const stream of [stdout, stderr]) stream.on('error', leaveQuietly)
  try {
    return await dispatch(args)
  } catch (error) {
    stderr.write(`signalbox: ${sentenceOf(error)}\n`)
    return exitCodeOf(error)
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const { name, rest } = splitName(args)
  if (name === undefined || name === 'help') {
    const topic = name === 'help' ? rest.find((word) => !word.startsWith('-')) : undefined
    if (rest.includes('--version')) return dispatch(['version'])
    process.stdout.write(`${topic === undefined ? await overview() : helpOf(await load(topic))}\n`)
    // Without a command nothing was done: a script that forgot it should notice.
    return name === undefined && !rest.includes('--help') && !rest.includes('-h') ? exit.wrongUse : exit.done
  }
  const command = await load(name)
  const words = readWords(command, rest)
  if (words.has('help')) {
    process.stdout.write(`${helpOf(command)}\n`)
    return exit.done
  }
  return await runCommand(command, words)
}

async function runCommand(command: Command, words: ReturnType<typeof readWords>): Promise<number> {
  const environment = readEnvironment()
  const output = createOutput(process, environment, words.has('json'))
  const cwd = process.cwd()
  const configFile = words.value('config')
  let config: Config | undefined
  let reader: Reader | undefined
  let client: Client | undefined
  const getConfig = (): Config => (config ??= readConfig(configFile, cwd, environment))
  try {
    return await command.run({
      ...words,
      output,
      cwd,
      configFile,
      config: getConfig,
      reader: async () => (reader ??= await open(getConfig())),
      client: () => (client ??= createClient(getConfig())),
    })
  } finally {
    reader?.close()
  }
}

function readConfig(file: string | undefined, cwd: string, environment: ReturnType<typeof readEnvironment>): Config {
  const config = loadConfig({ cwd, environment, ...(file === undefined ? {} : { file }) })
  // The command line's own secret is read now, so that a wrong one is told by whatever command comes first. A systemd
  // credential exists only inside the unit: there, reading commands go on without it.
  const token = config.server.operatorToken
  if (token && !token.source.startsWith('credential:')) token.reveal()
  return config
}

async function open(config: Config): Promise<Reader> {
  if (!existsSync(config.store.path)) {
    throw new FatalError('no-database', `There is no database yet at ${config.store.path}. \`signalbox start\` makes it.`)
  }
  const { openReader } = await import('../app.ts')
  return openReader(config)
}

/** The command's name, with flags that stand before it moved behind it. */
function splitName(args: readonly string[]): { name: string | undefined; rest: string[] } {
  const before: string[] = []
  for (let index = 0; index < args.length; index++) {
    const word = args[index]!
    if (!word.startsWith('-')) return { name: word, rest: [...args.slice(index + 1), ...before].flat() }
    const name = word.replace(/^--?/, '').replace(/=.*$/, '')
    const known = Object.hasOwn(commonFlags, name) || ['h', 'version', 'V'].includes(name)
    if (!known) throw wrongUse('unknown-flag', `Unknown flag ${word}. \`signalbox --help\` lists the commands.`)
    before.push(word === '-V' ? '--version' : word)
    if (commonFlags[name]?.value && !word.includes('=') && index + 1 < args.length) before.push(args[++index]!)
  }
  return { name: undefined, rest: before }
}

async function load(name: string): Promise<Command> {
  const known = Object.hasOwn(aliases, name) ? aliases[name]! : name
  if (Object.hasOwn(commands, known)) return (await commands[known]!()).command
  const near = suggest(name, [...Object.keys(commands), ...Object.keys(aliases)])
  const hint = near ? `Did you mean \`signalbox ${near}\`?` : '`signalbox --help` lists the commands.'
  throw wrongUse('unknown-command', `Unknown command "${name}". ${hint}`)
}

async function overview(): Promise<string> {
  const rows = await Promise.all(Object.keys(commands).map(async (name) => [name, (await load(name)).summary] as const))
  const width = Math.max(...rows.map(([name]) => name.length))
  return [
    'Usage: signalbox COMMAND [flags]',
    '',
    'Carries issues to merged pull requests with coding agents.',
    '',
    'Commands:',
    ...rows.map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Every command takes --json, --config FILE and --help (with an example).',
    'Exit codes: 0 done, 1 failed, 2 wrong use, 3 needs attention, 4 the database belongs to another live process.',
    '',
    'Examples:',
    '  signalbox demo                     the whole loop on a repository made for it',
    '  signalbox init && signalbox start  your own repository',
  ].join('\n')
}

/** A reader that has seen enough (`| head`) is not an error. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? exit.done : exit.failed)
}
