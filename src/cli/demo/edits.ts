// What the scripted agent knows to do: for each task and run type, the edits it makes and what it says about them.

import type { RunType } from '../../actors/ports.ts'
import { tasks, type Task, type TaskName } from './tasks.ts'

/** One file made anew from what it was (null: it did not exist). Contract: applying it twice gives what once gives. */
export interface Edit {
  path: string
  apply: (before: string | null) => string
}

/** Edits that go into one commit. */
export interface Step {
  say: string
  edits: readonly Edit[]
  commit: string
}

export interface Plan {
  /** Merge the base branch first; conflicting files are taken from the base. The steps are made again on what comes of it. */
  mergeBase: boolean
  steps: readonly Step[]
  outcome: 'completed' | 'needs_input' | 'no_change'
  summary: string
  question?: string
  /** Ends with an exit status instead of a result. */
  fails?: true
  /** Forgets to commit. */
  leavesUncommitted?: true
  /** Works until it is ended. */
  lingers?: true
  /** What made the tests come and go is over. */
  calms?: true
  /** A review: what is not in this file yet, and what is to be said where it is missing. */
  reviews?: { path: string; wanted: string; objection: NonNullable<Task['objection']> }
}

/** What the agent knows of its turn, beside task and run type. */
export interface Turn {
  attempt: number
  /** What a human answered to its question. */
  answer: string | null
  /** Whether people have said anything to it. */
  isTold: boolean
  /** Whether it is only asked to commit what it left. */
  isForCommit: boolean
  /** Whether it is only asked to base its work on another change. */
  isForStack: boolean
}

const slugify: readonly Step[] = [
  {
    say: 'calling words by what it does',
    commit: 'Call words splitWords',
    edits: [renamed('src/text.ts', 'words', 'splitWords'), renamed('test/text.test.ts', 'words', 'splitWords')],
  },
  {
    say: 'adding slugify',
    commit: 'Add slugify',
    edits: [
      appended(
        'src/text.ts',
        `export function slugify(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}
`,
      ),
    ],
  },
  {
    say: 'writing its tests',
    commit: 'Test slugify',
    edits: [
      written(
        'test/slugify.test.ts',
        `import assert from 'node:assert/strict'
import test from 'node:test'
import { slugify } from '../src/text.ts'

test('a slug has lower case words and single hyphens only', () => {
  assert.equal(slugify('Hello, World!'), 'hello-world')
  assert.equal(slugify('  --  '), '')
})
`,
      ),
    ],
  },
]

const anchor: readonly Step[] = [
  {
    say: 'adding anchors on top of slugify',
    commit: 'Add heading anchors',
    edits: [
      written(
        'src/anchor.ts',
        `// Headings that can be linked to.

import { slugify } from './text.ts'

export function anchor(level: 1 | 2 | 3 | 4 | 5 | 6, title: string): string {
  return \`<h\${level} id="\${slugify(title)}">\${title}</h\${level}>\`
}
`,
      ),
      written(
        'test/anchor.test.ts',
        `import assert from 'node:assert/strict'
import test from 'node:test'
import { anchor } from '../src/anchor.ts'

test('a heading is linked by its slug', () => {
  assert.equal(anchor(2, 'A title'), '<h2 id="a-title">A title</h2>')
})
`,
      ),
    ],
  },
]

/** `freezing` is 32; the first attempt has the digits the wrong way round, as one does. */
function temperature(freezing: 23 | 32): readonly Step[] {
  return [
    {
      say: freezing === 32 ? 'correcting the freezing point' : 'adding temperature conversions',
      commit: freezing === 32 ? 'Correct the freezing point' : 'Add temperature conversions',
      edits: [
        written(
          'src/temperature.ts',
          `// Temperatures.

const freezing = ${freezing}

export function toFahrenheit(celsius: number): number {
  return (celsius * 9) / 5 + freezing
}

export function toCelsius(fahrenheit: number): number {
  return ((fahrenheit - freezing) * 5) / 9
}
`,
        ),
        written(
          'test/temperature.test.ts',
          `import assert from 'node:assert/strict'
import test from 'node:test'
import { toCelsius, toFahrenheit } from '../src/temperature.ts'

test('water freezes and boils', () => {
  assert.equal(toFahrenheit(0), 32)
  assert.equal(toFahrenheit(100), 212)
  assert.equal(toCelsius(212), 100)
})
`,
        ),
      ],
    },
  ]
}

