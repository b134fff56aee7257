// What comes while something else is under way: whose reason has gone, whose words were taken in, and what arrives out of order.

import { describe, expect, it } from 'vitest'
import {
  agentFailed,
  approved,
  authority,
  changesRequested,
  closedAs,
  commented,
  delegated,
  dismissed,
  entered,
  evicted,
  finished,
  granted,
  green,
  interrupted,
  merged,
  open,
  opened,
  paused,
  phase,
  play,
  playOn,
  playWith,
  policy,
  pr,
  prClosed,
  prompted,
  published,
  pushed,
  red,
  removed,
  retried,
  runState,
  stopRequested,
  stopped,
  tracked,
  undelegated,
  updated,
  type Happening,
  type Issue,
} from './facts.ts'
import { given, notes, polled, waits } from './stories.ts'

const unchanged = finished({ outcome: 'no_change', summary: 'The name is right.' })
const failed = (failure: 'auth' | 'stalled' | 'dirty' | 'scope') => finished({ outcome: 'failed', failure, reason: failure })
const steered: Happening = (issue) =>
  issue.send({ type: 'run.steered', runId: issue.context.run!.id, ids: issue.context.inbox.map(({ id }) => id) })
const where = (issue: Issue): unknown[] => [phase(issue), runState(issue)]

it('an objection to the head that a run began with is one to what it publishes, also where the forge tells of that before the run does', () => {
  const publishing: Happening = (issue) => issue.send({ type: 'run.publishing', runId: issue.context.run!.id, head: 'B' })
  const asked = play(...open, prompted('And rename it.'), granted, changesRequested('A'))
  const orders: Happening[][] = [
    [publishing, pushed('B')],
    [pushed('B'), publishing],
  ]
  for (const order of orders) expect(phase(playOn(asked, ...order))).toBe('changes_requested')
})

describe('a repair whose reason has gone meanwhile', () => {
  const repairing = [...open, red(), granted]

  it('and that finds nothing to do, or fails, leaves what is approved and green alone', () => {
    for (const end of [unchanged, failed('auth'), failed('stalled'), failed('dirty'), failed('scope')])
      expect(where(play(...repairing, green(), approved(), end))).toEqual(['awaiting_queue', 'idle'])
  })

  it('is followed by what the facts ask for by then', () => {
    expect(where(play(...repairing, green(), changesRequested(), unchanged))).toEqual(['changes_requested', { waiting: 'capacity' }])
    expect(where(play(...repairing, pushed('B'), unchanged))).toEqual(['pr_open', 'idle'])
    expect(given(play(...repairing, pushed('B'), red('B'), failed('stalled'), granted))).toMatchObject({ type: 'ci_repair', past: 'B' })
  })

  it('of the queue or of the base is no exception (edge 254)', () => {
    const queued = [...open, approved(), green(), entered()]
    const left: Happening = { type: 'queue.left', source: 'system', headSha: 'A' }
    expect(where(play(...queued, evicted(), granted, left, unchanged))).toEqual(['awaiting_queue', 'idle'])
    const conflict = { ...opened('A', { mergeable: 'conflict' }), type: 'pr.updated' }
    const clean = { ...opened('A', { mergeable: 'clean' }), type: 'pr.updated' }
    expect(where(play(...open, conflict, granted, clean, unchanged))).toEqual(['pr_open', 'idle'])
  })

  it('and that is needed still goes to a person', () => {
    expect(phase(play(...repairing, unchanged, red(), granted, unchanged))).toBe('escalated')
    expect(phase(play(...repairing, failed('auth')))).toBe('escalated')
    expect(phase(play(granted, unchanged))).toBe('escalated')
  })

  it('that a person asked for by a question gives the answer, and the change goes on to land', () => {
    const issue = play(...open, approved(), green(), prompted('is the name right?'), granted, unchanged)
    expect(where(issue)).toEqual(['awaiting_queue', 'idle'])
    expect(issue.reports('tracker.report').map(({ kind, text }) => [kind, text])).toContainEqual(['comment', 'The name is right.'])
  })
})

