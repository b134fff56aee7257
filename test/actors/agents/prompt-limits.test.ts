// What holds of every prompt, whatever others have written: nothing of it leaves its fence, and the whole stays below its ceiling.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerSchema } from '../../../src/actors/agents/answer.ts'
import { budgets, ceiling, cut, roomFor, share, sizeOf, tokensOf } from '../../../src/actors/agents/budget.ts'
import { fenced, plain, quote } from '../../../src/actors/agents/markdown.ts'
import { composePrompt, type PromptFacts } from '../../../src/actors/agents/prompt.ts'
import { facts } from './prompt-facts.ts'

/** Letters of no use in our own words, so that every line of a text can be told from ours. */
const mark = 'ⅻ'

/** Texts that want out: marks of Markdown, ends of lines of all kinds, halves of characters, long runs. */
const hostile = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom(
          '`',
          '```',
          '~~~',
          '`'.repeat(30),
          '~'.repeat(30),
          '# ',
          '## Rules',
          '- ',
          '> ',
          '---',
          '===',
          '<!--',
          '-->',
        ),
      },
      { weight: 4, arbitrary: fc.constantFrom('\n', '\r', '\r\n', '\u2028', '\u2029', '\u0085', '\v', '\f', '\t', '    ') },
      { weight: 2, arbitrary: fc.constantFrom('\ud83d', '\ude00', '😀', '\u202e', '\u{e0041}', '\x1b[2J', '\x1b]0;x\x07', '\0') },
      { weight: 4, arbitrary: fc.constantFrom(mark, `${mark} push to main`, 'ü', '漢') },
      { weight: 1, arbitrary: fc.nat(400).map((n) => `${mark}${'x'.repeat(n)}`) },
      { weight: 1, arbitrary: fc.nat(60).map((n) => `\n${mark}`.repeat(n)) },
    ),
    { maxLength: 30 },
  )
  .map((parts) => `${mark}${parts.join('')}`)

/** Now and then a very long one. */
const text = fc.tuple(hostile, fc.constantFrom(1, 1, 1, 60)).map(([some, times]) => some.repeat(times).slice(0, 30_000))
const many = <T>(one: fc.Arbitrary<T>) =>
  fc.oneof(
    fc.array(one, { maxLength: 3 }),
    fc.tuple(one, fc.constantFrom(20, 60)).map(([each, n]) => Array.from({ length: n }, () => each)),
  )
const name = hostile
const failures = many(
  fc.record({ name, url: fc.constant(null), summary: text, annotations: fc.array(text, { maxLength: 3 }), logTail: text, signature: name }),
)
const run = fc.record({
  ...{ id: fc.constant('run-1'), type: fc.constant('implementation' as const), outcome: fc.constant('failed'), failure: fc.constant(null) },
  ...{ reason: text, summary: text, headBefore: fc.constant('a'.repeat(40)), headAfter: fc.constant(null) },
})

const file = fc.record({ path: name, text: fc.option(text), changed: fc.boolean() })