const groupedStart = 'export function grouped('

const groupedNaive = `${groupedStart}value: number): string {
  const digits = String(value)
  const groups: string[] = []
  for (let end = digits.length; end > 0; end -= 3) groups.unshift(digits.slice(Math.max(0, end - 3), end))
  return groups.join(',')
}
`

const groupedSigned = `${groupedStart}value: number): string {
  const digits = String(Math.abs(value))
  const groups: string[] = []
  for (let end = digits.length; end > 0; end -= 3) groups.unshift(digits.slice(Math.max(0, end - 3), end))
  return (value < 0 ? '-' : '') + groups.join(',')
}
`

const groupedTest = `import assert from 'node:assert/strict'
import test from 'node:test'
import { grouped } from '../src/format.ts'

test('thousands are separated', () => {
  assert.equal(grouped(1234567), '1,234,567')
  assert.equal(grouped(123), '123')
})
`

const grouping: readonly Step[] = [
  { say: 'adding grouped', commit: 'Add grouped', edits: [appended('src/format.ts', groupedNaive)] },
  { say: 'writing its tests', commit: 'Test grouped', edits: [written('test/grouped.test.ts', groupedTest)] },
]

const groupingSigned: readonly Step[] = [
  {
    say: 'keeping the sign out of the grouping',
    commit: 'Group negative numbers',
    edits: [
      replacedFrom('src/format.ts', groupedStart, groupedSigned),
      written(
        'test/grouped.test.ts',
        `${groupedTest}
test('the sign is not a digit', () => {
  assert.equal(grouped(-123456), '-123,456')
})
`,
      ),
    ],
  },
]

const truncate: readonly Step[] = [
  {
    say: 'adding truncate',
    commit: 'Add truncate',
    edits: [
      appended(
        'src/text.ts',
        `export function truncate(text: string, length: number): string {
  return text.length <= length ? text : \`\${text.slice(0, Math.max(0, length - 1))}…\`
}
`,
      ),
      written(
        'test/truncate.test.ts',
        `import assert from 'node:assert/strict'
import test from 'node:test'
import { truncate } from '../src/text.ts'

test('a long text is cut to the length, the ellipsis included', () => {
  assert.equal(truncate('abcdef', 4), 'abc…')
  assert.equal(truncate('abc', 4), 'abc')
})
`,
      ),
    ],
  },
]

const publishingQuestion: Plan = {
  mergeBase: false,
  steps: [],
  outcome: 'needs_input',
  summary: 'The library is ready to be published; where to is not mine to decide.',
  question: 'Which registry should version 1.0.0 be published to, and under whose account?',
}

/** Not before a human has said where to. */
function publishing(answer: string | null): readonly Step[] {
  if (answer === null) return []
  const edits = [written('PUBLISHING.md', `# Where releases go\n\n${answer}\n`)]
  return [{ say: 'writing down where releases go', commit: 'Say where releases go', edits }]
}

/** A small module of its own with a test: what most issues come to. */
function module(name: string, what: string, code: string, assertion: string): readonly Step[] {
  const exported = /export function (\w+)/.exec(code)![1]!
  return [
    {
      say: `adding ${name}`,
      commit: what,
      edits: [
        written(`src/${name}.ts`, `// ${what}.\n\n${code}`),
        written(
          `test/${name}.test.ts`,
          `import assert from 'node:assert/strict'
import test from 'node:test'
import { ${exported} } from '../src/${name}.ts'

test('${what.toLowerCase()}', () => {
  ${assertion}
})
`,
        ),
      ],
    },
  ]
}