describe('words that reached a running agent', () => {
  const words = [prompted('in English'), steered]

  it('are for the next run where this one does not end well', () => {
    for (const [end, pause] of [
      [agentFailed, true],
      [interrupted, false],
      [finished({ outcome: 'failed', failure: 'environment' }), true],
    ] as const) {
      const ended = play(granted, ...words, end)
      expect(notes(playOn(ended, ...(pause ? [paused] : []), granted))).toEqual(['in English'])
    }
    expect(notes(play(granted, ...words, stopped, finished({ outcome: 'released' }), retried(), granted))).toEqual(['in English'])
  })

  it('are done with where it does', () => {
    expect(play(granted, ...words, published('A')).context.inbox).toEqual([])
    expect(play(granted, ...words, finished({ outcome: 'needs_input', question: 'Which?' })).context.inbox).toEqual([])
  })

  it('keep a fix alive that an approval would end, and a comment between people does not (case 137)', () => {
    const fixing = [...open, changesRequested(), granted]
    expect(runState(play(...fixing, ...words, approved()))).toBe('active')
    expect(runState(play(...open, changesRequested(), commented('nice catch'), granted, approved()))).toBe('stopping')
    expect(runState(play(...fixing, approved()))).toBe('stopping')
  })
})

describe('what people say while a reviewing agent looks', () => {
  const reviewing = (...more: Happening[]) => playWith({ policy: policy({ review: 'agent' }) }, ...open, green(), granted, ...more)
  const verdict = (word: 'approved' | 'changes_requested') =>
    finished({ review: { verdict: word, body: 'b', findings: [], headSha: 'A' }, progressed: true })

  it('is not for it: nothing lands before it was done', () => {
    const said = reviewing(prompted('call it print'))
    expect([given(said).type, said.messages('run-2')]).toEqual(['review', []])
    const approved = playOn(said, verdict('approved'))
    expect(where(approved)).toEqual(['pr_open', { waiting: 'capacity' }])
    expect([given(playOn(approved, granted)).type, notes(playOn(approved, granted))]).toEqual(['review_fix', ['call it print']])
  })

  it('nor what they had said before', () => {
    const before = playWith({ policy: policy({ review: 'agent' }) }, ...open, commented('the log is noisy'), green(), granted)
    expect([given(before).type, notes(before)]).toEqual(['review', []])
    expect(notes(playOn(before, verdict('changes_requested'), granted))).toEqual(['the log is noisy'])
  })

  it('is for it where it had asked', () => {
    const asked = reviewing(finished({ outcome: 'needs_input', question: 'Is this public?' }), prompted('yes'), granted)
    expect([given(asked).type, notes(asked)]).toEqual(['review', ['yes']])
  })
})

describe('a link', () => {
  const link = (...links: string[]) => updated({ links })
  const adopted =
    (number: number): Happening =>
    (issue) =>
      issue.done('adoption', { ...pr('A', { number, headRef: 'theirs' }), state: 'open', observedAt: issue.at })

  it('that comes while a run is at work is followed when that has ended without a pull request', () => {
    const ends: Happening[][] = [
      [agentFailed],
      [interrupted],
      [finished({ outcome: 'needs_input', question: 'Which?' }), prompted('that one')],
      [finished({ outcome: 'failed', failure: 'auth' }), retried()],
    ]
    for (const end of ends) {
      const issue = play(granted, link('#12'), ...end)
      expect([phase(issue), waits(issue)]).toEqual(['delegated', ['provider: the linked pull request #12']])
      expect(phase(playOn(issue, adopted(12)))).toBe('pr_open')
    }
    const several = play(granted, link('#12', '#13'), agentFailed)
    expect([phase(several), waits(several)[0]]).toEqual(['awaiting_input', expect.stringContaining('#12, #13') as string])
  })

  it('says nothing of the run that is at work, nor once that has published', () => {
    expect(where(play(granted, link('#12')))).toEqual(['implementing', 'active'])
    expect(where(play(granted, link('#12'), published('A')))).toEqual(['pr_open', 'idle'])
  })

  it('that is changed while it is looked at is looked at anew', () => {
    const issue = playWith({ issue: { links: ['#12'] } }, link('#13'))
    expect(issue.children.get('adoption')).toMatchObject({ input: { link: '#13' } })
    expect(playOn(issue, adopted(13)).context).toMatchObject({ pr: { number: 13 }, adoption: { links: '#13', state: 'over' } })
    const failed = playOn(issue, (now) => now.fail('adoption', { message: 'It is from a fork.' }))
    expect(failed.context.question?.text).toContain('#13')
    const none = playWith({ issue: { links: ['#12'] } }, link())
    expect([none.children.size, runState(none)]).toEqual([0, { waiting: 'capacity' }])
  })

  it('to a red draft, or one that is objected to, is gone on with before anything is repaired (case 60)', () => {
    const draft = playWith({ issue: { links: ['#3'] } }, (issue) =>
      issue.done('adoption', { ...pr('A', { number: 3, headRef: 'theirs', draft: true }), state: 'open', observedAt: issue.at }),
    )
    for (const fact of [red(), changesRequested()]) expect(given(playOn(draft, fact, granted)).type).toBe('implementation')
  })
})