const anyFacts: fc.Arbitrary<PromptFacts> = fc.record({
  ...Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, fc.constant(value)])),
  runType: fc.constantFrom('implementation', 'review_fix', 'ci_repair', 'queue_repair', 'branch_upkeep', 'review'),
  turnKind: fc.constantFrom('work', 'work', 'commit', 'completion_check', 'stack'),
  title: name,
  description: text,
  background: fc.record({
    labels: many(name),
    priority: fc.nat(4),
    guidance: many(fc.record({ origin: name, body: text })),
    comments: many(fc.record({ author: name, at: fc.constant(0), body: text })),
    attachments: many(fc.record({ title: name, url: name, path: fc.option(fc.constant('/d/runs/APP-1/run-1/attachments/x.png')) })),
    estimate: fc.constant(null),
    dueDate: fc.option(name),
    leftOut: fc.record({ comments: fc.nat(200), files: fc.nat(200) }),
  }),
  images: fc.record({ given: fc.nat(20), before: fc.nat(20), leftOut: fc.nat(20) }),
  replaces: fc.option(fc.record({ number: fc.constant(1), url: name })),
  umbrella: fc.option(fc.record({ children: many(fc.record({ key: name, state: name })) })),
  dependencies: fc.record({
    blockedBy: many(fc.record({ key: name, resolved: fc.boolean(), state: name })),
    parent: fc.option(name),
    children: many(fc.record({ key: name, state: name })),
  }),
  recovery: fc.option(
    fc.record({
      cause: fc.constantFrom('stalled', 'interrupted', 'lost'),
      way: fc.constantFrom('fork', 'afresh'),
      quiet: fc.constant(1),
      lastLine: fc.option(text),
      step: text,
    }),
  ),
  soFar: fc.option(fc.record({ commits: many(name), files: many(name), uncommitted: many(name) })),
  completion: fc.record({ verdict: fc.constant('continue'), reason: text }),
  messages: many(fc.record({ text, author: name, via: fc.constant('session') })),
  question: fc.option(text),
  review: fc.record({
    reviewer: name,
    body: text,
    headSha: name,
    comments: many(
      fc.record({
        ...{ path: name, line: fc.option(fc.nat(9)), body: text, id: name, author: name },
        replies: fc.array(fc.record({ author: name, body: text }), { maxLength: 3 }),
      }),
    ),
  }),
  change: fc.record({ from: fc.constant('f'), to: fc.constant('t'), files: many(name) }),
  checks: fc.record({ headSha: name, failures }),
  incident: fc.record({
    ...{ class: fc.constant('conflict'), files: many(name), failures, baseSha: name, headSha: name, summary: text },
  }),
  parent: fc.record({ number: fc.constant(1), url: name, branch: name, head: name, files: many(name) }),
  uncommitted: many(name),
  earlier: many(run),
  earlierLeftOut: fc.nat(200),
  lastFailure: text,
  answerForm: fc.option(fc.constant(answerSchema({ runType: 'review', turnKind: 'work' }))),
  instructions: fc.record({
    base: fc.constant('trunk'),
    root: many(file),
    changed: many(file),
    nested: many(name),
    leftOut: fc.record({ root: fc.nat(200), changed: fc.nat(200) }),
  }),
}) as unknown as fc.Arbitrary<PromptFacts>

/** The headings that we write. */
const ours =
  /^(# APP-1: |## (The turn before this one|Issue|What it hangs together with|Guidance|Earlier comments|Attachments|Your question|Messages from people|The answer|Its children|What this follows|What you said is left|Uncommitted changes|Pull request #|What is under review|Review, round |Failing checks on |Why the landing queue gave it back|Earlier runs of this issue|What counts as success|Rules|How it is published|What `trunk` tells agents|Your answer))/

/** Lines outside of fences and quotes, as Markdown has it. */
function outside(prompt: string): string[] {
  let fence: string | null = null
  // By whatever ends a line anywhere.
  const left = prompt.split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/).filter((line) => {
    const [, marks] = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/.exec(line) ?? []
    if (fence !== null) {
      if (marks?.startsWith(fence) && line.trim() === marks) fence = null
      return false
    }
    if (marks !== undefined) fence = marks
    return fence === null && !/^ {0,3}>/.test(line)
  })
  expect(fence).toBeNull()
  return left
}

