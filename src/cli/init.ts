// init [DIR]: writes a configuration for this machine and repository, and an operator token outside it.

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { createInterface, type Interface } from 'node:readline/promises'
import { type Base, discoverBase } from '../actors/workspace/base.ts'
import { configFileName, defaultDataFolder, parseConfig } from '../config.ts'
import { reasonOf } from '../config-values.ts'
import { ConfigurationError, FatalError, toErrorData } from '../errors.ts'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { findRepository } from './repository.ts'
import { starterConfig } from './starter-config.ts'
import { discoverTests } from './toolchain.ts'

export const command: Command = {
  name: 'init',
  summary: 'Write a configuration for this machine and repository, and an operator token outside it.',
  arguments: [{ name: 'DIR', optional: true, description: 'Where to write it: your repository, or a folder in it (the current one)' }],
  flags: {
    'agent-command': { value: 'C', description: 'The command line of the coding agent; it is run in the worktree' },
    'ci-command': { value: 'C', description: 'The command line that checks a change; empty for none' },
    base: { value: 'B', description: 'The branch that changes land on' },
    yes: { description: 'Ask nothing, take what was found out' },
    force: { description: 'Replace a configuration that is there' },
  },
  json: '{ file, written, tokenFile, project }',
  examples: ['signalbox init', 'signalbox init --yes --agent-command ./agent.sh --ci-command "npm ci && npm test"'],
  run: async (context) => {
    const folder = toFolder(context)
    const file = join(folder, configFileName)
    if (existsSync(file) && !context.has('force')) {
      context.output.line(`${file} exists and is kept. \`signalbox init --force\` replaces it.`)
      context.output.document({ file, written: false, tokenFile: null, project: null })
      return exit.done
    }
    const root = await findRepository(folder)
    const person = personAt(context)
    const found = async (): Promise<{ base: Base; answers: Answers }> => ({
      base: await findBase(context, root, person),
      answers: await complete(context, root, person),
    })
    const { base, answers } = await found().finally(person.leave)
    const project = {
      id: toProjectId(basename(root)),
      repo: relative(realpathSync(folder), root) || '.',
      baseBranch: base.branch,
    }
    const tokenFile = join(defaultDataFolder(file), 'operator-token')
    const text = starterConfig({ ...project, ...answers, tokenFile })
    parseConfig(text, file)
    writeToken(tokenFile)
    writeConfig(file, text)
    context.output.document({ file, written: true, tokenFile, project })
    report(context, file, tokenFile, root, base, { ...project, ...answers })
    return exit.done
  },
}

interface Answers {
  agentCommand: string
  ciCommand: string | null
}

function toFolder(context: Context): string {
  const folder = resolve(context.cwd, context.value('DIR') ?? '.')
  try {
    if (statSync(folder).isDirectory()) return folder
  } catch (error) {
    throw new FatalError('no-such-folder', `DIR: ${reasonOf(error, folder)}.`, { cause: error })
  }
  throw new FatalError('no-such-folder', `DIR: ${folder} is not a folder.`)
}

/** Found as a start finds it, so that what is written here is what a start accepts. */
async function findBase(context: Context, root: string, person: Person): Promise<Base> {
  const given = context.value('base')
  try {
    return await discoverBase(root, given ?? null, '--base')
  } catch (error) {
    const code = error instanceof ConfigurationError ? error.code : ''
    if (code !== 'detached-head' && code !== 'base-missing') throw error
    const { message } = error as Error
    if (given !== undefined) throw wrongUse('invalid-argument', `--base: ${message}`)
    if (!person.canAsk) throw wrongUse('missing-argument', `--base is missing: ${message}`)
    context.output.note(message)
    return await discoverBase(root, await person.ask('The branch that changes land on: '), '--base')
  }
}

interface Person {
  canAsk: boolean
  /** An answer from the terminal; asked for again while it is empty and must not be. */
  ask: (question: string, options?: { mayBeEmpty?: boolean }) => Promise<string>
  leave: () => void
}

