// init [DIR]: writes a configuration for this machine and repository, and an operator token outside it.

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { configFileName, defaultDataFolder, parseConfig } from '../config.ts'
import { reasonOf } from '../config-values.ts'
import { FatalError, suggest, toErrorData } from '../errors.ts'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { discoverBase, readRepository, type Repository } from './repository.ts'
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
    const repository = await readRepository(folder)
    const base = chooseBase(context, repository)
    const answers = await complete(context, repository)
    const project = {
      id: toProjectId(basename(repository.root)),
      repo: relative(realpathSync(folder), repository.root) || '.',
      baseBranch: base,
    }
    const tokenFile = join(defaultDataFolder(file), 'operator-token')
    const text = starterConfig({ ...project, ...answers, tokenFile })
    parseConfig(text, file)
    writeToken(tokenFile)
    writeConfig(file, text)
    context.output.document({ file, written: true, tokenFile, project })
    report(context, file, tokenFile, repository, { ...project, ...answers })
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

function chooseBase(context: Context, repository: Repository): string {
  const { branches, head, root } = repository
  const given = context.value('base')
  const list = branches.length > 0 ? branches.slice(0, 20).join(', ') : 'none'
  if (given !== undefined) {
    if (branches.includes(given)) return given
    const near = suggest(given, branches)
    throw wrongUse(
      'invalid-argument',
      `--base: ${root} has no branch "${given}". ${near ? `Did you mean ${near}? ` : ''}Its branches: ${list}.`,
    )
  }
  const found = discoverBase(repository)
  if (found === null) {
    const why = head === null ? 'HEAD is detached and no branch stands out' : 'no branch stands out'
    throw wrongUse('missing-argument', `--base is missing: ${why} in ${root}. Its branches: ${list}.`)
  }
  if (head === null && !repository.bare)
    context.output.note(`HEAD is detached in ${root}; changes will land on ${found}. --base names another branch.`)
  return found
}

/** What could not be found out is asked for; without a terminal the flags that would answer are named. */
async function complete(context: Context, repository: Repository): Promise<Answers> {
  let agentCommand = context.value('agent-command')
  let ciCommand = context.value('ci-command') ?? discoverTests(repository.root) ?? undefined
  if (agentCommand === '') throw wrongUse('missing-argument', '--agent-command is empty: give the command line of the coding agent.')
  const canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true && !context.has('yes')
  if (!canAsk) {
    const missing = [
      ...(agentCommand === undefined ? ['--agent-command C (the command line of your coding agent, run in the worktree)'] : []),
      ...(ciCommand === undefined ? ['--ci-command C (what checks a change, or "" for nothing)'] : []),
    ]
    if (missing.length > 0) throw wrongUse('missing-argument', `Could not find out, please give: ${missing.join('; ')}.`)
  }
  if (agentCommand === undefined || ciCommand === undefined) {
    const terminal = createInterface({ input: process.stdin, output: process.stderr })
    try {
      while (!agentCommand) agentCommand = (await terminal.question('The command line of your coding agent (run in the worktree): ')).trim()
      ciCommand ??= (await terminal.question('The command line that checks a change (empty for none): ')).trim()
    } finally {
      terminal.close()
    }
  }
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
  repository: Repository,
  found: Answers & { id: string; baseBranch: string },
): void {
  const { output } = context
  output.line(`Wrote ${file}`)
  output.table([
    ['  project', `${found.id} (issues will be ${found.id.toUpperCase()}-1, …)`],
    ['  repository', repository.root],
    ['  lands on', found.baseBranch],
    ['  agent', found.agentCommand],
    ['  checks', found.ciCommand ?? 'none'],
    ['  token', tokenFile],
  ])
  if (repository.shallow)
    output.note('The repository is a shallow clone: history that it lacks cannot be compared. `git fetch --unshallow` completes it.')
  if (repository.submodules)
    output.note('The repository has submodules: set hooks.prepare to "git submodule update --init" if agents and checks need them.')
  output.line(
    '\nNext:\n  signalbox doctor                  checks all of it\n  signalbox start                   runs the server\n  signalbox submit "Fix the typo"   files an issue',
  )
}
