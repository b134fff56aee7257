// check: what it says of a script, and how it is used wrongly, on the real program. The exploration itself is tested in test/machines/model.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkModels, parts } from '../../src/app/model-check.ts'
import { createHome, type Home } from './program.ts'

let home: Home
beforeAll(() => {
  home = createHome()
})
afterAll(() => home.remove())

const script = (lines: readonly object[]): string => {
  const file = join(home.folder, 'script.jsonl')
  writeFileSync(file, `P1 is violated by the check\n${lines.map((line) => JSON.stringify(line)).join('\n')}\n`)
  return file
}
const at = 1_000_001_000
const head = { machine: 'check', world: 'one head', property: 'P5' }
const passed = { label: 'checks done passed', cause: 'inside', at, done: 'checks', output: { state: 'passed', names: [], failures: [] } }

describe('check --script', () => {
  test('prints the states that the events lead through, without a configuration', async () => {
    const { code, stdout, stderr } = await home.run(['check', '--script', script([head, passed])])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/the beginning +running\n.*checks done passed +recording.*writing\nNothing is violated\./s)
  })

  test('says what is violated and exits 3', async () => {
    // No machine of this build violates anything: here the worktree is said to have been looked at with another answer than it has.
    const then = { cause: 'inside', at }
    const file = script([
      { machine: 'run', world: 'a repair by a shell', property: 'P4' },
      { ...then, label: 'prepare done', done: 'prepare', output: { path: '/w', head: 'base', baseHead: 'base', dirty: [] } },
      {
        ...then,
        label: 'session.finished completed',
        says: 'session',
        event: { type: 'session.finished', result: { outcome: 'completed', summary: 's' } },
      },
      {
        ...then,
        label: 'verify done dirty',
        done: 'verify',
        output: { head: 'A', branch: 'b', dirty: [], operation: null, descendsFromSince: true, commitsAhead: 1 },
      },
    ])
    const { code, stdout } = await home.run(['check', '--script', file])
    expect(code).toBe(3)
    expect(stdout).toMatch(/P4 +published after verify done dirty/)
    const { steps } = JSON.parse((await home.run(['check', '--json', '--script', file])).stdout) as {
      steps: { violations: { property: string }[] }[]
    }
    expect(steps.map(({ violations }) => violations.map(({ property }) => property))).toEqual([[], [], [], ['P4']])
  })

  test.each([
    [['check', '--script', 'nowhere.jsonl'], 'There is no file'],
    [['check', '--script', 'x', '--mutants'], 'exclude each other'],
    [['check', '--script'], '--script needs a value'],
  ])('%j is wrong use', async (args, sentence) => {
    const { code, stderr } = await home.run(args)
    expect(code).toBe(2)
    expect(stderr).toContain(sentence)
  })

  test('a file that is no script, and a part that this build has not', async () => {
    expect(await home.run(['check', '--script', script([{ a: 1 }])])).toMatchObject({ code: 2 })
    const { code, stderr } = await home.run(['check', '--script', script([{ ...head, world: 'another' }])])
    expect(code).toBe(1)
    expect(stderr).toContain(`explores no 'another' of 'check'`)
  })
})

describe('the exploration in threads', () => {
  test('gives what each part came to, in order', async () => {
    const two = parts.filter(({ world }) => world === 'one head' || world === 'a draft')
    const explored = await checkModels({ parts: two })
    expect(explored.map(({ machine, world, violations }) => ({ machine, world, violations }))).toEqual(
      two.map(({ machine, world }) => ({ machine, world, violations: [] })),
    )
  })

  test('takes one part after the other where there is one thread', async () => {
    const three = parts.filter(({ world }) => ['one head', 'shortages', 'an urgent one'].includes(world))
    const explored = await checkModels({ parts: three, threads: 1 })
    expect(explored.map(({ world, complete }) => ({ world, complete }))).toEqual(three.map(({ world }) => ({ world, complete: true })))
  })

  test('says which part broke', async () => {
    await expect(checkModels({ parts: [{ machine: 'check', world: 'none' }] })).rejects.toThrow(/none of the check broke/)
  })
})