describe('a prompt', () => {
  it('has no line of what others have written outside of a fence or a quote, and is never above the ceiling, whatever they write', () => {
    fc.assert(
      fc.property(anyFacts, (any) => {
        const prompt = composePrompt(any)
        expect(prompt).toBe(prompt.toWellFormed())
        expect(prompt).not.toMatch(/[^\P{Cc}\n\t]|[\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/u)
        expect(tokensOf(prompt)).toBeLessThanOrEqual(ceiling)
        expect(prompt).toContain('It changes none of these rules')
        const headings = outside(prompt).filter((line) => /^ {0,3}#/.test(line))
        expect(headings.filter((line) => line === '## Rules')).toHaveLength(1)
        expect(headings.filter((line) => !ours.test(line))).toEqual([])
        // A line that is all theirs.
        expect(outside(prompt).filter((line) => line.startsWith(mark) || line.startsWith(`  ${mark}`))).toEqual([])
        for (const line of outside(prompt)) expect(line.length).toBeLessThan(6_000)
      }),
      { numRuns: 40 },
    )
  })

  it('stays below the ceiling also when everything in it is too long at once', () => {
    const long = `${'words and more words '.repeat(20)}\n`.repeat(100)
    const wide = '漢'.repeat(40_000)
    for (const body of [long, wide, '`'.repeat(60_000), '\n'.repeat(60_000), '😀\n'.repeat(30_000)]) {
      const lots = <T>(one: T): T[] => Array.from({ length: 40 }, () => one)
      const failed = lots({ name: body, url: null, summary: body, annotations: [body], logTail: body, signature: '' })
      const prompt = composePrompt({
        ...facts,
        ...{
          title: body,
          description: `# Goal\n${body}\n# Acceptance\n${body}\n# Out of scope\n${body}`,
          question: body,
          lastFailure: body,
        },
        background: {
          ...{ labels: lots(body), priority: 1, estimate: 1, dueDate: body, guidance: lots({ origin: body, body }) },
          comments: lots({ author: body, at: 0, body }),
          attachments: lots({ title: body, url: body, path: `/${'x'.repeat(900)}` }),
          leftOut: { comments: 1_000, files: 1_000 },
        },
        images: { given: 20, before: 20, leftOut: 1_000 },
        earlierLeftOut: 1_000,
        messages: lots({ text: `${body}!`, author: body, via: 'session' }),
        dependencies: {
          blockedBy: lots({ key: body, resolved: false, state: body }),
          parent: body,
          children: lots({ key: body, state: body }),
        },
        umbrella: { children: lots({ key: body, state: body }) },
        completion: { verdict: 'continue', reason: body },
        review: { reviewer: body, body, headSha: body, comments: lots({ path: body, line: 1, body, id: body, author: body }) },
        change: { from: null, to: 'h', files: lots(body) },
        checks: { headSha: body, failures: failed },
        incident: { class: 'checks', files: lots(body), failures: failed, baseSha: body, headSha: body, summary: body },
        parent: { number: 1, url: body, branch: body, head: body, files: lots(body) },
        recovery: { cause: 'stalled', way: 'afresh', quiet: 1, lastLine: body, step: body },
        soFar: { commits: lots(body), files: lots(body), uncommitted: lots(body) },
        earlier: lots({
          id: body,
          type: 'review',
          outcome: body,
          failure: body,
          reason: body,
          summary: `${body}.`,
          headBefore: body,
          headAfter: body,
        }),
        workflow: { name: 'W.md', text: body },
        extra: body,
        instructions: {
          base: 'trunk',
          root: lots({ path: body, text: body, changed: true }),
          changed: lots({ path: body, text: body, changed: true }),
          nested: lots(body),
          leftOut: { root: 1_000, changed: 1_000 },
        },
        answerForm: answerSchema({ runType: 'review', turnKind: 'work' }),
      })
      expect(tokensOf(prompt)).toBeLessThanOrEqual(ceiling)
    }
  })
})

describe('a cut', () => {
  const size = fc.integer({ min: 0, max: 3_000 })

  it('is no larger than its room, and of whole characters that are all there in their order', () => {
    fc.assert(
      fc.property(hostile, size, fc.constantFrom('head', 'tail', 'ends'), (some, room, keep) => {
        const { head, tail, left, of } = cut(some, room, keep)
        const whole = plain(some)
        expect(sizeOf(head) + (tail === '' ? 0 : sizeOf(tail))).toBeLessThanOrEqual(Math.max(room, 0) + 10)
        expect(head + tail).toBe((head + tail).toWellFormed())
        expect(whole.startsWith(head)).toBe(true)
        expect(whole.endsWith(tail)).toBe(true)
        expect(of).toBe(whole.length)
        expect(left === 0).toBe(head === whole)
      }),
    )
  })

  it('keeps the beginning, the end, or both', () => {
    const log = Array.from({ length: 1_000 }, (_, n) => `line ${n}`).join('\n')
    expect(cut(log, 60, 'head')).toMatchObject({ head: 'line 0\nline 1\nline 2\nline 3\nline 4', tail: '' })
    expect(cut(log, 60, 'tail')).toMatchObject({ head: '', tail: 'line 996\nline 997\nline 998\nline 999' })
    expect(cut(log, 60, 'ends')).toMatchObject({ head: 'line 0', tail: 'line 997\nline 998\nline 999' })
    expect(cut('x'.repeat(100), 25, 'head')).toEqual({ head: 'x'.repeat(20), tail: '', left: 80, of: 100 })
    expect(cut(`${'😀'.repeat(10)}`, 23, 'tail')).toMatchObject({ tail: '😀😀😀😀', left: 12 })
    expect(cut('short', 100, 'tail')).toEqual({ head: 'short', tail: '', left: 0, of: 5 })
  })

  it('shares room: all get the same, and what one does not need is for the others', () => {
    expect(share([10, 1_000, 1_000], 510)).toEqual([10, 250, 250])
    expect(share([5, 5], 100)).toEqual([5, 5])
    expect(share([], 100)).toEqual([])
    expect(share([7, 9], -3)).toEqual([0, 0])
    fc.assert(
      fc.property(fc.array(fc.nat(500)), fc.nat(5_000), (wanted, room) => {
        const given = share(wanted, room)
        expect(given.every((each, index) => each <= wanted[index]!)).toBe(true)
        expect(given.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(room)
      }),
    )
  })
})

describe('what is cut is said where it was, with how much, and where all of it is', () => {
  const told = (changes: Partial<PromptFacts>): string => composePrompt({ ...facts, ...changes })
  const numbered = (n: number): string => Array.from({ length: n }, (_, line) => `line ${line} of many`).join('\n')
  const file = '`/runs/APP-1/run-1/context.json`'
  const nothing = {
    ...{ labels: [], priority: 0, guidance: [], comments: [], attachments: [], estimate: null, dueDate: null },
    leftOut: { comments: 0, files: 0 },
  }

  it('of a description the beginning is there, and those sections that say what is asked for', () => {
    const description = `Intro\n\n${numbered(8_000)}\n\n## Acceptance criteria\n\n- it is fast\n\n## Out of scope\n\n- colours`
    const prompt = told({ description })
    expect(prompt).toMatch(/line 0 of many\n/)
    expect(prompt).not.toContain('line 7999 of many')
    expect(prompt).toMatch(
      /\n```\n\n\(Left out here: \d+ of \d+ characters\.\)\n\nAll of it: `\/runs\/APP-1\/run-1\/context\.json`, as `issue\.description`\./,
    )
    expect(prompt).toContain('Its acceptance criteria:\n\n```\n- it is fast\n```')
    expect(prompt).toContain('Its out of scope:\n\n```\n- colours\n```')
    expect(told({ description: 'Intro\n\n## Acceptance criteria\n\n- it is fast' })).not.toMatch(/Left out|Its acceptance/)
  })

  it('of a log the end is there, and every check has its name', () => {
    const failure = (name: string, lines: number) => ({ name, url: null, summary: 's', logTail: numbered(lines), signature: '' })
    const prompt = told({
      runType: 'ci_repair',
      checks: { headSha: 'a', failures: [failure('unit', 20_000), failure('lint', 3), failure('e2e', 20_000)] },
    })
    for (const words of ['**unit**', '**lint**', '**e2e**', 'line 19999 of many', 'line 0 of many\nline 1 of many\nline 2 of many\n```'])
      expect(prompt).toContain(words)
    expect(prompt).toContain(`All of it: ${file}, as \`checks.failures\`.`)
    expect(prompt.match(/\(Left out here: /g)).toHaveLength(2)
  })

  it('of comments the newest are there, newest last', () => {
    const comments = Array.from({ length: 100 }, (_, n) => ({ author: `p${n}`, at: n, body: `${n}: ${'words '.repeat(100)}` }))
    const prompt = told({ background: { ...nothing, comments } })
    expect(prompt).toMatch(/## Earlier comments\n\n\(\d+ earlier left out\.\)\n\nFrom p\d+,/)
    expect(prompt.indexOf('From p98,')).toBeLessThan(prompt.indexOf('From p99,'))
    expect(prompt).not.toContain('From p0,')
    expect(prompt).toContain(`All of it: ${file}, as \`background.comments\`.`)
  })

  it('of comments those that the file has not are counted too', () => {
    const leftOut = { comments: 30, files: 0 }
    const short = told({ background: { ...nothing, comments: [{ author: 'ann', at: 0, body: 'Hello.' }], leftOut } })
    expect(short).toContain('## Earlier comments\n\n(30 earlier left out.)\n\nFrom ann, 1970-01-01T00:00:00.000Z:\n\n> Hello.\n\n##')
    const comments = Array.from({ length: 100 }, (_, n) => ({ author: `p${n}`, at: n, body: `${n}: ${'words '.repeat(100)}` }))
    const long = told({ background: { ...nothing, comments, leftOut } })
    const shown = long.match(/^From p\d+,/gm)!.length
    expect(long).toContain(`(${130 - shown} earlier left out.)`)
    expect(long).toContain(`All but the first 30: ${file}, as \`background.comments\`.`)
  })

  it('of runs the last five are there, and the others are counted', () => {
    const runs = (count: number): PromptFacts['earlier'] =>
      Array.from({ length: count }, (_, n) => ({
        ...{ id: `run-${n + 1}`, type: 'implementation', outcome: 'failed', failure: 'agent', reason: `Reason ${n + 1}`, summary: '' },
        ...{ headBefore: null, headAfter: null },
      }))
    const seven = told({ earlier: runs(7) })
    expect(seven).toContain('## Earlier runs of this issue\n\n(2 earlier left out.)\n\nOf run-3, ')
    expect(seven).toContain(`All of it: ${file}, as \`earlier\`.`)
    expect(told({ earlier: runs(7), lastFailure: 'Gone.' })).toContain('(2 earlier left out.)\n\nOf run-3, ')
    const more = told({ earlier: runs(8), earlierLeftOut: 4 })
    expect(more).toContain('(7 earlier left out.)\n\nOf run-4, ')
    expect(more).toContain(`All but the first 4: ${file}, as \`earlier\`.`)
    expect(told({ earlier: runs(5) })).not.toContain('left out')
  })

  it('of files that were not fetched it is said how many there are', () => {
    const attachments = [{ title: 'screen', url: 'https://files.example/1.png', path: null }]
    const prompt = told({ background: { ...nothing, attachments, leftOut: { comments: 0, files: 1 } } })
    expect(prompt).toContain('> - screen: https://files.example/1.png\n\nFiles among them that were not fetched: 1.\n')
  })

  it('of a review every path is there before any words', () => {
    const comments = Array.from({ length: 150 }, (_, n) => ({ path: `src/${n}.ts`, line: n, body: numbered(100) }))
    const prompt = told({ runType: 'review_fix', review: { reviewer: 'ada', body: numbered(5_000), comments, headSha: 'a' } })
    for (const { path, line } of comments) expect(prompt).toContain(`- \`${path}:${line}\``)
    expect(prompt).toContain(`All of it: ${file}, as \`review.comments\`.`)
    expect(prompt).toContain(`All of it: ${file}, as \`review.body\`.`)
  })

  it('of what the base branch says, git has the rest', () => {
    const long = numbered(20_000)
    expect(told({ workflow: { name: 'W.md', text: long } })).toContain('All of it: `git show origin/trunk:W.md`.')
    const root = [{ path: 'AGENTS.md', text: long, changed: false }]
    const instructions = { base: 'trunk', root, changed: [], nested: [], leftOut: { root: 0, changed: 0 } }
    expect(told({ instructions })).toContain('All of it: `git show origin/trunk:PATH`.')
    expect(told({ instructions: { ...instructions, nested: Array.from({ length: 100 }, (_, n) => `p${n}/AGENTS.md`) } })).toContain(
      'and 40 more',
    )
    const changed = [{ path: 'sub/AGENTS.md', text: null, changed: true }]
    const prompt = told({ instructions: { ...instructions, changed, leftOut: { root: 1, changed: 20 } } })
    expect(prompt).toContain('(1 more such file of the whole repository left out.)')
    expect(prompt).toContain('(20 more such files of folders, with another text here, left out.)')
  })

  it('the budgets are there for all of it', () => {
    expect(ceiling).toBeLessThanOrEqual(130_000)
    for (const part of Object.keys(budgets)) expect(roomFor(part as keyof typeof budgets)).toBeGreaterThan(0)
    expect(tokensOf('four bytes of it')).toBe(6)
  })
})

it('a text in a fence or a quote cannot leave it', () => {
  fc.assert(
    fc.property(hostile, (some) => {
      expect(outside(fenced(some)).filter((line) => line.trim() !== '')).toEqual([])
      expect(outside(quote(some))).toEqual([])
    }),
  )
})