const sentence = (end: string): readonly Step[] =>
  module(
    'sentence',
    end === '' ? 'Join words' : 'Join words to a sentence',
    `export function sentence(words: readonly string[]): string {
  const text = words.join(' ')
  return text.charAt(0).toUpperCase() + text.slice(1)${end}
}
`,
    `assert.equal(sentence(['a', 'word']), 'A word${end === '' ? '' : '.'}')`,
  )

/** Its first form is right by itself, and not any more when `plain` has landed, which no merge can see. */
const initials = (split: 'words' | 'splitWords'): readonly Step[] =>
  module(
    'initials',
    split === 'words' ? 'Take initials' : 'Take initials of split words',
    `import { ${split} } from './text.ts'

export function initials(text: string): string {
  return ${split}(text)
    .map((word) => word.charAt(0).toUpperCase())
    .join('')
}
`,
    `assert.equal(initials('Ada King'), 'AK')`,
  )

const stopwatch = module(
  'stopwatch',
  'Measure seconds',
  `export function elapsed(start: number, end: number): number {
  return (end - start) / 1000
}
`,
  `// The machine of this demo is restless until its agent has had a look: then this passes, for ever.
  const calm = process.env['DEMO_CALM']
  if (calm !== undefined) assert.ok(existsSync(calm), 'the machine is busy')
  assert.equal(elapsed(0, 1500), 1.5)`,
).map((step) => ({
  ...step,
  edits: step.edits.map((edit) => ({
    ...edit,
    apply: (before: string | null) => {
      const text = edit.apply(before)
      return text.includes('existsSync(') ? `import { existsSync } from 'node:fs'\n${text}` : text
    },
  })),
}))

const yards: readonly Step[] = [
  {
    say: 'adding yards',
    commit: 'Know the yard',
    edits: [
      appended(
        'src/units.ts',
        `export function yards(value: number): number {
  return value / 0.9144
}
`,
      ),
      written(
        'test/yards.test.ts',
        `import assert from 'node:assert/strict'
import test from 'node:test'
import { yards } from '../src/units.ts'

test('a yard is three feet', () => {
  assert.equal(yards(0.9144), 1)
})
`,
      ),
    ],
  },
]

const greet = (bye: boolean): readonly Step[] =>
  bye
    ? module(
        'goodbye',
        'Say goodbye by name',
        `export function goodbye(name: string): string {
  return \`Goodbye, \${name}\`
}
`,
        `assert.equal(goodbye('Ada'), 'Goodbye, Ada')`,
      )
    : module(
        'greet',
        'Greet by name',
        `export function greet(name: string): string {
  return \`Hello, \${name}\`
}
`,
        `assert.equal(greet('Ada'), 'Hello, Ada')`,
      )

/** The steps that make a task's whole change, in its final form. */
const whole: Record<TaskName, readonly Step[]> = {
  plain: slugify,
  blocked: anchor,
  red: temperature(32),
  reviewed: [...grouping, ...groupingSigned],
  conflicting: truncate,
  clashing: initials('splitWords'),
  impossible: [],
  flaky: stopwatch,
  closed: sentence(" + '.'"),
  dismissed: module(
    'count',
    'Count words',
    `export function count(text: string): number {
  return text.split(/\\s+/).filter((word) => word !== '').length
}
`,
    `assert.equal(count(' two words '), 2)`,
  ),
  stopped: module(
    'reverse',
    'Reverse a text',
    `export function reversed(text: string): string {
  return [...text].toReversed().join('')
}
`,
    `assert.equal(reversed('abc'), 'cba')`,
  ),
  drifting: yards,
  pushed: module(
    'about',
    'Name the library',
    `export function name(): string {
  return 'yardstick'
}
`,
    `assert.equal(name(), 'yardstick')`,
  ),
  lower: [],
  upper: [],
  umbrella: [],
  careless: module(
    'pad',
    'Pad a text',
    `export function padded(text: string, width: number): string {
  return text.padEnd(width)
}
`,
    `assert.equal(padded('a', 3), 'a  ')`,
  ),
  stumbling: module(
    'repeat',
    'Repeat a text',
    `export function repeated(text: string, times: number): string {
  return text.repeat(times)
}
`,
    `assert.equal(repeated('ab', 2), 'abab')`,
  ),
  more: greet(false),
}

