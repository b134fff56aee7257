// docs/behaviour.md is complete: every fault, finding and case is claimed by a test, or has its reason there.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const document = readFileSync(join(root, 'docs/behaviour.md'), 'utf8')
const tests = new Map(
  globSync('test/**/*.test.ts', { cwd: root })
    .filter((file) => file !== 'test/behaviour.test.ts')
    .map((file) => [file.replaceAll('\\', '/'), readFileSync(join(root, file), 'utf8')]),
)

/** The text under a heading, up to the next one. */
function section(heading: string): string {
  const [, after] = document.split(new RegExp(`^#+ ${heading}$`, 'im'))
  if (after === undefined) throw new Error(`docs/behaviour.md has no heading '${heading}'.`)
  return after.split(/^#+ /m)[0]!
}
const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => /^\| [W\d]|^\| [A-Z]/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim()),
    )
const numbers = (text: string): number[] => [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits))
const byNumber = (a: number, b: number): number => a - b

/** One list of cases: its chapters, and the tables of those that no test cites. `word` cites one in the title of a test. */
function readCases(word: string, heading: string, prefix: string) {
  const cited = new Set(
    [...tests.values()].flatMap((text) =>
      [...text.matchAll(new RegExp(`['"\`][^'"\`\\n]*\\(${word}s? (\\d+(?:, \\d+)*)\\)`, 'g'))].flatMap(([, list]) => numbers(list!)),
    ),
  )
  return {
    known: rows(section(heading)).flatMap(([, cases]) => numbers(cases!)),
    cited,
    otherwise: rows(section(`${prefix}decided otherwise`)),
    missing: rows(section(`${prefix}not built yet`)),
    unclaimed: numbers(section(`${prefix}not claimed yet`)),
  }
}

describe('the faults of the former system', () => {
  const faults = rows(section('Faults'))

  it('are all there, in order, each with what is done instead', () => {
    expect(faults.map(([name]) => name)).toEqual(Array.from({ length: 32 }, (_, n) => `W${n + 1}`))
    for (const [name, fault, instead] of faults) expect([name, fault, instead]).not.toContain('')
  })

  it.each(faults.map((row) => [row[0]!, row[3]!] as const))(
    '%s has a test that is named after it in each file that is named',
    (name, files) => {
      const named = [...files.matchAll(/`([^`]+)`/g)].map(([, file]) => file!)
      expect(named).not.toEqual([])
      for (const file of named) expect([file, tests.get(file)?.match(new RegExp(`['"\`]${name}\\b`)) ?? null]).not.toContain(null)
    },
  )
})

describe('the findings at the edges', () => {
  const findings = rows(section('Findings'))
  const isLater = ([, , instead]: string[]): boolean => instead!.startsWith('not built yet: ')

  it('are all there, in order, each with what is done instead or what is missing', () => {
    expect(findings.map(([name]) => name)).toEqual(Array.from({ length: 45 }, (_, n) => `F${String(n + 1).padStart(2, '0')}`))
    for (const row of findings) expect([row.length, ...row]).toEqual([4, ...row.filter((cell) => cell !== '')])
  })

  it('have no test exactly where they are not built yet', () => {
    expect(findings.filter((row) => (row[3] === '–') !== isLater(row)).map(([name]) => name)).toEqual([])
  })

  it.each(findings.filter((row) => !isLater(row)).map((row) => [row[0]!, row[3]!] as const))(
    '%s has a test whose title has its number in each file that is named',
    (name, files) => {
      const named = [...files.matchAll(/`([^`]+)`/g)].map(([, file]) => file!)
      expect(named).not.toEqual([])
      for (const file of named)
        expect([file, tests.get(file)?.match(new RegExp(`\\((['"\`])(?:(?!\\1).)*\\b${name}\\b`)) ?? null]).not.toContain(null)
    },
  )
})

const lists = [
  { what: 'cases', count: 233, ...readCases('case', 'Cases', '') },
  { what: 'cases of the edges', count: 253, ...readCases('edge', 'Edges', 'Edges ') },
]

describe.each(lists)('the $what', ({ count, known, cited, otherwise, missing, unclaimed }) => {
  it(`are ${count}, each in one chapter`, () => {
    expect(known).toHaveLength(count)
    expect(new Set(known).size).toBe(count)
  })

  it('that tests cite are all known', () => {
    expect([...cited].filter((number) => !known.includes(number))).toEqual([])
  })

  it('are each claimed by a test, decided otherwise with a reason, or not built yet; what is left over is listed exactly', () => {
    const listed = [otherwise, missing].flatMap((table) => table.map(([number]) => Number(number)))
    expect(listed.toSorted(byNumber)).toEqual([...new Set(listed)].toSorted(byNumber))
    expect(listed.filter((number) => cited.has(number) || !known.includes(number))).toEqual([])
    expect(unclaimed.toSorted(byNumber)).toEqual(
      known.filter((number) => !cited.has(number) && !listed.includes(number)).toSorted(byNumber),
    )
    for (const row of [...otherwise, ...missing]) expect(row).not.toContain('')
  })
})
