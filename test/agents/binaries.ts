// The real agent programs of agents-e2e, installed once a machine: in a cache folder outside the checkout, by one process at a time.

import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import Database from 'better-sqlite3'

export interface AgentBinaries {
  /** The native `codex` of `@openai/codex`: `codex app-server`, `codex exec`. */
  codex: string
  /** The native `claude` of `@anthropic-ai/claude-code`. */
  claude: string
  /** The native ACP server of `@zed-industries/codex-acp`: no arguments. */
  codexAcp: string
  /** The ACP server of `@agentclientprotocol/claude-agent-acp`, run by the node of this process. As root it needs `IS_SANDBOX=1`. */
  claudeAgentAcp: [string, ...string[]]
}

/** Where each program is below the installed folder. The wrappers of the packages are not used: they need install scripts. */
const programs = {
  codex: 'node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex',
  claude: 'node_modules/@anthropic-ai/claude-code-linux-x64/claude',
  codexAcp: 'node_modules/@zed-industries/codex-acp-linux-x64/bin/codex-acp',
  claudeAgentAcp: 'node_modules/@agentclientprotocol/claude-agent-acp/dist/index.js',
}

const source = resolve(import.meta.dirname, '../../agents-e2e')
/** Written last, with the sizes of the programs: a folder without it, or with other sizes, is what an interrupted install has left. */
const receipt = 'installed.json'
/** Days after which an install that nobody has asked for is removed: each takes 1.4 GB. */
const keptDays = 14

export interface InstallOptions {
  /** Where installs are kept. Default `$XDG_CACHE_HOME/signalbox-agents-e2e`, or `~/.cache/signalbox-agents-e2e`. */
  cache?: string
  /** The folder with `package.json` and `package-lock.json`. Default `agents-e2e`. */
  from?: string
  /** The program that is run with `ci …`. Default `npm`. */
  npm?: string
  /** Milliseconds for it. Default 1,200,000. */
  timeout?: number
}

let known: Promise<AgentBinaries> | undefined

/** Absolute paths of the real programs, which are installed first where they are not. Throws with npm's output when that fails. */
export function agentBinaries(): Promise<AgentBinaries> {
  return (known ??= installAgents().then((binaries) => {
    // codex-acp runs its commands with bubblewrap and brings none: where the machine has none either, it is given Codex's own.
    process.env['PATH'] += delimiter + join(dirname(binaries.codex), '../codex-resources')
    return binaries
  }))
}

/** Contract: whoever asks at the same time, in whichever process, waits for one install; a folder that is answered is complete. */
export async function installAgents(options: InstallOptions = {}): Promise<AgentBinaries> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `The real agents are tried on linux-x64 only, and this is ${process.platform}-${process.arch}: add its paths to test/agents/binaries.ts.`,
    )
  }
  const { cache = cacheFolder(), from = source, npm = 'npm', timeout = 1_200_000 } = options
  const lockfile = readFileSync(join(from, 'package-lock.json'))
  const hash = createHash('sha256').update(lockfile).digest('hex').slice(0, 16)
  const folder = join(cache, hash)
  if (!isComplete(folder)) {
    mkdirSync(cache, { recursive: true })
    const unlock = await lock(join(cache, 'lock.sqlite'))
    try {
      if (!isComplete(folder)) await install(from, folder, npm, timeout)
      removeUnused(cache, hash)
    } finally {
      unlock()
    }
  }
  utimesSync(join(folder, receipt), new Date(), new Date())
  return {
    codex: join(folder, programs.codex),
    claude: join(folder, programs.claude),
    codexAcp: join(folder, programs.codexAcp),
    claudeAgentAcp: [process.execPath, join(folder, programs.claudeAgentAcp)],
  }
}

const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'signalbox-agents-e2e')

const sizes = (folder: string): string =>
  JSON.stringify(Object.values(programs).map((path) => statSync(join(folder, path), { throwIfNoEntry: false })?.size ?? null))

const isComplete = (folder: string): boolean =>
  existsSync(join(folder, receipt)) && readFileSync(join(folder, receipt), 'utf8') === sizes(folder)

async function install(from: string, folder: string, npm: string, timeout: number): Promise<void> {
  // A name of its own each time: the npm of a process that was killed may still be writing to the last one.
  const draft = `${folder}.draft-${randomUUID()}`
  const left = readdirSync(dirname(folder)).filter((name) => name.startsWith(`${basename(folder)}.draft-`))
  for (const old of [...left.map((name) => join(dirname(folder), name)), folder]) remove(old)
  mkdirSync(draft)
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(from, name), join(draft, name))
  const { code, output } = await runNpm(npm, draft, timeout)
  const missing = Object.values(programs).filter((path) => !existsSync(join(draft, path)))
  if (code !== 0 || missing.length > 0) {
    remove(draft)
    const why = code === 0 ? `it has not brought ${missing.join(', ')}` : `\`npm ci\` ended with ${code}`
    throw new Error(
      `The real agents cannot be installed: ${why}. Try \`npm ci --ignore-scripts\` in agents-e2e: the packages come from npm's registry, which must be reached, and take 1.4 GB below ${folder}. npm said:\n${output.trim()}`,
    )
  }
  writeFileSync(join(draft, receipt), sizes(draft))
  renameSync(draft, folder)
}

const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10 })

/** Over its time it is ended with what it has started: a registry that takes a connection and says nothing keeps it for ever. */
async function runNpm(npm: string, cwd: string, timeout: number): Promise<{ code: number | string; output: string }> {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  const child = spawn(npm, args, { cwd, env: npmEnvironment(process.env), stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  let isLate = false
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const timer = setTimeout(() => {
    isLate = true
    process.kill(-child.pid!, 'SIGKILL')
  }, timeout)
  return new Promise<{ code: number | string; output: string }>((done) => {
    child.once('error', (error) => done({ code: error.message, output }))
    child.once('close', (code, signal) =>
      done({ code: isLate ? `${signal} after ${timeout / 1_000} s` : (code ?? signal ?? 'nothing'), output }),
    )
  }).finally(() => clearTimeout(timer))
}

/** How the machine reaches its registry: what of an outer npm's settings holds for the inner one too. */
const reaching = /^npm_config_(registry|cache|userconfig|globalconfig|https?_proxy|proxy|noproxy|cafile|ca|strict_ssl)$/

/** Without what an outer `npm test` has set for itself: `npm_config_prefix`, `npm_config_omit` or `npm_config_dry_run` would install elsewhere or nothing. */
export function npmEnvironment(outer: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const leaking = /^(npm_.*|INIT_CWD|NODE_OPTIONS|NODE_ENV|NODE_COMPILE_CACHE|VITEST.*)$/
  return Object.fromEntries(Object.entries(outer).filter(([name]) => reaching.test(name) || !leaking.test(name)))
}

/** A lock that the operating system takes back from a process that was killed, so that none is ever left behind. */
async function lock(path: string): Promise<() => void> {
  const database = new Database(path, { timeout: 0 })
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE')
      return () => database.close()
    } catch (error) {
      // Not by SQLite's own patience, which would keep this process from everything else.
      if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
      await pause(100)
    }
  }
}

function removeUnused(cache: string, hash: string): void {
  for (const name of readdirSync(cache)) {
    const used = statSync(join(cache, name, receipt), { throwIfNoEntry: false })
    if (name !== hash && used && Date.now() - used.mtimeMs > keptDays * 86_400_000) {
      remove(join(cache, name))
    }
  }
}
