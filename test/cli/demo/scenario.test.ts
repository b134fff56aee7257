import { describe, expect, it } from 'vitest'
import { hasEnded, isStranded, problemsOf } from '../../../src/cli/demo/scenario.ts'
import { incidents, tasks, taskTitled } from '../../../src/cli/demo/tasks.ts'
import type { Task, TaskName } from '../../../src/cli/demo/tasks.ts'
import { documentOf, landedDocument, pullRequest, timelineOf, waitingFor } from './documents.ts'

const task = (name: TaskName): Task => tasks.find((candidate) => candidate.name === name)!

describe('the issues of the demo', () => {
  it('show every loop: each repair, each incident, a blocker, a question, a stack, a second landing', () => {
    expect(new Set(tasks.flatMap(({ runs }) => runs))).toEqual(
      new Set(['review', 'ci_repair', 'review_fix', 'queue_repair', 'branch_upkeep']),
    )
    expect(new Set(tasks.flatMap((each) => each.incidents))).toEqual(new Set(incidents))
    expect(tasks.filter(({ blockedBy }) => blockedBy !== null)).toHaveLength(1)
    expect(tasks.filter(({ ends }) => ends === 'asked')).toHaveLength(1)
    expect(tasks.filter(({ filedAfter }) => filedAfter !== null).map(({ name }) => name)).toEqual(['upper', 'conflicting'])
    expect(tasks.filter(({ landings }) => landings === 2)).toHaveLength(1)
  })

  it('name only issues that are filed before them, so that a key exists to be blocked by', () => {
    const order = tasks.map(({ name }) => name)
    const early = tasks.filter(({ name, blockedBy, parent, filedAfter }) =>
      [blockedBy, parent, filedAfter].some((other) => other !== null && order.indexOf(other) > order.indexOf(name)),
    )
    expect(early).toEqual([])
  })

  it('are found by title, and nothing else is', () => {
    for (const { title, name } of tasks) expect(taskTitled(title)?.name).toBe(name)
    expect(taskTitled('Something else')).toBeUndefined()
  })
})

describe('the end of a story', () => {
  it('is a merged pull request at rest', () => {
    expect(hasEnded(task('plain'), landedDocument('DEMO-1'))).toBe(true)
    expect(hasEnded(task('plain'), landedDocument('DEMO-1', { phase: 'failed' }))).toBe(false)
    expect(hasEnded(task('plain'), landedDocument('DEMO-1', { pr: pullRequest({ state: 'closed' }) }))).toBe(false)
  })

  it('is, for the one that is asked for more, its second landing', () => {
    expect(hasEnded(task('more'), landedDocument('DEMO-17', { branch: 'signalbox/DEMO-17-greet' }))).toBe(false)
    expect(isStranded(task('more'), landedDocument('DEMO-17', { branch: 'signalbox/DEMO-17-greet' }))).toBe(false)
    expect(hasEnded(task('more'), landedDocument('DEMO-17', { branch: 'signalbox/DEMO-17-greet-2' }))).toBe(true)
  })

  it('is, for the impossible one, a question that a human is waited for', () => {
    const asking = documentOf('DEMO-6', { question: 'Which?', waitsFor: waitingFor('human') })
    expect(hasEnded(task('impossible'), asking)).toBe(true)
    expect(hasEnded(task('impossible'), { ...asking, question: null })).toBe(false)
    expect(hasEnded(task('plain'), asking)).toBe(false)
  })

  it('is, for the one that holds others together, done without a pull request', () => {
    const done = documentOf('DEMO-14', { phase: 'done' })
    expect(hasEnded(task('umbrella'), done)).toBe(true)
    expect(hasEnded(task('umbrella'), { ...done, phase: 'delegated' })).toBe(false)
    expect(problemsOf(task('umbrella'), landedDocument('DEMO-14'), [])).toEqual([
      expect.stringContaining('an end without a pull request was expected'),
      expect.stringContaining('it has pull request #'),
    ])
  })

  it('is never while a run is active', () => {
    const run = {
      id: 'run-1',
      type: 'implementation',
      phase: 'working',
      agent: 'scripted',
      startedAt: '',
      lastSignalAt: null,
      lastProgressAt: null,
    }
    const usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: 0 }
    expect(hasEnded(task('plain'), landedDocument('DEMO-1', { run: { ...run, usage } }))).toBe(false)
  })

  it('is another one than described when only a person could go on', () => {
    expect(isStranded(task('plain'), documentOf('DEMO-1', { waitsFor: waitingFor('human') }))).toBe(true)
    expect(isStranded(task('plain'), documentOf('DEMO-1', { waitsFor: waitingFor('reviewer') }))).toBe(false)
    expect(isStranded(task('plain'), landedDocument('DEMO-1'))).toBe(false)
    expect(isStranded(task('impossible'), landedDocument('DEMO-6'))).toBe(true)
  })
})

describe('what went otherwise than described', () => {
  it('is nothing when the incident happened, was mended and the change landed', () => {
    const document = landedDocument('DEMO-3', { attempts: { implementation: 1, ci_repair: 1 } })
    expect(problemsOf(task('red'), document, timelineOf('checks.failed', 'checks.passed'))).toEqual([])
    expect(problemsOf(task('plain'), landedDocument('DEMO-1'), timelineOf('checks.passed'))).toEqual([])
  })

  it('tells an incident that did not happen', () => {
    const document = landedDocument('DEMO-5', { attempts: { queue_repair: 1 } })
    expect(problemsOf(task('clashing'), document, timelineOf('checks.passed'))).toEqual(['queue.evicted was expected and did not happen'])
  })

  it('tells an incident that is not in the story', () => {
    expect(problemsOf(task('plain'), landedDocument('DEMO-1'), timelineOf('queue.evicted'))).toEqual([
      'queue.evicted happened and was not expected',
    ])
  })

  it('forgives what a kill may bring about only where there was one, and where it may', () => {
    const entries = timelineOf('queue.evicted')
    const found = ['queue.evicted happened and was not expected']
    expect(problemsOf(task('conflicting'), landedDocument('DEMO-18'), entries)).toEqual(found)
    expect(problemsOf(task('conflicting'), landedDocument('DEMO-18'), entries, true)).toEqual([])
    expect(problemsOf(task('plain'), landedDocument('DEMO-1'), entries, true)).toEqual(found)
  })

  it('does not count an event that was ignored', () => {
    const entries = timelineOf('queue.evicted').map((entry) => ({ ...entry, ignored: 'duplicate' }))
    expect(problemsOf(task('plain'), landedDocument('DEMO-1'), entries)).toEqual([])
  })

  it('tells a missing repair, a wrong end and a fault', () => {
    expect(problemsOf(task('red'), landedDocument('DEMO-3'), timelineOf('checks.failed'))).toEqual([
      'a ci_repair run was expected and is not counted',
    ])
    const stuck = documentOf('DEMO-1', { phase: 'failed', faulted: { code: 'bug', message: 'no such guard', address: 'issue/1' } })
    expect(problemsOf(task('plain'), stuck, [])).toEqual([
      'its actor issue/1 is faulted: no such guard',
      'a landed pull request was expected, but it is failed',
    ])
  })

  it('tells a pull request of the one that should have none', () => {
    const asking = documentOf('DEMO-6', { question: 'Which?', waitsFor: waitingFor('human'), pr: pullRequest({ number: 6 }) })
    expect(problemsOf(task('impossible'), asking, [])).toEqual(['it has pull request #6, and should have none'])
  })
})
