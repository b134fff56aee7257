// What users are shown of an issue: its document, whom it waits for, and what it accepts; all of it from the snapshot alone.

import { describe, expect, it } from 'vitest'
import { acceptedActions } from '../../../src/machines/issue/actions.ts'
import { isTerminal, phaseIn, toDocument } from '../../../src/machines/issue/document.ts'
import { defaultPolicy } from '../../../src/machines/issue/policy.ts'
import { noUsage, phases } from '../../../src/machines/vocabulary.ts'
import { dawn, definitions } from '../player.ts'
import {
  agentFailed,
  approved,
  changesRequested,
  closedAs,
  entered,
  evicted,
  finished,
  granted,
  green,
  merged,
  open,
  opened,
  output,
  pending,
  phase,
  play,
  playOn,
  playWith,
  policy,
  published,
  pushed,
  red,
  stopped,
  undelegated,
  updated,
  type Issue,
  retried,
  prClosed,
} from './facts.ts'

const documentOf = ({ value, context, timers }: Issue, changes: object = {}) =>
  toDocument({
    issue: { value, context, version: 3, updatedAt: dawn },
    timers: [...timers].map(([name, { due }]) => ({ name, due })),
    worktree: '/w',
    faulted: null,
    heldBack: () => null,
    run: null,
    ...changes,
  })
const waits = (issue: Issue): string[] => documentOf(issue).waitsFor.map(({ party, reason }) => `${party}: ${reason}`)

