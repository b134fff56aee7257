// The landing queue of a project: who is first, what becomes of the one under test, and what its issue is told.

import { describe, expect, it } from 'vitest'
import type { QueueContext } from '../../../src/machines/queue/context.ts'
import { heldPause, mostObstacles } from '../../../src/machines/queue/policy.ts'
import { start, type Event, type Player } from '../player.ts'

type Queue = Player<QueueContext>
type Happening = Event | ((queue: Queue) => Queue)

const play = (...happenings: Happening[]): Queue => playOn(start<QueueContext>('queue', { project: 'app' }), ...happenings)
const playOn = (queue: Queue, ...happenings: Happening[]): Queue =>
  happenings.reduce<Queue>((now, happening) => (typeof happening === 'function' ? happening(now) : now.send(happening)), queue)

const entry = (number: number, changes: object = {}) => ({
  ...{ project: 'app', issue: `i${number}`, key: `APP-${number}`, number, headSha: `head-${number}`, priority: 0 },
  ...changes,
})
const asked = (number: number, changes: object = {}): Event => ({ type: 'landing.requested', ...entry(number, changes) })
const withdrawn = (number: number, headSha = `head-${number}`): Event => ({
  type: 'landing.withdrawn',
  ...entry(number, { headSha }),
  reason: 'stopped',
})

const done =
  (child: string, output?: unknown): Happening =>
  (queue) =>
    queue.done(child, output)
const failed =
  (child: string, code: string, message = 'it broke'): Happening =>
  (queue) =>
    queue.fail(child, { code, message })
const paused: Happening = (queue) => queue.fire('pause')
const entered = done('enter')
const built = done('build', { kind: 'candidate', base: 'base', commit: 'merge' })
const passed = done('test', { state: 'passed', failures: [] })
const landed = done('land', { kind: 'landed', commit: 'merge' })
const baseMoved = done('land', { kind: 'base_moved' })
const blocked = (reason: string, files: string[]) => done('land', { kind: 'blocked', reason, files })
const under: Happening[] = [asked(1), entered]
const testing = [...under, built]
const landing = [...testing, passed]
const failure = { name: 'ci', url: null, summary: 'one test fails', logTail: '', signature: 's' }

const inputs = (queue: Queue): unknown[] => [...queue.children.values()].map(({ src, input }) => [src, input])
const order = ({ context }: Queue): number[] => context.entries.map(({ number }) => number)

describe('an entry', () => {
  it('is noted, built, tested and landed, and each effect gets what it needs', () => {
    const target = { project: 'app', number: 1, headSha: 'head-1' }
    expect(play().value).toBe('idle')
    expect(inputs(play(asked(1)))).toEqual([['recordEntered', target]])
    expect(inputs(play(...under))).toEqual([['buildCandidate', target]])
    expect(inputs(play(...testing))).toEqual([['runCandidateChecks', { project: 'app', commit: 'merge' }]])
    expect(inputs(play(...landing))).toEqual([['landCandidate', { project: 'app', number: 1, base: 'base', commit: 'merge' }]])
    const over = play(...landing, landed)
    expect([over.value, over.context.head, over.context.candidate]).toEqual(['idle', null, null])
  })

  it('is tested alone; the next begins when it is over', () => {
    const queue = play(...landing, asked(2))
    expect([queue.context.head?.number, order(queue)]).toEqual([1, [2]])
    expect(playOn(queue, landed).context.head?.number).toBe(2)
  })

  it('passes without checks', () => {
    expect(play(...testing, done('test', { state: 'none', failures: [] })).value).toBe('landing')
  })

  it('that the base has already is noted as landed', () => {
    const queue = play(...under, done('build', { kind: 'already_landed', base: 'base', commit: 'old-merge' }))
    expect(inputs(queue)).toEqual([['adoptLanding', { project: 'app', number: 1, headSha: 'head-1', commit: 'old-merge' }]])
    expect(playOn(queue, done('adopt')).value).toBe('idle')
  })
})

describe('the order', () => {
  it('is by urgency, then by arrival, and what is under test stays first', () => {
    const queue = play(...testing, asked(2), asked(3, { priority: 4 }), asked(4, { priority: 1 }), asked(5, { priority: 1 }))
    expect([queue.context.head?.number, order(queue)]).toEqual([1, [4, 5, 3, 2]])
  })

  it('knows a head once, however often it is asked for', () => {
    expect(order(play(...testing, asked(2), asked(2)))).toEqual([2])
    expect(order(play(...testing, asked(1)))).toEqual([])
  })

  it("has one place for a pull request: a newer head takes the older one's", () => {
    const queue = play(...testing, asked(2), asked(3), asked(2, { headSha: 'newer' }))
    expect(queue.context.entries.map(({ headSha }) => headSha)).toEqual(['head-3', 'newer'])
  })
})

