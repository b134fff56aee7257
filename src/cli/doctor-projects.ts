// Doctor: each project's repository and base branch, and that the commands and files it names exist.

import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { git } from '../actors/git.ts'
import { childEnvironment, runProcess } from '../actors/process.ts'
import { discoverBase } from '../actors/workspace/base.ts'
import type { Config, ProjectConfig } from '../config.ts'
import { withoutCredentials } from '../errors.ts'
import { type Finding, fail, pass, warn } from './doctor.ts'
import { sentenceOf } from './exit.ts'

export async function checkProjects(config: Config): Promise<Finding[]> {
  // What is at a forge elsewhere is looked at there.
  if (config.forge.kind !== 'local') return []
  const findings: Finding[] = []
  for (const project of config.projects) findings.push(...(await checkProject(project)))
  return findings
}

/** Asked as a start asks: what is refused here is refused there, in the same words. */
async function checkProject({ id, repo, baseBranch }: ProjectConfig): Promise<Finding[]> {
  const check = `project ${id}`
  try {
    const { branch, shallow, submodules } = await discoverBase(repo, baseBranch)
    const findings = [pass(check, `${withoutCredentials(repo)} lands on ${branch}`)]
    if (shallow)
      findings.push(warn(check, `${withoutCredentials(repo)} is a shallow clone`, 'git fetch --unshallow completes its history.'))
    if (submodules)
      findings.push(
        warn(
          check,
          `${withoutCredentials(repo)} has submodules, which worktrees begin without`,
          'Set hooks.prepare to "git submodule update --init" if they are needed.',
        ),
      )
    return findings
  } catch (error) {
    return [fail(check, sentenceOf(error), 'Set repo and baseBranch to a git repository and a branch of it, with at least one commit.')]
  }
}

/** Commands are looked up, never run: an agent that starts works. */
export async function checkCommands(config: Config): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const [name, agent] of Object.entries(config.agents)) {
    const users = config.projects.filter((project) => project.agent === name || Object.values(project.agents).includes(name))
    for (const project of users)
      findings.push(await checkCommand(`agents.${name}.command`, agent.command, agent.env, project, config.dataFolder))
  }
  for (const [index, project] of config.projects.entries()) {
    const key = `projects[${index}]`
    if (project.ci) findings.push(await checkCommand(`${key}.ci.command`, project.ci.command, project.ci.env, project, config.dataFolder))
    else if (config.forge.kind === 'local')
      findings.push(warn(`project ${project.id}`, 'it declares no checks: what is approved lands untested', `Set ${key}.ci.command.`))
    if (project.hooks.prepare !== null)
      findings.push(await checkCommand(`${key}.hooks.prepare`, project.hooks.prepare, {}, project, config.dataFolder))
    if (project.prompts.extra !== null) findings.push(checkInstructions(`${key}.prompts.extra`, project.prompts.extra))
  }
  return findings
}

/** Every run reads it: without it none begins. */
function checkInstructions(key: string, file: string): Finding {
  try {
    readFileSync(file)
    return pass(key, file)
  } catch (error) {
    return fail(key, sentenceOf(error), 'Write the file, or take the key away.')
  }
}

async function checkCommand(key: string, line: string, env: Record<string, string>, project: ProjectConfig, cwd: string): Promise<Finding> {
  const environment = childEnvironment(env)
  const syntax = await runProcess({ command: ['/bin/sh', '-n', '-c', line], cwd, env: environment, timeout: 10_000 })
  if (syntax.exitCode !== 0) return fail(key, `the shell cannot read it: ${syntax.stderr.trim()}`, 'Mend the command line.')
  const program = firstWord(line)
  if (program === null) return pass(key, `${line} (a shell construct, not looked up)`)
  if (program.includes('/') && !isAbsolute(program)) return checkInRepository(key, program, project)
  const found = await runProcess({
    command: ['/bin/sh', '-c', 'command -v -- "$1"', 'sh', program],
    cwd,
    env: environment,
    timeout: 10_000,
  })
  if (found.exitCode === 0 && found.stdout.trim() !== '') return pass(key, found.stdout.trim())
  return fail(key, `${program} is not found on the PATH of this process`, `Install ${program}, or name it with its full path.`)
}

/** Relative programs are run in the worktree, so they have to be in the repository. */
async function checkInRepository(key: string, program: string, project: ProjectConfig): Promise<Finding> {
  if (!isAbsolute(project.repo) || !existsSync(project.repo))
    return warn(key, `${program} is looked for in the worktree`, `Make sure that it is committed in ${project.repo}.`)
  const base = project.baseBranch ?? 'HEAD'
  const path = program.replace(/^\.\//, '')
  const { stdout } = await git(['ls-tree', base, '--', path], { cwd: project.repo, allow: [0, 128] })
  if (stdout.startsWith('100755')) return pass(key, `${program} is in ${project.repo}`)
  if (stdout.startsWith('100644'))
    return fail(key, `${program} is in ${project.repo}, but not executable`, `git update-index --chmod=+x ${path}, and commit.`)
  const isThere = isExecutable(join(project.repo, path))
  const message = `${program} is not committed on ${base} of ${project.repo}${isThere ? ', only in its working files' : ''}`
  return fail(key, message, 'Commands are run in a worktree of the repository: commit it, or name it with its full path.')
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false // That it cannot be run is the answer.
  }
}

/** The program that a simple command line begins with, past `NAME=VALUE` and `exec`; null for anything that only a shell understands. */
export function firstWord(line: string): string | null {
  const words = line.trim().split(/\s+/)
  const program = words.find((word) => !/^[A-Za-z_][A-Za-z0-9_]*=[^"'`$]*$/.test(word) && word !== 'exec')
  const cleaned = program?.replace(/[;&|]+$/, '')
  return cleaned !== undefined && /^[\p{L}\p{N}_./+@%:,~-]+$/u.test(cleaned) && !cleaned.startsWith('~') ? cleaned : null
}
