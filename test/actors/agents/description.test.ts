// What is a heading in an issue's description, and that nothing of a description is lost on its way into a prompt.

import { expect, it } from 'vitest'
import { parseDescription } from '../../../src/actors/agents/description.ts'
import { composePrompt } from '../../../src/actors/agents/prompt.ts'
import { descriptions } from './descriptions.ts'
import { facts } from './prompt-facts.ts'

const titles = (text: string): (string | null)[] => parseDescription(text).map(({ title }) => title)
const roles = (text: string): string[] => parseDescription(text).map(({ title, role }) => `${title}: ${role}`)

it('there are twenty descriptions, all of them different in shape', () => {
  expect(descriptions).toHaveLength(20)
  expect(new Set(descriptions.map(({ shape }) => shape)).size).toBe(20)
})

it.each(descriptions)('F04: of a description $shape, every section arrives in the prompt, with all that it says', ({ text, sections }) => {
  const found = parseDescription(text)
  expect(found.map(({ title }) => title)).toEqual(sections.map(([title]) => title))
  const prompt = composePrompt({ ...facts, description: text })
  let at = 0
  for (const [index, [title, ...sayings]] of sections.entries()) {
    for (const saying of sayings) expect([title, found[index]!.text]).toEqual([title, expect.stringContaining(saying)])
    // In the order in which they were written.
    // A title that has marks of its own stands there with them.
    for (const words of [...(title !== null && text.includes(title) ? [title] : []), ...sayings]) {
      const next = prompt.indexOf(words, at)
      expect([words, next]).toEqual([words, expect.toSatisfy((place: number) => place >= at)])
      at = next
    }
  }
})

it('F04: no line of a description is lost, whatever it is', () => {
  for (const { text } of descriptions) {
    const lines = new Set(composePrompt({ ...facts, description: text }).split('\n'))
    const missing = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '' && !lines.has(line))
    expect(missing).toEqual([])
  }
})

it('knows headings with number signs of every level, and what only looks like one', () => {
  expect(titles('# A\n## B ##\n###   C\n######  D\n')).toEqual(['A', 'B', 'C', 'D'])
  expect(titles('#no\n####### seven\n    # code\n\\# escaped\n#\n> # quoted\n- # in a list')).toEqual([null])
  expect(titles(`# ${'long '.repeat(100)}`)).toEqual([null])
})

it('knows underlined headings, of one line', () => {
  expect(titles('Goal\n====\na\n\nScope\n---\nb')).toEqual(['Goal', 'Scope'])
  expect(titles('two lines\nof text\n---\nmore')).toEqual([null])
  expect(titles('- item\n---\n\n| a | b |\n---\n\n---\n\n***\n\ntext')).toEqual([null])
})

it('looks into no fence, comment or preformatted block, however they end', () => {
  expect(titles('```sh\n# a\n~~~\n# b\n```\n# C')).toEqual([null, 'C'])
  expect(titles('````\n```\n# a\n```\n````\n# C')).toEqual([null, 'C'])
  expect(titles('~~~ text\n# a\n```\n# b\n~~~~\n# C')).toEqual([null, 'C'])
  expect(titles('- ```\n  # a\n  ```\n# C')).toEqual([null, 'C'])
  expect(titles('<!--\n# a\n-->\n# C\n<!-- one line -->\n# D')).toEqual([null, 'C', 'D'])
  expect(titles('<pre>\n# a\n</pre>\n# C')).toEqual([null, 'C'])
  expect(titles('```\n# never closed\n\n## still not')).toEqual([null])
  expect(titles('`inline ``` code`\n# C')).toEqual([null, 'C'])
})

it('knows what people write in the place of headings', () => {
  expect(titles('**Goal**\na\n\n__Scope:__\nb\n\n**Acceptance criteria**:\n- c')).toEqual(['Goal', 'Scope', 'Acceptance criteria'])
  expect(titles('a **bold** word\n\n**one** and **two**\n\n**in a paragraph**\nthat goes on')).toEqual([null, 'in a paragraph'])
  expect(titles('Acceptance criteria:\n- a\n\nNote:\n- b')).toEqual(['Acceptance criteria'])
  expect(titles('<h2 align="center">Goal</h2>\na\n<details><summary>Logs</summary>\nb\n</details>')).toEqual(['Goal', 'Logs'])
})

it('tells what a section is for by its title', () => {
  expect(roles('# 🎯 Goal\na\n# Non-goals\nb\n# Out of scope\nc\n# In scope\nd\n# 3. Definition of Done\ne\n# Notes\nf')).toEqual([
    '🎯 Goal: goal',
    'Non-goals: out of scope',
    'Out of scope: out of scope',
    'In scope: scope',
    '3. Definition of Done: acceptance criteria',
    'Notes: null',
  ])
})

it('keeps headings of one name apart, and lines of every system', () => {
  expect(parseDescription('# A\r\none\r\n# A\rtwo\u2028# A\nthree')).toMatchObject([
    { title: 'A', text: 'one', line: 1 },
    { title: 'A', text: 'two', line: 3 },
    { title: 'A', text: 'three', line: 5 },
  ])
  expect(parseDescription('')).toEqual([])
  expect(parseDescription('\n \n')).toEqual([])
})

it('is done in time with what is made to take long', () => {
  for (const text of [
    `# a${' '.repeat(200_000)}b`,
    '**'.repeat(200_000),
    '- '.repeat(200_000),
    '<h1>'.repeat(100_000),
    '`'.repeat(300_000),
  ]) {
    const begun = performance.now()
    parseDescription(text)
    expect(performance.now() - begun).toBeLessThan(2_000)
  }
})
