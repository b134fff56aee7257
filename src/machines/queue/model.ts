// The model of a landing queue for exploration: up to three pull requests, newer heads, urgent ones and changed depths. Each is named
// by its turn in the line, so that lines that differ in numbers alone are one. What their actors can report is over-approximated:
// entry/model.ts proves that only the first of the line lands.

import {
  alive,
  dawn,
  spawns,
  tick,
  type Asked,
  type EventOf,
  type Happening,
  type Model,
  type Situation,
  type Told,
  type World,
} from '../model.ts'
import type { EntryInput, EntryOutput } from '../entry/context.ts'
import type { QueueContext, QueueEntry } from './context.ts'
import type { QueueEvent } from './events.ts'

type State = Situation<QueueContext>
type Type = QueueEvent['type']
type Example<T extends Type> = [label: string, event: Omit<EventOf<QueueEvent, T>, 'type'>]

/** How many pull requests there are. */
const most = 3
const nameOf = ({ number, headSha }: { number: number; headSha: string }): string => `${number}${headSha}`
const newer = (headSha: string): string => (headSha === 'A' ? 'B' : 'A')

/** One example for each in the line, named by its turn. */
const ofEach = <T>(c: QueueContext, example: (entry: QueueEntry) => T): [label: string, event: T][] =>
  c.entries.map((entry, index) => [`#${index + 1}`, example(entry)])
const request = (number: number, headSha: string, priority: number) => ({
  ...{ project: 'app', issue: `i${number}`, key: `APP-${number}`, number, headSha, priority },
})

/** What an actor that has a place reports about it, and about one that it had before. */
const reports = (c: QueueContext, of: (entry: QueueEntry) => boolean): [label: string, report: { number: number; round: number }][] =>
  c.entries.flatMap((entry, index) => {
    const { number, place } = entry
    if (!entry.isBegun || place === null || !of(entry)) return []
    const told = (label: string, round: number): [string, { number: number; round: number }] => [label, { number, round }]
    return [told(`#${index + 1}`, place.round), told(`#${index + 1} late`, place.round - c.rounds - 1)]
  })

/** Examples of each type of event; a new type does not compile without. */
const examples: { [T in Type]: (c: QueueContext) => Example<T>[] } = {
  'landing.requested': (c) => {
    const number = Array.from({ length: most }, (_one, index) => index + 1).find((one) => c.entries.every((entry) => entry.number !== one))
    return [
      ...(number === undefined
        ? []
        : [0, 1].map((priority): Example<'landing.requested'> => [
            priority === 0 ? 'another' : 'another, urgent',
            request(number, 'A', priority),
          ])),
      ...ofEach(c, (entry) => request(entry.number, entry.headSha, entry.priority)),
      ...ofEach(c, (entry) => request(entry.number, newer(entry.headSha), entry.priority)).map(
        ([label, event]): Example<'landing.requested'> => [`${label} with a newer head`, event],
      ),
    ]
  },
  'landing.urged': (c) => ofEach(c, ({ number, headSha, priority }) => ({ number, headSha, priority: 1 - priority })),
  'landing.withdrawn': (c) => ofEach(c, ({ number, headSha }) => ({ number, headSha, reason: 'r' })),
  'queue.configured': () => [1, 2].map((depth) => [`${depth}`, { depth }]),
  'entry.built': (c) => reports(c, () => true).map(([label, report]) => [label, { ...report, commit: `of round ${report.round}` }]),
  'entry.passedOver': (c) => reports(c, () => true),
  // Only a landing finds that out, which only the first has.
  'entry.baseMoved': (c) => reports(c, ({ isFirst }) => isFirst),
}
const words: Type[] = ['landing.requested', 'landing.urged', 'landing.withdrawn', 'queue.configured']

/** How the actor of an entry can end: what only the first does, only by the first. */
function ends(c: QueueContext, child: string, at: number): Happening[] {
  const index = c.entries.findIndex(({ isBegun, number }) => isBegun && String(number) === child)
  const entry = c.entries[index]!
  const told = (output: EntryOutput): Happening => ({ label: `#${index + 1} ${output.kind}`, cause: 'inside', at, done: child, output })
  // One that leaves may have been the first, with a landing in flight.
  const mayLand = entry.commit !== null && (entry.isFirst || (entry.isLeaving && index === 0))
  return [
    ...(mayLand ? [told({ kind: 'landed', commit: entry.commit! })] : []),
    ...(entry.isFirst ? [told({ kind: 'found' })] : []),
    told({ kind: 'evicted' }),
    told({ kind: 'left' }),
    { label: `#${index + 1} broke`, cause: 'inside', at, fail: child, error: { code: 'abandoned' } },
  ]
}