describe('whom an issue waits for', () => {
  it('is the operator, when a place is waited for and none is granted to the project', () => {
    const paused = { party: 'operator', reason: 'paused: `signalbox resume` lets runs start again', until: null }
    expect(documentOf(play(), { heldBack: () => paused }).waitsFor).toEqual([expect.objectContaining(paused)])
    const asked: string[] = []
    expect(documentOf(play(granted), { heldBack: () => void asked.push('capacity') }).waitsFor[0]!.party).toBe('agent')
    expect(asked).toEqual([])
  })

  it('is the provider, or the money of the day, until a time that is said', () => {
    const held = { party: 'provider', reason: 'codex has no room: usage limit', until: dawn }
    const until = new Date(dawn).toISOString()
    expect(documentOf(play(), { heldBack: () => held }).waitsFor).toEqual([expect.objectContaining({ ...held, until })])
  })

  const blocked = {
    issue: {
      blockedBy: [
        { key: 'APP-0', resolved: false },
        { key: 'APP-9', resolved: true },
      ],
    },
  }
  const question = finished({ outcome: 'needs_input', question: 'Which file?' })
  const landing = [...open, approved(), green()]
  it.each<[string, Issue, string[]]>([
    ['a place', play(), ['capacity: a free place for its run']],
    ['blockers', playWith(blocked), ['dependency: blocked by APP-0']],
    ['the agent', play(granted), ['agent: run-1: implementation by scripted']],
    ...Object.entries({
      probing: 'its worktree is looked at',
      nudging: 'it was asked in its turn what holds it up',
      interrupting: 'it is being ended, to go on another way',
    }).map(([phase_, rung]): [string, Issue, string[]] => [
      `an agent without progress: ${phase_}`,
      play(granted, { type: 'run.progressed', runId: 'run-1', phase: phase_, usage: noUsage, lastSignalAt: null, lastProgressAt: dawn }),
      [`agent: run-1: implementation by scripted, without progress since 2027-01-15T08:00:00.000Z: ${rung}`],
    ]),
    [
      'an agent that goes on',
      play(
        granted,
        { type: 'run.progressed', runId: 'run-1', phase: 'interrupting', usage: noUsage, lastSignalAt: null, lastProgressAt: dawn },
        { type: 'run.started', runId: 'run-1' },
      ),
      ['agent: run-1: implementation by scripted'],
    ],
    [
      'the end of the agent',
      play(granted, stopped),
      ['human: stopped by ada (not now): a retry, a prompt or a new delegation goes on', 'agent: the end of run-1'],
    ],
    ['a pause', play(granted, agentFailed), ['timer: a pause after: it exited with 1']],
    [
      'the provider',
      play(granted, finished({ outcome: 'failed', failure: 'capacity', reason: 'overloaded' })),
      ['provider: a pause after: overloaded'],
    ],
    [
      'an interrupted run',
      play(
        granted,
        ...Array.from({ length: 5 }, () => [finished({ outcome: 'interrupted', reason: 'killed' }), granted]).flat(),
        finished({ outcome: 'interrupted', reason: 'killed' }),
      ),
      ['timer: a pause after: killed'],
    ],
    ['review and checks', play(...open), ['ci: checks of A', 'reviewer: a review of pull request #7']],
    [
      'checks whose names are known',
      play(...open, pending('A', { names: ['unit', 'workflow .github/workflows/security.yml'] })),
      ['ci: checks of A: unit, workflow .github/workflows/security.yml', 'reviewer: a review of pull request #7'],
    ],
    [
      'checks that cannot run',
      play(...open, pending('A', { obstacle: 'npm is not there' })),
      ['operator: the checks cannot run: npm is not there', 'reviewer: a review of pull request #7'],
    ],
    [
      'a draft',
      play(granted, opened('A', { draft: true }), finished({ headAfter: 'A' }), approved(), green()),
      ['human: the pull request is a draft'],
    ],
    ['the queue', play(...landing), ['queue: its turn in the landing queue']],
    ['its landing', play(...landing, entered()), ['queue: in the landing queue']],
    ['its turn again', play(...landing, entered(), { ...entered(), type: 'queue.left' }), ['queue: its turn in the landing queue']],
    [
      "the user's checkout",
      play(...landing, entered(), { type: 'queue.held', headSha: 'A', reason: 'local changes', files: ['a.ts', 'b.ts'] }),
      ['human: local changes: a.ts, b.ts'],
    ],
    ['a lock in it', play(...landing, { type: 'queue.held', headSha: 'A', reason: 'a lock', files: [] }), ['human: a lock']],
    [
      'its landing again',
      play(...landing, { type: 'queue.held', headSha: 'A', reason: 'a lock', files: [] }, { type: 'queue.resumed', headSha: 'A' }),
      ['queue: its turn in the landing queue'],
    ],
    [
      'somebody who lands it',
      playWith({ policy: policy({ landing: 'manual' }) }, ...landing),
      ['human: approved and green: to be landed by hand'],
    ],
    ['a delegation', playWith({ delegated: false }), ['human: not delegated: `signalbox delegate` gives it back']],
    [
      'a delegation, to land',
      play(...open, undelegated, approved(), green()),
      ['human: not delegated: `signalbox delegate` gives it back'],
    ],
    ['an answer', play(granted, question), ['human: an answer to: Which file?']],
    ['a decision', play(granted, finished({ outcome: 'failed', failure: 'auth', reason: 'log in' })), ['human: log in']],
    [
      'a decision about the queue',
      play(...landing, evicted('environment')),
      ['human: it could not land: environment. A retry or a message has it tried again'],
    ],
    [
      'the forge',
      play(...open, red(), granted, finished({ headAfter: 'B' }), (issue) =>
        issue.send({ ...opened('A'), observedAt: issue.context.pr!.observedAt + 1 }),
      ),
      ['provider: the forge to tell of B, which was published'],
    ],
    [
      'an operator, for a budget',
      playWith({ policy: policy({ budgets: { ...defaultPolicy.budgets, runs: 0 } }) }),
      ["operator: the budget 'runs' of this issue is used up (0 of 0): an operator resets or raises it"],
    ],
    ['a deployment', playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...landing, merged()), ['deploy: the deployment of M']],
    ['nobody, when it is over', play(...landing, merged()), []],
  ])('%s', (_whom, issue, rows) => expect(waits(issue)).toEqual(rows))

  it('since when is when it began', () => {
    const since = (issue: Issue) => documentOf(issue).waitsFor.at(-1)!.since
    const begun = (issue: Issue) => new Date(issue.at).toISOString()
    const failed = play(granted, (issue) =>
      issue.send({ type: 'run.finished', runId: 'run-1', ...output({ outcome: 'failed', failure: 'agent' }) }),
    )
    const stories = [play(), playWith(blocked), playOn(play(), updated(blocked.issue)), failed, play(granted), play(granted, stopped)]
    for (const issue of stories) expect(since(issue)).toBe(begun(issue))
    const held = playWith({ policy: policy({ budgets: { ...defaultPolicy.budgets, ci_repair: 1, runs: 1 } }) }, ...open, red())
    expect(since(held)).toBe(begun(held))
    expect(play(...open).context.since.run).toBeGreaterThan(dawn)
    const later = playOn(play(), updated({ title: 'two' }))
    expect(since(later)).toBe(new Date(dawn).toISOString())
  })

  it('until when is the time of its timer', () => {
    const issue = play(granted, agentFailed)
    const [timer] = issue.timers.values()
    expect(documentOf(issue).waitsFor[0]).toMatchObject({
      since: new Date(issue.context.since.run).toISOString(),
      until: new Date(timer!.due).toISOString(),
    })
  })
})

