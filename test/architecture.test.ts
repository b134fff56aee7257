// Who may import whom, what machines may touch, charts made of names, and no state's name outside src/machines (design §2, style).

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { phases } from '../src/machines/vocabulary.ts'

const root = join(import.meta.dirname, '..')
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
const sources = [...filesIn('src'), ...filesIn('inspector')].filter((path) => /\.(ts|js|css|html)$/.test(path))
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')
const violations = (rule: (path: string, text: string) => string[], paths = sources): string[] =>
  paths.flatMap((path) => rule(path, textOf(path)).map((what) => `${path}: ${what}`))

/** The source without its comments; strings stay. A quote inside a regular expression ends with its line. */
function code(text: string): string {
  return text.replaceAll(
    /(?<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[(,=:[!&|?{;\s])\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (all, string?: string) => (string === undefined ? ' ' : all),
  )
}
/** What is left when strings are emptied too. */
const bare = (text: string): string => code(text).replaceAll(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, "''")

// --- who may import whom ---------------------------------------------------------------------------

const layers = ['cli', 'server', 'app', 'actors', 'persistence'] as const

function layerOf(path: string): string {
  const [top, second = ''] = path.split('/')
  if (top !== 'src') return top!
  if (second === 'index.ts' || second === 'app.ts') return second === 'app.ts' ? 'app' : 'index'
  if (second === 'errors.ts') return 'errors'
  if (/^config(-[a-z]+)*\.ts$/.test(second)) return 'config'
  return second
}

function importsOf(text: string): string[] {
  const found = code(text).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*(['"`])([^'"`]+)\1/g)
  return [...found].map((match) => match[2]!)
}

function importViolations(path: string, text: string): string[] {
  const own = layerOf(path)
  return importsOf(text).flatMap((specifier) => {
    const to = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : null
    return mayImport(path, own, specifier, to) ? [] : [`imports '${specifier}'`]
  })
}

function mayImport(path: string, own: string, specifier: string, to: string | null): boolean {
  // The server hands the page its store library; everything else it has is its own.
  if (own === 'inspector') return specifier === '@xstate/store' || (to !== null && to.startsWith('inspector/'))
  if (own === 'machines') return to === null ? specifier === 'xstate' : to.startsWith('src/machines/')
  if (to === null) return own !== 'errors'
  if (!to.startsWith('src/')) return /(^|\/)package\.json$/.test(to)
  const other = layerOf(to)
  if (path.startsWith('src/actors/system/')) return /^src\/(actors\/system\/|persistence\/|errors\.ts$)/.test(to)
  if (other === 'errors') return true
  if (own === 'errors') return false
  if (other === 'config') return true
  if (other === 'machines') return true
  if (own === 'index') return other !== 'cli' && other !== 'index'
  const [from, at] = [layers.indexOf(own as never), layers.indexOf(other as never)]
  return from !== -1 && at >= from
}

describe('who may import whom', () => {
  test('cli → server → app → actors → persistence, all of them machines and the leaves, the page nothing but itself', () => {
    expect(violations(importViolations)).toEqual([])
  })

  test.each([
    ['src/persistence/store.ts', `import { git } from '../actors/git.ts'`],
    ['src/actors/git.ts', `import type { App } from '../app/contract.ts'`],
    ['src/app/reader.ts', `import { createServer } from '../server/server.ts'`],
    ['src/server/live.ts', `import { main } from '../cli/main.ts'`],
    ['src/machines/issue/guards.ts', `import { FatalError } from '../../errors.ts'`],
    ['src/machines/issue/guards.ts', `import { join } from 'node:path'`],
    ['src/machines/run/guards.ts', `const zod = await import("zod")`],
    ['src/actors/system/step.ts', `import type { RunType } from '../../machines/vocabulary.ts'`],
    ['src/actors/system/step.ts', `import { git } from '../git.ts'`],
    ['src/actors/system/boot.ts', `import type { Forge } from '../ports.ts'`],
    ['src/errors.ts', `export { phases } from './machines/vocabulary.ts'`],
    ['src/config.ts', `import { git } from './actors/git.ts'`],
    ['inspector/main.js', `import { phases } from '../src/machines/vocabulary.ts'`],
    ['inspector/main.js', `import ws from 'ws'`],
  ])('%s must not say %s', (path, text) => expect(importViolations(path, text)).toHaveLength(1))

  test('an import in a comment is none', () => {
    expect(importViolations('inspector/main.js', `// import ws from 'ws'\n/* import x from 'y' */`)).toEqual([])
  })
})

// --- purity ------------------------------------------------------------------------------------------

const impure =
  /\bDate\s*\.|\bnew Date\(\s*\)|(?<!new )\bDate\(|\bMath\.random\b|\bprocess\b(?=\s*[.[])|\bfetch\s*\(|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bperformance\s*\.|\bcrypto\s*\.|\bglobalThis\b|\bconsole\s*\.|\brequire\s*\(/g

const purityViolations = (_path: string, text: string): string[] => [
  ...[...bare(text).matchAll(impure)].map(([word]) => word),
  ...importsOf(text).filter((specifier) => specifier.startsWith('node:')),
]
const machineFiles = sources.filter((path) => path.startsWith('src/machines/'))

describe('machines are pure', () => {
  test('no file of src/machines asks the clock, chance, the process or the network', () => {
    expect(violations(purityViolations, machineFiles)).toEqual([])
  })

  test.each([
    'Date.now()',
    'new Date()',
    'Date()',
    'Math.random()',
    'process.env.HOME',
    `process['env']`,
    'fetch(url)',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'performance.now()',
    'crypto.randomUUID()',
    'globalThis.x',
    'console.log(1)',
    `import 'node:fs'`,
  ])('%s is seen', (text) => expect(purityViolations('', text)).toHaveLength(1))

  test('a time that is given may be formatted, and words in strings and comments are words', () => {
    expect(purityViolations('', `new Date(at).toISOString() // Date.now()\nconst s = 'Math.random()'\nsession.process.pid`)).toHaveLength(1)
    expect(purityViolations('', `new Date(at).toISOString() // Date.now()\nconst s = 'Math.random()'`)).toEqual([])
  })
})

// --- names-only charts -------------------------------------------------------------------------------

const isChart = (path: string): boolean => /^src\/machines\/[a-z]+\/(machine|[a-z]+\.[a-z]+)\.ts$/.test(path)
/** The one helper that a chart may have: a line that leaves its own state out of a table of transitions. */
const helper = /^const \w+ = \(\w+: [^=]*\) => \w+\.filter\(\(\{ target \}\) => target !== \w+\)$/gm

function chartViolations(_path: string, text: string): string[] {
  const chart = bare(text.replaceAll(helper, ''))
  const found = [
    ...chart.matchAll(
      /=>|\bfunction\b|\bif\s*\(|&&|\|\||\?\?|\s\?\s|[!=]==|\b(?:params|assign|raise|emit|sendTo|enqueueActions)\b|\b\d+\b/g,
    ),
  ]
  const payloads = [...code(text).matchAll(/\btype: '([^']*)'/g)].filter(([, type]) => !['parallel', 'final', 'history'].includes(type!))
  return [...found, ...payloads].map(([word]) => word.trim())
}

describe('charts are made of names', () => {
  const charts = sources.filter(isChart)

  test('every machine has a chart, and no chart has a function, a condition, a number or a payload', () => {
    const folders = new Set(machineFiles.map((path) => path.split('/')).flatMap(([, , folder, file]) => (file ? [folder] : [])))
    expect(charts.filter((path) => path.endsWith('/machine.ts'))).toHaveLength(folders.size)
    expect(charts.length).toBeGreaterThan(folders.size)
    expect(violations(chartViolations, charts)).toEqual([])
  })

  test.each([
    `{ guard: ({ context }) => context.ok }`,
    `{ entry: function () {} }`,
    `const target = quick ? 'a' : 'b'`,
    `const ok = a && b`,
    `const ok = a || b`,
    `const ok = a ?? b`,
    `const ok = a === b`,
    `{ actions: assign({}) }`,
    `{ actions: { type: 'tell' } }`,
    `{ after: { 1000: 'x' } }`,
    `if (quick) start()`,
    `const others = (own: string) => entries.map(({ target }) => make(target))`,
  ])('%s is seen', (text) => expect(chartViolations('', text)).not.toEqual([]))

  test('a line that leaves its own state out of a table is allowed', () => {
    expect(chartViolations('', `const others = (own: Name) => entries.filter(({ target }) => target !== own)`)).toEqual([])
  })
})

// --- no lifecycle state's name outside src/machines --------------------------------------------------------------

const contractWords = ['done', 'failed', 'delegated']
const names = phases.filter((phase) => !contractWords.includes(phase))
const nameWord = new RegExp(`(?<![\\w-])(?:${names.join('|')})(?![\\w-])`, 'g')

/**
 * `changes_requested` is also a review's verdict in the contract: allowed on a line that speaks of verdicts.
 * src/actors/system cannot know a state of an issue; its `escalated` is XState's `escalate`.
 */
function nameViolations(path: string, text: string): string[] {
  if (path.startsWith('src/machines/') || path.startsWith('src/actors/system/')) return []
  return code(text)
    .split('\n')
    .flatMap((line) =>
      [...line.matchAll(nameWord)]
        .map(([word]) => word)
        .filter((word) => !(word === 'changes_requested' && /\bapproved\b|\bverdict\b/.test(line))),
    )
}

describe('no lifecycle state is named outside src/machines', () => {
  test('in src and inspector: strings, property names, selectors', () => {
    expect(violations(nameViolations)).toEqual([])
  })

  test.each([
    `if (phase === 'escalated') return`,
    `const colours = { awaiting_queue: 'blue' }`,
    `board.pr_open.push(issue)`,
    'const text = `it is ${phase} or repairing_ci`',
    `.phase.implementing { color: red }`,
    `if (phase === 'changes_requested') return`,
  ])('%s is seen', (text) => expect(nameViolations('src/server/x.ts', text)).not.toEqual([]))

  test.each([
    `// an issue that is escalated`,
    `/* awaiting_queue */`,
    `if (phase === 'done' || phase === 'failed' || phase === 'delegated') return`,
    `verdict: 'approved' | 'changes_requested'`,
  ])('%s is allowed', (text) => expect(nameViolations('src/server/x.ts', text)).toEqual([]))
})
