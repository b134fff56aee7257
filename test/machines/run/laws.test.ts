// The laws of a run over random histories: its parent's words at any moment, every answer that an effect or a session may give.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunContext, RunOutput } from '../../../src/machines/run/context.ts'
import { defaultLimits } from '../../../src/machines/run/policy.ts'
import { dawn, start, type Event, type Player } from '../player.ts'

type Run = Player<RunContext>
/** A word of the issue, the n-th of what the session or the effect in flight may say, or a timer. */
type Happening = { word: Event } | { says: number } | { ends: number } | { timer: number }

const numRuns = process.env['SIGNALBOX_NIGHTLY'] ? 20_000 : 500
const minute = 60_000
const limits = { run: 120 * minute, progress: 15 * minute, signal: 10 * minute }

/** A repair of what is published, and implementations, which may be asked why they have changed nothing, and be based on another; and a review. */
const first = { type: 'implementation', published: null, past: null }
const kinds = [{}, first, { ...first, sequencing: true }, { type: 'review' }]

const begin = (kind: object): Run =>
  start<RunContext>('run', {
    ...{ issue: '1', project: 'app', key: 'APP-1', title: 'T', description: '', url: 'u', runId: 'run-1', type: 'ci_repair', attempt: 1 },
    ...{ agent: 'a', branch: 'b', base: 'main', published: 'P', past: 'P', keep: false, restartFrom: null, messages: [], question: null },
    ...{ review: null, checks: null, incident: null, lastFailure: null, limits },
    ...kind,
  })

const process_ = { pid: 1, group: 1, startTime: '1' }
const finished = (result: object): Event => ({ type: 'session.finished', result: { summary: 's', ...result } })
const words: Event[] = [
  { type: 'session.started', process: process_ },
  { type: 'session.started', process: process_, thread: 'thread-1' },
  { type: 'session.progressed', line: 'hm' },
  { type: 'session.used', usage: { inputTokens: 3, cachedTokens: 1, outputTokens: 2, usd: 0.1 } },
  { type: 'session.refused', text: 'rm -rf /' },
  { type: 'session.steered', id: 'message-1', taken: true },
  { type: 'session.steered', id: 'message-2', taken: false },
  finished({ outcome: 'completed', usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 1, usd: 0 } }),
  finished({ outcome: 'completed' }),
  finished({ outcome: 'completed', verdict: 'approve' }),
  finished({ outcome: 'completed', findings: [{ path: 'a', line: 1, body: 'b', blocking: true }] }),
  finished({ outcome: 'no_change' }),
  finished({ outcome: 'no_change', completion: 'done' }),
  finished({ outcome: 'no_change', completion: 'continue' }),
  finished({ outcome: 'needs_input', question: '?' }),
  finished({ outcome: 'failed', failure: 'agent', reason: 'no' }),
  finished({ outcome: 'failed', failure: 'environment', lost: true }),
  finished({ outcome: 'failed', failure: 'environment', died: true }),
  finished({ outcome: 'failed', failure: 'agent', exhausted: true }),
  { type: 'session.started', process: process_, thread: 'thread-1', abilities: { steer: true, fork: true } },
  { type: 'session.steered', id: 'nudge-1', taken: false },
  { type: 'session.steered', id: 'nudge-1', taken: true },
]
const inspection = {
  head: 'A',
  branch: 'b',
  dirty: [],
  operation: null,
  descendsFromSince: true,
  hasParent: true,
  commitsAhead: 1,
  files: [],
  patchId: null,
  tree: 't',
  reverts: [],
  protectedFiles: [],
}
const inspections = [
  {},
  {},
  { dirty: ['a.ts'] },
  { operation: 'merge' },
  { branch: null },
  { descendsFromSince: false },
  { hasParent: false },
  { head: 'P' },
  { commitsAhead: 0 },
  { commitsAhead: 0 },
  { reverts: ['Revert "a"'] },
  { protectedFiles: ['AGENTS.md'] },
]
const published = { number: 7, url: 'u', headSha: 'A', headRef: 'b', baseRef: 'main', draft: false, state: 'open' }

const fails = (n: number): boolean => n % 5 === 4

function ends(run: Run, n: number): Run {
  const child = [...run.children.keys()].at(-1)
  if (child === undefined) return run
  if (child === 'session' || fails(n))
    return run.fail(child, { code: ['interrupted', 'interrupted', 'spawn-failed', 'worktree-broken'][n % 4]! })
  const outputs: Record<string, unknown> = {
    prepare: { path: '/w', head: 'base', baseHead: 'base', dirty: [] },
    verify: { ...inspection, ...inspections[n % inspections.length] },
    comparison: n % 2 === 0 ? null : { number: 6, url: 'u', branch: 'other', head: 'O', files: ['a.ts'] },
    publish: published,
    probe: { changedAt: n % 3 === 0 ? run.at : null },
    submit: { counts: n % 2 === 0 },
  }
  return run.done(child, outputs[child])
}

