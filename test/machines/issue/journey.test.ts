// The way of an issue from its delegation to a landed change, with the loops that lead back.

import { describe, expect, it } from 'vitest'
import type { RunInput } from '../../../src/machines/run/context.ts'
import {
  approved,
  authority,
  changesRequested,
  entered,
  evicted,
  finished,
  granted,
  green,
  merged,
  open,
  opened,
  pending,
  phase,
  prClosed,
  play,
  playOn,
  playWith,
  policy,
  published,
  pushed,
  red,
  reviewCommented,
  runState,
  isUnwanted,
  isWanted,
  type Issue,
} from './facts.ts'

const runInput = (issue: Issue): RunInput => issue.children.get(issue.context.run!.id)!.input as RunInput

describe('the way to a landed change', () => {
  it('asks for a place as soon as it is delegated', () => {
    const issue = play()
    expect([phase(issue), runState(issue)]).toEqual(['delegated', { waiting: 'capacity' }])
    expect(issue.reports('capacity.requested')).toEqual([
      { type: 'capacity.requested', issue: '1', project: 'app', priority: 0, request: 1, agents: ['scripted'] },
    ])
  })

  it('starts a run when it is granted one, and says so once (case 2)', () => {
    const issue = play(granted)
    expect([phase(issue), runState(issue)]).toEqual(['implementing', 'active'])
    expect([...issue.children]).toMatchObject([
      ['run-1', { src: 'run', input: { runId: 'run-1', type: 'implementation', attempt: 1, published: null } }],
    ])
    expect(issue.reports('tracker.report').map(({ phase: told }) => told)).toEqual(['implementing'])
    expect(issue.reports('capacity.withdrawn')).toEqual([])
  })

  it('waits for review and checks when its pull request is open, and gives the place back (case 261)', () => {
    const issue = play(...open)
    expect([phase(issue), runState(issue)]).toEqual(['pr_open', 'idle'])
    expect(issue.reports('capacity.released')).toHaveLength(1)
    expect(issue.children.size).toBe(0)
  })

  it('asks to land when it is approved and green at its very head (case 120)', () => {
    const issue = play(...open, pending(), approved(), green())
    expect(phase(issue)).toBe('awaiting_queue')
    expect(issue.reports('landing.decided').filter(isWanted)).toEqual([
      {
        type: 'landing.decided',
        wanted: true,
        project: 'app',
        issue: '1',
        key: 'APP-1',
        number: 7,
        headSha: 'A',
        priority: 0,
        reason: null,
      },
    ])
  })

  it('is done when the forge says that it has landed, and gives the worktree back', () => {
    const issue = play(...open, approved(), green(), entered(), merged())
    expect(phase(issue)).toBe('done')
    expect(issue.reports('worktree.released')).toEqual([
      { type: 'worktree.released', project: 'app', key: 'APP-1', branch: 'signalbox/APP-1-say-which-file', base: 'main', landed: 'A' },
    ])
    expect(issue.reports('landing.decided').filter(isUnwanted)).toEqual([])
  })

  it('needs no approval where nobody reviews, and no checks where none are declared', () => {
    expect(phase(playWith({ policy: policy({ review: 'none' }) }, ...open, green()))).toBe('awaiting_queue')
    expect(phase(playWith({ policy: policy({ checks: false }) }, ...open, approved()))).toBe('awaiting_queue')
    expect(phase(playWith({ policy: policy({ review: 'none', checks: false }) }, ...open))).toBe('awaiting_queue')
  })

  it('waits for a human to land it where that is the policy', () => {
    const issue = playWith({ policy: policy({ landing: 'manual' }) }, ...open, approved(), green())
    expect([phase(issue), issue.reports('landing.decided').filter(isWanted)]).toEqual(['awaiting_queue', []])
  })

  it('does not land a draft', () => {
    const issue = play(granted, opened('A', { draft: true }), finished({ headAfter: 'A' }), approved(), green())
    expect(phase(issue)).toBe('pr_open')
    expect(phase(playOn(issue, { ...opened('A'), type: 'pr.updated' }))).toBe('awaiting_queue')
  })
})

describe('an agent', () => {
  it('is chosen by the type of its run', () => {
    const issue = playWith({ policy: policy({ agents: { ci_repair: 'mender' } }) }, granted)
    expect(runInput(issue).agent).toBe('scripted')
    expect(runInput(playOn(issue, published('A'), red(), granted)).agent).toBe('mender')
  })

  it('is told the head that is published, and the one that it must move past', () => {
    const repair = runInput(play(...open, red(), granted))
    expect([repair.published, repair.past]).toEqual(['A', 'A'])
    const anew = runInput(play(...open, prClosed, granted))
    expect([anew.published, anew.past]).toEqual(['A', null])
  })
})

