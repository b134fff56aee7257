// What the scripted agent knows to do: for each task and run type, the edits it makes and what it says about them.

import type { RunType } from '../../actors/ports.ts'
import type { TaskName } from './scenario.ts'

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
  /** Merge the base branch first; conflicting files are taken from the base, and the steps are made again on them. */
  mergeBase: boolean
  steps: readonly Step[]
  outcome: 'completed' | 'needs_input' | 'no_change'
  summary: string
  question?: string
}

const slugify: readonly Step[] = [
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

/** The steps that make a task's whole change, in its final form. */
const whole: Record<TaskName, readonly Step[]> = {
  plain: slugify,
  blocked: anchor,
  red: temperature(32),
  reviewed: [...grouping, ...groupingSigned],
  conflicting: truncate,
  impossible: [],
}

const first: Partial<Record<TaskName, readonly Step[]>> = { red: temperature(23), reviewed: grouping }

const repairs: Partial<Record<RunType, Partial<Record<TaskName, readonly Step[]>>>> = {
  ci_repair: { red: temperature(32) },
  review_fix: { reviewed: groupingSigned },
}

/** What the agent does in a run of this type on this task; `answer` is what a human answered to its question. */
export function planFor(task: TaskName, runType: RunType, answer: string | null = null): Plan {
  if (runType === 'implementation') {
    const steps = task === 'impossible' ? publishing(answer) : (first[task] ?? whole[task])
    if (steps.length === 0) return publishingQuestion
    return { mergeBase: false, steps, outcome: 'completed', summary: `${steps[0]!.commit}.` }
  }
  if (runType === 'queue_repair' || runType === 'branch_upkeep') {
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
