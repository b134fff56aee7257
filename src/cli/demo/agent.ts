// The scripted agent: a program of its own, started by `agents.command` in an issue's worktree. It reads the
// SIGNALBOX_* variables and the context file, edits and commits as edits.ts says, and writes the result file.
// An interrupted run leaves edits, commits or a merge behind; every step here takes up what it finds.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seededRandom } from '../../actors/system/random.ts'
import type { RunType } from '../../actors/ports.ts'
import { planFor } from './edits.ts'
import type { Edit, Plan } from './edits.ts'
import { taskTitled } from './tasks.ts'

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } })

function variable(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set: this program is to be started by Signalbox`)
  return value
}

function git(...args: string[]): string {
  return execFileSync('git', ['-c', 'merge.conflictStyle=merge', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

function gitSucceeds(...args: string[]): boolean {
  try {
    git(...args)
    return true
  } catch {
    return false // the caller asks a yes-or-no question, and git answers it with its exit code
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function make(edit: Edit): void {
  mkdirSync(dirname(edit.path), { recursive: true })
  writeFileSync(edit.path, edit.apply(read(edit.path)))
}

/** Commits whatever has changed; false when nothing has. */
function commit(message: string): boolean {
  git('add', '--all')
  if (gitSucceeds('diff', '--cached', '--quiet', 'HEAD') && !gitSucceeds('rev-parse', '--verify', '--quiet', 'MERGE_HEAD')) return false
  git('commit', '--quiet', '--message', message)
  return true
}

/** Fetched rather than guessed: the clone may be older than the base branch that the queue tested against. */
function mergeBase(base: string, plan: Plan): void {
  if (gitSucceeds('rev-parse', '--verify', '--quiet', 'MERGE_HEAD')) git('merge', '--abort')
  // Two that fetch in one clone at the same time may refuse each other; the branch as it was brought here is there in any case.
  const target = gitSucceeds('fetch', '--quiet', 'origin', base) ? 'FETCH_HEAD' : `origin/${base}`
  console.log(`merging ${base} at ${git('rev-parse', '--short', target)}`)
  if (gitSucceeds('merge', '--no-edit', '--message', `Merge ${base}`, target)) return
  const conflicting = git('diff', '--name-only', '--diff-filter=U')
    .split('\n')
    .filter((path) => path !== '')
  if (conflicting.length === 0) throw new Error(`git could not merge ${base}, and there is no conflict to resolve`)
  console.log(`resolving ${conflicting.join(', ')}`)
  git('checkout', '--theirs', '--', ...conflicting)
  for (const { edits } of plan.steps) {
    for (const edit of edits) if (conflicting.includes(edit.path)) make(edit)
  }
  commit(`Merge ${base}: keep both sides of ${conflicting.join(', ')}`)
}

/** What a human answered to this agent's question: the quoted lines of that section of the prompt. */
function answerIn(prompt: string): string | null {
  const section = prompt.split(/^## /m).find((part) => part.startsWith('The answer\n'))
  const lines = section?.split('\n').filter((line) => line.startsWith('> '))
  return lines === undefined || lines.length === 0 ? null : lines.map((line) => line.slice(2)).join(' ')
}

function writeResult(path: string, result: Record<string, unknown>): void {
  writeFileSync(`${path}.new`, JSON.stringify(result, null, 2))
  renameSync(`${path}.new`, path)
}

/** The verdict on what is checked out, with its findings. */
function judge({ reviews }: Plan): Record<string, unknown> {
  if (reviews === undefined || (read(reviews.path) ?? '').includes(reviews.wanted)) return { verdict: 'approve', findings: [] }
  const { body, comments } = reviews.objection
  console.log(`objecting: ${body}`)
  return { verdict: 'request_changes', summary: body, findings: comments.map((comment) => ({ ...comment, blocking: true })) }
}

const context = JSON.parse(readFileSync(variable('SIGNALBOX_CONTEXT_FILE'), 'utf8')) as { issue?: { title?: string } }
const key = variable('SIGNALBOX_ISSUE')
const runType = variable('SIGNALBOX_RUN_TYPE') as RunType
const task = taskTitled(context.issue?.title ?? '')
if (task === undefined) throw new Error(`no script for ${key} "${context.issue?.title}": only the demo's own issues have one`)

const random = seededRandom([...`${values.seed} ${task.name} ${runType}`].reduce((sum, char) => Math.imul(sum, 31) + char.charCodeAt(0), 7))
const think = (): Promise<void> => pause(10 + Math.floor(random() * 140))

const prompt = readFileSync(variable('SIGNALBOX_PROMPT_FILE'), 'utf8')
const plan = planFor(task.name, runType, {
  attempt: Number(variable('SIGNALBOX_ATTEMPT')),
  answer: answerIn(prompt),
  isTold: /^## Messages from people$/m.test(prompt),
  isForStack: variable('SIGNALBOX_TURN') === 'stack',
  isForCommit: /^## Uncommitted changes$/m.test(prompt),
})
console.log(`${key}: ${runType}, ${task.title}`)
await think()
if (plan.fails) {
  console.error('lost its nerve')
  process.exit(1)
}
if (plan.lingers) await pause(60_000)
if (plan.calms) writeFileSync(variable('DEMO_CALM'), 'calm\n')
if (plan.mergeBase) mergeBase(variable('SIGNALBOX_BASE'), plan)
// Also after a merge without a conflict: what merges may still not work.
for (const step of plan.steps) {
  console.log(step.say)
  for (const edit of step.edits) make(edit)
  await think()
  if (plan.leavesUncommitted) continue
  if (!commit(step.commit)) console.log('that was done already')
}
const verdict = runType === 'review' ? judge(plan) : {}
await think()
writeResult(variable('SIGNALBOX_RESULT_FILE'), {
  outcome: plan.outcome,
  summary: plan.summary,
  question: plan.question,
  ...verdict,
  ...(runType === 'implementation' && plan.outcome === 'completed'
    ? { prTitle: task.title, prBody: `${plan.summary}\n\n${task.body}\n\nCloses ${key}.` }
    : {}),
})
console.log(plan.summary)