function play(run: Run, what: Happening): Run {
  if (run.status !== 'active') return run
  if ('word' in what) return run.send(what.word)
  if ('says' in what) return run.children.has('session') ? run.says('session', words[what.says % words.length]!) : run
  if ('ends' in what) return ends(run, what.ends)
  const names = [...run.timers].sort(([, a], [, b]) => a.due - b.due).map(([name]) => name)
  // More often than not, what follows is that nothing has come: else no history would climb the ladder.
  const stall = names.find((name) => name.includes('.stall.'))
  if (what.timer > 0 && stall !== undefined) return run.fire('stall')
  return names.length === 0 ? run : run.fire(names[0]!.split('.')[2]!)
}

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<Event>(
        { type: 'run.stop', outcome: 'released', reason: 'r' },
        { type: 'run.stop', outcome: 'superseded', reason: 's' },
        { type: 'run.steer', id: 'message-1', text: 't' },
        { type: 'who.knows' },
      )
      .map((word) => ({ word })),
  },
  { weight: 6, arbitrary: fc.nat(words.length - 1).map((says) => ({ says })) },
  { weight: 5, arbitrary: fc.nat(39).map((n) => ({ ends: n })) },
  { weight: 2, arbitrary: fc.nat(2).map((timer) => ({ timer })) },
)

function holds(law: (before: Run, after: Run, past: Happening[]) => void): void {
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.array(happening, { minLength: 1, maxLength: 30, size: 'max' }), (kind, happenings) => {
      let run = begin(kind)
      for (const [i, what] of happenings.entries()) {
        const after = play(run, what)
        if (after !== run) law(run, after, happenings.slice(0, i + 1))
        run = after
      }
    }),
    { numRuns },
  )
}

const spawned = (run: Run) => run.commands.flatMap((command) => (command.type === 'spawn' ? [command.src] : []))
const answers = (run: Run) => run.messages('parent').filter(({ type }) => type === 'run.finished')
const isIn = (value: unknown, state: string, inner: string): boolean => (value as Record<string, unknown>)[state] === inner
const wasStopped = (past: Happening[]): boolean => past.some((what) => 'word' in what && what.word.type === 'run.stop')