function events(state: State): Happening[] {
  const { context: c } = state
  const at = c.now + tick
  const told = (Object.keys(examples) as Type[]).flatMap((type) =>
    (examples[type](c) as [string, object][]).map(([label, event]): Happening => ({
      label: `${type} ${label}`,
      cause: words.includes(type) ? 'word' : 'inside',
      at,
      send: { type, ...event } as Told,
    })),
  )
  return [...told, ...alive(state).flatMap((child) => ends(c, child, at))]
}

const numbersOf = (c: QueueContext): number[] => [...new Set(c.entries.map(({ number }) => number))]
const world = (name: string, { changes, depth }: { changes: number; depth: number }, takes: RegExp): World<QueueContext> => ({
  name,
  input: { project: 'app', depth },
  events: (state) => {
    const isRoom = numbersOf(state.context).length < changes
    return events(state).filter(({ label }) => takes.test(label) && (isRoom || !label.includes(' another')))
  },
})

/** Who stands where, who came before whom, and who stands on what, without the numbers and names that say so. */
function representative({ context: c, children, ...rest }: State): State {
  const byArrival = [...c.entries].sort((a, b) => a.enqueuedAt - b.enqueuedAt)
  const rounds = c.entries.flatMap(({ place }) => (place === null ? [] : [place.round])).sort((a, b) => a - b)
  const rankOf = (round: number): number => rounds.indexOf(round) + 1
  const names = new Map(
    c.entries.flatMap(({ commit, place }) => (commit === null ? [] : [[commit, `of round ${rankOf(place!.round)}`] as const])),
  )
  const name = (commit: string | null): string | null => commit && (names.get(commit) ?? (commit === c.landed ? 'landed' : 'former'))
  const isStoodOn = c.entries.some(({ place }) => place !== null && place.onto === c.landed)
  const numbers = numbersOf(c)
  const numberOf = (number: number): number => numbers.indexOf(number) + 1
  return {
    ...rest,
    context: {
      ...c,
      now: dawn,
      rounds: rounds.length,
      landed: isStoodOn ? name(c.landed) : null,
      entries: c.entries.map((entry) => ({
        ...entry,
        ...request(numberOf(entry.number), entry.headSha, entry.priority),
        enqueuedAt: dawn - c.entries.length + byArrival.indexOf(entry),
        place: entry.place && { round: rankOf(entry.place.round), onto: name(entry.place.onto) },
        commit: name(entry.commit),
      })),
    },
    children: Object.fromEntries(Object.entries(children).map(([id, child]) => [numberOf(Number(id)), child])),
  }
}

type Sent = Extract<Asked, { type: 'send' }>
const toldTo = (commands: readonly Asked[], number: number): Told[] =>
  commands.flatMap((command) =>
    command.type === 'send' && (command.to as { child?: string }).child === String(number) ? [(command as Sent).event] : [],
  )
const staying = (c: QueueContext): QueueEntry[] => c.entries.filter(({ isLeaving }) => !isLeaving)
const lineOf = (c: QueueContext): string => c.entries.map(nameOf).join(', ') || 'nobody'
const sameIn = (c: QueueContext, entry: QueueEntry): QueueEntry | undefined =>
  c.entries.find((other) => nameOf(other) === nameOf(entry) && other.enqueuedAt === entry.enqueuedAt)

const withdrawal = (entry: QueueEntry): Happening => ({
  ...{ label: '', cause: 'word', at: dawn },
  send: { type: 'landing.withdrawn', number: entry.number, headSha: entry.headSha, reason: 'r' },
})
const end = (child: string): Happening => ({ label: '', cause: 'inside', at: dawn, done: child, output: { kind: 'left' } })

/** The number that an event is about; null for the queue as a whole. */
function numberOf(happening: Happening): number | null {
  const child = 'done' in happening ? happening.done : 'fail' in happening ? happening.fail : null
  if (child !== null) return Number(child)
  const { number } = ('send' in happening ? happening.send : {}) as { number?: number }
  return number ?? null
}