describe('what is given back', () => {
  const incident = (queue: Queue) => (queue.children.get('evict')!.input as { incident: unknown }).incident

  it('conflicts, with the files', () => {
    const queue = play(...under, done('build', { kind: 'conflict', base: 'base', files: ['a.ts', 'b.ts'] }))
    expect(incident(queue)).toEqual({
      ...{ class: 'conflict', files: ['a.ts', 'b.ts'], failures: [], baseSha: 'base', headSha: 'head-1' },
      summary: 'It conflicts with the base in a.ts, b.ts.',
    })
    expect(playOn(queue, done('evict'), asked(2)).context.head?.number).toBe(2)
  })

  it('conflicts without a file, and with very many', () => {
    const of = (files: string[]) => incident(play(...under, done('build', { kind: 'conflict', base: 'base', files })))
    expect(of([])).toMatchObject({ summary: 'It conflicts with the base as a whole: they have no history in common.' })
    expect(of(['a', 'b', 'c', 'd', 'e', 'f'])).toMatchObject({ summary: 'It conflicts with the base in a, b, c, d, e, ….' })
  })

  it('fails its checks together with the base', () => {
    const queue = play(...testing, done('test', { state: 'failed', failures: [failure] }))
    expect(incident(queue)).toMatchObject({
      class: 'checks',
      failures: [failure],
      baseSha: 'base',
      summary: 'The checks of its merge with the base failed: ci.',
    })
  })

  it('could not be tested for long, for no fault of its own', () => {
    const again: Happening[] = [failed('build', 'git-failed', 'no room'), paused, entered]
    const queue = play(...under, ...Array.from({ length: mostObstacles - 1 }, () => again).flat(), failed('build', 'git-failed', 'no room'))
    expect(incident(queue)).toMatchObject({ class: 'environment', summary: 'It could not be tested: no room' })
  })

  it('is given back for certain, however often the writing fails', () => {
    const queue = play(...under, done('build', { kind: 'conflict', base: 'base', files: [] }), failed('evict', 'store'))
    expect(queue.value).toEqual({ evicting: 'pausing' })
    expect(playOn(queue, paused, failed('evict', 'store'), paused, done('evict')).value).toBe('idle')
    expect(playOn(queue, paused, failed('evict', 'unknown-pull-request')).value).toBe('idle')
  })
})

describe('the environment', () => {
  it('is tried again after growing pauses', () => {
    const pause = (queue: Queue): number => [...queue.timers.values()][0]!.due - queue.at
    const first = play(...testing, failed('test', 'environment'))
    const second = playOn(first, paused, entered, built, failed('test', 'environment'))
    expect([first.value, second.value]).toEqual(['pausing', 'pausing'])
    expect(pause(second)).toBeGreaterThan(pause(first))
  })

  it.each([
    ['noting', [asked(1), failed('enter', 'x')]],
    ['building', [...under, failed('build', 'x')]],
    ['landing', [...landing, failed('land', 'x')]],
    ['adopting', [...under, done('build', { kind: 'already_landed', base: 'b', commit: 'm' }), failed('adopt', 'x')]],
  ])('fails also while %s', (_what, happenings) => expect(play(...happenings).value).toBe('pausing'))

  it('that was a restart is no failure', () => {
    const queue = play(...testing, failed('test', 'interrupted'))
    expect([queue.value, queue.context.obstacles]).toEqual(['building', 0])
  })

  it('is forgotten with the entry', () => {
    expect(play(...under, failed('build', 'x'), paused, entered, built, passed, landed).context.obstacles).toBe(0)
  })
})

describe('a base that moved during the test', () => {
  it('is tested again, and nothing is spent', () => {
    const queue = play(...landing, baseMoved)
    expect([queue.value, queue.context.obstacles]).toEqual(['building', 0])
  })
})

