// check: explores the machines of this build, proves P1 to P12 or prints the shortest script to what is wrong, and replays such a script.

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Exploration, Violation } from '../app/model-check.ts'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { oneLine } from './output.ts'
import { valueText } from './text.ts'

export const command: Command = {
  name: 'check',
  summary: 'Explore the machines of this build and prove P1 to P12, or print the shortest script to what is wrong.',
  flags: {
    mutants: { description: 'Change every guard and drop every edge, one at a time: something has to notice (needs a clone)' },
    script: { value: 'FILE', description: 'Replay a script that a violated property has printed' },
  },
  json: '{ ok, states, transitions, ms, parts, properties }',
  examples: ['signalbox check', 'signalbox check --script violation.jsonl', 'signalbox check --mutants'],
  run: (context) => {
    if (context.has('mutants') && context.has('script')) throw wrongUse('invalid-argument', '--mutants and --script exclude each other.')
    if (context.has('script')) return replay(context, context.required('script'))
    return context.has('mutants') ? mutants(context) : check(context)
  },
}

async function check({ output }: Context): Promise<number> {
  const { checkModels, statements } = await import('../app/model-check.ts')
  const started = performance.now()
  const explored = await checkModels({
    progress: (part, states, waiting) => {
      if (states > 0 && states % 2_000 === 0) output.note(`${part.machine}, ${part.world}: ${states} states, ${waiting} more found`)
    },
    finished: ({ machine, world, states, transitions, ms }) =>
      output.note(`${machine}, ${world}: ${states} states, ${transitions} transitions, ${seconds(ms)}`),
  })
  const violations = explored.flatMap((one) =>
    one.violations.map((violation) => ({ machine: one.machine, world: one.world, ...violation })),
  )
  const properties = statements().map((property) => ({
    ...property,
    proved: !violations.some(
      ({ machine, property: id, statement }) => machine === property.machine && id === property.id && statement === property.statement,
    ),
  }))
  const ok = violations.length === 0 && explored.every(({ complete }) => complete)
  const sum = (of: (one: Exploration) => number): number => explored.reduce((total, one) => total + of(one), 0)
  const totals = {
    states: sum((one) => one.states),
    transitions: sum((one) => one.transitions),
    ms: Math.round(performance.now() - started),
  }
  output.document({ ok, ...totals, parts: explored, properties })
  for (const { machine, id, statement, proved } of properties)
    output.line(`${proved ? output.style('green', 'PROVED  ') : output.style('red', 'VIOLATED')}  ${id.padEnd(3)} ${machine}: ${statement}`)
  for (const violation of violations) printScript(output, violation)
  output.line(`${totals.states} states, ${totals.transitions} transitions, ${seconds(totals.ms)}.`)
  return ok ? exit.done : exit.attention
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** Lines of JSON among the words, so that what is printed is itself the file that --script takes. */
function printScript(
  output: Context['output'],
  { machine, world, property, message, script }: Violation & { machine: string; world: string },
): void {
  output.line(
    `\n${output.style('red', property)} is violated by the ${machine} (${world}) after ${script.length} events: ${oneLine(message)}`,
  )
  output.line(JSON.stringify({ machine, world, property }))
  for (const happening of script) output.line(JSON.stringify(happening))
}

async function replay({ output, cwd }: Context, name: string): Promise<number> {
  const file = resolve(cwd, name)
  if (!existsSync(file))
    throw wrongUse('invalid-argument', `There is no file ${file}. \`signalbox check\` prints a script for each violated property.`)
  const [head, ...script] = readLines(file)
  const { machine, world } = head as { machine?: string; world?: string }
  if (machine === undefined || world === undefined)
    throw wrongUse('invalid-argument', `${file} does not begin with {"machine":…,"world":…}: it is no script of \`signalbox check\`.`)
  const { find } = await import('../app/models.ts')
  const { replayScript } = await import('../app/model-check.ts')
  const found = find({ machine, world })
  const steps = replayScript(found.subject, found.model, found.world, script as never)
  const violations = steps.flatMap((step) => step.violations)
  output.document({ ok: violations.length === 0, machine, world, steps })
  steps.forEach((step, index) => {
    output.line(`${String(index).padStart(3)}  ${oneLine(step.label).padEnd(40)}  ${valueText(step.value)}`)
    for (const { property, message, statement } of step.violations)
      output.line(`     ${output.style('red', property)}  ${oneLine(message)} (${statement})`)
  })
  output.line(violations.length === 0 ? 'Nothing is violated.' : `${violations.length} violated.`)
  return violations.length === 0 ? exit.done : exit.attention
}

/** The first script in the file: its lines of JSON, up to the head of the next one. */
function readLines(file: string): object[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line, index): object => {
      try {
        return JSON.parse(line) as object
      } catch (cause) {
        throw wrongUse('invalid-argument', `${file}: line of JSON ${index + 1} cannot be read: ${(cause as Error).message}`)
      }
    })
  const end = lines.findIndex((line, index) => index > 0 && 'machine' in line)
  return end === -1 ? lines : lines.slice(0, end)
}

async function mutants({ output }: Context): Promise<number> {
  const { tryMutants } = await import('./check-mutants.ts')
  return tryMutants(output)
}
