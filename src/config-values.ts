// The one place that reads the environment, and what a configuration string stands for: $NAME, file:PATH, credential:NAME.

import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { inspect } from 'node:util'
import { ConfigurationError, toErrorData } from './errors.ts'

/** What the rest of the program may know of the environment. */
export interface Environment {
  variables: Readonly<Record<string, string | undefined>>
  home: string
  /** `$XDG_CONFIG_HOME/signalbox`. */
  configFolder: string
  /** `$XDG_STATE_HOME/signalbox`. */
  stateFolder: string
}

/** The environment of this process, or the one given. Relative XDG folders are ignored, as their specification asks. */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const home = variables['HOME'] || homedir()
  const folder = (name: string, fallback: string): string => {
    const value = variables[name]
    return join(value && isAbsolute(value) ? value : join(home, fallback), 'signalbox')
  }
  return {
    variables,
    home,
    configFolder: folder('XDG_CONFIG_HOME', '.config'),
    stateFolder: folder('XDG_STATE_HOME', join('.local', 'state')),
  }
}

/** The source of a secret that stands in the file itself. */
export const written = 'the configuration'

/** A string that is not printed by mistake: logs, JSON and template strings show `[secret]`. */
export class Secret {
  /** The key in the file, such as `server.operatorToken`. */
  readonly key: string
  /** Where it comes from, in the words of the file (`$NAME`, `file:PATH`, `credential:NAME`), else `the configuration`. */
  readonly source: string
  /** The file that holds it, when there is one: `doctor` looks at its mode. */
  readonly file: string | null
  readonly #read: () => string
  constructor(key: string, source: string, file: string | null, read: () => string) {
    this.key = key
    this.source = source
    this.file = file
    this.#read = read
  }
  /** The value. Throws ConfigurationError `unreadable-value`, also when it is empty. */
  reveal(): string {
    const value = this.#read()
    if (value === '') throw unreadable(this.key, this.source, 'it is empty')
    return value
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [inspect.custom](): string {
    return '[secret]'
  }
}

/** A string of the file, not read yet. `file` is set for the two forms that are kept in one. */
export interface Reference {
  source: string
  file: string | null
  read: () => string
}

const maximumBytes = 1024 * 1024

/** What `text` (the value of `key`) refers to; undefined when it is an ordinary string. */
export function toReference(text: string, key: string, folder: string, environment: Environment): Reference | undefined {
  if (/^\$[A-Za-z_][A-Za-z0-9_]*$/.test(text)) {
    const name = text.slice(1)
    const read = (): string => {
      const value = environment.variables[name]
      if (value === undefined) throw unreadable(key, text, `the environment variable ${name} is not set`)
      return value
    }
    return { source: text, file: null, read }
  }
  // file:// is the address of a repository, not a reference.
  if (text.startsWith('file:') && !text.startsWith('file://')) {
    const file = toAbsolute(text.slice('file:'.length), folder, environment)
    return { source: text, file, read: () => readValue(file, key, text) }
  }
  if (text.startsWith('credential:')) {
    const name = text.slice('credential:'.length)
    const credentials = environment.variables['CREDENTIALS_DIRECTORY']
    const file = credentials ? join(credentials, name) : null
    const read = (): string => {
      if (name === '' || name.includes('/') || name.startsWith('.')) throw unreadable(key, text, 'is not the name of a credential')
      if (file === null) throw unreadable(key, text, 'systemd credentials exist only inside the unit ($CREDENTIALS_DIRECTORY is not set)')
      return readValue(file, key, text)
    }
    return { source: text, file, read }
  }
  return undefined
}

/** `path` made absolute: `~/` is the home folder, anything relative starts at `folder`. */
export function toAbsolute(path: string, folder: string, environment: Environment): string {
  if (path === '~' || path.startsWith('~/')) return resolve(environment.home, path.slice(2))
  return resolve(folder, path)
}

function readValue(file: string, key: string, source: string): string {
  try {
    const { size } = statSync(file)
    if (size > maximumBytes) throw unreadable(key, source, `${file} is larger than 1 MiB`)
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    if (error instanceof ConfigurationError) throw error
    throw unreadable(key, source, reasonOf(error, file), error)
  }
}

/** A file system error in words. */
export function reasonOf(error: unknown, file: string): string {
  const code = (error as { code?: unknown }).code
  if (code === 'ENOENT') return `${file} does not exist`
  if (code === 'ENOTDIR') return `a part of the path ${file} is not a folder`
  if (code === 'EACCES' || code === 'EPERM') return `${file} may not be read by this user`
  if (code === 'EISDIR') return `${file} is a folder`
  return `${file}: ${toErrorData(error).message}`
}

function unreadable(key: string, source: string, reason: string, cause?: unknown): ConfigurationError {
  const what = source === written ? 'cannot be used' : `cannot read "${source}"`
  return new ConfigurationError('unreadable-value', `${key}: ${what}: ${reason}.`, { cause })
}
