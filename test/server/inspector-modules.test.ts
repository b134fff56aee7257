// The page's own modules that need no browser: where states are drawn, and what its state keeps.

import { expect, test } from 'vitest'
import { getInitialSnapshot } from 'xstate'
import { describeMachine } from '../../src/machines/definition.ts'
import { toDocument } from '../../src/machines/issue/document.ts'
import { issueMachine } from '../../src/machines/issue/machine.ts'
import { runMachine } from '../../src/machines/run/machine.ts'

const module = (name: string): Promise<any> => import(String(new URL(`../../inspector/${name}.js`, import.meta.url)))
const { activeIds, layout, valueOfPhase, walk } = await module('layout')
const { createState, viewOf } = await module('state')
const { acceptedActions } = await module('actions')

/** The document of an issue that nothing has happened to. */
function documentOf(changes: { version?: number; title?: string } = {}) {
  const { value, context } = getInitialSnapshot(issueMachine, undefined as never)
  const issue = { value, context: { ...context, id: 'id-1' }, version: 1, updatedAt: 0 }
  return { ...toDocument({ issue, timers: [], worktree: null, faulted: null, heldBack: () => null, run: null }), ...changes }
}

interface Box {
  node: { id: string }
  x: number
  y: number
  width: number
  height: number
  caption: string
  isLeaf: boolean
}

const machines = [describeMachine(issueMachine, { id: 'issue', version: '1' }), describeMachine(runMachine, { id: 'run', version: '1' })]
const regions = machines.flatMap(({ root }) => (root.type === 'parallel' ? root.states : [root]))

test.each(regions.map((region) => [region.id, region] as const))(
  'every state of %s has a place of its own inside the drawing',
  (_, region) => {
    const { width, height, boxes } = layout(region) as { width: number; height: number; boxes: Box[] }
    const ids: string[] = []
    walk(region, (node: { id: string }) => ids.push(node.id))
    expect(boxes.map((box) => box.node.id).toSorted()).toEqual(ids.filter((id) => id !== region.id).toSorted())
    for (const box of boxes) {
      expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height).toBe(true)
    }
    const leaves = boxes.filter((box) => box.isLeaf)
    const overlaps = leaves.flatMap((a) =>
      leaves.filter((b) => a !== b && a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height),
    )
    expect(overlaps).toEqual([])
  },
)

test('what leads to a state from everywhere is its caption, not a bundle of arcs', () => {
  const lifecycle = machines[0]!.root.states.find((state) => state.key === 'lifecycle')!
  const { boxes, arcs } = layout(lifecycle) as { boxes: Box[]; arcs: unknown[] }
  const top = boxes.filter((box) => lifecycle.states.some((state) => state.id === box.node.id))
  expect(top.every((box) => box.caption !== '')).toBe(true)
  expect(arcs.length).toBeLessThan(lifecycle.states.length)
})

test('a state value lights its states and all around them', () => {
  const { root } = machines[0]!
  const names = (value: unknown) =>
    [...(activeIds(root, value) as Set<string>)].map((id) => id.split('.').slice(1).join('.')).filter(Boolean)
  expect(names({ authority: 'acting', lifecycle: 'done', run: { waiting: 'capacity' } }).toSorted()).toEqual([
    'authority',
    'authority.acting',
    'lifecycle',
    'lifecycle.done',
    'run',
    'run.waiting',
    'run.waiting.capacity',
  ])
  expect(names({ lifecycle: 'of another version' })).toEqual(['lifecycle'])
  expect(names(null)).toEqual([])
})

test('the phase of a run lights the state that has it, and all around it', () => {
  const { root } = machines[1]!
  const names = (phase: string) => [...(activeIds(root, valueOfPhase(root, phase)) as Set<string>)]
  expect(names('working')).toEqual(['run', 'run.working'])
  expect(names('nudging')).toEqual(['run', 'run.working', 'run.working.progress', 'run.working.progress.nudging'])
  expect(names('afresh')).toEqual(['run', 'run.recovering', 'run.recovering.afresh'])
  expect(names('of another version')).toEqual(['run'])
  expect(valueOfPhase(root, 'of another version')).toBeNull()
})

test('an older document never replaces a newer one', () => {
  const state = createState()
  const arrive = (version: number, title: string) => state.trigger.documentsArrived({ documents: [documentOf({ version, title })] })
  arrive(2, 'newer')
  arrive(1, 'older')
  expect(state.getSnapshot().context.documents.get('id-1').title).toBe('newer')
})

test('an event that is told twice is kept once, in order, and only for the open issue', () => {
  const state = createState()
  const entry = (seq: number) => ({ seq, at: '', address: 'issue/id-1', event: { type: 'pr.pushed' }, cause: 'external' })
  state.trigger.timelineArrived({ entries: [entry(1)] })
  expect(state.getSnapshot().context.issue).toBeNull()
  state.trigger.routed({ view: viewOf('#/issues/APP-1') })
  state.trigger.timelineArrived({ entries: [entry(3), entry(1)] })
  state.trigger.timelineArrived({ entries: [entry(3), entry(2)] })
  expect(state.getSnapshot().context.issue.timeline.map((one: { seq: number }) => one.seq)).toEqual([1, 2, 3])
  state.trigger.routed({ view: viewOf('#/issues/APP-2') })
  expect(state.getSnapshot().context.issue.timeline).toEqual([])
})

test('an address names a view, a key with its project too', () => {
  expect(viewOf('#/issues/APP-1')).toEqual({ name: 'issue', key: 'APP-1' })
  expect(viewOf('#/issues/app%2FAPP-1')).toEqual({ name: 'issue', key: 'app/APP-1' })
  for (const hash of ['', '#/', '#/nothing', '#/issues/']) expect(viewOf(hash)).toEqual({ name: 'board' })
})

test('the actions shown are those of the explanation: its list where it has one, else its enabled events', () => {
  const names = (explanation: unknown) => acceptedActions(documentOf(), explanation).map((one: { action: string }) => one.action)
  expect(names(null)).toEqual([])
  expect(names({ events: [], actions: ['retry', 'comment'] })).toEqual(['retry', 'comment'])
  const event = (type: string, enabled: boolean) => ({ type, by: '', enabled, guards: [], target: null })
  expect(names({ events: [event('operator.stopped', true), event('operator.retried', false)] })).toEqual(['comment', 'stop'])
})
