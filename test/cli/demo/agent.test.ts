import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { git } from '../../../src/actors/git.ts'
import type { RunType } from '../../../src/actors/ports.ts'
import { runProcess } from '../../../src/actors/process.ts'
import { agentCommand, testCommand, writeProject } from '../../../src/cli/demo/project.ts'
import { tasks } from '../../../src/cli/demo/tasks.ts'
import type { Task, TaskName } from '../../../src/cli/demo/tasks.ts'

const identity = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@localhost', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@localhost' }
const task = (name: TaskName): Task => tasks.find((candidate) => candidate.name === name)!

let folder: string
let project: string
let clone: string

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'signalbox-agent-')))
  project = join(folder, 'project')
  clone = join(folder, 'clone.git')
  await writeProject(project)
  await git(['clone', '--quiet', '--bare', project, clone], { cwd: folder })
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

interface Ran {
  exitCode: number | null
  stdout: string
  stderr: string
  result: Record<string, unknown> | null
}

async function runAgent(worktree: string, title: string, runType: RunType, prompt = ''): Promise<Ran> {
  const files = join(folder, `run-${Math.random()}`)
  await mkdir(files)
  await writeFile(join(files, 'context.json'), JSON.stringify({ issue: { title } }))
  await writeFile(join(files, 'prompt.md'), prompt)
  const { exitCode, stdout, stderr } = await runProcess({
    command: agentCommand(1),
    cwd: worktree,
    env: {
      PATH: process.env['PATH']!,
      ...identity,
      SIGNALBOX_ISSUE: 'DEMO-1',
      SIGNALBOX_RUN_TYPE: runType,
      SIGNALBOX_ATTEMPT: '1',
      SIGNALBOX_TURN: 'work',
      SIGNALBOX_BASE: 'main',
      SIGNALBOX_PROMPT_FILE: join(files, 'prompt.md'),
      SIGNALBOX_CONTEXT_FILE: join(files, 'context.json'),
      SIGNALBOX_RESULT_FILE: join(files, 'result.json'),
    },
  })
  const text = await readFile(join(files, 'result.json'), 'utf8').catch(() => 'null')
  return { exitCode, stdout, stderr, result: JSON.parse(text) as Record<string, unknown> | null }
}

async function worktreeOf(name: string, from = 'main'): Promise<string> {
  const path = join(folder, 'worktrees', name)
  await git(['worktree', 'add', '--quiet', '-b', `signalbox/${name}`, path, from], { cwd: clone })
  return path
}

async function testsPass(cwd: string): Promise<boolean> {
  return (await runProcess({ command: testCommand, cwd, env: { PATH: process.env['PATH']! } })).exitCode === 0
}

const isClean = async (cwd: string): Promise<boolean> => (await git(['status', '--porcelain'], { cwd })).stdout === ''
const commitsAhead = async (cwd: string): Promise<number> => Number((await git(['rev-list', '--count', 'main..HEAD'], { cwd })).stdout)

/** Puts a change on the project's main branch, as a landing would. */
async function land(worktree: string): Promise<void> {
  await git(['pull', '--quiet', '--ff-only', worktree, 'HEAD'], { cwd: project })
}

describe('the sample project', () => {
  it('is the same commit every time, is clean and its tests pass', async () => {
    const again = join(folder, 'again')
    expect(await writeProject(again)).toBe((await git(['rev-parse', 'HEAD'], { cwd: project })).stdout.trim())
    expect(await isClean(project)).toBe(true)
    expect(await testsPass(project)).toBe(true)
  })
})

