// An explanation is complete in every state that can be reached: whoever is waited for can move the issue, what moves it is named as
// something that can, what is not taken has a guard that says no with what it read, and every deadline is told.
// Here in lives drawn at random; nightly in each state that the exploration finds.

import { describe, expect, it } from 'vitest'
import { begin, open } from '../../../src/actors/explore/stepping.ts'
import { seededRandom } from '../../../src/actors/system/index.ts'
import { explorePart } from '../../../src/app/models.ts'
import { explainIssue, type Explained } from '../../../src/machines/explain.ts'
import type { IssueContext } from '../../../src/machines/issue/context.ts'
import { isTerminal, waitingFor } from '../../../src/machines/issue/document.ts'
import { issueModel } from '../../../src/machines/issue/model.ts'
import type { State } from '../../../src/machines/issue/model-events.ts'
import { dawn, type Happening, type World } from '../../../src/machines/model.ts'
import type { Party } from '../../../src/machines/vocabulary.ts'
import { kinds } from '../player.ts'

const isNightly = process.env['SIGNALBOX_NIGHTLY'] !== undefined
const seed = Number(process.env['SIGNALBOX_SEED'] ?? Date.now() % 2 ** 31)
const statesOfEach = 150
const longest = 60
const subject = { kind: kinds.get('issue')!, address: 'issue/1', parent: null }

/** Who of an explanation's events is meant by a party. */
const movers: Record<Party, string[]> = {
  human: ['human', 'operator', 'forge'],
  agent: ['agent'],
  capacity: ['capacity'],
  provider: ['forge', 'timer', 'agent'],
  ci: ['ci'],
  reviewer: ['reviewer'],
  queue: ['queue', 'forge'],
  dependency: ['dependency', 'human', 'forge'],
  deploy: ['deploy', 'agent'],
  timer: ['timer'],
  operator: ['operator', 'ci'],
} as Record<Party, string[]>

const due = dawn + 60_000

/** As the chart names it. */
function typeOf(happening: Happening): string {
  if ('send' in happening) return happening.send.type
  if ('timer' in happening) return `after ${happening.timer.split('.')[2]}`
  if ('done' in happening) return `xstate.done.actor.${happening.done}`
  if ('fail' in happening) return `xstate.error.actor.${happening.fail}`
  return happening.event.type
}

const isOf = (type: string, pattern: string): boolean => (pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern)

/** What is missing from the explanation of a state at a time; nothing when it is complete. */
function missing(state: State, events: readonly Happening[], now: number): string[] {
  const timers = Object.keys(state.timers).map((name) => ({ name, due }))
  const facts = { value: state.value, context: state.context, timers, now }
  const explained = explainIssue(facts)
  const waits = waitingFor(state.context, state.value, timers)
  const problems: string[] = []
  const enabled = explained.events.filter((event) => event.enabled)

  for (const { party, reason, since, until } of waits) {
    if (!enabled.some(({ by }) => movers[party].includes(by))) problems.push(`it waits for ${party}, and nothing is by it`)
    if (reason === '' || /undefined|null|NaN|\[object/.test(reason)) problems.push(`it waits for ${party}: '${reason}'`)
    if (!(Date.parse(since) <= now)) problems.push(`it has waited for ${party} since ${since}`)
    if (until !== null && !(Date.parse(until) > 0)) problems.push(`it waits for ${party} until ${until}`)
  }
  if (!isTerminal(state.value) && waits.length === 0 && timers.length === 0) problems.push('it waits for nobody')
  for (const { id, description } of explained.states) if (description === '') problems.push(`${id} is not described`)
  for (const { name } of timers) {
    const delay = name.split('.')[2]!
    if (!explained.timers.some((timer) => timer.name.startsWith(`${delay}.`) && timer.due === new Date(due).toISOString()))
      problems.push(`the deadline of ${delay} is not told`)
    if (!enabled.some(({ type, by }) => type === `after ${delay}` && by === 'timer')) problems.push(`what comes after ${delay} is not told`)
  }
  for (const event of explained.events) problems.push(...refusalOf(event))
  const from = open<IssueContext>(subject, state)
  for (const happening of events) {
    const { after } = from(happening)
    if (JSON.stringify(after.value) === JSON.stringify(state.value)) continue
    if (!enabled.some(({ type }) => isOf(typeOf(happening), type))) problems.push(`'${happening.label}' moves it`)
  }
  return problems
}

/** An eventless transition is never possible in a state that has settled; what is refused is refused by a guard that read something. */
function refusalOf({ type, enabled, guards, target }: Explained['events'][number]): string[] {
  const name = `${type} to ${target}`
  if (type === 'always' && enabled) return [`${name} is possible, and not taken`]
  const [guard] = guards
  if (enabled || guard === undefined || guard.holds) return []
  return Object.keys(guard.reads).length > 0 ? [] : [`${name} is refused by ${guard.name}, which has read nothing`]
}

function lifeOf(world: World<IssueContext>, random: () => number, count: number): number {
  let state = begin<IssueContext>(subject, world.input, dawn).state
  let now = dawn
  let seen = 0
  const past: string[] = []
  for (; seen < Math.min(count, longest) && state.status === 'active'; seen++) {
    const events = world.events(state)
    expect(missing(state, events, now), `SIGNALBOX_SEED=${seed}, ${world.name}: ${past.join(' | ')}`).toEqual([])
    if (events.length === 0) break
    const drawn = events[Math.floor(random() * events.length)]!
    past.push(drawn.label)
    // A timer's time is not known to the context, which the times of the events are made from.
    now = Math.max(now + 1, drawn.at)
    const picked = { ...drawn, at: now }
    state = open<IssueContext>(subject, state, seen + 2)(picked).after
  }
  return Math.max(1, seen)
}

describe('the explanation of an issue is complete', () => {
  it.each(issueModel.worlds.map((world) => [world.name, world] as const))('in the world of %s', { timeout: 1_800_000 }, (name, world) => {
    if (isNightly) {
      const keys: string[] = []
      explorePart({ machine: 'issue', world: name }, { clock: () => performance.now(), found: (key) => keys.push(key) })
      for (const key of keys) {
        const state = JSON.parse(key) as State
        expect(missing(state, state.status === 'active' ? world.events(state) : [], dawn), `in ${key}`).toEqual([])
      }
      return
    }
    const random = seededRandom(seed)
    for (let states = 0; states < statesOfEach;) states += lifeOf(world, random, statesOfEach - states)
  })
})
