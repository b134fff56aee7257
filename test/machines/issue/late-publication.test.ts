// What a run that was called off publishes all the same (core §3.27, case 108): taken up where it is still wanted, else closed with its branch kept.

import { describe, expect, it } from 'vitest'
import { waitingFor } from '../../../src/machines/issue/document.ts'
import {
  agentFailed,
  authority,
  closedAs,
  delegated,
  finished,
  granted,
  merged,
  opened,
  phase,
  play,
  playOn,
  pr,
  prClosed,
  reopened,
  retried,
  runState,
  stopped,
  tracked,
  undelegated,
  updated,
  type Happening,
  type Issue,
} from './facts.ts'

const publishing: Happening = (issue) => issue.send({ type: 'run.publishing', runId: issue.context.run!.id, head: 'A' })
const released = finished({ outcome: 'released', reason: 'r' })
const decisions = (issue: Issue) => issue.reports('publication.decided').map(({ wanted, number, headSha }) => [wanted, number, headSha])
const posts = (issue: Issue) => issue.reports('feed.posted').map(({ kind, summary }) => [kind, summary])
const closing = [false, 7, 'A']
const kept =
  'Pull request #7 was published by a run that had been called off: it is closed, and the work is kept on signalbox/APP-1-say-which-file'
const seen = (state: 'open' | 'closed', observedAt: number): Happening => ({
  ...{ type: 'reconcile', source: 'poll', observedAt },
  pr: {
    ...{ ...pr(), state, mergeable: 'unknown', reviews: [], patchId: null, observedAt },
    checks: { headSha: '', state: 'none', names: [], failures: [], observedAt },
    queue: { headSha: '', state: 'none', incident: null, observedAt },
  },
})
const late = [granted, publishing, stopped, released]

describe('a publication that comes when', () => {
  it.each<[string, Happening[]]>([
    ['the issue was stopped', [stopped, released]],
    ['it was taken back', [undelegated, released]],
    ['it was closed', [closedAs('failed'), finished({ outcome: 'superseded' })]],
    ['it was cancelled in the tracker', [updated({ stateType: 'canceled' }), finished({ outcome: 'superseded' })]],
    ['its run had failed to publish, and then it was stopped', [finished({ outcome: 'failed', failure: 'environment' }), stopped]],
    ['its run was given up, and then it was stopped', [(issue) => issue.fail('run-1', { message: 'gone' }), stopped]],
  ])('%s is closed again, and people are told where the work is', (_when, ends) => {
    const before = play(granted, publishing, ...ends)
    const issue = playOn(before, opened())
    expect([decisions(issue), posts(issue)]).toEqual([[closing], [['publication.withdrawn', kept]]])
    expect([issue.context.pr, phase(issue), authority(issue)]).toEqual([null, phase(before), authority(before)])
    expect(runState(issue)).toBe('idle')
    // Told or polled, once or twice, the end of it is no news.
    for (const again of [opened(), prClosed, seen('open', issue.at), seen('closed', issue.at)]) {
      const after = playOn(issue, again)
      expect([decisions(after), posts(after), after.context.pr, phase(after)]).toEqual([[], [], null, phase(before)])
    }
  })

  it('it was stopped is closed also when only a poll sees it (case 108) (edge 159)', () => {
    const before = play(...late)
    expect(decisions(playOn(before, seen('open', before.at)))).toEqual([closing])
  })

  it('its run is still being ended waits for the answer of the run', () => {
    const stopping = play(granted, publishing, stopped, opened())
    expect([decisions(stopping), stopping.context.pr]).toEqual([[], null])
    expect(decisions(playOn(stopping, released))).toEqual([closing])
    // It had published before it heard of the stop: then it is the issue's.
    const done = playOn(stopping, finished({ headAfter: 'A' }))
    expect([decisions(done), done.context.pr?.number, phase(done)]).toEqual([[], 7, 'pr_open'])
    // Wanted again meanwhile: nothing was closed, so nothing has to be opened.
    const back = playOn(stopping, retried(), finished({ outcome: 'released' }))
    expect([decisions(back), back.context.pr?.number, phase(back)]).toEqual([[], 7, 'pr_open'])
  })

  it('the work is wanted is taken up', () => {
    const blocked = updated({ blockedBy: [{ key: 'APP-0', resolved: false }] })
    const issue = play(granted, publishing, blocked, finished({ outcome: 'superseded' }), opened())
    expect([decisions(issue), issue.context.pr?.number, phase(issue)]).toEqual([[], 7, 'pr_open'])
    const again = play(...late, retried(), opened())
    expect([decisions(again), again.context.pr?.number, phase(again)]).toEqual([[], 7, 'pr_open'])
  })

  it('a person opened it, or it landed, is what it is', () => {
    const other = play(...late, opened('B'))
    expect([decisions(other), other.context.pr?.headSha]).toEqual([[], 'B'])
    const landed = play(...late, opened(), merged())
    expect([decisions(landed), phase(landed)]).toEqual([[], 'done'])
  })

  it('nothing was being published is none', () => {
    expect(play(granted, stopped, released, opened()).context.pr?.number).toBe(7)
    expect(play(granted, agentFailed, stopped, opened()).context.pr?.number).toBe(7)
  })

  it('there was a pull request already is a new head of it', () => {
    const fixing = play(granted, publishing, opened(), finished({ headAfter: 'A' }))
    expect(fixing.context.late).toBeNull()
  })
})

describe('a withdrawn pull request that is wanted again', () => {
  const withdrawn = [...late, opened(), prClosed]

  it.each<[string, Happening]>([
    ['by a retry', retried()],
    ['by a new delegation', delegated],
    ['in the tracker', { type: 'tracker.updated', source: 'webhook', ...tracked(), delegated: true }],
  ])('%s is opened again, and no run starts before the forge has told of it', (_how, back) => {
    const before = _how === 'in the tracker' ? play(granted, publishing, undelegated, released, opened(), prClosed) : play(...withdrawn)
    const issue = playOn(before, back)
    expect([decisions(issue), posts(issue).map(([kind]) => kind), runState(issue)]).toEqual([
      [[true, 7, 'A']],
      ['authority', 'publication.restored'],
      'idle',
    ])
    expect(waitingFor(issue.context, issue.value, []).map(({ party, reason }) => `${party}: ${reason}`)).toEqual([
      'provider: the forge to open pull request #7 again',
    ])
    const open = playOn(issue, reopened)
    expect([open.context.pr?.number, phase(open), runState(open), open.context.runs]).toEqual([7, 'pr_open', 'idle', 1])
  })

  it('is not begun anew for what the forge had to tell before, told late or again', () => {
    const issue = play(...withdrawn, retried())
    for (const old of [prClosed, { ...opened(), observedAt: issue.context.late!.observedAt }, seen('closed', issue.at)]) {
      const after = playOn(issue, old)
      expect([after.context.late?.state, after.context.pr, runState(after)]).toEqual(['restoring', null, 'idle'])
    }
    // A poll that sees it open, as it was before it was to be closed, is an answer.
    expect(playOn(issue, seen('open', issue.context.late!.observedAt)).context.pr?.state).toBe('open')
  })

  it('is begun anew when a person asks once more, because the forge does not open it', () => {
    const issue = play(...withdrawn, retried(), retried())
    expect([issue.context.late, runState(issue)]).toEqual([null, { waiting: 'capacity' }])
  })

  it('is closed again when it is not wanted once more', () => {
    const issue = play(...withdrawn, retried(), stopped)
    expect([decisions(issue), issue.context.late?.state]).toEqual([[closing], 'withdrawn'])
  })
})