describe('facts out of order', () => {
  it('a head that was put back is believed when the forge goes on saying so', () => {
    const lost = play(...open, red(), granted, (issue) =>
      playOn(issue, { type: 'run.publishing', runId: 'run-2', head: 'B' }, finished({ headAfter: 'B', progressed: true })),
    )
    expect(lost.context.published).toBe('B')
    const early = playOn(lost, polled({ pr: { headSha: 'A' } }))
    expect(waits(early).join()).toContain('the forge to tell of B')
    const late = playOn(lost, polled({ pr: { headSha: 'A' }, checks: { state: 'failed', names: ['ci'], failures: [] }, after: 200_000 }))
    expect([late.context.published, phase(late)]).toEqual([null, 'repairing_ci'])
  })

  it('a stop that was lifted before it is told of is over', () => {
    for (const lifting of [prompted('go on'), delegated]) {
      const now = play(lifting)
      expect(authority(playOn(now, { ...stopRequested, observedAt: now.at - 1_000 }))).toBe('acting')
      expect(authority(playOn(now, stopRequested))).toBe('stopped')
      expect(authority(playOn(now, { ...stopRequested, observedAt: now.context.liftedAt }))).toBe('stopped')
      // What an operator says is said now, whatever the tracker's clock shows.
      expect(authority(playOn(now, { ...stopped, at: now.at - 1_000 }))).toBe('stopped')
    }
  })

  it('a landing that was in flight stands above a close as failed (case 110)', () => {
    const landing = [...open, approved(), green(), entered()]
    expect(phase(play(...landing, closedAs('failed')))).toBe('failed')
    expect(phase(play(...landing, closedAs('failed'), merged()))).toBe('done')
    // What a person says of it afterwards does stand.
    const watched = playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...landing, merged(), closedAs('failed'))
    expect(phase(watched)).toBe('failed')
  })
})

describe('an eviction that is nobody’s fault', () => {
  const landing = [...open, approved(), green(), entered(), evicted('environment')]

  it('is left by a person’s word, and by facts about the change', () => {
    expect(phase(play(...landing))).toBe('escalated')
    expect(where(play(...landing, prompted('try again')))).toEqual(['pr_open', { waiting: 'capacity' }])
    expect(where(play(...landing, changesRequested()))).toEqual(['changes_requested', { waiting: 'capacity' }])
    expect(where(play(...landing, red()))).toEqual(['repairing_ci', { waiting: 'capacity' }])
    expect(where(play(...landing, dismissed()))).toEqual(['pr_open', 'idle'])
    expect(where(play(...landing, dismissed(), approved()))).toEqual(['escalated', 'idle'])
  })

  it('is still for a person to look at when its pull request is closed (case 113)', () => {
    const issue = play(...landing, prClosed)
    expect([phase(issue), runState(issue), waits(issue)[0]]).toEqual([
      'escalated',
      'idle',
      expect.stringContaining('could not land') as string,
    ])
    expect(where(playOn(issue, retried()))).toEqual(['delegated', { waiting: 'capacity' }])
  })
})

describe('what leaves an escalation', () => {
  const outOfWord = [granted, finished({ outcome: 'no_change', summary: 'nothing' })]

  it('is that a person has written anew what is to be done', () => {
    expect(phase(play(...outOfWord))).toBe('escalated')
    expect(where(play(...outOfWord, updated({ labels: ['x'] })))).toEqual(['escalated', 'idle'])
    expect(where(play(...outOfWord, updated({ description: 'The message names no path.' })))).toEqual([
      'implementing',
      { waiting: 'capacity' },
    ])
  })

  it('is a new delegation, also when the attempts were used up', () => {
    const attempt = [granted, agentFailed, paused]
    const spent = play(...attempt, ...attempt, granted, agentFailed)
    expect(phase(spent)).toBe('escalated')
    expect(where(playOn(spent, undelegated, delegated))).toEqual(['implementing', { waiting: 'capacity' }])
  })

  it('is that it merges again, where it was about that', () => {
    const conflicting = { ...opened('A', { mergeable: 'conflict' }), type: 'pr.updated' }
    const upkeep: Happening[] = [conflicting, granted, failed('auth')]
    expect(phase(play(...open, ...upkeep))).toBe('escalated')
    const clean = { ...opened('A', { mergeable: 'clean' }), type: 'pr.updated' }
    const issue = playWith({ policy: policy({ review: 'agent' }) }, ...open, ...upkeep, clean, green())
    expect(where(issue)).toEqual(['pr_open', { waiting: 'capacity' }])
  })
})