describe('whatever happens to a run', () => {
  it('it never waits silently: an effect, its session or a timer (P5), and in the end nothing is left', () => {
    holds((_before, { status, children, timers }) => {
      if (status === 'done') expect([children.size, timers.size]).toEqual([0, 0])
      else expect([...children.keys()].filter((child) => !(child === 'probe' && children.has('session')))).toHaveLength(1)
    })
  })

  it('it answers once, when it settles, and with what it ends with', () => {
    holds((before, after) => {
      expect(answers(after)).toEqual(
        after.status === 'done' ? [{ type: 'run.finished', runId: 'run-1', ...(after.output as RunOutput) }] : [],
      )
      expect(before.status).toBe('active')
    })
  })

  it('a stop ends it: nothing starts but the end of its agent, and it settles as it was asked to (P1)', () => {
    holds((_before, after, past) => {
      if (!wasStopped(past)) return
      expect(spawned(after).filter((src) => src !== 'endSession')).toEqual([])
      expect(['ending', 'settled']).toContain(after.value)
      if (after.status === 'done') expect(['released', 'superseded']).toContain((after.output as RunOutput).outcome)
    })
  })

  it('only what was looked at is published: clean, on its branch, on top of what was there, and new', () => {
    holds((before, after) => {
      if (!spawned(after).includes('publishChange')) return
      const { inspection: found, sequence, turnKind, onto, type } = after.context
      const looked = found!
      const isLooking = [{ verifying: 'inspecting' }, { checking: 'looking' }].some(
        (state) => JSON.stringify(state) === JSON.stringify(before.value),
      )
      // What was looked at before it was compared, or before a turn that did not get it onto another change.
      if (!isLooking || (turnKind === 'stack' && onto === null)) expect([looked, onto]).toEqual([sequence!.before, null])
      // The scope of an implementation is the whole repository, and every head is new to it; only what is based on another needs all of that.
      const free = type === 'implementation' ? { head: 'A', reverts: [], protectedFiles: [] } : {}
      expect({ ...looked, ...free, hasParent: onto === null || looked.hasParent }).toEqual(inspection)
      expect(after.messages('parent')).toEqual([{ type: 'run.publishing', runId: 'run-1', head: looked.head }])
    })
  })

  it('an answer of completed is of a published head, and of nothing else is a head told', () => {
    holds((_before, { output }) => {
      const answer = output as RunOutput | undefined
      if (!answer) return
      const head = answer.outcome === 'completed' && answer.review === null ? 'A' : null
      expect([answer.headAfter, answer.pr?.headSha ?? null]).toEqual([head, head])
    })
  })

  it('a verdict is of a review, of the head that it was given, untouched, and taken by the forge', () => {
    holds((before, after) => {
      if (spawned(after).includes('submitReview')) {
        expect(after.context).toMatchObject({ type: 'review', past: 'P', inspection: { head: 'P', dirty: [] } })
      }
      const answer = after.output as RunOutput | undefined
      if (!answer) return
      expect(answer.review !== null).toBe(after.context.type === 'review' && answer.outcome === 'completed')
      if (answer.review !== null) expect([before.value, answer.review.headSha]).toEqual(['submitting', 'P'])
    })
  })

  it('turns and resumes are bounded, and the limit is one for all of them', () => {
    holds((_before, { context, timers }) => {
      expect([context.commits <= defaultLimits.commits, context.checksMade <= defaultLimits.completionChecks]).toEqual([true, true])
      const { resumes, forks, restarts, stalls } = context
      expect([resumes <= defaultLimits.resumes, forks <= defaultLimits.forks, stalls <= defaultLimits.stalls + 1]).toEqual([
        true,
        true,
        true,
      ])
      expect(restarts).toBeLessThanOrEqual(defaultLimits.restarts + stalls)
      // The work itself, once more after each check but the last, and what took the place of a turn that was cut off.
      expect(context.turns).toBeLessThanOrEqual(
        defaultLimits.completionChecks +
          context.commits +
          context.checksMade +
          resumes +
          forks +
          restarts +
          (context.sequence?.parent ? 1 : 0),
      )
      for (const [name, { due }] of timers) {
        if (!name.includes('.runLimit.')) continue
        // Set when it had passed already, it is due at once.
        if (due !== dawn + limits.run + context.idle)
          expect([due > dawn + limits.run + context.idle, due <= context.now]).toEqual([true, true])
      }
    })
  })

  it('the agent that works is watched by both clocks, the one that starts by the first', () => {
    holds((_before, { value, timers }) => {
      const watches = (delay: string) => [...timers.keys()].some((name) => name.includes(`.${delay}.`))
      const isWorking = typeof value === 'object' && value !== null && 'working' in value
      const isRecovering = typeof value === 'object' && value !== null && 'recovering' in value
      if (isWorking || isRecovering || value === 'starting') expect([watches('silence'), watches('runLimit')]).toEqual([true, true])
      const rung = isWorking ? (value as { working: { progress: string } }).working.progress : null
      const clocks: Record<string, string> = { moving: 'stall', probing: 'probe', nudging: 'nudge' }
      for (const [where, clock] of Object.entries(clocks)) expect(watches(clock)).toBe(rung === where)
      expect(watches('ending')).toBe(value === 'ending' || value === 'interrupting' || isIn(value, 'checking', 'silencing'))
    })
  })

  it('the end of its agent is not waited for without end', () => {
    holds((before, after) => {
      if (after.value !== 'ending' || before.value === 'ending') return
      expect([...after.timers.values()].map(({ due }) => due - after.at)).toEqual([defaultLimits.ending])
    })
  })

  it('nothing is begun beside an agent that has not ended', () => {
    holds((before, after, past) => {
      const last = past.at(-1)!
      const hasEnded = 'ends' in last && !fails(last.ends)
      if (!before.children.has('closing') || hasEnded) return
      expect(spawned(after).filter((src) => src !== 'endSession')).toEqual([])
    })
  })

  it('nothing is asked without a time for the answer', () => {
    holds((_before, { value, timers, context }) => {
      expect([...timers.keys()].some((name) => name.includes('.completion.'))).toBe(isIn(value, 'checking', 'asking'))
      if (isIn(value, 'checking', 'asking'))
        expect([context.type, context.published, context.turnKind]).toEqual(['implementation', null, 'completion_check'])
    })
  })

  it('what it used only grows, and every message that it says was taken was', () => {
    holds((before, after, past) => {
      expect(after.context.usage.inputTokens).toBeGreaterThanOrEqual(before.context.usage.inputTokens)
      const taken = past.some((what) => 'says' in what && words[what.says % words.length]!['taken'] === true)
      expect(after.context.steered.filter((id) => id !== 'message-1' || !taken)).toEqual([])
    })
  })
})