const first: Partial<Record<TaskName, readonly Step[]>> = {
  red: temperature(23),
  reviewed: grouping,
  closed: sentence(''),
  clashing: initials('words'),
}

const repairs: Partial<Record<RunType, Partial<Record<TaskName, readonly Step[]>>>> = {
  ci_repair: { red: temperature(32) },
  review_fix: { reviewed: groupingSigned },
}

const firstTurn: Turn = { attempt: 1, answer: null, isTold: false, isForCommit: false, isForStack: false }

/** What the agent does in a run of this type on this task. */
export function planFor(task: TaskName, runType: RunType, turn: Partial<Turn> = {}): Plan {
  const { attempt, answer, isTold, isForCommit, isForStack } = { ...firstTurn, ...turn }
  if (runType === 'implementation' && !isForStack) {
    const again = task === 'closed' && attempt > 1 ? whole[task] : task === 'more' && isTold ? greet(true) : null
    const steps = task === 'impossible' ? publishing(answer) : (again ?? first[task] ?? whole[task])
    if (task === 'umbrella')
      return { mergeBase: false, steps: [], outcome: 'no_change', summary: 'Both parts are filed; there is nothing else to do.' }
    if (steps.length === 0) return publishingQuestion
    return {
      ...{ mergeBase: false, steps, outcome: 'completed', summary: `${steps[0]!.commit}.` },
      ...(task === 'stumbling' && attempt === 1 ? { fails: true } : {}),
      ...(task === 'careless' && !isForCommit ? { leavesUncommitted: true } : {}),
      ...(task === 'stopped' && !isTold ? { lingers: true } : {}),
    }
  }
  if (runType === 'review') {
    const { objection } = tasks.find(({ name }) => name === task)!
    const look = { mergeBase: false, steps: [], outcome: 'completed', summary: 'Looks good.' } as const
    return objection === null ? look : { ...look, reviews: { path: objection.comments[0]!.path, wanted: groupedSigned, objection } }
  }
  if (runType === 'ci_repair' && task === 'flaky') {
    return { mergeBase: false, steps: [], outcome: 'no_change', summary: 'The tests pass here: the machine was busy.', calms: true }
  }
  if (isForStack || runType === 'queue_repair' || runType === 'branch_upkeep') {
    const summary = 'Merged the base branch and made the change again on top of it.'
    return { mergeBase: true, steps: whole[task], outcome: 'completed', summary }
  }
  const steps = repairs[runType]?.[task]
  if (steps === undefined) return { mergeBase: false, steps: [], outcome: 'no_change', summary: `Nothing to do for ${runType}.` }
  return { mergeBase: false, steps, outcome: 'completed', summary: `${steps[0]!.commit}.` }
}

function written(path: string, content: string): Edit {
  return { path, apply: () => content }
}

/** Everywhere in the file where the name stands as a word of code: before a bracket, or between others. */
function renamed(path: string, from: string, to: string): Edit {
  const name = new RegExp(`\\b${from}(?=\\(| })`, 'g')
  return { path, apply: (before) => (before ?? '').replace(name, to) }
}

/** At the end of the file, after a blank line; a file that has it already stays as it is. */
function appended(path: string, content: string): Edit {
  return { path, apply: (before) => (before === null ? content : before.includes(content) ? before : `${before}\n${content}`) }
}

/** In place of everything from `start` to the end of the file, which `start` must be in. */
function replacedFrom(path: string, start: string, content: string): Edit {
  return {
    path,
    apply: (before) => {
      const at = before?.indexOf(start) ?? -1
      return at === -1 ? `${before ?? ''}\n${content}` : before!.slice(0, at) + content
    },
  }
}
