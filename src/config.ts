// Finds signalbox.config.json, reads it along its schema and gives the one checked, absolute form that the program works with.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { findNodeAtLocation, getNodeValue, type Node, parseTree, type ParseError, printParseErrorCode } from 'jsonc-parser'
import type { z } from 'zod'
import { crossCheck } from './config-checks.ts'
import { explainIssues, type KeyPath, type Problem, toKey } from './config-problems.ts'
import { branchOf, configSchema, type JsonSchema, toJsonSchema } from './config-schema.ts'
import { type Environment, readEnvironment, reasonOf, Secret, toAbsolute, toReference, written } from './config-values.ts'
import { ConfigurationError, FatalError, toErrorData } from './errors.ts'

export { type Environment, readEnvironment, Secret } from './config-values.ts'

type Parsed = z.output<typeof configSchema>

/** One project; `repo` is an absolute path, a URL, or owner/name with `forge.kind` github. `agent` names one of `agents`. */
export type ProjectConfig = Parsed['projects'][number] & { agent: string }
export type AgentConfig = Parsed['agents'][string]

/** The configuration: defaults filled in, durations in milliseconds, paths absolute, secrets wrapped. */
export interface Config extends Omit<Parsed, 'store' | 'projects' | '$schema'> {
  /** The file it was read from. */
  file: string
  store: { path: string; retention: number }
  /** The data folder: that of `store.path`. */
  dataFolder: string
  projects: ProjectConfig[]
  /** Every secret that the file names, read when it is revealed. */
  secrets: Secret[]
}

export const configFileName = 'signalbox.config.json'

export interface ConfigOptions {
  /** The file itself (`--config`), relative to `cwd`. */
  file?: string
  cwd?: string
  environment?: Environment
}

/** Finds, reads and checks the configuration. Throws ConfigurationError, whose message names the keys. Executes nothing. */
export function loadConfig(options: ConfigOptions = {}): Config {
  const environment = options.environment ?? readEnvironment()
  const file = findConfig({ ...options, environment })
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigurationError('configuration-unreadable', `Cannot read the configuration: ${reasonOf(error, file)}.`, { cause: error })
  }
  return parseConfig(text, file, environment)
}

/** The path of the configuration: `file`, else the nearest upward from `cwd`, else `$XDG_CONFIG_HOME/signalbox/`. Throws `no-configuration`. */
export function findConfig(options: ConfigOptions = {}): string {
  const environment = options.environment ?? readEnvironment()
  const cwd = options.cwd ?? process.cwd()
  if (options.file !== undefined) return resolve(cwd, options.file)
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const candidate = join(folder, configFileName)
    if (existsSync(candidate)) return candidate
    if (dirname(folder) === folder) break
  }
  const shared = join(environment.configFolder, configFileName)
  if (existsSync(shared)) return shared
  throw new ConfigurationError(
    'no-configuration',
    `No ${configFileName} in ${cwd}, in a folder above it, or in ${environment.configFolder}. Run \`signalbox init\` in your repository, or name one with --config FILE.`,
  )
}

/** Where this machine reaches the server; an address that stands for all of them is its own. Without a slash at the end. */
export function localUrl({ host, port }: Pick<Config['server'], 'host' | 'port'>): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** Where people reach it. Without a slash at the end. */
export const serverUrl = ({ publicUrl, host, port }: Config['server']): string => publicUrl ?? localUrl({ host, port })

/** Checks the text of a configuration as if it were the content of `file`. Throws ConfigurationError. */
export function parseConfig(text: string, file: string, environment: Environment = readEnvironment()): Config {
  const root = parseDocument(text, file)
  const folder = dirname(file)
  const schema = toJsonSchema()
  const secrets: Secret[] = []
  const value = replaceStrings(getNodeValue(root), schema, [], { folder, environment, secrets })
  const outcome = configSchema.safeParse(value)
  const lineOf = (path: KeyPath): number | undefined => {
    for (let length = path.length; length > 0; length--) {
      const node = findNodeAtLocation(root, path.slice(0, length))
      if (node) return lineAt(text, node.offset)
    }
    return undefined
  }
  if (!outcome.success) throw invalid(file, explainIssues(outcome.error.issues, value, schema), lineOf)
  const parsed = outcome.data
  const problems = crossCheck(parsed)
  if (problems.length > 0) throw invalid(file, problems, lineOf)
  const { $schema: _, ...rest } = parsed
  const path = parsed.store.path ?? join(defaultDataFolder(file, environment), 'signalbox.db')
  return {
    ...rest,
    file,
    store: { ...parsed.store, path },
    dataFolder: dirname(path),
    projects: parsed.projects.map((project) => ({
      ...project,
      agent: project.agent ?? Object.keys(parsed.agents)[0]!,
      repo: toRepository(project.repo, parsed.forge.kind, folder, environment),
    })),
    secrets,
  }
}

/** `$XDG_STATE_HOME/signalbox/NAME-HASH`: one for each configuration file, wherever the folder names are equal. */
export function defaultDataFolder(file: string, environment: Environment = readEnvironment()): string {
  const real = join(realFolder(dirname(file)), basename(file))
  const name = basename(dirname(real))
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replaceAll(/^[-.]+|-+$/g, '')
    .slice(0, 40)
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 10)
  return join(environment.stateFolder, `${name || 'signalbox'}-${hash}`)
}

/** Reveals every secret once, so that a missing one stops the start and not the first webhook. Throws ConfigurationError. */
export function assertSecrets(config: Config): void {
  for (const secret of config.secrets) secret.reveal()
}

