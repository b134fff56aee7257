// The sample project's files as they are at the start: a small library of texts and units that Node runs directly.

const area = (extra: string) => `// Areas.

export function area(width: number, height: number): number {
  return width * height
}
${extra}`

/** Branches of people, each from another one. */
export const branches: readonly { branch: string; from: string; files: Readonly<Record<string, string>> }[] = [
  { branch: 'feature/area', from: 'main', files: { 'src/area.ts': area('') } },
  {
    branch: 'feature/volume',
    from: 'feature/area',
    files: {
      'src/volume.ts': `// Volumes.

import { area } from './area.ts'

export function volume(width: number, height: number, depth: number): number {
  return area(width, height) * depth
}
`,
    },
  },
  {
    branch: 'feature/area-2',
    from: 'feature/area',
    files: { 'src/area.ts': area('\nexport const square = (side: number): number => area(side, side)\n') },
  },
]

/** Path to content of every file in the first commit. */
export const sources: Readonly<Record<string, string>> = {
  'README.md': `# yardstick

Texts and units: a very small library, made by \`signalbox demo\` to have something real to work on.

    node --test

runs its tests. There is nothing to install.
`,
  'IMPLEMENTATION_WORKFLOW.md': `# How changes are made here

- One subject a module in \`src/\`, one test file a function in \`test/\`.
- \`node --test\` must pass.
- No dependencies.
`,
  'package.json': `${JSON.stringify(
    {
      name: 'yardstick',
      version: '0.1.0',
      private: true,
      type: 'module',
      exports: { './*': './src/*.ts' },
      scripts: { test: 'node --test' },
      engines: { node: '>=24' },
    },
    null,
    2,
  )}
`,
  '.gitignore': 'node_modules/\n',
  'src/text.ts': `// Texts: words and how they are written.

export function words(text: string): string[] {
  return text.split(/\\s+/).filter((word) => word !== '')
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export function plural(count: number, word: string): string {
  return count === 1 ? word : \`\${word}s\`
}
`,
  'src/units.ts': `// Lengths: every unit by its size in metres.

export const metres = { millimetre: 0.001, centimetre: 0.01, metre: 1, kilometre: 1000, inch: 0.0254, foot: 0.3048, mile: 1609.344 }

export type LengthUnit = keyof typeof metres

export function convert(value: number, from: LengthUnit, to: LengthUnit): number {
  return (value * metres[from]) / metres[to]
}
`,
  'src/format.ts': `// Numbers and lengths as people read them.

import { plural } from './text.ts'
import type { LengthUnit } from './units.ts'

export function formatLength(value: number, unit: LengthUnit): string {
  return unit === 'foot' && value !== 1 ? \`\${value} feet\` : \`\${value} \${plural(value, unit)}\`
}
`,
  'test/text.test.ts': `import assert from 'node:assert/strict'
import test from 'node:test'
import { capitalized, plural, words } from '../src/text.ts'

test('words are separated by any white space', () => {
  assert.deepEqual(words('  a  short\\ttext\\n'), ['a', 'short', 'text'])
})

test('capitalized changes the first letter only', () => {
  assert.equal(capitalized('a Text'), 'A Text')
  assert.equal(capitalized(''), '')
})

test('one is not plural', () => {
  assert.equal(plural(1, 'word'), 'word')
  assert.equal(plural(0, 'word'), 'words')
})
`,
  'test/units.test.ts': `import assert from 'node:assert/strict'
import test from 'node:test'
import { convert } from '../src/units.ts'

test('a mile is 1.609344 kilometres', () => {
  assert.equal(convert(1, 'mile', 'kilometre'), 1.609344)
})
`,
  'test/format.test.ts': `import assert from 'node:assert/strict'
import test from 'node:test'
import { formatLength } from '../src/format.ts'

test('a length has its unit in the right number', () => {
  assert.equal(formatLength(1, 'metre'), '1 metre')
  assert.equal(formatLength(2, 'metre'), '2 metres')
  assert.equal(formatLength(3, 'foot'), '3 feet')
})
`,
}
