// The drawings in docs/machines are those of the machines of this build.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { drawMachines } from '../../scripts/draw-machines.ts'
import { phases } from '../../src/machines/vocabulary.ts'

const folder = join(import.meta.dirname, '..', '..', 'docs', 'machines')
const pages = drawMachines()

describe('docs/machines', () => {
  it('has a page for each machine, and no other', () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(pages).sort())
  })

  it.each(Object.keys(pages))('%s is current; if not: node scripts/draw-machines.ts', (name) => {
    expect(readFileSync(join(folder, name), 'utf8')).toBe(pages[name])
  })

  it('shows every lifecycle state, and how it is entered', () => {
    for (const phase of phases) {
      expect(pages['issue.md']).toContain(`state "${phase}" as issue_lifecycle_${phase}`)
      expect(pages['issue.md']).toContain(`note right of issue_lifecycle_${phase}\n    from anywhere: hasBecome`)
    }
  })
})
