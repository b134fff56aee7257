// What must hold when all issues have ended, however often the server was killed: looked up in git, in the processes of the
// machine, in the journals and by running the tests.

import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { git } from '../../actors/git.ts'
import { childEnvironment, runProcess } from '../../actors/process.ts'
import { processesMarked } from './marked.ts'
import { baseBranch, testCommand } from './project.ts'
import type { DemoPlaces } from './project.ts'
import type { EndedIssue } from './report.ts'
import { signalboxProgram } from './server.ts'

export interface Landing {
  number: number
  key: string
  parents: number
}

/** Everything that is not as it should be, one sentence each. */
export async function checkAfterwards(places: DemoPlaces, issues: readonly EndedIssue[]): Promise<string[]> {
  const found = await Promise.all([
    landingProblems(places, issues),
    agentProblems(places),
    journalProblems(places),
    deploymentProblems(places),
    treeProblems(places),
    testProblems(places),
  ])
  return found.flat()
}

/** The landings in the history of the base branch, oldest first (interface.md §6: merge commits `Merge #N: TITLE (KEY)`). */
export async function landingsIn(project: string): Promise<Landing[]> {
  const { stdout } = await git(['log', '--first-parent', '--reverse', '--format=%P%x09%s', baseBranch], { cwd: project })
  return stdout.split('\n').flatMap((line) => {
    const [parents = '', subject = ''] = line.split('\t')
    const match = /^Merge #(\d+): .* \(([^()]+)\)$/.exec(subject)
    return match === null ? [] : [{ number: Number(match[1]), key: match[2]!, parents: parents.split(' ').length }]
  })
}

/** One pull request and one landing for each issue that was to land, and none for another. */
export async function landingProblems({ project }: Pick<DemoPlaces, 'project'>, issues: readonly EndedIssue[]): Promise<string[]> {
  const landings = await landingsIn(project)
  const problems: string[] = []
  for (const { task, document } of issues) {
    const own = landings.filter(({ key }) => key === document.key)
    const wanted = task.landings
    if (own.length !== wanted) problems.push(`${document.key} was landed ${own.length} times instead of ${wanted}`)
    if (own.length > 0 && own.at(-1)!.number !== document.pr?.number)
      problems.push(`${document.key} was landed as another pull request than its own`)
  }
  if (landings.some(({ parents }) => parents !== 2)) problems.push('a landing is no merge of the base and a head')
  // Numbers are given out one by one: one that is missing here was a second pull request of some issue.
  const numbers = landings.map(({ number }) => number).toSorted((a, b) => a - b)
  if (numbers.some((number, index) => number !== index + 1))
    problems.push(`the landed pull requests are ${numbers.join(', ')}: one was opened and not landed`)
  return problems
}

async function agentProblems({ state }: DemoPlaces): Promise<string[]> {
  // What was ended a moment ago may still be there for a moment.
  let left = processesMarked(state)
  for (let attempt = 0; left.length > 0 && attempt < 50; attempt++) {
    await wait(100)
    left = processesMarked(state)
  }
  return left.length === 0 ? [] : [`processes of agents were left behind: ${left.join(', ')}`]
}

/** Each landing was deployed; one that a kill interrupted, once more. */
async function deploymentProblems({ project, deployed }: DemoPlaces): Promise<string[]> {
  const { stdout } = await git(['log', '--first-parent', '--merges', '--format=%H', baseBranch], { cwd: project })
  const landed = stdout.trim().split('\n')
  const done = new Set((await readFile(deployed, 'utf8').catch(() => '')).trim().split('\n'))
  const missing = landed.filter((commit) => !done.has(commit))
  return missing.length === 0 ? [] : [`${missing.length} of the ${landed.length} landings were not deployed`]
}

async function journalProblems(places: DemoPlaces): Promise<string[]> {
  const { exitCode, stdout, stderr } = await signalbox(places, 'verify', '--json')
  return exitCode === 0 ? [] : [`\`signalbox verify\` ended with ${exitCode}: ${(stderr || stdout).trim()}`]
}

async function treeProblems({ project }: DemoPlaces): Promise<string[]> {
  const { stdout: branch } = await git(['symbolic-ref', '--short', 'HEAD'], { cwd: project })
  const { stdout: dirty } = await git(['status', '--porcelain', '--untracked-files=all'], { cwd: project })
  const problems: string[] = []
  if (branch.trim() !== baseBranch) problems.push(`the project is on ${branch.trim()} instead of ${baseBranch}`)
  if (dirty !== '') problems.push(`the project's working files are not those of its head:\n${dirty.trimEnd()}`)
  return problems
}

async function testProblems({ project }: DemoPlaces): Promise<string[]> {
  const { exitCode, stdout, stderr } = await runProcess({ command: testCommand, cwd: project, env: childEnvironment(), timeout: 60_000 })
  return exitCode === 0 ? [] : [`the tests of the landed branch fail:\n${(stdout + stderr).trimEnd().split('\n').slice(-20).join('\n')}`]
}

/** Runs another command of Signalbox on the demo's configuration, as a person would afterwards. */
export async function signalbox(
  places: DemoPlaces,
  ...words: string[]
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  return await runProcess({
    command: [process.execPath, signalboxProgram, ...words, '--config', places.config],
    cwd: places.folder,
    env: childEnvironment(),
    timeout: 60_000,
  })
}