describe('the scripted agent', () => {
  it.each(['plain', 'conflicting', 'reviewed'] as const)('implements %s in clean commits with passing tests', async (name) => {
    const worktree = await worktreeOf(`first-${name}`)
    const ran = await runAgent(worktree, task(name).title, 'implementation')
    expect(ran).toMatchObject({ exitCode: 0, result: { outcome: 'completed', prTitle: task(name).title } })
    expect(await commitsAhead(worktree)).toBeGreaterThan(0)
    expect(await isClean(worktree)).toBe(true)
    expect(await testsPass(worktree)).toBe(true)
    expect(ran.stdout.split('\n').length).toBeGreaterThan(2)
  })

  it('implements the blocked one only on top of what it was blocked by', async () => {
    const early = await worktreeOf('blocked-early')
    await runAgent(early, task('blocked').title, 'implementation')
    expect(await testsPass(early)).toBe(false)
    const first = await worktreeOf('blocked-first')
    await runAgent(first, task('plain').title, 'implementation')
    const later = await worktreeOf('blocked-later', 'signalbox/blocked-first')
    await runAgent(later, task('blocked').title, 'implementation')
    expect(await testsPass(later)).toBe(true)
  })

  it('makes the mistake that the tests find, and repairs it', async () => {
    const worktree = await worktreeOf('red')
    await runAgent(worktree, task('red').title, 'implementation')
    expect(await testsPass(worktree)).toBe(false)
    expect(await runAgent(worktree, task('red').title, 'ci_repair')).toMatchObject({ result: { outcome: 'completed' } })
    expect(await commitsAhead(worktree)).toBe(2)
    expect(await testsPass(worktree)).toBe(true)
  })

  it('makes the mistake that the reviewer finds, and mends it', async () => {
    const worktree = await worktreeOf('reviewed')
    const shown = 'import("./src/format.ts").then(({ grouped }) => console.log(grouped(-123456)))'
    const grouped = async (): Promise<string> =>
      (await promisify(execFile)(process.execPath, ['--eval', shown], { cwd: worktree })).stdout.trim()
    await runAgent(worktree, task('reviewed').title, 'implementation')
    expect(await grouped()).toBe('-,123,456')
    const line = task('reviewed').objection!.comments[0]!.line
    expect(
      (await readFile(join(worktree, 'src/format.ts'), 'utf8'))
        .split('\n')
        .slice(line - 1, line + 2)
        .join(),
    ).toContain('String(value)')
    const { body, comments } = task('reviewed').objection!
    expect((await runAgent(worktree, task('reviewed').title, 'review')).result).toMatchObject({
      ...{ outcome: 'completed', verdict: 'request_changes', summary: body },
      findings: comments.map((comment) => ({ ...comment, blocking: true })),
    })
    await runAgent(worktree, task('reviewed').title, 'review_fix')
    expect(await grouped()).toBe('-123,456')
    expect(await testsPass(worktree)).toBe(true)
    const again = await runAgent(worktree, task('reviewed').title, 'review')
    expect(again.result).toMatchObject({ outcome: 'completed', verdict: 'approve', findings: [] })
    expect(await commitsAhead(worktree)).toBe(3)
  })

  it('conflicts with the plain one, and resolves that by a real merge with both functions kept', async () => {
    const plain = await worktreeOf('landed')
    await runAgent(plain, task('plain').title, 'implementation')
    const worktree = await worktreeOf('evicted')
    await runAgent(worktree, task('conflicting').title, 'implementation')
    const before = (await git(['rev-parse', 'HEAD'], { cwd: worktree })).stdout.trim()
    await land(plain)
    const merge = await git(['merge-tree', '--write-tree', 'signalbox/landed', 'signalbox/evicted'], { cwd: clone, allow: [0, 1] })
    expect(merge.exitCode).toBe(1)
    expect(await runAgent(worktree, task('conflicting').title, 'queue_repair')).toMatchObject({
      exitCode: 0,
      result: { outcome: 'completed' },
    })
    const parents = (await git(['show', '--no-patch', '--format=%P', 'HEAD'], { cwd: worktree })).stdout.trim().split(' ')
    expect(parents).toEqual([before, (await git(['rev-parse', 'main'], { cwd: project })).stdout.trim()])
    const text = await readFile(join(worktree, 'src/text.ts'), 'utf8')
    expect(text).toContain('function slugify')
    expect(text).toContain('function truncate')
    expect(await isClean(worktree)).toBe(true)
    expect(await testsPass(worktree)).toBe(true)
    await git(['reset', '--quiet', '--hard', 'HEAD~3'], { cwd: project })
  })

  it('clashes with the plain one, which no merge shows but the tests of both together, and repairs that', async () => {
    const plain = await worktreeOf('landed-3')
    await runAgent(plain, task('plain').title, 'implementation')
    const worktree = await worktreeOf('clashing')
    await runAgent(worktree, task('clashing').title, 'implementation')
    expect(await testsPass(worktree)).toBe(true)
    const together = await worktreeOf('together', 'signalbox/clashing')
    await git(['merge', '--quiet', 'signalbox/landed-3'], { cwd: together, env: identity })
    expect(await testsPass(together)).toBe(false)
    await land(plain)
    expect(await runAgent(worktree, task('clashing').title, 'queue_repair')).toMatchObject({ exitCode: 0 })
    expect(await isClean(worktree)).toBe(true)
    expect(await testsPass(worktree)).toBe(true)
    await git(['reset', '--quiet', '--hard', 'HEAD~3'], { cwd: project })
  })

  it('takes up a merge that an interrupted run left half done', async () => {
    const plain = await worktreeOf('landed-2')
    await runAgent(plain, task('plain').title, 'implementation')
    const worktree = await worktreeOf('evicted-2')
    await runAgent(worktree, task('conflicting').title, 'implementation')
    await land(plain)
    await git(['fetch', '--quiet', 'origin', 'main'], { cwd: worktree })
    await git(['merge', '--quiet', 'FETCH_HEAD'], { cwd: worktree, allow: [1], env: identity })
    expect(await runAgent(worktree, task('conflicting').title, 'queue_repair')).toMatchObject({ exitCode: 0 })
    expect(await isClean(worktree)).toBe(true)
    expect(await testsPass(worktree)).toBe(true)
    await git(['reset', '--quiet', '--hard', 'HEAD~3'], { cwd: project })
  })

  it('takes up uncommitted edits and finished commits of an interrupted run without doing anything twice', async () => {
    const worktree = await worktreeOf('interrupted')
    await runAgent(worktree, task('plain').title, 'implementation')
    const head = (await git(['rev-parse', 'HEAD'], { cwd: worktree })).stdout
    expect(await runAgent(worktree, task('plain').title, 'implementation')).toMatchObject({ exitCode: 0, result: { outcome: 'completed' } })
    expect((await git(['rev-parse', 'HEAD'], { cwd: worktree })).stdout).toBe(head)
    await git(['reset', '--quiet', '--mixed', 'HEAD~1'], { cwd: worktree })
    await runAgent(worktree, task('plain').title, 'implementation')
    expect(await commitsAhead(worktree)).toBe(3)
    expect(await isClean(worktree)).toBe(true)
  })

  it('asks a question about what it cannot do, changes nothing, and goes on with the answer', async () => {
    const worktree = await worktreeOf('impossible')
    const ran = await runAgent(worktree, task('impossible').title, 'implementation')
    expect(ran.result).toMatchObject({ outcome: 'needs_input', question: expect.stringContaining('registry') })
    expect(await commitsAhead(worktree)).toBe(0)
    const answer =
      '# DEMO-6: Publish the library\n\n## Your question\n\n> Which?\n\n## The answer\n\nAda:\n\n> The internal one,\n> as ada.\n\n## Rules\n\n- One\n'
    expect((await runAgent(worktree, task('impossible').title, 'implementation', answer)).result).toMatchObject({ outcome: 'completed' })
    expect(await readFile(join(worktree, 'PUBLISHING.md'), 'utf8')).toContain('The internal one, as ada.')
    expect(await commitsAhead(worktree)).toBe(1)
  })

  it('says that it has nothing to do when that is so', async () => {
    const worktree = await worktreeOf('nothing')
    expect((await runAgent(worktree, task('plain').title, 'ci_repair')).result).toMatchObject({ outcome: 'no_change' })
  })

  it('fails with a sentence on an issue that is not of the demo', async () => {
    const worktree = await worktreeOf('unknown')
    const ran = await runAgent(worktree, 'Something else', 'implementation')
    expect(ran).toMatchObject({ exitCode: 1, result: null })
    expect(ran.stderr).toContain('only the demo')
  })
})