describe('a deployment that is watched', () => {
  const watched = playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...open, approved(), green(), merged())
  const answered = (state: string, reason = ''): Issue => watched.done('deployment', { state, url: null, reason })

  it('is asked for by an effect, whose word decides', () => {
    expect(watched.children.get('deployment')).toMatchObject({ src: 'watchDeployment', input: { project: 'app', sha: 'M' } })
    expect([phase(answered('succeeded')), phase(answered('failed'))]).toEqual(['done', 'escalated'])
    expect(answered('succeeded').timers.size).toBe(0)
  })

  it('that failed says why, and is tried again by a retry', () => {
    const failed = answered('failed', 'deploy ended with exit status 1.')
    expect(waits(failed)).toEqual(['human: the deployment of M failed (deploy ended with exit status 1.): a retry deploys again'])
    const again = playOn(failed, retried())
    expect([phase(again), again.children.has('deployment')]).toEqual(['deploying', true])
    expect(phase(again.done('deployment', { state: 'succeeded', url: null, reason: '' }))).toBe('done')
  })

  it('of which nothing can be learnt is told, waited for, and given up with its time', () => {
    const unknown = watched.fail('deployment', { message: 'no such command' })
    expect([phase(unknown), unknown.reports('feed.posted').map(({ kind }) => kind)]).toEqual(['deploying', ['deploy.unknown']])
    expect(phase(unknown.fire('deployTimeout'))).toBe('done')
  })

  const landed = playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...open, approved(), green(), merged())
  it('ends well, badly, or by its timeout (edge 200)', () => {
    expect(phase(landed)).toBe('deploying')
    expect(phase(landed.send({ type: 'deploy.succeeded', sha: 'M', url: null, observedAt: dawn }))).toBe('done')
    expect(phase(landed.send({ type: 'deploy.failed', sha: 'M', url: null, observedAt: dawn }))).toBe('escalated')
    expect(phase(landed.fire('deployTimeout'))).toBe('done')
  })
})

