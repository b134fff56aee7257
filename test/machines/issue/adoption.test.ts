// A pull request that a person has linked is taken over before anything else is begun.

import { describe, expect, it } from 'vitest'
import type { RunInput } from '../../../src/machines/run/context.ts'
import { waitingFor } from '../../../src/machines/issue/document.ts'
import {
  approved,
  changesRequested,
  delegated,
  granted,
  green,
  phase,
  playOn,
  playWith,
  pr,
  prompted,
  red,
  runState,
  stopped,
  tracked,
  type Happening,
  type Issue,
} from './facts.ts'

const linking = (...links: string[]) => playWith({ issue: { links } })
const linked = (...happenings: Happening[]) => playOn(linking('#3'), ...happenings)
const adopted =
  (changes: object = {}): Happening =>
  (issue) =>
    issue.done('adoption', { ...pr('A', { number: 3, headRef: 'theirs', ...changes }), state: 'open', observedAt: issue.at, ...changes })
const refused: Happening = (issue) => issue.fail('adoption', { message: 'It is from a fork.' })
const runInput = (issue: Issue): RunInput => issue.children.get(issue.context.run!.id)!.input as RunInput
const waits = (issue: Issue): string[] => waitingFor(issue.context, issue.value, []).map(({ party, reason }) => `${party}: ${reason}`)

describe('a linked pull request', () => {
  it('is asked for at once, and no run begins before the answer (case 68)', () => {
    const issue = linking('#3')
    expect([phase(issue), runState(issue), waits(issue)]).toEqual(['delegated', 'idle', ['provider: the linked pull request #3']])
    expect(issue.children.get('adoption')).toMatchObject({ src: 'adoptPullRequest', input: { project: 'app', issue: '1', link: '#3' } })
    expect(issue.reports('capacity.requested')).toEqual([])
  })

  it('becomes the change of the issue, on its own branch, and what is said of it decides (cases 57, 59, 155) (edges 63, 68, 161)', () => {
    const issue = linked(adopted())
    expect([phase(issue), runState(issue), issue.context.branch]).toEqual(['pr_open', 'idle', 'theirs'])
    expect(issue.reports('facts.wanted')).toHaveLength(1)
    expect(runInput(playOn(issue, changesRequested(), granted))).toMatchObject({ type: 'review_fix', branch: 'theirs', published: 'A' })
    expect(runInput(playOn(issue, red(), granted)).type).toBe('ci_repair')
    expect(phase(playOn(issue, approved(), green()))).toBe('awaiting_queue')
  })

  it('as a draft is gone on with (case 60)', () => {
    const issue = linked(adopted({ draft: true }), granted)
    expect(runInput(issue)).toMatchObject({ type: 'implementation', branch: 'theirs', published: 'A' })
  })

  it('that is closed is followed by new work, which hears what was asked of it, and one that has landed is the end of it', () => {
    const anew = { type: 'implementation', replaces: { number: 3 } }
    expect(runInput(linked(adopted({ state: 'closed' }), granted))).toMatchObject({ ...anew, review: null })
    expect(runInput(linked(adopted({ state: 'closed' }), changesRequested(), granted))).toMatchObject({
      ...anew,
      review: { body: 'name it' },
    })
    expect(phase(linked(adopted({ state: 'merged', mergedSha: 'M' })))).toBe('done')
  })

  it('that cannot be taken over is a question, and the answer begins anew (cases 62, 66) (edge 66)', () => {
    const issue = linked(refused)
    expect([phase(issue), waits(issue)[0]]).toEqual(['awaiting_input', expect.stringContaining('It is from a fork.') as string])
    expect(runInput(playOn(issue, prompted('begin anew'), granted))).toMatchObject({ type: 'implementation', published: null })
  })

  it('is taken over before a run begins, whatever the fact is about that shows it (edge 62)', () => {
    const fact = { ...delegated, ...tracked({ links: ['#3'], state: 'In Progress', stateType: 'started' }) }
    for (const type of ['tracker.delegated', 'tracker.updated']) {
      const issue = playOn(playWith({ delegated: false }), { ...fact, type, delegated: true })
      expect([issue.children.has('adoption'), runState(issue), issue.reports('capacity.requested')]).toEqual([true, 'idle', []])
    }
  })

  it('that was corrected is asked for when the question is answered', () => {
    const corrected = { ...delegated, type: 'tracker.updated', ...tracked({ links: ['#4'] }) }
    const issue = linked(refused, corrected, prompted('it is corrected'))
    expect(issue.children.get('adoption')).toMatchObject({ input: { link: '#4' } })
  })

  it('among several is not guessed (case 63)', () => {
    const issue = linking('#3', '#4')
    expect([phase(issue), issue.children.size, issue.context.pr]).toEqual(['awaiting_input', 0, null])
  })

  it('waits while we may not act', () => {
    const issue = playWith({ delegated: false, issue: { links: ['#3'] } })
    expect([issue.children.size, runState(issue)]).toEqual([0, 'idle'])
    expect(playOn(issue, { ...delegated, ...tracked({ links: ['#3'] }) }).children.has('adoption')).toBe(true)
    // What is being taken over is a fact when it comes, whoever has stopped us meanwhile.
    const told: Happening = (issue) =>
      issue.send({ type: 'pr.opened', source: 'system', ...pr('A', { number: 3, headRef: 'theirs', draft: true }), observedAt: issue.at })
    expect(runInput(linked(told, granted))).toMatchObject({ type: 'implementation', branch: 'theirs' })
    expect([phase(linked(stopped, adopted())), runState(linked(stopped, adopted({ draft: true })))]).toEqual(['pr_open', 'idle'])
  })
})
