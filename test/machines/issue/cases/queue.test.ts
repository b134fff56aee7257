// Cases 162–183: what the landing queue says, and what a poll sees of it.

import { describe, expect, it } from 'vitest'
import type { Event } from '../../player.ts'
import {
  agentFailed,
  approved,
  closedAs,
  entered,
  evicted,
  finished,
  granted,
  green,
  incident,
  isWanted,
  merged,
  open,
  paused,
  phase,
  play,
  playOn,
  pr,
  published,
  red,
  retried,
  runState,
  type Happening,
  type Issue,
} from '../facts.ts'
import { given, polled, seenReview, times } from '../stories.ts'

const waiting: Happening[] = [...open, approved(), green(), entered()]
const conflict: Event = { type: 'pr.updated', source: 'poll', ...pr(), mergeable: 'conflict' }
const nothing = finished({ outcome: 'no_change', reason: 'it merges here' })
const fine = { reviews: [seenReview('approved')], checks: { state: 'passed' } }
/** The eviction that is known, as a poll sees it again. */
const seenAgain = (issue: Issue): Issue => {
  const { observedAt } = issue.context.heads['A']!.queue!
  return playOn(issue, polled({ ...fine, queue: { state: 'evicted', incident: incident(), observedAt } }))
}

describe('an eviction', () => {
  it('without an incident that can be read is repaired with what is known (case 162) (edge 188)', () => {
    const issue = play(...waiting, { ...evicted(), incident: null }, granted)
    expect([phase(issue), given(issue)]).toMatchObject(['repairing_queue', { type: 'queue_repair', past: 'A', incident: null }])
  })

  it('that the queue thinks better of is over (case 164)', () => {
    const issue = play(...waiting, evicted(), entered())
    expect([phase(issue), runState(issue)]).toEqual(['awaiting_queue', 'idle'])
  })

  it('is forgotten with the head that repairs it: its checks are waited for, and no late word of the old head counts (case 168)', () => {
    const issue = play(...waiting, evicted(), granted, published('B'))
    for (const late of [red('A'), evicted('conflict', 'A'), polled({ checks: { state: 'pending' } })]) {
      const told = playOn(issue, late)
      expect([phase(told), runState(told)]).toEqual(['pr_open', 'idle'])
    }
  })

  it('is repaired once more past the same head, for the same reason, and past the next one (case 173)', () => {
    const failed = play(...waiting, evicted(), granted, agentFailed, paused, granted)
    expect(given(failed)).toMatchObject({ type: 'queue_repair', past: 'A', attempt: 2 })
    const asked = play(...waiting, evicted(), granted, nothing, retried(), granted)
    expect(given(asked)).toMatchObject({ type: 'queue_repair', past: 'A' })
    const again = play(...waiting, evicted(), granted, published('B'), approved('B'), green('B'), entered('B'))
    expect(given(playOn(again, evicted('conflict', 'B'), granted))).toMatchObject({ type: 'queue_repair', past: 'B', attempt: 2 })
  })

  it('that was tried in vain is not tried again because it is seen again (case 174)', () => {
    const issue = play(...waiting, evicted(), granted, nothing)
    expect(phase(issue)).toBe('escalated')
    const later = [seenAgain, seenAgain].reduce((now, look) => look(now), issue)
    expect([phase(later), runState(later), later.context.attempts.queue_repair]).toEqual(['escalated', 'idle', 1])
  })

  it('that happens anew after a vain repair is one more repair (case 182)', () => {
    const issue = playOn(play(...waiting, evicted(), granted, nothing), evicted())
    expect([phase(issue), given(granted(issue)).type]).toEqual(['repairing_queue', 'queue_repair'])
  })
})

describe('an eviction that nobody told of', () => {
  it('is seen by a poll, and repaired past the head that was given back (edge 194)', () => {
    const seen = polled({ ...fine, queue: { state: 'evicted', incident: incident() } })
    const issue = playOn(play(...waiting), seen)
    expect([phase(issue), given(granted(issue))]).toMatchObject([
      'repairing_queue',
      { type: 'queue_repair', past: 'A', incident: { class: 'conflict' } },
    ])
    expect(playOn(issue, seenAgain).reports('capacity.requested')).toEqual([])
  })

  it.each<[string, Happening]>([
    ['done by a word', closedAs('done')],
    ['failed', closedAs('failed')],
    ['done by its landing', merged()],
  ])('takes up no issue that is over: %s (edge 189)', (_, end) => {
    const over = play(...waiting, end)
    for (const told of [evicted(), polled({ ...fine, queue: { state: 'evicted', incident: incident() } })]) {
      const issue = playOn(over, told)
      expect([phase(issue), runState(issue)]).toEqual([phase(over), 'idle'])
    }
  })
})

describe('a change that is wanted', () => {
  it('and does not merge is mended for the queue, also when its checks are red (case 179) (edge 249)', () => {
    const issue = play(...open, approved(), red(), conflict)
    expect([phase(issue), given(granted(issue))]).toMatchObject(['repairing_queue', { type: 'queue_repair', conflict: true }])
  })

  it('has landed when a poll sees it so (case 171) (edge 195)', () => {
    expect(phase(playOn(play(...waiting), polled({ ...fine, pr: { state: 'merged', mergedSha: 'M' } })))).toBe('done')
  })

  it('and of which nothing is wrong is left to the queue (case 183)', () => {
    const issue = playOn(play(...waiting), ...times(5, polled({ ...fine, queue: { state: 'queued' } })))
    expect([phase(issue), runState(issue), issue.context.runs]).toEqual(['awaiting_queue', 'idle', 1])
    expect(issue.reports('landing.decided').filter(isWanted)).toEqual([])
  })
})
