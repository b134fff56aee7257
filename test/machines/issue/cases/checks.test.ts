// Cases 144–158: which checks start a repair, and which say nothing.

import { describe, expect, it } from 'vitest'
import {
  approved,
  changesRequested,
  entered,
  evicted,
  finished,
  granted,
  green,
  merged,
  open,
  pending,
  phase,
  play,
  playOn,
  published,
  pushed,
  red,
  runState,
  type Happening,
} from '../facts.ts'
import { given, polled, seenReview, times, waits } from '../stories.ts'

const nothing = finished({ outcome: 'no_change', reason: 'green here' })

describe('red checks', () => {
  it('are repaired once: the same failure of the same head, told again, starts nothing more (case 146)', () => {
    const repairing = play(...open, red(), granted)
    expect([runState(playOn(repairing, red())), playOn(repairing, red()).reports('capacity.requested')]).toEqual(['active', []])
    const vain = playOn(repairing, nothing, red(), granted, nothing)
    expect(phase(vain)).toBe('escalated')
    const again = playOn(vain, red(), polled({ checks: { state: 'failed', failures: red()['failures'] } }))
    expect([phase(again), runState(again)]).toEqual(['escalated', 'idle'])
    expect(given(playOn(again, red('A', 'another'), granted)).type).toBe('ci_repair')
  })

  it('of a head are not forgotten because an older one turns green (case 147) (edge 176)', () => {
    const issue = play(...open, pushed('B'), red('B'), green('A'))
    expect([phase(issue), given(granted(issue)).checks?.headSha]).toEqual(['repairing_ci', 'B'])
  })

  it('that nothing more is known of are one repair (case 158)', () => {
    const seen = polled({ checks: { state: 'failed', failures: [] } })
    const issue = playOn(play(...open), seen)
    expect([phase(issue), issue.reports('capacity.requested').length]).toEqual(['repairing_ci', 1])
    expect(playOn(issue, seen).reports('capacity.requested')).toEqual([])
    expect(given(granted(issue))).toMatchObject({ type: 'ci_repair', checks: { headSha: 'A', failures: [] } })
  })

  it('of a head that the queue gave back are of its successor: the incident is not told again (case 156)', () => {
    const repaired = play(...open, approved(), green(), entered(), evicted(), granted, published('B'))
    expect(given(playOn(repaired, red('B'), granted))).toMatchObject({ type: 'ci_repair', incident: null, checks: { headSha: 'B' } })
  })

  it('are seen by a poll when nobody told of them, also where green was known (cases 278, 279)', () => {
    const seen = polled({ checks: { state: 'failed', failures: red()['failures'] } })
    for (const before of [[], [green()]]) {
      const issue = playOn(play(...open, ...before), seen)
      expect([phase(issue), given(granted(issue)).type]).toEqual(['repairing_ci', 'ci_repair'])
    }
  })
})

describe('checks that cannot be read', () => {
  it('are not red: they are waited for, and the operator is told what is in the way (case 144)', () => {
    const issue = playOn(play(...open), pending('A', { obstacle: 'there is no command npm' }))
    expect([phase(issue), runState(issue)]).toEqual(['pr_open', 'idle'])
    expect(waits(issue)[0]).toBe('operator: the checks cannot run: there is no command npm')
  })
})

describe('green checks', () => {
  it('start nothing (case 150) (edge 167)', () => {
    const issue = play(...open, pending(), green())
    expect([phase(issue), runState(issue), issue.reports('capacity.requested')]).toEqual(['pr_open', 'idle', []])
  })

  it('are seen by a poll where red was known, and what was to be repaired is not (edge 243)', () => {
    const seen = polled({ reviews: [seenReview('approved')], checks: { state: 'passed' } })
    const issue = playOn(play(...open, approved(), red()), seen)
    expect([phase(issue), runState(issue), issue.context.heads['A']?.checks?.state]).toEqual(['awaiting_queue', 'idle', 'passed'])
  })

  it('end a repair that has not begun: the change is wanted or waits to be (case 152)', () => {
    expect(phase(play(...open, red(), green()))).toBe('pr_open')
    const wanted = play(...open, approved(), red(), green())
    expect([phase(wanted), runState(wanted)]).toEqual(['awaiting_queue', 'idle'])
  })

  it.each<[string, Happening[]]>([
    ['implementing', [granted]],
    ['changes_requested', [...open, changesRequested()]],
    ['repairing_queue', [...open, approved(), green(), entered(), evicted()]],
    ['awaiting_input', [...open, red(), granted, finished({ outcome: 'needs_input', question: 'Why?' })]],
    ['done', [...open, merged()]],
  ])('change nothing about an issue that is %s (case 153)', (name, story) => {
    const issue = play(...story)
    expect([phase(issue), phase(playOn(issue, ...times(2, green())))]).toEqual([name, name])
  })
})