/** Whoever sits at the terminal, with one reader for all questions. */
function personAt(context: Context): Person {
  let terminal: Interface | undefined
  return {
    canAsk: process.stdin.isTTY === true && process.stderr.isTTY === true && !context.has('yes'),
    async ask(question, { mayBeEmpty = false } = {}) {
      terminal ??= createInterface({ input: process.stdin, output: process.stderr })
      for (;;) {
        const answer = (await terminal.question(question)).trim()
        if (answer !== '' || mayBeEmpty) return answer
      }
    },
    leave: () => terminal?.close(),
  }
}

/** What could not be found out is asked for; without a terminal the flags that would answer are named. */
async function complete(context: Context, root: string, person: Person): Promise<Answers> {
  let agentCommand = context.value('agent-command')
  let ciCommand = context.value('ci-command') ?? discoverTests(root) ?? undefined
  if (agentCommand === '') throw wrongUse('missing-argument', '--agent-command is empty: give the command line of the coding agent.')
  if (!person.canAsk) {
    const missing = [
      ...(agentCommand === undefined ? ['--agent-command C (the command line of your coding agent, run in the worktree)'] : []),
      ...(ciCommand === undefined ? ['--ci-command C (what checks a change, or "" for nothing)'] : []),
    ]
    if (missing.length > 0) throw wrongUse('missing-argument', `Could not find out, please give: ${missing.join('; ')}.`)
  }
  agentCommand ??= await person.ask('The command line of your coding agent (run in the worktree): ')
  ciCommand ??= await person.ask('The command line that checks a change (empty for none): ', { mayBeEmpty: true })
  return { agentCommand, ciCommand: ciCommand === '' ? null : ciCommand }
}

/** Keys of issues are made of it: short, plain, and beginning with a letter. */
function toProjectId(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/\.git$/, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 32)
    .replace(/-+$/, '')
  return plain || 'app'
}

function writeToken(file: string): void {
  // A token that is there may be in use by a page or a script: it stays, but for this user alone.
  if (existsSync(file) && readFileSync(file, 'utf8').trim() !== '') return chmodSync(file, 0o600)
  try {
    mkdirSync(resolve(file, '..'), { recursive: true, mode: 0o700 })
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
  } catch (error) {
    throw new FatalError(
      'data-folder-unusable',
      `Cannot write the operator token ${file}: ${toErrorData(error).message}. Set XDG_STATE_HOME to a folder of yours.`,
      { cause: error },
    )
  }
}

function writeConfig(file: string, text: string): void {
  const unfinished = `${file}.${process.pid}`
  try {
    writeFileSync(unfinished, text, { flag: 'wx' })
    renameSync(unfinished, file)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw new FatalError('cannot-write', `Cannot write ${file}: ${toErrorData(error).message}.`, { cause: error })
  }
}

function report(
  context: Context,
  file: string,
  tokenFile: string,
  root: string,
  base: Base,
  found: Answers & { id: string; baseBranch: string },
): void {
  const { output } = context
  output.line(`Wrote ${file}`)
  output.table([
    ['  project', `${found.id} (issues will be ${found.id.toUpperCase()}-1, …)`],
    ['  repository', root],
    ['  lands on', found.baseBranch],
    ['  agent', found.agentCommand],
    ['  checks', found.ciCommand ?? 'none'],
    ['  token', tokenFile],
  ])
  if (base.shallow)
    output.note('The repository is a shallow clone: history that it lacks cannot be compared. `git fetch --unshallow` completes it.')
  if (base.submodules)
    output.note('The repository has submodules: set hooks.prepare to "git submodule update --init" if agents and checks need them.')
  output.line(
    '\nNext:\n  signalbox doctor                  checks all of it\n  signalbox start                   runs the server\n  signalbox submit "Fix the typo"   files an issue',
  )
}
