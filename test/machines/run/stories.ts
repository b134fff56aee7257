// The words of the stories about runs: what the agent's session and the effects around it answer.

import type { Inspection, RunContext, RunInput, RunOutput } from '../../../src/machines/run/context.ts'
import { start, type Event, type Player } from '../player.ts'

export type Run = Player<RunContext>
export type Turn = (run: Run) => Run

export const minute = 60_000

export const assignment = (changes: Partial<RunInput> = {}): RunInput => ({
  ...{ issue: '1', project: 'app', key: 'APP-1', title: 'Say which file', description: 'd', url: 'u', runId: 'run-1', attempt: 1 },
  ...{ type: 'implementation', agent: 'scripted', branch: 'b', base: 'main', onto: null, published: null, past: null, keep: false },
  ...{ restartFrom: null, messages: [], question: null, review: null, checks: null, incident: null, replaces: null, umbrella: null },
  ...{ conflict: false, pastPatch: null, protectedPaths: [], round: 1, lastFailure: null, sequencing: false },
  limits: { run: 120 * minute, progress: 15 * minute },
  ...changes,
})

/** A run of this assignment, and what has happened to it. */
export const runOf = (changes: Partial<RunInput>, ...turns: Turn[]): Run => runOn(start<RunContext>('run', assignment(changes)), ...turns)
export const runOn = (run: Run, ...turns: Turn[]): Run => turns.reduce((now, turn) => turn(now), run)

export const says =
  (event: Event): Turn =>
  (run) =>
    run.says('session', event)
export const prepared: Turn = (run) => run.done('prepare', { path: '/w', head: 'base', baseHead: 'base', dirty: [] })
export const notPrepared: Turn = (run) => run.fail('prepare', { code: 'git-failed', message: 'Could not resolve host' })
export const started = (thread?: string): Turn =>
  says({ type: 'session.started', process: { pid: 1, group: 1, startTime: '1' }, ...(thread === undefined ? {} : { thread }) })
export const progressed: Turn = says({ type: 'session.progressed', line: 'hm' })
export const finishes = (result: object = {}): Turn =>
  says({ type: 'session.finished', result: { outcome: 'completed', summary: 'did it', ...result } })
export const dies: Turn = (run) => run.fail('session', { code: 'interrupted' })
export const inspection = (changes: Partial<Inspection> = {}): Inspection => ({
  ...{ head: 'A', branch: 'b', dirty: [], operation: null, descendsFromSince: true, hasParent: true, commitsAhead: 1 },
  ...{ files: ['a.ts'], patchId: 'p', tree: 't', reverts: [], protectedFiles: [] },
  ...changes,
})
export const found =
  (changes: Partial<Inspection> = {}): Turn =>
  (run) =>
    run.done('verify', inspection(changes))
/** Nothing was committed, and nothing is left uncommitted. */
export const unchanged: Turn = found({ head: 'base', commitsAhead: 0, files: [], patchId: null })
export const unreadable =
  (code: string): Turn =>
  (run) =>
    run.fail('verify', { code, message: 'it cannot be read' })
export const publishes: Turn = (run) =>
  run.done('publish', { number: 7, url: 'u', headSha: 'A', headRef: 'b', baseRef: 'main', draft: false, state: 'open' })
export const asked =
  (event: Event): Turn =>
  (run) =>
    run.send(event)
export const times =
  (delay: string): Turn =>
  (run) =>
    run.fire(delay)
/** The agent's processes have ended. */
export const silent: Turn = (run) => run.done('closing')

export const sessionOf = (run: Run): Record<string, unknown> => run.children.get('session')!.input as Record<string, unknown>
/** What a settled run has answered; throws when it has not. */
export const answerOf = (run: Run): RunOutput => {
  if (run.status !== 'done') throw new Error(`The run is not settled: ${JSON.stringify(run.value)}`)
  return run.output as RunOutput
}
