// Every guard of a machine has a truth table: rows of a case in words, its answer, and what of context and event it is about.

import { describe, expect, it } from 'vitest'

export type Row<Changes> = [when: string, holds: boolean, changes: Changes, event?: object]

export function describeGuards<Changes extends object>(
  guards: object,
  tables: Record<string, Row<Changes>[]>,
  args: (changes: Changes, event: object) => { context: object; event: object },
): void {
  describe('every guard', () => {
    it('has a truth table that says yes and no', () => {
      expect(Object.keys(tables).sort()).toEqual(Object.keys(guards).sort())
      for (const [name, rows] of Object.entries(tables)) expect([name, new Set(rows.map(([, holds]) => holds)).size]).toEqual([name, 2])
    })

    const rows = Object.entries(tables).flatMap(([name, own]) =>
      own.map(([when, holds, changes, event = {}]) => ({ name, when, holds, changes, event })),
    )
    it.each(rows)('$name: $when: $holds', ({ name, holds, changes, event }) => {
      const guard = (guards as Record<string, (args: object) => boolean>)[name]!
      expect(guard(args(changes, event))).toBe(holds)
    })
  })
}
