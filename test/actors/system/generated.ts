// Random small charts: nested and parallel states, history, guards on a counter, always, after, raise, emit, final states.

import { assign, cancel, emit, enqueueActions, raise, sendTo } from 'xstate'
import fc from 'fast-check'
import { chart, type Sample } from './machines.ts'
import type { Line } from './scripts.ts'

interface Node {
  parent: number
  parallel: boolean
  final: boolean
  history: 'none' | 'shallow' | 'deep'
}
interface Transition {
  source: number
  on: 'A' | 'B' | 'C' | '*' | 'always' | 'after' | 'done'
  delay: number
  target: number | null
  guard: 'none' | 'even' | 'below3' | 'not2'
  reenter: boolean
  actions: ('count' | 'raise' | 'later' | 'cancel' | 'emit' | 'self')[]
}
export interface Spec {
  nodes: Node[]
  transitions: Transition[]
}

const node: fc.Arbitrary<Node> = fc.record({
  parent: fc.nat({ max: 20 }),
  parallel: fc.boolean(),
  final: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  history: fc.constantFrom('none', 'none', 'shallow', 'deep'),
})
const transition: fc.Arbitrary<Transition> = fc.record({
  source: fc.nat({ max: 20 }),
  on: fc.constantFrom('A', 'A', 'B', 'B', 'C', '*', 'always', 'after', 'after', 'done'),
  delay: fc.constantFrom(7, 11, 20, 35),
  target: fc.option(fc.nat({ max: 40 })),
  guard: fc.constantFrom('none', 'none', 'even', 'below3', 'not2'),
  reenter: fc.boolean(),
  actions: fc.array(fc.constantFrom('count', 'count', 'raise', 'later', 'cancel', 'emit', 'self'), { maxLength: 2 }),
})
export const spec: fc.Arbitrary<Spec> = fc.record({
  nodes: fc.array(node, { minLength: 2, maxLength: 9 }),
  transitions: fc.array(transition, { minLength: 1, maxLength: 14 }),
})

export const events: Line[] = [
  ...['A', 'B', 'C', 'D'].map((type) => ({ send: { type } })),
  { advance: 7 },
  { advance: 12 },
  { advance: 40 },
]

const note = (text: string) => assign({ log: ({ context }: any) => [...context.log, text].slice(-30) })
// What a chart sends itself could go on for ever, or double each time.
const fuelled = (...actions: unknown[]) =>
  enqueueActions(({ enqueue, context, event }: any) => {
    // Nor is it promised how a chain of events to itself and timers that are due at the same instant interleave.
    if (context.fuel === 0 || event.type === 'D') return
    enqueue.assign({ fuel: context.fuel - 1 })
    for (const action of actions) enqueue(action)
  })
const guards = {
  even: ({ context }: any) => context.n % 2 === 0,
  below3: ({ context }: any) => context.n < 3,
  not2: ({ context }: any) => context.n !== 2,
}
const actions = {
  count: assign({ n: ({ context }: any) => (context.n + 1) % 5 }),
  raise: fuelled(raise({ type: 'C' })),
  later: fuelled(cancel('later'), raise({ type: 'B' }, { delay: 13, id: 'later' })),
  cancel: cancel('later'),
  emit: emit(({ context }: any) => ({ type: 'emitted', n: context.n })),
  self: fuelled(sendTo(({ self }: any) => self, { type: 'D' })),
}

/** The chart of a spec; throws when XState itself will not have it. */
export function toSample({ nodes, transitions }: Spec): Sample {
  const parentOf = (i: number): number => (i === 0 ? -1 : nodes[i]!.parent % i)
  const childrenOf = (i: number): number[] => nodes.flatMap((_, j) => (j > 0 && parentOf(j) === i ? [j] : []))
  const hasHistory = (i: number): boolean => childrenOf(i).length > 0 && nodes[i]!.history !== 'none'
  const isParallel = (i: number): boolean => nodes[i]!.parallel && childrenOf(i).length > 1
  const isFinal = (i: number): boolean => i > 0 && nodes[i]!.final && childrenOf(i).length === 0 && !isParallel(parentOf(i))
  const build = (i: number): Record<string, unknown> => {
    const children = childrenOf(i)
    const config: Record<string, any> = { id: `s${i}`, entry: note(`>${i}`), exit: note(`<${i}`) }
    if (isFinal(i)) return { ...config, type: 'final' }
    if (children.length > 0) {
      config['states'] = Object.fromEntries(children.map((j) => [`k${j}`, build(j)]))
      if (hasHistory(i)) config['states'][`h${i}`] = { id: `h${i}`, type: 'history', history: nodes[i]!.history }
      if (isParallel(i)) config['type'] = 'parallel'
      else config['initial'] = `k${children[0]}`
    }
    for (const [k, t] of transitions.entries()) {
      if (t.source % nodes.length !== i) continue
      const to = t.target === null ? null : t.target % (2 * nodes.length)
      // A transition to the root enters it without leaving it, and so arms its delays twice under one id.
      const target =
        to === null || to === 0
          ? undefined
          : to < nodes.length
            ? `#s${to}`
            : hasHistory(to - nodes.length)
              ? `#h${to - nodes.length}`
              : undefined
      const made = {
        ...(target === undefined ? {} : { target, reenter: t.reenter }),
        ...(t.guard === 'none' ? {} : { guard: t.guard }),
        actions: [note(`t${k}`), ...t.actions],
      }
      if (t.on === 'always') (config['always'] ??= []).push(made)
      else if (t.on === 'done') {
        if (children.length > 0) (config['onDone'] ??= []).push(made)
      } else if (t.on === 'after') ((config['after'] ??= {})[t.delay] ??= []).push(made)
      else ((config['on'] ??= {})[t.on] ??= []).push(made)
    }
    return config
  }
  const config = { ...build(0), context: { n: 0, fuel: 12, log: [] }, options: { maxIterations: 60 } }
  return { name: 'generated', build: () => chart(config, { guards, actions }), script: [], alphabet: events }
}