describe('a review', () => {
  it('that asks for changes starts a fix, which is told of it', () => {
    const issue = play(...open, changesRequested())
    expect([phase(issue), runState(issue)]).toEqual(['changes_requested', { waiting: 'capacity' }])
    expect(runInput(granted(issue))).toMatchObject({
      type: 'review_fix',
      past: 'A',
      review: { reviewer: 'grace', body: 'name it', headSha: 'A' },
    })
  })

  it('speaks for its head alone: a new head asks again (case 212)', () => {
    const issue = play(...open, changesRequested(), granted, published('B'))
    expect([phase(issue), issue.context.attempts.review_fix]).toEqual(['pr_open', 1])
    expect(phase(playOn(issue, approved('A'), green('B')))).toBe('pr_open')
    expect(phase(playOn(issue, approved('B'), green('B')))).toBe('awaiting_queue')
  })

  it('that approves in the middle of a fix supersedes the fix, which gives its attempt back (case 137)', () => {
    const issue = play(...open, green(), changesRequested(), granted, approved())
    expect(runState(issue)).toBe('stopping')
    expect(issue.messages('run-2')).toEqual([{ type: 'run.stop', outcome: 'superseded', reason: 'The reason for this run is gone.' }])
    const ended = playOn(issue, finished({ outcome: 'superseded' }))
    expect([phase(ended), runState(ended), ended.context.attempts.review_fix]).toEqual(['awaiting_queue', 'idle', 0])
  })

  it('that approves what the fix has published before the fix tells of its end lets it end, and its attempt is spent', () => {
    const issue = play(
      ...[...open, green(), changesRequested(), granted],
      (fix: Issue) => fix.send({ type: 'run.publishing', runId: 'run-2', head: 'B' }),
      ...[pushed('B'), green('B'), approved('B')],
    )
    expect([runState(issue), issue.messages('run-2')]).toEqual(['active', []])
    const ended = playOn(issue, published('B'))
    expect([phase(ended), runState(ended), ended.context.attempts.review_fix]).toEqual(['awaiting_queue', 'idle', 1])
  })

  it('that only comments is no verdict (case 135)', () => {
    expect(phase(play(...open, green(), approved(), reviewCommented()))).toBe('awaiting_queue')
    expect(phase(play(...open, changesRequested(), reviewCommented()))).toBe('changes_requested')
  })

  it('by one who asks for changes outweighs an approval by another', () => {
    expect(phase(play(...open, green(), changesRequested('A', 'ada'), approved('A', 'grace')))).toBe('changes_requested')
  })
})

describe('the checks', () => {
  it('that fail start a repair, which is told of the failures (case 141) (edge 170)', () => {
    const issue = play(...open, red())
    expect([phase(issue), runState(issue)]).toEqual(['repairing_ci', { waiting: 'capacity' }])
    expect(runInput(granted(issue))).toMatchObject({
      type: 'ci_repair',
      past: 'A',
      checks: { headSha: 'A', failures: [{ name: 'ci', signature: 'unit' }] },
    })
  })

  it('of a former head are of no interest', () => {
    const issue = play(...open, red(), granted, published('B'), red('A'))
    expect([phase(issue), runState(issue)]).toEqual(['pr_open', 'idle'])
  })

  it('of a head that the forge has not told of yet count when it does', () => {
    expect(phase(play(...open, green('B'), approved('B'), pushed('B')))).toBe('awaiting_queue')
  })
})

describe('the landing queue', () => {
  const waiting = [...open, approved(), green(), entered()]

  it('that gives the head back starts a repair with the incident (case 161)', () => {
    const issue = play(...waiting, evicted())
    expect([phase(issue), runState(issue)]).toEqual(['repairing_queue', { waiting: 'capacity' }])
    expect(issue.reports('landing.decided').filter(isUnwanted)).toEqual([])
    expect(runInput(granted(issue))).toMatchObject({ type: 'queue_repair', past: 'A', incident: { class: 'conflict', files: ['a.ts'] } })
  })

  it('is asked again for the repaired head, once that is approved and green (edge 191)', () => {
    const issue = play(...waiting, evicted(), granted, published('B'), approved('B'), green('B'))
    expect(issue.reports('landing.decided').filter(isWanted)).toMatchObject([{ headSha: 'B' }])
  })

  it('is told when the approval is lost', () => {
    const issue = play(...waiting, changesRequested())
    expect(issue.reports('landing.decided').filter(isUnwanted)).toMatchObject([{ headSha: 'A', reason: 'no longer approved' }])
    expect(phase(issue)).toBe('changes_requested')
  })

  it('is told of the request and of its withdrawal by reports of one kind: only these arrive in order', () => {
    const landing = (issue: Issue) => issue.commands.flatMap((command) => (command.type === 'emit' ? [command.event] : []))
    const kinds = [play(...open, approved(), green()), play(...waiting, changesRequested())].map(
      (issue) => landing(issue).find(({ headSha }) => headSha === 'A')?.type,
    )
    expect(kinds).toEqual(['landing.decided', 'landing.decided'])
  })

  it('is told when the head is not the one it was asked for', () => {
    const issue = playWith({ policy: policy({ review: 'none', checks: false }) }, ...open, pushed('B'))
    expect([issue.reports('landing.decided').filter(isUnwanted), issue.reports('landing.decided').filter(isWanted)]).toMatchObject([
      [{ headSha: 'A' }],
      [{ headSha: 'B' }],
    ])
  })

  it('holds only what was asked for: a word about a former head says nothing of the present one', () => {
    const held = (headSha: string) => ({ type: 'queue.held', headSha, reason: 'dirty', files: ['a.ts'] })
    const late = play(...open, held('A'), approved(), green())
    expect(late.context.held).toBeNull()
    const issue = playOn(play(...waiting), held('B'), held('A'), { type: 'queue.resumed', headSha: 'B' })
    expect(issue.context.held).toMatchObject({ headSha: 'A', reason: 'dirty', files: ['a.ts'] })
    expect(playOn(issue, { type: 'queue.resumed', headSha: 'A' }).context.held).toBeNull()
  })

  it('gives it back for its own reasons: no run could mend that, a human looks', () => {
    const issue = play(...waiting, evicted('environment'))
    expect([phase(issue), runState(issue), authority(issue)]).toEqual(['escalated', 'idle', 'acting'])
  })
})
