// One entry of a landing queue: what it does in its place, what it reports, and how it ends.

import { describe, expect, it } from 'vitest'
import type { EntryContext } from '../../../src/machines/entry/context.ts'
import { defaultRetry } from '../../../src/machines/entry/policy.ts'
import { start, type Event, type Player } from '../player.ts'

type Entry = Player<EntryContext>
type Happening = Event | ((entry: Entry) => Entry)

const target = { project: 'app', number: 1, headSha: 'head-1' }
const begin = (changes: object = {}): Entry =>
  start<EntryContext>('entry', {
    ...{ ...target, issue: 'i1', key: 'APP-1', place: { round: 1, onto: null }, isFirst: true, isWithdrawn: false, ...changes },
  })
const playOn = (entry: Entry, ...happenings: Happening[]): Entry =>
  happenings.reduce<Entry>((now, happening) => (typeof happening === 'function' ? happening(now) : now.send(happening)), entry)
const play = (...happenings: Happening[]): Entry => playOn(begin(), ...happenings)

const done =
  (child: string, output?: unknown): Happening =>
  (entry) =>
    entry.done(child, output)
const failed =
  (child: string, code: string, message = 'it broke'): Happening =>
  (entry) =>
    entry.fail(child, { code, message })
const paused: Happening = (entry) => entry.fire('pause')
const withdrawn: Event = { type: 'entry.withdrawn' }
const placed = (round: number, onto: string | null, isFirst = false): Event => ({ type: 'entry.placed', place: { round, onto }, isFirst })
const first: Event = placed(1, 'm0', true)
const entered = done('enter')
const built = done('build', { kind: 'candidate', base: 'base', commit: 'merge' })
const conflict = (files: string[]) => done('build', { kind: 'conflict', base: 'base', files })
const contained = done('build', { kind: 'already_landed', base: 'base', commit: 'old-merge' })
const passed = done('test', { state: 'passed', failures: [] })
const landed = done('land', { kind: 'landed', commit: 'merge' })
const baseMoved = done('land', { kind: 'base_moved' })
const blocked = (reason: string, files: string[]) => done('land', { kind: 'blocked', reason, files })
const failure = { name: 'ci', url: null, summary: 'one test fails', logTail: '', signature: 's' }
const red = (...failures: object[]) => done('test', { state: 'failed', failures })
const testing = [entered, built]
const landing = [...testing, passed]
const second = () => begin({ place: { round: 1, onto: 'm0' }, isFirst: false })

const inputs = (entry: Entry): unknown[] => [...entry.children.values()].map(({ src, input }) => [src, input])
const incident = (entry: Entry) => (entry.children.get('evict')!.input as { incident: unknown }).incident

describe('the first', () => {
  it('is noted, built, tested and landed, and each effect gets what it needs', () => {
    expect(inputs(play())).toEqual([['recordEntered', target]])
    expect(inputs(play(entered))).toEqual([['buildCandidate', { ...target, onto: null }]])
    const tests = play(...testing)
    expect(inputs(tests)).toEqual([['runCandidateChecks', { project: 'app', commit: 'merge' }]])
    expect(tests.messages('parent')).toEqual([{ type: 'entry.built', number: 1, round: 1, commit: 'merge' }])
    expect(inputs(play(...landing))).toEqual([['landCandidate', { project: 'app', number: 1, base: 'base', commit: 'merge' }]])
    const over = play(...landing, landed)
    expect([over.status, over.output]).toEqual(['done', { kind: 'landed', commit: 'merge' }])
  })

  it('passes without checks', () => {
    expect(play(...testing, done('test', { state: 'none', failures: [] })).value).toBe('landing')
  })

  it('that the base has already is noted as landed', () => {
    const entry = play(entered, contained)
    expect(inputs(entry)).toEqual([['adoptLanding', { ...target, commit: 'old-merge' }]])
    expect(playOn(entry, done('adopt')).output).toEqual({ kind: 'found' })
  })

  it('is built on the base anew when somebody else moved that', () => {
    const entry = playOn(second(), ...landing, first, baseMoved)
    expect([entry.value, entry.context.obstacles]).toEqual(['building', 0])
    expect(entry.messages('parent')).toEqual([{ type: 'entry.baseMoved', number: 1, round: 1 }])
    expect(inputs(entry)).toEqual([['buildCandidate', { ...target, onto: null }]])
  })
})