describe('a priority that changes', () => {
  const urgent = updated({ priority: 1 })

  it('is told where the issue waits for a place or for its landing', () => {
    const waiting = play(urgent)
    expect(waiting.reports('capacity.urged')).toMatchObject([{ issue: '1', priority: 1 }])
    expect(runState(waiting)).toEqual({ waiting: 'capacity' })
    const landing = play(...open, approved(), green(), entered(), urgent)
    expect(landing.reports('landing.urged')).toMatchObject([{ project: 'app', number: 7, headSha: 'A', priority: 1 }])
    expect(playOn(landing, polled({ tracker: { priority: 2 } })).reports('landing.urged')).toMatchObject([{ priority: 2 }])
    expect(playOn(play(), updated({ priority: 1, stateType: 'canceled' })).reports('capacity.urged')).toEqual([])
  })

  it('is nothing to anybody otherwise', () => {
    for (const issue of [play(granted, urgent), play(...open, urgent), play(stopped, urgent), play(updated({ title: 'Other' }))])
      expect([...issue.reports('capacity.urged'), ...issue.reports('landing.urged')]).toEqual([])
    const late = play(urgent)
    expect(playOn(late, { ...updated({ priority: 3 }), observedAt: late.context.issueObservedAt - 1 }).reports('capacity.urged')).toEqual(
      [],
    )
  })
})

describe('an umbrella', () => {
  const child = (state: string) => ({ children: [{ key: 'APP-2', state }] })
  const became = (state: string): Happening => ({ type: 'child.changed', source: 'webhook', key: 'APP-2', state })
  const covered = playWith(
    { issue: child('started') },
    (issue) => issue.fire('settle'),
    granted,
    finished({ outcome: 'no_change' }),
    became('completed'),
    granted,
    finished({ outcome: 'no_change' }),
  )

  it('that is done wakes when a child of it is open again', () => {
    expect(phase(covered)).toBe('done')
    const woken = playOn(covered, became('started'))
    expect(where(woken)).toEqual(['delegated', { waiting: 'capacity' }])
    expect(notes(playOn(woken, granted))[0]).toContain('APP-2')
    expect(where(playOn(covered, { ...undelegated, ...child('completed') }, became('started')))).toEqual(['delegated', 'idle'])
    // What has landed has: a part that comes later does not undo it.
    expect(where(play(...open, approved(), green(), entered(), merged(), became('started')))).toEqual(['done', 'idle'])
  })

  it('stays one when its only child is cancelled', () => {
    const issue = playOn(covered, updated(child('canceled')), prompted('and now?'), granted)
    expect(given(issue).umbrella).toEqual({ children: [{ key: 'APP-2', state: 'canceled' }] })
  })
})

it('parts that are attached to an issue with a pull request make no repair of it free', () => {
  const children = [{ key: 'APP-2', state: 'started' }]
  const conflicting: Happening[] = [...open, approved(), green(), entered(), evicted(), updated({ children }), granted]
  const issue = play(...conflicting, finished({ outcome: 'no_change', completion: 'done' }))
  expect([given(play(...conflicting)).type, ...where(issue), issue.context.attempts.queue_repair]).toEqual([
    'queue_repair',
    'escalated',
    'idle',
    1,
  ])
})

describe('a deployment that is watched', () => {
  const deployed = (state: 'succeeded' | 'failed'): Happening => ({
    type: `deploy.${state}`,
    source: 'system',
    sha: 'M',
    url: null,
    reason: '',
  })
  const watching = (...more: Happening[]) =>
    playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...open, approved(), green(), entered(), merged(), ...more)

  it('is watched to its end although a person asks for more, which follows', () => {
    const asked = watching(prompted('also say the line'))
    expect([phase(asked), asked.context.deploy?.state]).toEqual(['deploying', 'pending'])
    const after = playOn(asked, deployed('succeeded'))
    expect([phase(after), after.context.pr]).toEqual(['delegated', null])
    expect(notes(playOn(after, granted))).toEqual(['also say the line'])
    expect(phase(playOn(asked, (issue) => issue.fire('deployTimeout')))).toBe('delegated')
  })

  it('ends with the issue, which has landed', () => {
    for (const end of [removed, updated({ stateType: 'canceled' })]) {
      expect(phase(watching(end))).toBe('done')
      expect(phase(watching(deployed('failed'), end))).toBe('done')
    }
    expect(phase(watching(updated({ stateType: 'completed', state: 'Done' })))).toBe('deploying')
    expect(tracked().stateType).toBe('unstarted')
  })
})
