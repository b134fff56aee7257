// Draws every machine of this build into docs/machines/, from the machine itself. `node scripts/draw-machines.ts` writes; a test compares.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AnyStateMachine } from 'xstate'
import { capacityMachine } from '../src/machines/capacity/machine.ts'
import { checkMachine } from '../src/machines/check/machine.ts'
import { describeMachine, type MachineDefinition, type NodeDefinition, type TransitionDefinition } from '../src/machines/definition.ts'
import { entryMachine } from '../src/machines/entry/machine.ts'
import { issueMachine } from '../src/machines/issue/machine.ts'
import { queueMachine } from '../src/machines/queue/machine.ts'
import { reconciliationMachine } from '../src/machines/reconciliation/machine.ts'
import { runMachine } from '../src/machines/run/machine.ts'

const machines = {
  ...{ issue: issueMachine, run: runMachine, queue: queueMachine, entry: entryMachine, capacity: capacityMachine, check: checkMachine },
  reconciliation: reconciliationMachine,
}
const folder = join(import.meta.dirname, '..', 'docs', 'machines')

/** The pages by file name. */
export const drawMachines = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(machines).map(([id, machine]) => [
      `${id}.md`,
      draw(describeMachine(machine as unknown as AnyStateMachine, { id, version: '' })),
    ]),
  )

/** A node's name in a drawing: its path, which Mermaid wants without dots. */
const nameOf = (id: string): string => id.replaceAll('.', '_')

/** What causes the transition, in the words of the chart. */
function labelOf({ event, guard, actions }: TransitionDefinition): string {
  const words = event.replace(/^xstate\.done\.actor\.(.*)$/, '$1 has ended').replace(/^xstate\.error\.actor\.(.*)$/, '$1 has failed')
  const cause = event === '' ? (guard ?? 'always') : guard === null ? words : `${words} [${guard}]`
  return actions.length === 0 ? cause : `${cause} / ${actions.join(', ')}`
}

/** Mermaid ends a label at a colon or a semicolon. */
const escaped = (text: string): string => text.replaceAll(/[:;]/g, (sign) => (sign === ':' ? '#colon;' : '#semi;'))

function draw({ id, root }: MachineDefinition): string {
  const heads = [`# The ${id} machine`, root.description ?? '', 'Drawn from the machine by `node scripts/draw-machines.ts`; do not edit.']
  const drawings =
    root.type === 'parallel'
      ? root.states.flatMap((region) => [`## ${region.key}`, region.description ?? '', mermaid(region)])
      : [mermaid(root)]
  return `${[...heads, ...drawings, '## States', ...tableOf(root)].filter((part) => part !== '').join('\n\n')}\n`
}

function mermaid(region: NodeDefinition): string {
  const lines = ['```mermaid', 'stateDiagram-v2', ...statesOf(region, '  '), ...arrowsOf(region, region), '```']
  return lines.join('\n')
}

function statesOf(node: NodeDefinition, indent: string): string[] {
  const initial = node.states.filter(({ id }) => id === node.initial).map(({ id }) => `${indent}[*] --> ${nameOf(id)}`)
  const children = node.states.flatMap((state, index) => {
    const divider = node.type === 'parallel' && index > 0 ? [`${indent}--`] : []
    const own = `${indent}state "${state.key}" as ${nameOf(state.id)}`
    return state.states.length === 0 ? [...divider, own] : [...divider, `${own} {`, ...statesOf(state, `${indent}  `), `${indent}}`]
  })
  const ends = node.states.filter(({ type }) => type === 'final').map(({ id }) => `${indent}${nameOf(id)} --> [*]`)
  return [...initial, ...children, ...ends]
}

/** Transitions of the region as a whole lead to their state from anywhere: they are drawn as a note beside it. */
function arrowsOf(node: NodeDefinition, region: NodeDefinition): string[] {
  const own = node.transitions.flatMap((transition) =>
    transition.targets
      .filter((target) => target.startsWith(`${region.id}.`))
      .map((target) =>
        node === region
          ? [`  note right of ${nameOf(target)}`, `    from anywhere: ${labelOf(transition)}`, '  end note'].join('\n')
          : `  ${nameOf(node.id)} --> ${nameOf(target)} : ${escaped(labelOf(transition))}`,
      ),
  )
  return [...own, ...node.states.flatMap((state) => arrowsOf(state, region))]
}

function tableOf(root: NodeDefinition): string[] {
  const rows = statesBelow(root).map(({ id, description, tags, meta, invoke }) => {
    const path = id.slice(root.id.length + 1)
    const waits = meta['waitsFor'] === undefined ? '' : String(meta['waitsFor'])
    return `| \`${path}\` | ${description ?? ''} | ${waits} | ${invoke.map(({ src }) => `\`${src}\``).join(', ')} | ${tags.join(', ')} |`
  })
  return [['| state | | waits for | effects | tags |', '|-|-|-|-|-|', ...rows].join('\n')]
}

const statesBelow = (node: NodeDefinition): NodeDefinition[] => node.states.flatMap((state) => [state, ...statesBelow(state)])

if (import.meta.main) {
  mkdirSync(folder, { recursive: true })
  for (const [name, page] of Object.entries(drawMachines())) writeFileSync(join(folder, name), page)
}