describe('the document', () => {
  it('says what the contract asks for', () => {
    const issue = play(...open, changesRequested(), granted)
    expect(documentOf(issue)).toMatchObject({
      key: 'APP-1',
      phase: 'changes_requested',
      authority: 'acting',
      run: {
        id: 'run-2',
        type: 'review_fix',
        phase: 'claimed',
        agent: 'scripted',
        startedAt: new Date(issue.context.run!.startedAt).toISOString(),
        lastSignalAt: null,
      },
      pr: { number: 7, state: 'open', headSha: 'A', draft: false, review: 'changes_requested', checks: 'pending', mergeable: 'unknown' },
      question: null,
      branch: 'signalbox/APP-1-say-which-file',
      worktree: '/w',
      budgets: { review_fix: { used: 1, limit: 10 }, runs: { used: 2, limit: 40 }, tokens: { used: 0, limit: null } },
      attempts: { implementation: 1, review_fix: 1 },
      version: 3,
    })
  })

  it('knows of its run what the run has told', () => {
    const usage = { inputTokens: 3, cachedTokens: 0, outputTokens: 0, usd: 0 }
    const issue = play(granted, { type: 'run.started', runId: 'run-1' })
    expect(documentOf(issue).run).toMatchObject({ phase: 'working', lastSignalAt: null })
    const told = playOn(issue, {
      type: 'run.progressed',
      runId: 'run-1',
      phase: 'working',
      lastSignalAt: dawn,
      lastProgressAt: dawn,
      usage,
    })
    expect(documentOf(told).run).toMatchObject({ lastSignalAt: new Date(dawn).toISOString(), usage })
    expect(documentOf(playOn(told, { type: 'run.publishing', runId: 'run-1', head: 'A' })).run?.phase).toBe('publishing')
  })

  it('takes what a live run knows better from the run itself', () => {
    const usage = { inputTokens: 7, cachedTokens: 0, outputTokens: 0, usd: 0 }
    const run = {
      value: { working: { signal: 'alive', progress: 'moving' } },
      context: { usage, lastSignalAt: dawn, lastProgressAt: dawn },
    }
    expect(documentOf(play(granted), { run }).run).toMatchObject({ phase: 'working', usage, lastProgressAt: new Date(dawn).toISOString() })
    expect(documentOf(play(granted), { run: { ...run, value: { verifying: 'judging' } } }).run?.phase).toBe('verifying')
  })

  it('shows blockers as they are known now', () => {
    const issue = playWith(
      { issue: { blockedBy: [{ key: 'APP-0', resolved: false }] } },
      { type: 'blocker.changed', key: 'APP-0', resolved: true },
    )
    expect(documentOf(issue).blockedBy).toEqual([{ key: 'APP-0', resolved: true }])
  })

  it('names as phases exactly the states of the lifecycle, in their order', () => {
    const lifecycle = definitions.issue.root.states.find((state) => state.key === 'lifecycle')!
    expect(lifecycle.states.map((state) => state.meta['phase'])).toEqual([...phases])
    expect(lifecycle.states.map((state) => state.key)).toEqual([...phases])
    expect(
      phases.map((name) =>
        phaseIn({ authority: 'acting', lifecycle: name === 'awaiting_queue' ? { [name]: 'asked' } : name, run: 'idle' }),
      ),
    ).toEqual([...phases])
  })

  it('is over only where the machine says so', () => {
    expect([isTerminal(play().value), isTerminal(play(closedAs('failed')).value), isTerminal(play(...open, merged()).value)]).toEqual([
      false,
      true,
      true,
    ])
  })
})

describe('the actions that are accepted', () => {
  const accepted = (issue: Issue): string => acceptedActions(issue.context, isTerminal(issue.value)).join(' ')
  it.each<[string, Issue, string]>([
    ['at the start', play(), 'prompt stop retry close delegate undelegate comment cancel reset_budget'],
    [
      'with an open pull request',
      play(...open),
      'prompt stop retry close delegate undelegate approve request_changes comment cancel reset_budget close_pull_request push',
    ],
    [
      'with a verdict',
      playWith({ delegated: false }, ...[opened(), approved()]),
      'stop close delegate approve request_changes comment cancel reset_budget dismiss_review close_pull_request push',
    ],
    [
      'with a closed pull request',
      play(...open, stopped, prClosed),
      'prompt stop retry close delegate undelegate comment cancel reset_budget reopen_pull_request',
    ],
    ['when taken back', play(undelegated), 'stop close delegate comment cancel reset_budget'],
    ['when closed', play(closedAs('done')), 'prompt retry delegate comment'],
    ['when closed as failed', play(closedAs('failed')), 'retry delegate comment'],
    ['when landed', play(...open, merged()), 'prompt comment'],
  ])('%s', (_when, issue, list) => expect(accepted(issue)).toBe(list))
})