export const queueModel: Model<QueueContext> = {
  machine: 'queue',
  parent: null,
  worlds: [
    world('three changes', { changes: 3, depth: 2 }, /^(landing\.requested (another|#\d)$|landing\.withdrawn|entry|#)/),
    world(
      'an urgent one',
      { changes: 3, depth: 2 },
      /^(landing\.requested (another|another, urgent|#\d)$|landing\.urged|entry|#\d (landed|evicted))/,
    ),
    world('a newer head', { changes: 2, depth: 2 }, /^(landing\.requested (another$|#\d)|landing\.withdrawn|entry|#)/),
    world('another depth', { changes: 2, depth: 2 }, /^(landing\.requested (another|#\d)$|landing\.withdrawn|queue|entry|#)/),
  ],
  representative,
  properties: [
    {
      id: 'P1',
      statement: 'Whoever is withdrawn goes: its actor is told once and given no other place, and one without an actor is gone at once.',
      state: ({ context: c }, from) => {
        for (const entry of staying(c)) {
          const { after, commands } = from(withdrawal(entry))
          const left = sameIn(after.context, entry)
          if (!entry.isBegun && left !== undefined) return `${nameOf(entry)} stays`
          if (!entry.isBegun) continue
          if (!left?.isLeaving) return `${nameOf(entry)} does not leave`
          const told = toldTo(commands, entry.number).map(({ type }) => type)
          if (told.join() !== 'entry.withdrawn') return `${nameOf(entry)} is told ${told.join(', ') || 'nothing'}`
        }
        return undefined
      },
      step: ({ before, commands }) => {
        const placed = before.context.entries.find(
          ({ number, isBegun, isLeaving }) => isBegun && isLeaving && toldTo(commands, number).some(({ type }) => type === 'entry.placed'),
        )
        return placed && `${nameOf(placed)} leaves and is placed`
      },
    },
    {
      id: 'P2',
      statement:
        'What happens to one costs those before it nothing; a request takes nobody from where it stands, and a landing none who stands on it.',
      step: ({ before: { context: a }, after: { context: b }, happening }) => {
        const number = numberOf(happening)
        const index = a.entries.findIndex((entry) => entry.number === number)
        const isNew = happening.label.startsWith('landing.requested') && index === -1
        const hasLanded = happening.label.endsWith(' landed')
        if (number === null && !happening.label.startsWith('queue.configured')) return undefined
        const safe = isNew || index === -1 || hasLanded ? a.entries.filter((entry) => entry.number !== number) : a.entries.slice(0, index)
        const moved = safe.find((entry) => entry.place !== null && sameIn(b, entry)?.place?.round !== entry.place.round)
        return moved && `${nameOf(moved)} is placed anew`
      },
    },
    {
      id: 'P4',
      statement:
        'One at a time is first: it stays the first until its actor has ended, a landing that is in flight when it is withdrawn included.',
      state: ({ context: c }) => {
        const first = c.entries.filter(({ isFirst }) => isFirst)
        return first.length === 0 || (first.length === 1 && first[0] === c.entries[0])
          ? undefined
          : `first: ${first.map(nameOf).join(', ')}`
      },
      step: ({ before: { context: a }, after: { context: b } }) => {
        const [head] = a.entries
        if (head === undefined || !head.isBegun) return undefined
        const same = sameIn(b, head)
        if (same === undefined) return undefined
        if (b.entries[0] !== same) return `${nameOf(b.entries[0]!)} goes in front of ${nameOf(head)}`
        return head.isFirst && !same.isFirst && !same.isLeaving ? `${nameOf(head)} is no longer first` : undefined
      },
    },
    {
      id: 'P4',
      statement: 'Those who have no place stand by urgency, then in the order of arrival, behind all who have one.',
      state: ({ context: c }) => {
        const waiting = staying(c).filter(({ place }) => place === null)
        // 1 is more urgent than none.
        const wrong = waiting.find((entry, index) => {
          const next = waiting[index + 1]
          if (next === undefined) return false
          return entry.priority === next.priority ? entry.enqueuedAt > next.enqueuedAt : entry.priority === 0
        })
        return wrong && `${nameOf(wrong)} stands before its turn in ${lineOf(c)}`
      },
    },
    {
      id: 'P5',
      statement:
        'Nobody is blocked: while somebody stays an actor lives, whoever has no place waits for the one before, for room, or for its former head, and when the head of the line has gone the next is first.',
      state: (state, from) => {
        const { context: c } = state
        if ((state.value === 'idle') !== (c.entries.length === 0)) return `in ${JSON.stringify(state.value)} there stand ${lineOf(c)}`
        if (c.entries.length > 0 && alive(state).length === 0) return `${lineOf(c)} wait for nobody`
        const line = c.entries.filter(({ isLeaving, place }) => !isLeaving || place !== null)
        for (const [index, entry] of line.entries()) {
          if (entry.place !== null) continue
          const before = line.slice(0, index)
          const isFull = before.length >= c.depth
          const isUnbuilt = before.some(({ commit, isPassedOver }) => commit === null && !isPassedOver)
          const former = c.entries.some((other) => other !== entry && other.isBegun && other.number === entry.number)
          if (!isFull && !isUnbuilt && !former) return `${nameOf(entry)} could have a place`
        }
        const [head] = c.entries
        if (head === undefined) return undefined
        const withdrawn = from(withdrawal(head))
        const gone = head.isBegun ? withdrawn.then(end(String(head.number))) : withdrawn
        const [next] = gone.after.context.entries
        return next === undefined || next.isFirst || next.isLeaving ? undefined : `${nameOf(next)} is not the first`
      },
    },
    {
      id: 'P7',
      statement: 'A request, a withdrawal and a report that come twice are one; a report about a former place changes nothing.',
      arrival: ({ after, happening, then, isLoop }) => {
        if (isLoop || !('send' in happening)) return undefined
        const again = then({ ...happening, at: after.context.now })
        if (JSON.stringify(again.after.context.entries) !== JSON.stringify(after.context.entries)) return 'the second one changes something'
        // A withdrawal that comes twice may be told twice.
        return again.commands.some((command) => command.type !== 'send' || command.event.type !== 'entry.withdrawn')
          ? 'the second one asks for something'
          : undefined
      },
      step: ({ happening, isLoop, commands }) =>
        happening.label.endsWith(' late') && (!isLoop || commands.length > 0) ? 'it is taken for one about its place' : undefined,
    },
    {
      id: 'P9',
      statement:
        'Whoever has ended stands in the line no more; one whose actor was given up is noted to have left; nobody waits for a commit that will not land.',
      step: ({ before: { context: a }, after: { context: b }, commands, happening }) => {
        const child = 'done' in happening ? happening.done : 'fail' in happening ? happening.fail : null
        const ended = child === null ? undefined : a.entries.find(({ isBegun, number }) => isBegun && String(number) === child)
        if (ended === undefined) return undefined
        const same = sameIn(b, ended)
        if ('done' in happening) return same && `${nameOf(ended)} still stands there`
        const { isWithdrawn, headSha } = (spawns(commands).find((one) => one.child === child)?.input ?? {}) as Partial<EntryInput>
        return same?.isLeaving && isWithdrawn && headSha === ended.headSha ? undefined : `nobody notes that ${nameOf(ended)} has left`
      },
      state: ({ context: c }) => {
        const known = new Set([...c.entries.map(({ commit }) => commit), c.landed, null])
        const lost = c.entries.find(({ place, isLeaving }) => place !== null && !isLeaving && !known.has(place.onto))
        return lost && `${nameOf(lost)} stands on what is gone`
      },
    },
    {
      id: 'P12',
      statement:
        'Each head stands in the line once and has one actor, which knows its place; no more than the depth have one, and nobody in front of whom stands one without.',
      state: (state) => {
        const { context: c } = state
        const begun = c.entries.filter(({ isBegun }) => isBegun).map(({ number }) => String(number))
        if (begun.toSorted().join() !== alive(state).toSorted().join())
          return `actors: ${alive(state).join(', ')}, begun: ${begun.join(', ')}`
        const wanted = staying(c)
        if (new Set(wanted.map(({ number }) => number)).size !== wanted.length) return `twice in ${lineOf(c)}`
        const placed = wanted.filter(({ place }) => place !== null)
        const isUnbegun = placed.find(({ isBegun }) => !isBegun)
        if (isUnbegun !== undefined) return `${nameOf(isUnbegun)} has a place and no actor`
        return wanted.slice(0, placed.length).every(({ place }) => place !== null) ? undefined : 'one without a place stands in front'
      },
      step: ({ before: { context: a }, after: { context: b }, commands, happening }) => {
        const spawned = spawns(commands).map(({ child }) => child)
        for (const entry of b.entries) {
          const known = sameIn(a, entry)
          const isGivenUp = 'fail' in happening && known?.isBegun === true && happening.fail === String(entry.number)
          const isNew = entry.isBegun && (!known?.isBegun || isGivenUp)
          if (isNew !== spawned.includes(String(entry.number)) && (isNew || entry.isBegun))
            return `${nameOf(entry)} has no actor of its own`
          if (isNew || !entry.isBegun || entry.isLeaving) continue
          const told = toldTo(commands, entry.number)
          const hasMoved = known!.place?.round !== entry.place?.round || known!.isFirst !== entry.isFirst
          if (told.length !== Number(hasMoved)) return `${nameOf(entry)} is told ${told.length} times`
          const [last] = told
          if (last && JSON.stringify([last['place'], last['isFirst']]) !== JSON.stringify([entry.place, entry.isFirst]))
            return `${nameOf(entry)} is told another place`
        }
        const count = (c: QueueContext): number => staying(c).filter(({ place }) => place !== null).length
        // A depth that shrinks takes nobody's place.
        return count(b) > b.depth && count(b) > count(a) ? `${count(b)} are tested at once after ${happening.label}` : undefined
      },
    },
  ],
}
