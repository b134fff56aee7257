// The laws of a landing queue over random histories: requests and withdrawals at any moment, every answer that an effect may give.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QueueContext } from '../../../src/machines/queue/context.ts'
import { start, type Event, type Player } from '../player.ts'

type Queue = Player<QueueContext>
/**
 * Requests and withdrawals by pull request and head, or of the very one under test; the n-th of the answers that the effect in flight
 * may give; the next timer.
 */
type Happening =
  | { ask: number; head: string }
  | { withdraw: number; head: string }
  | { answer: number }
  | { act: 'timer' | 'takeBack' | 'askAgain' }

const numRuns = process.env['SIGNALBOX_NIGHTLY'] ? 20_000 : 300
const fails = (code: string) => (child: string) => (queue: Queue) => queue.fail(child, { code, message: 'it broke' })
const done = (output?: unknown) => (child: string) => (queue: Queue) => queue.done(child, output)
const broken = [fails('git-failed'), fails('stale-head')]
const failure = { name: 'ci', url: null, summary: 's', logTail: '', signature: 'x' }

let built = 0
const answers: Record<string, (((child: string) => (queue: Queue) => Queue) | null)[]> = {
  enter: [done(), ...broken],
  build: [
    null,
    null,
    done({ kind: 'conflict', base: 'b', files: [] }),
    done({ kind: 'already_landed', base: 'b', commit: 'old' }),
    ...broken,
  ],
  test: [done({ state: 'passed' }), done({ state: 'passed' }), done({ state: 'failed', failures: [failure] }), ...broken],
  land: [
    ...[done({ kind: 'landed', commit: 'm' }), done({ kind: 'base_moved' }), done({ kind: 'blocked', reason: 'dirty', files: [] })],
    ...broken,
  ],
  adopt: [done(), fails('git-failed')],
  evict: [done(), ...broken],
  leave: [done(), ...broken],
}

const asked = (number: number, headSha: string): Event => ({
  ...{ type: 'landing.requested', project: 'app', issue: `i${number}`, key: `APP-${number}`, number, headSha, priority: number },
})
const withdrawn = (number: number, headSha: string): Event => ({ ...asked(number, headSha), type: 'landing.withdrawn', reason: 'stopped' })

function play(queue: Queue, what: Happening): Queue {
  if ('ask' in what) return queue.send(asked(what.ask, what.head))
  if ('withdraw' in what) return queue.send(withdrawn(what.withdraw, what.head))
  if ('act' in what && what.act !== 'timer') {
    const { head: under } = queue.context
    return under === null
      ? queue
      : play(queue, what.act === 'takeBack' ? { withdraw: under.number, head: under.headSha } : { ask: under.number, head: under.headSha })
  }
  if ('act' in what) {
    const [name] = queue.timers.keys()
    return name === undefined ? queue : queue.fire(name.split('.')[2]!)
  }
  const [child] = queue.children.keys()
  if (child === undefined) return queue
  const possible = answers[child]!
  const answer = possible[what.answer % possible.length] ?? done({ kind: 'candidate', base: 'b', commit: `merge-${++built}` })
  return answer(child)(queue)
}

const number = fc.constantFrom(1, 2)
const head = fc.constantFrom('A', 'B')
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ ask: number, head }) },
  { weight: 1, arbitrary: fc.record({ withdraw: number, head }) },
  { weight: 5, arbitrary: fc.record({ answer: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.constant<Happening>({ act: 'timer' }) },
  { weight: 1, arbitrary: fc.constantFrom<Happening>({ act: 'takeBack' }, { act: 'askAgain' }) },
)

/** What is wanted of the queue after a step: the last word about each head of each pull request. */
type Wanted = Map<string, boolean>

function holds(law: (before: Queue, after: Queue, wanted: Wanted, what: Happening, isLast: boolean) => void): void {
  fc.assert(
    fc.property(fc.array(happening, { minLength: 1, maxLength: 40, size: 'max' }), (happenings) => {
      let queue = start<QueueContext>('queue', { project: 'app' })
      const wanted: Wanted = new Map()
      for (const [i, what] of happenings.entries()) {
        const { head: under } = queue.context
        if ('ask' in what) wanted.set(`${what.ask} ${what.head}`, true)
        if ('withdraw' in what) wanted.set(`${what.withdraw} ${what.head}`, false)
        if ('act' in what && what.act !== 'timer' && under !== null) wanted.set(`${under.number} ${under.headSha}`, what.act === 'askAgain')
        const after = play(queue, what)
        if (after !== queue) law(queue, after, wanted, what, i === happenings.length - 1)
        queue = after
      }
    }),
    { numRuns },
  )
}

const spawned = (queue: Queue, src: string) =>
  queue.commands.flatMap((command) =>
    command.type === 'spawn' && command.src === src ? [command.input as { number: number; commit: string }] : [],
  )

describe('whatever happens to a landing queue', () => {
  it('only what is wanted begins to land, at exactly the commit that has just passed its test', () => {
    holds((before, after, wanted) => {
      for (const { number: landing, commit } of spawned(after, 'landCandidate')) {
        expect(wanted.get(`${landing} ${after.context.head!.headSha}`)).toBe(true)
        expect(after.context.head!.number).toBe(landing)
        expect(after.context.candidate?.commit).toBe(commit)
        // It was held by the user's checkout, or its test has just ended.
        const tested = before.children.get('test')?.input as { commit: string } | undefined
        expect(before.value === 'held' ? before.context.candidate?.commit : tested?.commit).toBe(commit)
      }
    })
  })

  it('one thing is done at a time, and it never waits silently', () => {
    holds((_before, { children, timers, value, context }) => {
      expect(children.size).toBeLessThanOrEqual(1)
      if (value === 'idle') expect([context.head, context.entries, children.size]).toEqual([null, [], 0])
      else expect(children.size + timers.size).toBe(1)
    })
  })

  it('a head is in it once, and a pull request waits with one head', () => {
    holds((_before, { context: { entries } }) => {
      expect(new Set(entries.map((entry) => entry.number)).size).toBe(entries.length)
    })
  })

  it('what is wanted stands in it until it has landed, was given back or has left', () => {
    holds((before, after, wanted) => {
      const inside = ({ context }: Queue) => [context.head, ...context.entries].filter((entry) => entry !== null)
      for (const entry of inside(before)) {
        const isStill = inside(after).some(({ number: other, headSha }) => other === entry.number && headSha === entry.headSha)
        const isReplaced = inside(after).some(({ number: other }) => other === entry.number)
        if (isStill || isReplaced || wanted.get(`${entry.number} ${entry.headSha}`) !== true) continue
        // It was under test, and an effect has said the last word about it.
        expect(before.context.head).toEqual(entry)
        expect(['land', 'adopt', 'evict', 'leave']).toContain([...before.children.keys()][0])
      }
    })
  })

  it('a landing in flight is never broken off', () => {
    holds((before, after, _wanted, what) => {
      if ('answer' in what) return
      for (const [child, { src }] of before.children) {
        if (['landCandidate', 'adoptLanding'].includes(src)) expect(after.children.has(child)).toBe(true)
      }
    })
  })

  it('comes to rest when everything answers well', () => {
    holds((_before, after, _wanted, _what, isLast) => {
      if (!isLast) return
      let queue = after
      for (let steps = 0; queue.value !== 'idle'; steps++) {
        expect(steps).toBeLessThan(60)
        queue = queue.children.size > 0 ? play(queue, { answer: 0 }) : play(queue, { act: 'timer' })
      }
    })
  })
})
