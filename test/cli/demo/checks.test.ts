import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { git } from '../../../src/actors/git.ts'
import { landingProblems } from '../../../src/cli/demo/checks.ts'
import { writeProject } from '../../../src/cli/demo/project.ts'
import { toRow, typedProgram } from '../../../src/cli/demo/report.ts'
import type { EndedIssue } from '../../../src/cli/demo/report.ts'
import { tasks } from '../../../src/cli/demo/tasks.ts'
import { documentOf, landedDocument, pullRequest, timelineOf, waitingFor } from './documents.ts'

const identity = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@localhost', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@localhost' }

/** The first six of them. */
const issues: EndedIssue[] = tasks.slice(0, 6).map((task, index) => {
  const key = `DEMO-${index + 1}`
  const pr = pullRequest({ state: 'merged', number: index + 1 })
  const asking = documentOf(key, { question: 'Which?', waitsFor: waitingFor('human') })
  return { task, document: task.ends === 'landed' ? landedDocument(key, { pr }) : asking, timeline: timelineOf() }
})

let project: string

beforeEach(async () => {
  project = await realpath(await mkdtemp(join(tmpdir(), 'signalbox-checks-')))
  await writeProject(project)
})

afterEach(async () => {
  await rm(project, { recursive: true, force: true })
})

async function land(number: number, key: string): Promise<void> {
  const { stdout } = await git(['commit-tree', '-p', 'HEAD', '-m', key, 'HEAD^{tree}'], { cwd: project, env: identity })
  await git(['merge', '--quiet', '--no-ff', '-m', `Merge #${number}: A title (with brackets) (${key})`, stdout.trim()], {
    cwd: project,
    env: identity,
  })
}

describe('the landings of the demo', () => {
  it('are well when every issue that was to land did so once, in any order', async () => {
    for (const number of [2, 1, 4, 3, 5]) await land(number, `DEMO-${number}`)
    expect(await landingProblems({ project }, issues)).toEqual([])
  })

  it('are not when one is no merge', async () => {
    for (const number of [1, 2, 3, 4]) await land(number, `DEMO-${number}`)
    await git(['commit', '--quiet', '--allow-empty', '-m', 'Merge #5: A title (DEMO-5)'], { cwd: project, env: identity })
    expect(await landingProblems({ project }, issues)).toEqual(['a landing is no merge of the base and a head'])
  })

  it('are not when one is missing', async () => {
    for (const number of [1, 2, 3, 4]) await land(number, `DEMO-${number}`)
    expect(await landingProblems({ project }, issues)).toEqual(['DEMO-5 was landed 0 times instead of 1'])
  })

  it('are not when one happened twice', async () => {
    for (const number of [1, 2, 3, 4, 5, 5]) await land(number, `DEMO-${number}`)
    expect(await landingProblems({ project }, issues)).toContain('DEMO-5 was landed 2 times instead of 1')
  })

  it('are not when an issue had a second pull request', async () => {
    for (const number of [1, 2, 3, 4]) await land(number, `DEMO-${number}`)
    await land(6, 'DEMO-5')
    expect(await landingProblems({ project }, issues)).toEqual([
      'DEMO-5 was landed as another pull request than its own',
      'the landed pull requests are 1, 2, 3, 4, 6: one was opened and not landed',
    ])
  })

  it('are not when the one that asks was landed as well', async () => {
    for (const number of [1, 2, 3, 4, 5, 6]) await land(number, `DEMO-${number}`)
    expect(await landingProblems({ project }, issues)).toContain('DEMO-6 was landed 1 times instead of 0')
  })
})

describe('the table of what happened', () => {
  it('has key, title, story, outcome, runs and pull request', () => {
    const document = landedDocument('DEMO-3', { attempts: { implementation: 1, ci_repair: 2, review_fix: 0 } })
    expect(toRow({ task: tasks[2]!, document, timeline: timelineOf('checks.failed') })).toEqual([
      'DEMO-3',
      'Convert temperatures',
      'tests fail, repaired',
      'landed',
      'implementation, 2 ci_repair',
      '#1',
    ])
  })

  it('says what came on top of the story', () => {
    const row = toRow({ task: tasks[0]!, document: landedDocument('DEMO-1'), timeline: timelineOf('queue.evicted') })
    expect(row[2]).toBe('plain; also queue.evicted')
  })
})

describe('the command to type next', () => {
  it('works from the folder that the person is in', () => {
    expect(typedProgram(process.cwd())).toBe('node bin/signalbox.js')
    expect(typedProgram('/')).toMatch(/^node \S*bin\/signalbox\.js$/)
  })
})
