import { describe, expect, test } from 'vitest'
import { isGivenUp, stageOf, stepsOf } from '../../../src/machines/issue/stage.ts'
import { phases } from '../../../src/machines/vocabulary.ts'

describe('where a phase stands, for those who show it', () => {
  test('the happy path goes from waiting over work and review to the end, and never back', () => {
    const path = ['delegated', 'implementing', 'pr_open', 'awaiting_queue', 'deploying', 'done'] as const
    expect(path.map(stageOf)).toEqual(['waiting', 'working', 'reviewing', 'reviewing', 'reviewing', 'done'])
    const behind = path.map((phase) => stepsOf(phase).behind)
    expect(behind).toEqual(behind.toSorted())
    expect(behind.at(-1)).toBe(3)
  })

  test('every repair is work', () => {
    for (const phase of phases.filter((one) => one.startsWith('repairing_') || one === 'changes_requested')) {
      expect(stageOf(phase)).toBe('working')
      expect(stepsOf(phase).isUnderWay).toBe(true)
    }
  })

  test('a person is needed for a question and where it was given up; a question alone is not given up', () => {
    expect(phases.filter((phase) => stageOf(phase) === 'needs_human')).toEqual(['awaiting_input', 'escalated'])
    expect(phases.filter(isGivenUp)).toEqual(['escalated', 'failed'])
  })
})