/** The operator token. Throws ConfigurationError `no-operator-token` when the configuration has none. */
export function operatorTokenOf(config: Config): string {
  if (config.server.operatorToken) return config.server.operatorToken.reveal()
  throw new ConfigurationError(
    'no-operator-token',
    `server.operatorToken is missing in ${config.file}. \`signalbox init\` creates one; or write 32 random bytes into a file of mode 0600 and set it to "file:PATH".`,
  )
}

/**
 * Makes the data folder for this user alone (0700) and writes to it once. Throws FatalError `data-folder-unusable` or `disk-full`.
 * A folder that is there keeps its mode.
 */
export function makeDataFolder(config: Config): void {
  const { dataFolder } = config
  const probe = join(dataFolder, `.probe-${process.pid}`)
  try {
    makeFolder(dataFolder)
    writeFileSync(probe, 'signalbox')
    rmSync(probe)
  } catch (error) {
    if (existsSync(probe)) rmSync(probe)
    if ((error as { code?: string }).code === 'ENOSPC') {
      throw new FatalError('disk-full', `The disk of the data folder ${dataFolder} is full. Free space and start again.`, { cause: error })
    }
    const advice = 'Give it to this user, or set store.path to a place that can be written.'
    throw new FatalError(
      'data-folder-unusable',
      `Cannot write to the data folder ${dataFolder}: ${toErrorData(error).message}. ${advice}`,
      { cause: error },
    )
  }
}

/** One by one: where folders cannot be made although nothing is there, as in /proc, Node's own recursion never ends. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  if (dirname(folder) !== folder) makeFolder(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another start was faster; whether it can be written to is seen next.
    if ((error as { code?: string }).code !== 'EEXIST') throw error
  }
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder)
  } catch {
    return folder // A folder that does not exist yet has no other name.
  }
}

function parseDocument(text: string, file: string): Node {
  const errors: ParseError[] = []
  const root = parseTree(text.replace(/^\uFEFF/, ''), errors, { allowTrailingComma: true })
  const first = errors[0]
  if (first || !root || root.type !== 'object') {
    const where = first ? `${file}:${lineAt(text, first.offset)}` : file
    const what = first ? spellOut(printParseErrorCode(first.error)) : 'an object ({ … }) is expected'
    throw new ConfigurationError('configuration-invalid', `${where}: not readable as JSON with comments: ${what}.`)
  }
  assertNoDuplicates(root, text, file)
  return root
}

/** `CommaExpected` as `comma expected`. */
function spellOut(code: string): string {
  return code.replaceAll(/(?<=[a-z])([A-Z])/g, ' $1').toLowerCase()
}

function assertNoDuplicates(node: Node, text: string, file: string): void {
  const seen = new Set<unknown>()
  for (const child of node.children ?? []) {
    if (child.type === 'property') {
      const key = child.children![0]!
      if (seen.has(key.value)) {
        const where = `${file}:${lineAt(text, key.offset)}`
        throw new ConfigurationError('configuration-invalid', `${where}: the key "${String(key.value)}" is there twice. Keep one.`)
      }
      seen.add(key.value)
    }
    assertNoDuplicates(child, text, file)
  }
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

interface Reading {
  folder: string
  environment: Environment
  secrets: Secret[]
}

/** Walks the file along its schema: references are replaced, secrets wrapped, paths made absolute, commands left alone. */
function replaceStrings(value: unknown, schema: JsonSchema | undefined, path: KeyPath, reading: Reading): unknown {
  if (Array.isArray(value)) return value.map((item, index) => replaceStrings(item, branchOf(schema)?.items, [...path, index], reading))
  if (typeof value === 'object' && value !== null) {
    const chosen = branchOf(schema, value)
    const rest = typeof chosen?.additionalProperties === 'object' ? chosen.additionalProperties : undefined
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, replaceStrings(item, chosen?.properties?.[key] ?? rest, [...path, key], reading)]),
    )
  }
  return typeof value === 'string' ? replaceString(value, schema, toKey(path), reading) : value
}

function replaceString(text: string, schema: JsonSchema | undefined, key: string, { folder, environment, secrets }: Reading): unknown {
  const expected = branchOf(schema)
  if (expected?.format === 'command') return text
  const reference = toReference(text, key, folder, environment)
  if (expected?.format === 'secret') {
    const secret = reference
      ? new Secret(key, reference.source, reference.file, reference.read)
      : new Secret(key, written, null, () => text)
    secrets.push(secret)
    return secret
  }
  const value = reference ? reference.read() : text
  // A number or a switch that comes from the environment is text there.
  if (reference && (expected?.type === 'integer' || expected?.type === 'number') && value.trim() !== '') return Number(value)
  if (reference && expected?.type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return expected?.format === 'path' && value !== '' ? toAbsolute(value, folder, environment) : value
}

function toRepository(repo: string, forge: Parsed['forge']['kind'], folder: string, environment: Environment): string {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(repo) || /^[^/\s]+@[^/\s]+:/.test(repo)
  const isGitHubName = forge === 'github' && /^[\w.-]+\/[\w.-]+$/.test(repo)
  return isUrl || isGitHubName ? repo : toAbsolute(repo, folder, environment)
}

/** What a schema cannot say: names that must exist, and ids that must differ. */
function invalid(file: string, problems: Problem[], lineOf: (path: KeyPath) => number | undefined): ConfigurationError {
  const lines = problems.map(({ path, message }) => {
    const line = lineOf(path)
    return `${toKey(path)}: ${message}${line === undefined ? '' : ` (line ${line})`}`
  })
  const shown = lines.slice(0, 10)
  if (lines.length > shown.length) shown.push(`… and ${lines.length - shown.length} more`)
  const text = shown.length === 1 ? ` ${shown[0]}` : shown.map((line) => `\n  ${line}`).join('')
  return new ConfigurationError('configuration-invalid', `${file}:${text}`)
}