describe("a landing that the user's checkout holds up", () => {
  const held = play(...landing, blocked('local changes', ['a.ts']))

  it('is told to the issue, and tried again every ten seconds', () => {
    expect(held.reports('queue.held')).toEqual([
      { type: 'queue.held', issue: 'i1', headSha: 'head-1', reason: 'local changes', files: ['a.ts'] },
    ])
    expect([...held.timers.values()].map(({ due }) => due - held.at)).toEqual([heldPause])
    expect(held.fire('held').value).toBe('landing')
  })

  it('is told once while it is the same', () => {
    const again = held.fire('held')
    expect(playOn(again, blocked('local changes', ['a.ts'])).reports('queue.held')).toEqual([])
    expect(playOn(again, blocked('local changes', ['b.ts'])).reports('queue.held')).toMatchObject([{ files: ['b.ts'] }])
  })

  it('that ends is told too, unless it ends in the landing', () => {
    expect(playOn(held.fire('held'), baseMoved).reports('queue.resumed')).toEqual([
      { type: 'queue.resumed', issue: 'i1', headSha: 'head-1' },
    ])
    expect(playOn(held.fire('held'), landed).reports('queue.resumed')).toEqual([])
  })

  it('holds nobody up who takes it back', () => {
    expect(playOn(held, withdrawn(1)).value).toEqual({ leaving: 'recording' })
  })
})

describe('a withdrawal', () => {
  it('of one who waits is taken at once', () => {
    expect(order(play(...testing, asked(2), asked(3), withdrawn(2)))).toEqual([3])
  })

  it.each([
    ['noting', [asked(1)]],
    ['building', under],
    ['testing', testing],
    ['a pause', [...under, failed('build', 'x')]],
    ['giving back', [...under, done('build', { kind: 'conflict', base: 'base', files: [] })]],
  ])('of the one under test ends %s, and is noted', (_what, happenings) => {
    const queue = play(...happenings, withdrawn(1))
    expect(inputs(queue)).toEqual([['recordLeft', { project: 'app', number: 1, headSha: 'head-1' }]])
    expect(playOn(queue, done('leave')).value).toBe('idle')
  })

  it('waits for a landing in flight', () => {
    const queue = play(...landing, withdrawn(1))
    expect(queue.value).toBe('landing')
    expect(playOn(queue, landed).value).toBe('idle')
    for (const end of [baseMoved, blocked('x', []), failed('land', 'x')]) expect(playOn(queue, end).value).toEqual({ leaving: 'recording' })
  })

  it('does not keep a landing that was found made from being noted', () => {
    const adopting = play(...under, done('build', { kind: 'already_landed', base: 'b', commit: 'm' }), asked(2), withdrawn(1), withdrawn(2))
    expect([adopting.value, order(adopting)]).toEqual(['adopting', []])
    expect(playOn(adopting, done('adopt')).value).toBe('idle')
    expect(playOn(adopting, failed('adopt', 'x')).value).toEqual({ leaving: 'recording' })
  })

  it('of another head of the same pull request says nothing', () => {
    expect(play(...testing, withdrawn(1, 'older')).value).toBe('testing')
    expect(order(play(...testing, asked(2), withdrawn(2, 'older')))).toEqual([2])
    expect(order(play(...landing, asked(2), withdrawn(2)))).toEqual([])
  })

  it('that is thought better of begins anew', () => {
    for (const before of [testing, landing]) {
      const queue = play(...before, withdrawn(1), asked(1))
      expect(order(queue)).toEqual([1])
    }
    const again = play(...testing, withdrawn(1), asked(1), done('leave'))
    expect([again.value, again.context.head?.number, again.context.withdrawn]).toEqual(['entering', 1, null])
  })

  it.each([
    ['leaves', [...testing, withdrawn(1)], done('leave')],
    ['lands', [...landing, withdrawn(1)], baseMoved],
    ['has landed', [...under, done('build', { kind: 'already_landed', base: 'b', commit: 'm' }), withdrawn(1)], done('adopt')],
  ])('of what was asked for anew while it %s is one too', (_when, before, end) => {
    const queue = play(...before, asked(1), withdrawn(1))
    expect(order(queue)).toEqual([])
    expect(order(playOn(queue, end))).toEqual([])
  })

  it('is noted for certain', () => {
    const queue = play(...testing, withdrawn(1), failed('leave', 'store'))
    expect(queue.value).toEqual({ leaving: 'pausing' })
    expect(playOn(queue, withdrawn(1)).value).toEqual({ leaving: 'pausing' })
    expect(order(playOn(queue, asked(2), withdrawn(2)))).toEqual([])
    expect(playOn(queue, paused, done('leave')).value).toBe('idle')
    expect(playOn(queue, paused, failed('leave', 'pull-request-closed')).value).toBe('idle')
  })
})

describe('a pull request that has moved on, or is closed', () => {
  it.each([
    ['noting', [asked(1), failed('enter', 'pull-request-closed')]],
    ['building', [...under, failed('build', 'stale-head')]],
    ['landing', [...landing, failed('land', 'stale-head')]],
  ])('leaves while %s', (_what, happenings) => expect(play(...happenings).value).toEqual({ leaving: 'recording' }))
})