describe('another', () => {
  it('is built onto the one before it, and waits with what was found out until it is first', () => {
    expect(inputs(playOn(second(), entered))).toEqual([['buildCandidate', { ...target, onto: 'm0' }]])
    const waits = playOn(second(), ...landing)
    expect([waits.value, waits.children.size]).toEqual(['tested', 0])
    expect(playOn(waits, first).value).toBe('landing')
    const refuted = playOn(second(), ...testing, red(failure))
    expect([refuted.value, refuted.messages('parent')]).toEqual(['refuted', [{ type: 'entry.passedOver', number: 1, round: 1 }]])
    expect(playOn(refuted, first).value).toEqual({ evicting: 'recording' })
  })

  it('is built again in another place, wherever it was', () => {
    for (const before of [
      [entered],
      testing,
      landing,
      [entered, conflict([])],
      [...testing, red(failure)],
      [...testing, failed('test', 'x')],
    ]) {
      const entry = playOn(second(), ...before, placed(2, 'm9'))
      expect([entry.value, entry.context.candidate, entry.context.incident]).toEqual(['building', null, null])
      expect(inputs(entry)).toEqual([['buildCandidate', { ...target, onto: 'm9' }]])
    }
  })

  it('waits while it has no place', () => {
    const entry = playOn(second(), ...testing, { type: 'entry.placed', place: null, isFirst: false })
    expect([entry.value, entry.children.size]).toEqual(['waiting', 0])
    expect(playOn(entry, placed(2, null, true)).value).toBe('building')
  })

  it('goes to its newest place when it moves while it is noted', () => {
    expect(inputs(playOn(second(), placed(2, 'm9'), entered))).toEqual([['buildCandidate', { ...target, onto: 'm9' }]])
  })

  it('that the one before it contains is looked for on the base when it is first', () => {
    const entry = playOn(second(), entered, contained)
    expect([entry.value, entry.messages('parent')]).toEqual(['contained', [{ type: 'entry.passedOver', number: 1, round: 1 }]])
    expect(inputs(playOn(entry, first))).toEqual([['buildCandidate', { ...target, onto: null }]])
    expect(playOn(entry, first, contained).value).toBe('adopting')
  })
})

describe('what is given back', () => {
  it('conflicts, with the files', () => {
    const entry = play(entered, conflict(['a.ts', 'b.ts']))
    expect(incident(entry)).toEqual({
      ...{ class: 'conflict', files: ['a.ts', 'b.ts'], failures: [], baseSha: 'base', headSha: 'head-1' },
      summary: 'It conflicts with the base in a.ts, b.ts.',
    })
    expect(playOn(entry, done('evict')).output).toEqual({ kind: 'evicted' })
  })

  it('conflicts without a file, and with very many', () => {
    expect(incident(play(entered, conflict([])))).toMatchObject({
      summary: 'It conflicts with the base as a whole: they have no history in common.',
    })
    expect(incident(play(entered, conflict(['a', 'b', 'c', 'd', 'e', 'f'])))).toMatchObject({
      summary: 'It conflicts with the base in a, b, c, d, e, ….',
    })
  })

  it('fails its checks together with the base', () => {
    expect(incident(play(...testing, red(failure)))).toMatchObject({
      ...{ class: 'checks', failures: [failure], baseSha: 'base' },
      summary: 'The checks of its merge with the base failed: ci.',
    })
  })

  it('fails once more, where the failures come and go', () => {
    const again = play(...testing, red({ ...failure, flaky: true }))
    expect([again.value, inputs(again)]).toEqual(['testing', [['runCandidateChecks', { project: 'app', commit: 'merge' }]]])
    expect(playOn(again, red({ ...failure, flaky: true })).value).toEqual({ evicting: 'recording' })
    expect(play(...testing, red({ ...failure, flaky: true }, failure)).value).toEqual({ evicting: 'recording' })
  })

  it('could not be tested for long, for no fault of its own', () => {
    const again: Happening[] = [failed('build', 'git-failed', 'no room'), paused, entered]
    const entry = play(
      entered,
      ...Array.from({ length: defaultRetry.attempts - 1 }, () => again).flat(),
      failed('build', 'git-failed', 'no room'),
    )
    expect(incident(entry)).toMatchObject({ class: 'environment', summary: 'It could not be tested: no room' })
  })

  it('is given back for certain, however often the writing fails and wherever it is placed', () => {
    const entry = play(entered, conflict([]), failed('evict', 'store'), placed(2, 'm9'))
    expect(entry.value).toEqual({ evicting: 'pausing' })
    expect(playOn(entry, paused, failed('evict', 'store'), paused, done('evict')).output).toEqual({ kind: 'evicted' })
    expect(playOn(entry, paused, failed('evict', 'unknown-pull-request')).output).toEqual({ kind: 'evicted' })
  })
})