describe('what people are told', () => {
  const kinds = (issue: Issue): string[] => issue.reports('feed.posted').map(({ kind, status }) => `${kind as string} ${status as string}`)

  it('is every phase and every run, once (cases 287, 302) (edge 377)', () => {
    expect(kinds(play())).toEqual(['phase delegated'])
    expect(kinds(play(granted))).toEqual(['run.started implementation', 'phase implementing'])
    expect(kinds(play(...open))).toEqual(['run.finished completed'])
    expect(kinds(play(...open, green(), approved()))).toEqual(['phase awaiting_queue'])
    expect(kinds(play(...open, green(), approved(), approved('A', 'ada')))).toEqual([])
  })

  it.each<[string, Issue, string]>([
    ['delegated', play(), 'info'],
    ['implementing', play(granted), 'info'],
    ['pr_open', play(granted, opened()), 'info'],
    ['changes_requested', play(...open, changesRequested()), 'info'],
    ['repairing_ci', play(...open, red()), 'info'],
    ['awaiting_queue', play(...open, green(), approved()), 'info'],
    ['repairing_queue', play(...open, evicted()), 'warn'],
    ['deploying', playWith({ policy: policy({ deploy: { timeout: 1 } }) }, ...open, merged()), 'info'],
    [
      'awaiting_input',
      play(granted, (issue) => issue.send({ type: 'run.finished', runId: 'run-1', ...output({ outcome: 'needs_input', question: '?' }) })),
      'warn',
    ],
    ['escalated', play(...open, approved(), green(), entered(), evicted('environment')), 'error'],
    ['failed', play(closedAs('failed')), 'warn'],
    ['done', play(...open, merged()), 'info'],
  ])('of the phase %s is one sentence in the feed and one report to the tracker', (name, issue, level) => {
    const posted = issue.reports('feed.posted').filter(({ kind }) => kind === 'phase')
    expect(posted).toMatchObject([{ issue: 'APP-1', project: 'app', level, phase: name, status: name }])
    expect(String(posted[0]!['summary'])).toMatch(/^[A-Z].{3,}/)
    expect(issue.reports('tracker.report')).toMatchObject([
      { issue: '1', key: 'APP-1', phase: name, kind: name === 'awaiting_input' ? 'question' : 'state' },
    ])
  })

  it.each<[string, Parameters<typeof output>[0]]>([
    ['completed', { headAfter: 'A' }],
    ['no_change', {}],
    ['needs_input', { question: '?' }],
    ['released', {}],
    ['superseded', {}],
    ['interrupted', {}],
    ...(['capacity', 'environment', 'agent', 'auth'] as const).map(
      (failure) => ['failed', { failure, reason: failure }] as [string, object],
    ),
  ])('is how a run ended: %s', (outcome, changes) => {
    const issue = play(granted, finished({ outcome: outcome as 'completed', ...changes }))
    expect(issue.reports('feed.posted').filter(({ kind }) => kind === 'run.finished')).toMatchObject([
      { status: outcome, level: outcome === 'failed' ? 'warn' : 'info' },
    ])
    const pausing = play(
      granted,
      ...Array.from({ length: 5 }, () => [finished({ outcome: 'interrupted' }), granted]).flat(),
      finished({ outcome: 'interrupted' }),
    )
    expect(kinds(pausing)).toContain('run.finished interrupted')
  })

  it('is that a person stopped it, took it back or gave it again', () => {
    expect(kinds(play(stopped))).toEqual(['authority stopped'])
    expect(kinds(play(undelegated))).toEqual(['authority observing'])
  })

  it('is, where the issue comes from, that nothing more is done, and where it stands once it goes on', () => {
    const told = (issue: Issue) => issue.reports('tracker.report').map(({ kind, phase: at, text }) => [kind, at, text])
    const halt = ['halt', 'pr_open', 'Stopped by ada: not now. A retry, a message or a new delegation goes on.']
    const halted = play(...open, stopped)
    expect(told(halted)).toEqual([halt])
    expect(told(playOn(halted, retried()))).toEqual([['state', 'pr_open', 'Pull request #7 is open']])
    // Where it stands is told once.
    const early = play(granted, stopped, finished({ outcome: 'released' }))
    expect(told(playOn(early, undelegated))).toEqual([])
    expect(told(playOn(play(...open, stopped, merged()), retried()))).toEqual([])
  })

  it('is no longer than a sentence in the feed', () => {
    const [posted] = play(granted, finished({ outcome: 'no_change', summary: 'x'.repeat(5_000) })).reports('feed.posted')
    expect(String(posted!['summary']).length).toBeLessThanOrEqual(300)
  })

  it('is nothing about phases that are only passed through (edge 377)', () => {
    const issue = play(granted, opened(), green(), approved(), pushed('B'), published('C'))
    expect(issue.reports('tracker.report').map((report) => report['phase'])).toEqual([])
  })
})