describe('the environment', () => {
  it('is tried again after growing pauses', () => {
    const pause = (entry: Entry): number => [...entry.timers.values()][0]!.due - entry.at
    const once = play(...testing, failed('test', 'environment'))
    const twice = playOn(once, paused, failed('test', 'environment'))
    expect([once.value, twice.value]).toEqual(['pausing', 'pausing'])
    expect(pause(twice)).toBeGreaterThan(pause(once))
  })

  it('is tried again as often and after such pauses as the queue is configured', () => {
    const retry = { attempts: 3, pause: 1_000, longest: 1_500, held: 7_000 }
    const due = (entry: Entry): number => [...entry.timers.values()][0]!.due - entry.at
    let entry = begin({ retry }).done('enter')
    const pauses = [1, 2].map(() => {
      const pausing = entry.fail('build', { code: 'git-failed', message: 'no room' })
      entry = pausing.fire('pause').done('enter')
      return due(pausing)
    })
    expect([pauses, entry.fail('build', { code: 'git-failed', message: 'no room' }).value]).toEqual([
      [1_000, 1_500],
      { evicting: 'recording' },
    ])
    expect(due(playOn(begin({ retry }), ...landing, blocked('local changes', ['a.ts'])))).toBe(7_000)
  })

  it('costs nothing that was found out before', () => {
    expect(play(failed('enter', 'x'), paused).value).toBe('entering')
    expect(play(entered, failed('build', 'x'), paused).value).toBe('entering')
    expect(play(...testing, failed('test', 'x'), paused).value).toBe('testing')
    expect(play(...landing, failed('land', 'x'), paused).value).toBe('landing')
    expect(play(entered, contained, failed('adopt', 'x'), paused, entered).value).toBe('building')
  })

  it('that was a restart is no failure', () => {
    const entry = play(...testing, failed('test', 'interrupted'))
    expect([entry.value, entry.context.obstacles, entry.children.size]).toEqual(['testing', 0, 1])
  })
})

describe("a landing that the user's checkout holds up", () => {
  const held = play(...landing, blocked('local changes', ['a.ts']))

  it('is told to the issue, and tried again every ten seconds', () => {
    expect(held.reports('queue.held')).toEqual([
      { type: 'queue.held', issue: 'i1', headSha: 'head-1', reason: 'local changes', files: ['a.ts'] },
    ])
    expect([...held.timers.values()].map(({ due }) => due - held.at)).toEqual([defaultRetry.held])
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
    expect(playOn(held, withdrawn).value).toEqual({ leaving: 'recording' })
  })
})

describe('a withdrawal', () => {
  it.each([
    ['noting', []],
    ['building', [entered]],
    ['testing', testing],
    ['a pause', [entered, failed('build', 'x')]],
    ['giving back', [entered, conflict([])]],
  ])('ends %s, and is noted', (_what, happenings) => {
    const entry = play(...happenings, withdrawn)
    expect(inputs(entry)).toEqual([['recordLeft', target]])
    expect(playOn(entry, done('leave')).output).toEqual({ kind: 'left' })
  })

  it('may have come before its actor: that only notes it', () => {
    const entry = begin({ place: null, isWithdrawn: true })
    expect(inputs(entry)).toEqual([['recordLeft', target]])
    expect(playOn(entry, done('leave')).output).toEqual({ kind: 'left' })
  })

  it('waits for a landing in flight', () => {
    const entry = play(...landing, withdrawn)
    expect(entry.value).toBe('landing')
    expect(playOn(entry, landed).output).toMatchObject({ kind: 'landed' })
    for (const end of [baseMoved, blocked('x', []), failed('land', 'x')]) expect(playOn(entry, end).value).toEqual({ leaving: 'recording' })
  })

  it('does not keep a landing that was found made from being noted', () => {
    const adopting = play(entered, contained, withdrawn)
    expect(adopting.value).toBe('adopting')
    expect(playOn(adopting, done('adopt')).output).toEqual({ kind: 'found' })
    expect(playOn(adopting, failed('adopt', 'x')).value).toEqual({ leaving: 'recording' })
  })

  it('is noted for certain', () => {
    const entry = play(...testing, withdrawn, failed('leave', 'store'), placed(2, 'm9'))
    expect(entry.value).toEqual({ leaving: 'pausing' })
    expect(playOn(entry, withdrawn).value).toEqual({ leaving: 'pausing' })
    expect(playOn(entry, paused, done('leave')).output).toEqual({ kind: 'left' })
    expect(playOn(entry, paused, failed('leave', 'pull-request-closed')).output).toEqual({ kind: 'left' })
  })
})

describe('a pull request that has moved on, or is closed', () => {
  it.each([
    ['noting', [failed('enter', 'pull-request-closed')]],
    ['building', [entered, failed('build', 'stale-head')]],
    ['landing', [...landing, failed('land', 'stale-head')]],
  ])('leaves while %s', (_what, happenings) => expect(play(...happenings).value).toEqual({ leaving: 'recording' }))
})
