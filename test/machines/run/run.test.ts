// One run: from a claimed place to a settled answer, and everything that can end it before.

import { describe, expect, it } from 'vitest'
import type { Inspection, RunOutput } from '../../../src/machines/run/context.ts'
import { defaultLimits, reportEvery } from '../../../src/machines/run/policy.ts'
import { dawn } from '../player.ts'
import {
  asked as send,
  assignment as input,
  dies as interrupted,
  finishes,
  found as inspected,
  inspection,
  minute,
  prepared,
  progressed,
  publishes as published,
  runOf as play,
  runOn as playOn,
  says,
  silent as ended,
  started as starts,
  times as fires,
  type Run,
  type Turn as Happening,
} from './stories.ts'

const request = { number: 7, url: 'u', headSha: 'A', headRef: 'b', baseRef: 'main', draft: false, state: 'open' }
const started = starts()
const threaded = starts('thread-1')
const refused = says({ type: 'session.refused', text: 'rm -rf /' })
const stop = send({ type: 'run.stop', outcome: 'released', reason: 'Stopped by ada.' })

const working = [prepared, started]
const verifying = [...working, progressed, finishes({})]
const output = (run: Run): RunOutput => {
  expect([run.value, run.status]).toEqual(['settled', 'done'])
  return run.output as RunOutput
}
const answers = (run: Run) => run.messages('parent').filter(({ type }) => type === 'run.finished')

describe('a run that does its work', () => {
  it('prepares the worktree, starts the agent, looks at what it left, publishes it, and answers', () => {
    expect(play({}).value).toBe('preparing')
    expect(play({}, prepared).value).toBe('starting')
    expect(play({}, ...working).value).toEqual({ working: { signal: 'alive', progress: 'moving' } })
    expect(play({}, ...verifying).value).toEqual({ verifying: 'inspecting' })
    expect(play({}, ...verifying, inspected()).value).toBe('publishing')
    const run = play({}, ...verifying, inspected(), published)
    expect(output(run)).toEqual({
      ...{
        outcome: 'completed',
        failure: null,
        reason: '',
        summary: 'did it',
        question: null,
        headBefore: 'base',
        headAfter: 'A',
        pr: { ...request, patchId: null },
        completion: null,
        review: null,
      },
      ...{ steered: [], progressed: true, dirty: [], idle: 0, usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: 0 } },
    })
    expect(answers(run)).toEqual([{ type: 'run.finished', runId: 'run-1', ...output(run) }])
    expect(run.children.size).toBe(0)
  })

  it('that is about the base is prepared with the newest one', () => {
    const about = [{ type: 'branch_upkeep' }, { type: 'queue_repair' }, { type: 'review_fix', conflict: true }] as const
    for (const given of about) expect(play(given).children.get('prepare')?.input).toMatchObject({ newestBase: true })
  })

  it('asks for each effect with what it needs', () => {
    const given = { keep: true, restartFrom: 'X', published: 'P' }
    const inputs = (run: Run, child: string) => run.children.get(child)?.input
    expect(inputs(play(given), 'prepare')).toEqual({
      project: 'app',
      key: 'APP-1',
      branch: 'b',
      base: 'main',
      onto: null,
      keep: true,
      newestBase: false,
      restartFrom: 'X',
      runId: 'run-1',
      review: null,
    })
    expect(inputs(play(given, prepared), 'session')).toEqual({
      ...input(given),
      turn: 1,
      turnKind: 'work',
      completion: null,
      uncommitted: null,
      thread: null,
      recovery: null,
      worktree: '/w',
      parent: null,
      timeout: 120 * minute,
    })
    expect(inputs(play(given, ...verifying), 'verify')).toEqual({
      project: 'app',
      key: 'APP-1',
      branch: 'b',
      base: 'main',
      onto: null,
      since: 'P',
      protectedPaths: [],
      parent: null,
      review: null,
    })
    expect(inputs(play({}, ...verifying), 'verify')).toMatchObject({ since: 'base' })
    expect(inputs(play(given, ...working, finishes({ prTitle: 'T', prBody: 'B' }), inspected()), 'publish')).toEqual({
      ...{
        project: 'app',
        issue: '1',
        key: 'APP-1',
        branch: 'b',
        base: 'main',
        onto: null,
        head: 'A',
        expected: 'P',
        title: 'T',
        body: 'B',
        draft: false,
        patchId: 'p',
      },
    })
    expect(inputs(play({}, ...verifying, inspected()), 'publish')).toMatchObject({
      expected: null,
      title: 'Say which file',
      body: 'did it',
    })
  })

  it('says that it has started, and which head is ours before anything is pushed', () => {
    expect(play({}, ...working).messages('parent')).toEqual([{ type: 'run.started', runId: 'run-1' }])
    const run = play({}, ...verifying, inspected())
    expect(run.messages('parent')).toEqual([{ type: 'run.publishing', runId: 'run-1', head: 'A' }])
    expect(run.commands.map(({ type }) => type).filter((type) => type === 'send' || type === 'spawn')).toEqual(['send', 'spawn'])
  })

  it('tells of progress, but not all the time', () => {
    const told = (run: Run): number => run.messages('parent').filter(({ type }) => type === 'run.progressed').length
    const first = play({}, ...working, progressed)
    expect(told(first)).toBe(1)
    expect(first.messages('parent')[0]).toMatchObject({ phase: 'working', lastProgressAt: first.at })
    const soon = first.says('session', { type: 'session.progressed', line: '', at: first.at + reportEvery - 1 })
    expect(told(soon)).toBe(0)
    expect(soon.context.lastProgressAt).toBe(first.at + reportEvery - 1)
    expect(told(soon.says('session', { type: 'session.progressed', line: '', at: first.at + reportEvery }))).toBe(1)
  })

  it('has started when it progresses, also without saying so', () => {
    expect(play({}, prepared, progressed).messages('parent')).toMatchObject([{ type: 'run.started' }])
    expect(play({}, prepared, finishes({})).value).toEqual({ verifying: 'inspecting' })
  })

  it('adds up what its turns used', () => {
    const usage = { inputTokens: 1, cachedTokens: 2, outputTokens: 3, usd: 4 }
    const run = play(
      {},
      ...working,
      finishes({ usage }),
      inspected({ dirty: ['a.ts'] }),
      started,
      finishes({ usage }),
      inspected(),
      published,
    )
    expect(output(run).usage).toEqual({ inputTokens: 2, cachedTokens: 4, outputTokens: 6, usd: 8 })
  })
})

describe.each([
  ['while it starts', [prepared]],
  ['while it works', working],
])('what the agent says %s', (_when, before) => {
  const usage = { inputTokens: 1, cachedTokens: 0, outputTokens: 0, usd: 0 }
  it('is looked at, answered or counted as a failure', () => {
    const looked = play({}, ...before, finishes({ usage }))
    expect([looked.value, [...looked.children.keys()], looked.context.usage]).toEqual([{ verifying: 'inspecting' }, ['verify'], usage])
    const asked = play({}, ...before, finishes({ outcome: 'needs_input', question: 'Which?', usage }))
    expect(output(asked)).toMatchObject({ outcome: 'needs_input', question: 'Which?', usage })
    const failed = play({}, ...before, finishes({ outcome: 'failed', failure: 'auth', reason: 'log in', usage }))
    expect(output(failed)).toMatchObject({ outcome: 'failed', failure: 'auth', reason: 'log in', usage })
  })

  it('ends with its process, unless it has a thread', () => {
    expect(output(play({}, ...before, interrupted)).outcome).toBe('interrupted')
    const resumed = play({}, ...before, threaded, interrupted)
    expect([resumed.value, [...resumed.children.keys()]]).toEqual([{ recovering: 'resuming' }, ['session']])
    const again = playOn(resumed, interrupted)
    expect(again.children.get('session')?.input).toMatchObject({ thread: 'thread-1' })
  })

  it('is cut off by the limit of the run', () => {
    expect(play({}, ...before, fires('runLimit')).value).toBe('ending')
  })

  it('is a sign of life', () => {
    const due = (run: Run) => [...run.timers].find(([name]) => name.includes('.silence.'))![1].due
    for (const word of [progressed, threaded]) {
      const run = play({}, ...before, word)
      expect(due(run)).toBe(run.at + 120 * minute)
      expect(run.context.lastSignalAt).toBe(run.at)
    }
  })
})

describe('what the agent says', () => {
  it('a question is answered to the issue', () => {
    expect(output(play({}, ...working, finishes({ outcome: 'needs_input', question: 'Which?' })))).toMatchObject({
      outcome: 'needs_input',
      question: 'Which?',
    })
    expect(output(play({}, ...working, finishes({ outcome: 'needs_input', summary: 'Which one?' })))).toMatchObject({
      question: 'Which one?',
    })
  })

  it.each(['capacity', 'auth', 'environment', 'agent', 'bug'] as const)('a failure of class %s keeps its class', (failure) => {
    const run = play({}, ...working, finishes({ outcome: 'failed', failure, reason: 'because' }))
    expect(output(run)).toMatchObject({ outcome: 'failed', failure, reason: 'because', progressed: false })
  })

  it("a failure without a class is the agent's", () => {
    expect(output(play({}, ...working, finishes({ outcome: 'failed', summary: 'exit 1' })))).toMatchObject({
      failure: 'agent',
      reason: 'exit 1',
    })
  })

  it('that nothing had to be changed is believed only of an unchanged tree', () => {
    const unchanged = inspected({ head: 'base', commitsAhead: 0 })
    expect(output(play({ type: 'ci_repair' }, ...working, finishes({ outcome: 'no_change', summary: 'fine' }), unchanged))).toMatchObject({
      outcome: 'no_change',
      reason: 'fine',
    })
    expect(play({}, ...working, finishes({ outcome: 'no_change' }), inspected()).value).toBe('publishing')
  })

  it('that it is done is not believed of an unchanged tree', () => {
    expect(output(play({ type: 'ci_repair' }, ...verifying, inspected({ commitsAhead: 0 })))).toMatchObject({
      outcome: 'no_change',
      headAfter: null,
    })
  })
})

describe('an implementation that changed nothing', () => {
  const unchanged = inspected({ head: 'base', commitsAhead: 0 })
  const asked = [...verifying, unchanged]
  const answers_ = (result: object): Happening => finishes({ outcome: 'no_change', ...result })

  it('is asked why, in one short turn of its thread', () => {
    const run = play({}, prepared, threaded, finishes({}), unchanged)
    expect(run.value).toEqual({ checking: 'asking' })
    expect(run.children.get('session')?.input).toMatchObject({
      turn: 2,
      turnKind: 'completion_check',
      thread: 'thread-1',
      timeout: defaultLimits.completion,
    })
    expect([...run.timers.values()].map(({ due }) => due - run.at)).toEqual([defaultLimits.completion])
    const limits = { run: minute, progress: minute, completion: 1_000 }
    expect(play({ limits }, ...asked).children.get('session')?.input).toMatchObject({ timeout: 1_000 })
  })

  it('goes on in the thread that it has then', () => {
    expect(play({}, ...asked, threaded).context.thread).toBe('thread-1')
  })

  it('is done, when it says so with a reason and nothing has changed since', () => {
    const run = play({}, ...asked, answers_({ completion: 'done', summary: 'there already' }))
    expect(run.value).toEqual({ checking: 'looking' })
    expect(output(playOn(run, unchanged))).toMatchObject({ outcome: 'no_change', completion: 'done', reason: 'there already' })
  })

  it('asks a person, when it has a question', () => {
    const run = play({}, ...asked, finishes({ outcome: 'needs_input', summary: 's', question: 'Which?' }), unchanged)
    expect(output(run)).toMatchObject({ outcome: 'needs_input', completion: 'needs_input', question: 'Which?' })
  })

  it('goes back to work once, when there is work left, and is asked once more', () => {
    const left = answers_({ completion: 'continue', summary: 'the tests' })
    const back = play({}, ...asked, left, unchanged)
    expect(back.value).toBe('starting')
    expect(back.children.get('session')?.input).toMatchObject({ turn: 3, turnKind: 'work', completion: { reason: 'the tests' } })
    const published_ = playOn(back, started, finishes({}), inspected(), published)
    expect(output(published_)).toMatchObject({ outcome: 'completed', completion: null, headAfter: 'A' })
    const again = playOn(back, started, finishes({}), unchanged)
    expect(again.value).toEqual({ checking: 'asking' })
    expect(output(playOn(again, left, unchanged))).toMatchObject({ outcome: 'no_change', completion: 'continue', reason: 'the tests' })
  })

  it.each([
    ['says nothing of it', answers_({ summary: 'fine' }), 'it did not say'],
    ['gives no reason', answers_({ completion: 'done', summary: '' }), 'it did not say'],
    ['asks without a question', answers_({ completion: 'needs_input', summary: 'hm' }), 'it did not say'],
    ['cannot do it', answers_({ completion: 'failed', summary: 'no such API' }), 'no such API'],
    ['fails', finishes({ outcome: 'failed', failure: 'agent', reason: 'exit 1', summary: 's' }), 'exit 1'],
    ['cannot be started', (run: Run) => run.fail('session', { code: 'spawn-failed' }), 'no answer within 90 s'],
  ])('has failed, when it %s', (_what, answer, reason) => {
    const answer_ = output(play({}, ...asked, answer, unchanged))
    expect(answer_).toMatchObject({ outcome: 'no_change', completion: 'failed' })
    expect(answer_.reason).toContain(reason)
  })

  it('has failed, when it is late, and is ended before its worktree is read', () => {
    const late = play({}, ...asked, fires('completion'))
    expect([late.value, [...late.children.keys()]]).toEqual([{ checking: 'silencing' }, ['closing']])
    const over = output(playOn(late, ended, unchanged))
    expect(over).toMatchObject({ outcome: 'no_change', completion: 'failed', reason: expect.stringContaining('within 90 s') })
  })

  it.each([
    ['does not end', fires('ending'), 'neither answered nor ended within 15 s'],
    ['cannot be ended', (run: Run) => run.fail('closing', { code: 'git-failed', message: 'the disk is gone' }), 'the disk is gone'],
  ])('ends the run, when it is late and %s: what it left is neither gone on with nor published', (_what, happens, reason) => {
    const run = play({}, ...asked, fires('completion'), happens)
    expect(output(run)).toMatchObject({ outcome: 'failed', failure: 'environment', reason: expect.stringContaining(reason), pr: null })
    expect(run.children.size).toBe(0)
    // Whatever would be found in the worktree is not looked for.
    expect(run.commands.filter(({ type }) => type === 'spawn')).toEqual([])
  })

  it.each([
    ['progresses', progressed],
    ['is refused a permission', refused],
  ])('shows a sign of life while it is asked, when it %s', (_what, sign) => {
    const run = play({}, ...asked)
    const heard = playOn(run, sign)
    expect([heard.value, heard.context.lastSignalAt]).toEqual([{ checking: 'asking' }, heard.at])
    expect(run.context.lastSignalAt).not.toBe(heard.at)
  })

  it('leaves nothing half done: what it cannot commit a second time goes to a person', () => {
    const dirty = inspected({ dirty: ['a.ts'], commitsAhead: 0 })
    const run = play({}, ...verifying, dirty, started, finishes({}), unchanged)
    expect(run.value).toEqual({ checking: 'asking' })
    const done = answers_({ completion: 'done', summary: 'there already' })
    expect(output(playOn(run, done, dirty))).toMatchObject({ outcome: 'failed', failure: 'dirty', dirty: ['a.ts'] })
  })

  it('is never done with work in its worktree: that is committed and published', () => {
    const done = answers_({ completion: 'done', summary: 'there already' })
    expect(play({}, ...asked, done, inspected()).value).toBe('publishing')
    expect(play({ sequencing: true }, ...asked, done, inspected()).value).toBe('sequencing')
    const run = play({}, ...asked, done, inspected({ dirty: ['a.ts'], commitsAhead: 0 }))
    expect(run.value).toBe('starting')
    expect(run.children.get('session')?.input).toMatchObject({ turnKind: 'commit', uncommitted: ['a.ts'] })
    expect(output(playOn(run, started, finishes({}), inspected(), published))).toMatchObject({ outcome: 'completed', completion: null })
  })

  it('has rewritten nothing and left no branch either', () => {
    const done = answers_({ completion: 'done', summary: 'there already' })
    expect(output(play({}, ...asked, done, inspected({ branch: 'x' })))).toMatchObject({ failure: 'agent' })
    expect(output(play({}, ...asked, done, inspected({ descendsFromSince: false })))).toMatchObject({ failure: 'agent' })
    const gone = (run: Run) => run.fail('verify', { code: 'worktree-missing', message: 'gone' })
    expect(output(play({}, ...asked, done, gone))).toMatchObject({ failure: 'agent' })
  })

  it('is interrupted and stopped like at work', () => {
    expect(output(play({}, ...asked, interrupted))).toMatchObject({ outcome: 'interrupted' })
    expect(output(play({}, ...asked, stop, ended))).toMatchObject({ outcome: 'released' })
    expect(output(play({}, ...asked, fires('completion'), stop, ended))).toMatchObject({ outcome: 'released' })
    expect(output(play({}, ...asked, answers_({ completion: 'done', summary: 's' }), stop, ended))).toMatchObject({ outcome: 'released' })
  })
})

describe('a repair', () => {
  it('goes on with what an earlier version has looked at, which knows nothing of scope', () => {
    const { reverts: _reverts, protectedFiles: _files, ...old } = inspection()
    expect(play({ type: 'ci_repair' }, ...verifying, (run) => run.done('verify', old)).value).toBe('publishing')
  })

  it('that takes a commit back or touches protected paths goes to a human, with what it was (case 213) (edge 260)', () => {
    const reverted = output(play({ type: 'queue_repair' }, ...verifying, inspected({ reverts: ['Revert "A thing"'] })))
    expect(reverted).toMatchObject({ outcome: 'failed', failure: 'scope', headAfter: null })
    expect(reverted.reason).toContain('Revert "A thing"')
    const touched = output(play({ type: 'review_fix' }, ...verifying, inspected({ protectedFiles: ['AGENTS.md'] })))
    expect(touched).toMatchObject({ outcome: 'failed', failure: 'scope', headAfter: null })
    expect(touched.reason).toContain('AGENTS.md')
  })

  it('of a review that makes no difference to the reviewer is not published', () => {
    const same = output(play({ type: 'review_fix', published: 'P', past: 'P', pastPatch: 'p' }, ...verifying, inspected()))
    expect(same).toMatchObject({ outcome: 'no_change', headAfter: null, reason: expect.stringContaining('the one that was reviewed') })
  })
})

describe('what is published', () => {
  it.each([
    ['a head that is published already', { published: 'A' }],
    ['the head that was found wanting', { published: 'P', past: 'A' }],
  ])('is not %s', (_what, changes) => {
    expect(output(play(changes, ...verifying, inspected()))).toMatchObject({ outcome: 'no_change' })
  })

  it('is work of an earlier attempt too, that nobody has seen', () => {
    expect(play({}, ...verifying, inspected({ head: 'base' })).value).toBe('publishing')
  })

  it.each([
    ['on another branch', { branch: 'other' }, 'The agent left the worktree on other instead of b.'],
    ['on no branch', { branch: null }, 'The agent left the worktree on no branch instead of b.'],
    ['with rewritten commits', { descendsFromSince: false }, 'The agent rewrote commits that were there before.'],
  ])('is nothing of a worktree that is left %s', (_how, changes, reason) => {
    expect(output(play({}, ...verifying, inspected(changes)))).toMatchObject({ outcome: 'failed', failure: 'agent', reason })
  })

  it('is nothing of a worktree that is gone, or cannot be read', () => {
    const unreadable =
      (code: string): Happening =>
      (run) =>
        run.fail('verify', { code, message: 'no .git' })
    expect(output(play({}, ...verifying, unreadable('worktree-broken')))).toMatchObject({
      failure: 'agent',
      reason: 'The agent left no usable worktree: no .git',
    })
    expect(output(play({}, ...verifying, unreadable('git-failed')))).toMatchObject({ failure: 'environment', reason: 'no .git' })
  })
})

describe('uncommitted work', () => {
  const dirty = inspected({ dirty: ['a.ts', 'b.ts'] })

  it('gets one turn that commits it, with the names of the files', () => {
    const run = play({}, ...verifying, dirty)
    expect(run.value).toBe('starting')
    expect(run.children.get('session')?.input).toMatchObject({ turn: 2, uncommitted: ['a.ts', 'b.ts'] })
    const done = playOn(run, started, finishes({ summary: 'committed' }), inspected(), published)
    expect(output(done)).toMatchObject({ outcome: 'completed', summary: 'did it', dirty: [] })
  })

  it('that is still there is kept, and named to a human', () => {
    const run = play({}, ...verifying, dirty, started, finishes({}), dirty)
    expect(output(run)).toMatchObject({
      outcome: 'failed',
      failure: 'dirty',
      reason: 'Uncommitted after its second turn: a.ts, b.ts',
      dirty: ['a.ts', 'b.ts'],
    })
  })

  it('is an operation in progress too', () => {
    const merging = inspected({ operation: 'merge' })
    expect(play({}, ...verifying, merging).value).toBe('starting')
    expect(output(play({}, ...verifying, merging, started, finishes({}), merging))).toMatchObject({
      failure: 'dirty',
      reason: 'A merge is in progress after its second turn.',
    })
  })

  it('of very many files is named in short', () => {
    const many = inspected({ dirty: Array.from({ length: 12 }, (_, i) => `f${i}`) })
    expect(output(play({}, ...verifying, many, started, finishes({}), many)).reason).toMatch(/f9, …$/)
  })
})

describe('failures around the agent', () => {
  it("are the environment's", () => {
    const fails =
      (child: string): Happening =>
      (run) =>
        run.fail(child, { message: 'no room' })
    const failed = { outcome: 'failed', failure: 'environment', reason: 'no room' }
    expect(output(play({}, fails('prepare')))).toMatchObject(failed)
    expect(output(play({}, prepared, fails('session')))).toMatchObject(failed)
    expect(output(play({}, ...working, fails('session')))).toMatchObject(failed)
    expect(output(play({}, ...verifying, inspected(), fails('publish')))).toMatchObject({ ...failed, headAfter: null })
  })
})

describe('a forge that does not let us in', () => {
  it('is for a person at once: neither the agent nor the environment can change that', () => {
    const refused = (child: string) => (run: Run) => run.fail(child, { code: 'github-unauthorized', message: 'The token is revoked.' })
    const failed = { outcome: 'failed', failure: 'auth', reason: 'The token is revoked.' }
    expect(output(play({}, ...verifying, inspected(), refused('publish')))).toMatchObject({ ...failed, headAfter: null })
  })
})

describe('a first publication', () => {
  const other = { number: 6, url: 'u', branch: 'other', head: 'O', files: ['a.ts'] }
  const probing = [...verifying, inspected()]
  const compared =
    (answer: typeof other | null): Happening =>
    (run) =>
      run.done('comparison', answer)
  const stacking = [...probing, compared(other), prepared, started]
  const first = (...happenings: Happening[]): Run => play({ sequencing: true }, ...happenings)
  const asked = (run: Run) => run.children.get('publish')?.input

  it('of what contradicts nothing in flight goes its way', () => {
    const run = first(...probing)
    expect([run.value, run.children.get('comparison')?.input]).toEqual(['sequencing', { project: 'app', branch: 'b', head: 'A' }])
    expect(asked(playOn(run, compared(null)))).toMatchObject({ head: 'A', onto: null })
  })

  it('does not wait for a comparison that cannot be made', () => {
    expect(asked(first(...probing, (run) => run.fail('comparison')))).toMatchObject({ head: 'A', onto: null })
  })

  it('of what contradicts a change in flight is preceded by a turn that bases it on that', () => {
    const run = first(...probing, compared(other))
    expect([run.value, run.children.get('prepare')?.input]).toMatchObject(['stacking', { onto: 'other', keep: true, restartFrom: null }])
    const session = playOn(run, prepared).children.get('session')?.input
    expect(session).toMatchObject({ turn: 2, turnKind: 'stack', parent: other })
    const verified = first(...stacking, finishes({ summary: 'merged' }))
    expect(verified.children.get('verify')?.input).toMatchObject({ onto: 'other', since: 'base', parent: 'O' })
    const based = playOn(verified, inspected({ head: 'B' }))
    expect(asked(based)).toMatchObject({ head: 'B', onto: 'other', body: 'did it' })
    expect(output(playOn(based, published)).outcome).toBe('completed')
  })

  it('never takes the work back when the run had started over', () => {
    const run = play({ sequencing: true, restartFrom: 'R' }, ...probing, compared(other))
    expect(run.children.get('prepare')?.input).toMatchObject({ restartFrom: null })
  })

  it.each<[string, Happening[]]>([
    ['cannot be prepared', [...probing, compared(other), (run) => run.fail('prepare')]],
    ['fails at once', [...probing, compared(other), prepared, finishes({ outcome: 'failed', summary: 'cannot' })]],
    ['fails', [...stacking, finishes({ outcome: 'failed', summary: 'cannot' })]],
    ['ends without the other change', [...stacking, finishes({}), inspected({ head: 'B', hasParent: false })]],
    ['ends in the middle of the merge', [...stacking, finishes({}), inspected({ head: 'B', operation: 'merge', dirty: ['a.ts'] })]],
    ['rewrites what was there', [...stacking, finishes({}), inspected({ head: 'B', descendsFromSince: false })]],
  ])('is of the work as it was when that turn %s', (_how, happenings) => {
    expect(asked(first(...happenings))).toMatchObject({ head: 'A', onto: null, body: 'did it' })
  })

  it('is of the work as it was when that turn is cut off and no way back leads there', () => {
    expect(asked(first(...stacking, interrupted))).toMatchObject({ head: 'A', onto: null, body: 'did it' })
    const resumed = first(...probing, compared(other), prepared, threaded, interrupted)
    expect(resumed.value).toEqual({ recovering: 'resuming' })
    expect(asked(playOn(resumed, finishes({ outcome: 'failed', summary: 'cannot' })))).toMatchObject({ head: 'A', onto: null })
  })

  it('can be called off at every step, and a question of that turn is asked', () => {
    for (const steps of [probing, [...probing, compared(other)]])
      expect(output(first(...steps, stop))).toMatchObject({ outcome: 'released' })
    expect(output(first(...stacking, finishes({ outcome: 'needs_input', question: 'Which?' })))).toMatchObject({ question: 'Which?' })
  })

  it('is given up when that turn leaves its bounds', () => {
    const escaped = finishes({ outcome: 'failed', failure: 'escape', reason: 'out of bounds' })
    for (const steps of [stacking, [...probing, compared(other), prepared, threaded, interrupted]])
      expect(output(first(...steps, escaped))).toMatchObject({ outcome: 'failed', failure: 'escape', headAfter: null })
  })
})

describe('an interruption', () => {
  it('without a thread settles, with how far it got', () => {
    expect(output(play({}, prepared, interrupted))).toMatchObject({
      outcome: 'interrupted',
      failure: null,
      progressed: false,
      headBefore: 'base',
    })
    expect(output(play({}, ...working, progressed, interrupted))).toMatchObject({ outcome: 'interrupted', progressed: true })
  })

  it('of a thread resumes it, a bounded number of times', () => {
    let run = play({}, prepared, threaded)
    for (let i = 1; i <= defaultLimits.resumes; i++) {
      run = playOn(run, interrupted)
      expect([run.value, run.children.get('session')?.input]).toMatchObject([
        { recovering: 'resuming' },
        { thread: 'thread-1', turn: 1, recovery: { cause: 'interrupted', way: 'resume' } },
      ])
      run = playOn(run, threaded)
    }
    const fresh = playOn(run, interrupted)
    expect([fresh.value, fresh.children.get('session')?.input]).toMatchObject([{ recovering: 'afresh' }, { thread: null, turn: 2 }])
    expect(output(playOn(fresh, interrupted))).toMatchObject({ outcome: 'interrupted' })
  })
})

describe('the time when we were not there', () => {
  it('is no time of the run: what is gone on with has what was left', () => {
    const before = play({}, prepared, threaded)
    const back = before.send({ type: 'run.steer', id: 'message-1', text: 't', at: before.at + 500 * minute }).fail('session', {
      code: 'interrupted',
    })
    expect(back.value).toEqual({ recovering: 'resuming' })
    const left = dawn + 120 * minute - before.at
    expect([...back.timers].find(([name]) => name.includes('.runLimit.'))![1].due - back.at).toBe(left)
    // Cut off again at once, the same time is not given twice.
    const again = playOn(back, interrupted)
    expect([...again.timers].find(([name]) => name.includes('.runLimit.'))![1].due - again.at).toBe(left)
    expect([...again.timers].find(([name]) => name.includes('.silence.'))![1].due - again.at).toBe(120 * minute)
  })
})

describe('a way back', () => {
  it('is the same thread when the process of the agent has died, and the turn spends nothing', () => {
    const died = finishes({ outcome: 'failed', failure: 'environment', died: true, summary: 'killed' })
    const back = play({}, prepared, able, progressed, died)
    expect(back.value).toEqual({ recovering: 'resuming' })
    expect(back.children.get('session')?.input).toMatchObject({
      ...{ turn: 1, thread: 'thread-1' },
      recovery: { cause: 'interrupted', way: 'resume', lastLine: 'hm' },
    })
    const always = playOn(playOn(playOn(back, able, died), able, died), able, died)
    expect(playOn(playOn(playOn(always, able, died), able, died)).output).toMatchObject({ outcome: 'failed', failure: 'environment' })
    expect(play({}, prepared, started, died).output).toMatchObject({ outcome: 'failed', failure: 'environment' })
  })

  it('is a new thread when the old one is full: neither it nor a fork of it has room', () => {
    const full = finishes({ outcome: 'failed', failure: 'agent', exhausted: true, summary: 'too long' })
    const fresh = play({}, prepared, able, progressed, full)
    expect(fresh.value).toEqual({ recovering: 'afresh' })
    expect(fresh.children.get('session')?.input).toMatchObject({ turn: 2, thread: null, recovery: { way: 'afresh' } })
    expect(playOn(fresh, able, full).output).toMatchObject({ outcome: 'failed', failure: 'agent' })
  })

  const lost = finishes({ outcome: 'failed', failure: 'environment', lost: true, summary: 'no such thread' })
  const cut = [prepared, able, progressed, interrupted]

  it('is a fork of the thread that is not to be had, then a turn that is told what is known, and no third', () => {
    const forked = play({}, ...cut, lost)
    expect(forked.value).toEqual({ recovering: 'forking' })
    expect(forked.children.get('session')?.input).toMatchObject({
      ...{ turn: 2, thread: 'thread-1' },
      recovery: { cause: 'interrupted', way: 'fork', lastLine: 'hm' },
    })
    const fresh = playOn(forked, lost)
    expect(fresh.value).toEqual({ recovering: 'afresh' })
    expect(fresh.children.get('session')?.input).toMatchObject({
      ...{ turn: 3, thread: null },
      recovery: { cause: 'interrupted', way: 'afresh', lastLine: 'hm' },
    })
    expect(output(playOn(fresh, interrupted))).toMatchObject({ outcome: 'interrupted', reason: 'The process that ran it ended.' })
  })

  it('is no fork for an agent that cannot make one (edge 215)', () => {
    const fresh = play({}, prepared, threaded, interrupted, lost)
    expect([fresh.value, fresh.children.get('session')?.input]).toMatchObject([{ recovering: 'afresh' }, { thread: null }])
    const begun = playOn(fresh, starts('thread-2'))
    expect([begun.value, begun.context.thread]).toEqual([at('moving'), 'thread-2'])
    expect(output(playOn(begun, lost))).toMatchObject({ outcome: 'interrupted' })
  })

  it('is looked for when the thread of a later turn is not to be had; the work that was said to be done is looked at', () => {
    const run = play({}, prepared, able, finishes({}), inspected({ dirty: ['a.ts'] }), lost)
    expect([run.value, run.context.recovery]).toMatchObject([{ recovering: 'forking' }, { cause: 'lost' }])
    expect(run.children.get('session')?.input).toMatchObject({ turnKind: 'commit', uncommitted: ['a.ts'] })
    expect(output(playOn(run, started, finishes({}), inspected(), published))).toMatchObject({ outcome: 'completed', summary: 'did it' })
  })

  it('that every way was tried for settles as an interruption, which costs no attempt', () => {
    const again = play({}, ...cut, lost, lost, able, lost)
    expect(output(again)).toMatchObject({ outcome: 'interrupted', failure: null, reason: 'Its thread could not be gone on with.' })
  })

  it('of a stall ends as a stall', () => {
    const stalled = [prepared, threaded, fires('stall'), nothing, ended]
    expect(play({}, ...stalled, lost).context.recovery).toMatchObject({ cause: 'stalled', way: 'afresh' })
    expect(play({}, ...stalled, lost).value).toEqual({ recovering: 'afresh' })
  })

  it('may have its answer at once, as a start may', () => {
    expect(play({}, ...cut, progressed).value).toEqual(at('moving'))
    expect(play({}, ...cut, finishes({})).value).toEqual({ verifying: 'inspecting' })
    const asked = play({}, ...cut, finishes({ outcome: 'needs_input', question: 'Which?' }))
    expect(output(asked)).toMatchObject({ outcome: 'needs_input', question: 'Which?' })
    const failed = play({}, ...cut, finishes({ outcome: 'failed', failure: 'auth', reason: 'log in' }))
    expect(output(failed)).toMatchObject({ outcome: 'failed', failure: 'auth', reason: 'log in' })
  })

  it('is watched by the same clocks as a start', () => {
    const run = play({}, ...cut)
    expect(playOn(run, fires('silence')).value).toBe('ending')
    expect(playOn(run, fires('runLimit')).value).toBe('ending')
    expect(playOn(run, stop).value).toBe('ending')
    expect(output(run.fail('session', { code: 'spawn-failed' }))).toMatchObject({ failure: 'environment' })
  })
})

describe('the time that the server is down', () => {
  const down = 33 * 60 * minute
  const noticed: Happening = (run) => run.fail('session', { code: 'interrupted' }, down)

  it('is told, and not counted as work', () => {
    const run = play({}, ...working, progressed)
    expect(output(noticed(run)).idle).toBe(down)
  })

  it('is not of the time that a resumed run has', () => {
    const due = (run: Run) => [...run.timers].find(([name]) => name.includes('runLimit'))![1].due
    const before = play({}, prepared, threaded)
    const after = playOn(before, noticed, threaded)
    expect(due(after) - due(before)).toBe(down)
  })
})

describe('the clocks', () => {
  it('begin again with every progress', () => {
    const run = play({}, ...working)
    const later = run.says('session', { type: 'session.progressed', line: '', at: run.at + 10 * minute })
    expect([...later.timers].find(([name]) => name.includes('.stall.'))![1].due).toBe(later.at + 15 * minute)
  })

  it('tell signs of life from progress', () => {
    const limits = { run: 120 * minute, progress: 15 * minute, signal: 5 * minute }
    const silent = play({ limits }, ...working, fires('silence'), ended)
    expect(output(silent)).toMatchObject({ failure: 'environment', reason: 'No sign of life for 5 minutes.' })
    const due = (run: Run, delay: string) => [...run.timers].find(([name]) => name.includes(`.${delay}.`))![1].due
    for (const sign of [says({ type: 'session.steered', id: 'm', taken: false }), refused]) {
      const run = play({ limits }, ...working, sign)
      expect([due(run, 'silence'), due(run, 'stall')]).toEqual([run.at + 5 * minute, run.at - minute + 15 * minute])
      expect([run.context.lastSignalAt, run.context.progressed]).toEqual([run.at, false])
    }
    expect(output(play({ limits }, prepared, fires('silence'), ended))).toMatchObject({ failure: 'environment' })
  })

  it('give the whole run its limit, however many turns it takes', () => {
    const run = play({}, ...verifying, inspected({ dirty: ['a.ts'] }))
    const [, timer] = [...run.timers].find(([name]) => name.includes('.runLimit.'))!
    expect(timer.due).toBe(dawn + 120 * minute)
    expect(output(playOn(run, fires('runLimit'), ended))).toMatchObject({
      failure: 'environment',
      reason: 'Not done within the limit of 120 minutes for one run.',
    })
  })

  it('do not wait for ever for an agent that does not end', () => {
    const run = play({}, ...working, stop)
    expect([...run.timers.values()].map(({ due }) => due - run.at)).toEqual([defaultLimits.ending])
    expect(output(playOn(run, fires('ending')))).toMatchObject({ outcome: 'released' })
  })
})

const able = says({
  ...{ type: 'session.started', process: { pid: 1, group: 1, startTime: '1' }, thread: 'thread-1' },
  abilities: { steer: true, fork: true },
})
const dueIn = (run: Run, delay: string): number => [...run.timers].find(([name]) => name.includes(`.${delay}.`))![1].due - run.at
const phases = (run: Run): unknown[] => run.messages('parent').flatMap(({ type, phase }) => (type === 'run.progressed' ? [phase] : []))
const at = (progress: string) => ({ working: { signal: 'alive', progress } })
/** The probe finds the newest change so many milliseconds after the last that was heard. */
const finds =
  (later: number | null): Happening =>
  (run) =>
    run.done('probe', { changedAt: later === null ? null : run.context.stillSince + later })
const nothing = finds(null)

describe('a turn without progress', () => {
  const stalled = [...working, fires('stall'), nothing]
  const nudged = [prepared, able, fires('stall'), nothing]
  const refuses = says({ type: 'session.steered', id: 'nudge-1', taken: false })

  it('is looked at first: what changes in the worktree is progress that nobody has told of', () => {
    const run = play({}, ...working, fires('stall'))
    expect([run.value, [...run.children.keys()], phases(run)]).toEqual([at('probing'), ['session', 'probe'], ['probing']])
    expect(run.children.get('probe')?.input).toEqual({ project: 'app', key: 'APP-1', branch: 'b', base: 'main' })
    const silent = playOn(run, finds(5 * minute))
    expect([silent.value, silent.context.progressed, phases(silent)]).toEqual([at('moving'), true, ['working']])
    // From that change on, and not from the look.
    expect(dueIn(silent, 'stall')).toBe(run.context.stillSince + 5 * minute + 15 * minute - silent.at)
    expect(playOn(run, finds(0)).value).toBe('interrupting')
    expect(playOn(run, finds(-1)).value).toBe('interrupting')
  })

  it('is not waited for when it cannot be looked at', () => {
    const run = play({}, ...working, fires('stall'))
    expect(dueIn(run, 'probe')).toBe(defaultLimits.probe)
    for (const blind of [fires('probe'), (run_: Run) => run_.fail('probe', { code: 'git-failed' })]) {
      expect(playOn(run, blind).value).toBe('interrupting')
      expect(playOn(play({}, prepared, able, fires('stall')), blind).value).toEqual(at('nudging'))
    }
  })

  it('is nudged once, where the agent takes texts in, and looked at again', () => {
    const run = play({}, ...nudged)
    expect([run.value, phases(run), dueIn(run, 'nudge')]).toEqual([at('nudging'), ['nudging'], defaultLimits.nudge])
    expect(run.messages('session')).toEqual([{ type: 'session.nudge', id: 'nudge-1', quiet: 15 * minute + 1_000 }])
    const limits = { run: 120 * minute, progress: 15 * minute, nudge: 2_000 }
    expect(dueIn(play({ limits }, ...nudged), 'nudge')).toBe(2_000)
    const again = playOn(run, fires('nudge'))
    expect(again.value).toEqual(at('probing'))
    expect(playOn(again, finds(16 * minute)).value).toEqual(at('moving'))
    expect(playOn(again, nothing).value).toBe('interrupting')
  })

  it('that refuses the nudge is interrupted at once; one that takes it is waited for', () => {
    const run = play({}, ...nudged)
    expect(playOn(run, refuses).value).toBe('interrupting')
    const taken = playOn(run, says({ type: 'session.steered', id: 'nudge-1', taken: true }))
    expect([taken.value, taken.messages('parent'), taken.context.steered]).toEqual([at('nudging'), [], []])
    // Another's answer says nothing of the nudge.
    expect(playOn(run, says({ type: 'session.steered', id: 'message-1', taken: false })).value).toEqual(at('nudging'))
  })

  it('that makes progress on any rung is a turn like others, and nudged anew when it falls silent again', () => {
    for (const rung of [[fires('stall')], [fires('stall'), nothing], [fires('stall'), nothing, fires('nudge')]]) {
      const run = play({}, prepared, able, ...rung, progressed)
      expect([run.value, [...run.children.keys()], phases(run)]).toEqual([at('moving'), ['session'], ['working']])
      expect(dueIn(run, 'stall')).toBe(15 * minute)
      const later = playOn(run, fires('stall'), nothing)
      expect(later.value).toEqual(at('nudging'))
      expect(playOn(later, says({ type: 'session.steered', id: 'nudge-1', taken: false })).value).toEqual(
        rung.length === 1 ? 'interrupting' : at('nudging'),
      )
    }
  })

  it('is ended before another begins, with what is known of it; a shell has no thread to go on with', () => {
    const run = play({}, ...working, progressed, fires('stall'), nothing)
    expect([run.value, [...run.children.keys()], phases(run)]).toEqual(['interrupting', ['closing'], ['interrupting']])
    const again = playOn(run, ended)
    expect(again.value).toEqual({ recovering: 'afresh' })
    expect(again.children.get('session')?.input).toMatchObject({
      ...{ turn: 2, turnKind: 'work', thread: null },
      recovery: { cause: 'stalled', way: 'afresh', quiet: 15 * minute + 1_000, lastLine: 'hm' },
    })
    expect(playOn(again, started).value).toEqual(at('moving'))
    expect(dueIn(playOn(again, started), 'stall')).toBe(15 * minute)
    expect(output(playOn(again, started, finishes({}), inspected(), published))).toMatchObject({ outcome: 'completed' })
  })

  it('is told the last step of its plan that was seen, also when other lines came after it', () => {
    const planned = says({ type: 'session.progressed', line: 'Mend the tests', step: 'Mend the tests' })
    const again = playOn(play({}, ...working, planned, progressed, fires('stall'), nothing), ended)
    expect(again.children.get('session')?.input).toMatchObject({ recovery: { way: 'afresh', step: 'Mend the tests', lastLine: 'hm' } })
  })

  it('goes on in its thread, where it has one', () => {
    const run = play({}, ...nudged, refuses, ended)
    expect(run.value).toEqual({ recovering: 'resuming' })
    expect(run.children.get('session')?.input).toMatchObject({ turn: 2, thread: 'thread-1', recovery: { cause: 'stalled', way: 'resume' } })
  })

  it('beside an agent that does not end, nothing is started', () => {
    const run = play({}, ...stalled)
    expect([...run.timers.values()].map(({ due }) => due - run.at)).toEqual([defaultLimits.ending])
    expect(output(playOn(run, fires('ending')))).toMatchObject({ outcome: 'failed', failure: 'stalled' })
    expect(output(run.fail('closing'))).toMatchObject({ outcome: 'failed', failure: 'stalled' })
  })

  it('is for a human once it has stalled too often', () => {
    let run = play({}, ...stalled, ended)
    for (let i = 1; i < defaultLimits.stalls; i++) run = playOn(run, started, fires('stall'), nothing, ended)
    const over = output(playOn(run, started, progressed, fires('stall'), nothing, ended))
    expect(over).toMatchObject({ outcome: 'failed', failure: 'stalled' })
    expect(over.reason).toBe(`No progress for 15 minutes, ${defaultLimits.stalls + 1} times. The agent's last words: hm`)
    const limits = { run: 120 * minute, progress: 15 * minute, stalls: 0 }
    expect(output(play({ limits }, ...stalled, ended)).reason).toBe('No progress for 15 minutes.')
  })

  it('is stopped on every rung', () => {
    const released = { outcome: 'released', reason: 'Stopped by ada.' }
    for (const rung of [[...working, fires('stall')], nudged, stalled, [...stalled, ended], [...nudged, refuses, ended]]) {
      const run = play({}, ...rung, stop)
      expect([run.value, [...run.children.keys()]]).toEqual(['ending', ['closing']])
      expect(output(playOn(run, ended))).toMatchObject(released)
    }
  })

  it('is an answer all the same when it ends on a rung', () => {
    for (const rung of [[...working, fires('stall')], nudged]) {
      expect(play({}, ...rung, finishes({})).value).toEqual({ verifying: 'inspecting' })
      expect(play({}, ...rung, fires('runLimit')).value).toBe('ending')
      expect(play({}, ...rung, fires('silence')).value).toBe('ending')
    }
  })

  it('that commits what was left is watched like any other', () => {
    const dirty = inspected({ dirty: ['a.ts'] })
    const run = play({}, ...verifying, dirty, started, fires('stall'), nothing, ended)
    expect(run.children.get('session')?.input).toMatchObject({ turn: 3, turnKind: 'commit', uncommitted: ['a.ts'] })
  })
})

describe('a turn that has left its bounds', () => {
  const escape = 'The agent has left its bounds: x.'
  const escapes = finishes({ outcome: 'failed', failure: 'escape', reason: escape })
  const endedBeyond = (run: Run) => run.done('closing', { left: [], escape })
  const failed = { outcome: 'failed', failure: 'escape', reason: escape, headAfter: null }
  const silent = [...verifying, inspected({ commitsAhead: 0, head: 'base' }), started]

  it('fails its run, whatever is asked of the turn', () => {
    expect(output(play({}, ...working, escapes))).toMatchObject(failed)
    expect(output(play({}, prepared, escapes))).toMatchObject(failed)
    const cut = [...working, progressed, fires('stall'), nothing, ended]
    expect(output(play({}, ...cut, started, escapes))).toMatchObject(failed)
    expect(output(play({}, ...silent, escapes))).toMatchObject(failed)
    const dirty = inspected({ dirty: ['a.ts'] })
    expect(output(play({}, ...verifying, dirty, started, escapes))).toMatchObject(failed)
  })

  it('and was cut off fails it too, before another begins and whatever it was cut off for; what was asked stands', () => {
    expect(output(play({}, ...working, progressed, fires('stall'), nothing, endedBeyond))).toMatchObject(failed)
    expect(output(play({}, ...working, fires('silence'), endedBeyond))).toMatchObject(failed)
    expect(output(play({}, ...silent, fires('completion'), endedBeyond))).toMatchObject(failed)
    expect(output(play({}, ...working, stop, endedBeyond))).toMatchObject({ outcome: 'released', failure: null })
  })
})

describe('a stop', () => {
  const released = { outcome: 'released', failure: null, reason: 'Stopped by ada.' }

  it('ends the agent first', () => {
    for (const at of [[prepared], working]) {
      const run = play({}, ...at, stop)
      expect([run.value, [...run.children.keys()]]).toEqual(['ending', ['closing']])
      expect(output(playOn(run, ended))).toMatchObject(released)
    }
  })

  it('is taken at once where no agent works', () => {
    for (const at of [[], verifying, [...verifying, inspected()]])
      expect(output(play({}, ...at, stop))).toMatchObject({ ...released, headAfter: null })
  })

  it('stands above what the clocks said', () => {
    expect(output(play({}, ...working, fires('silence'), stop, ended))).toMatchObject(released)
  })

  it('leaves nothing for a late word of the agent (edge 278)', () => {
    const run = play({}, ...working, stop)
    for (const late of [
      { type: 'session.started', thread: 'thread-2' },
      { type: 'session.finished', result: {} },
    ])
      expect(() => run.says('session', late)).toThrow('no child')
    expect(run.context.thread).toBeNull()
  })
})

it('a change by what only holds others together is for a person, and not published', () => {
  const run = play(
    { type: 'implementation', past: null, published: null, umbrella: { children: [{ key: 'APP-2', state: 'started' }] } },
    ...working,
    finishes({}),
    inspected(),
  )
  expect(output(run)).toMatchObject({
    outcome: 'failed',
    failure: 'scope',
    reason: expect.stringContaining('has no change of its own') as string,
  })
})

describe('steering', () => {
  const steer = send({ type: 'run.steer', id: 'message-1', text: 'in English' })

  it('is passed on to the agent that works, and its answer to the issue (edge 77)', () => {
    const run = play({}, ...working, steer)
    expect(run.messages('session')).toEqual([{ type: 'session.steer', id: 'message-1', text: 'in English' }])
    const taken = playOn(run, says({ type: 'session.steered', id: 'message-1', taken: true }))
    expect(taken.messages('parent')).toEqual([{ type: 'run.steered', runId: 'run-1', ids: ['message-1'] }])
    expect(output(playOn(taken, finishes({}), inspected(), published)).steered).toEqual(['message-1'])
  })

  it('is told to an agent that takes the place of the one that was told', () => {
    const said = says({ type: 'session.steered', id: 'message-1', taken: true })
    const cutOff = [fires('stall'), (run: Run) => run.fail('probe', { code: 'git-failed' }), (run: Run) => run.done('closing')]
    const afresh = play({}, ...working, steer, steer, said, ...cutOff)
    expect(afresh.children.get('session')?.input).toMatchObject({
      recovery: { cause: 'stalled', way: 'afresh' },
      messages: [{ id: 'message-1', text: 'in English', author: '', via: 'session', givenTo: 'run-1' }],
    })
    const unheard = play({}, ...working, steer, ...cutOff)
    expect(unheard.children.get('session')?.input).toMatchObject({ messages: [] })
  })

  it('that the agent did not take in stays with the issue (case 74)', () => {
    const run = play({}, ...working, steer, says({ type: 'session.steered', id: 'message-1', taken: false }))
    expect([run.messages('parent'), run.context.steered]).toEqual([[], []])
  })

  it('says nothing where no agent works', () => {
    for (const at of [[], verifying]) expect(play({}, ...at, steer).commands).toEqual([])
  })
})

describe('a review', () => {
  const review = { type: 'review', published: 'P', past: 'P', agent: 'grace' } as const
  const looked = (changes: Partial<Inspection> = {}): Happening => inspected({ head: 'P', branch: null, ...changes })
  const finding = { path: 'a.ts', line: 3, body: 'No.' }
  const remark = { path: '../x', line: 1, body: 'Hm.' }
  const submitted =
    (counts: boolean): Happening =>
    (run) =>
      run.done('submit', { counts })
  const answering = (result: object, changes: Partial<Inspection> = {}): Run => play(review, ...working, finishes(result), looked(changes))

  it('looks at a checkout of the head, by an agent that has no thread of another run, and gives its verdict to the forge', () => {
    expect(play(review).children.get('prepare')?.input).toMatchObject({ review: 'P' })
    expect(play(review, prepared).children.get('session')?.input).toMatchObject({ type: 'review', past: 'P', thread: null })
    const looking = play(review, ...working, finishes({ verdict: 'approve', findings: [finding] }))
    expect(looking.children.get('verify')?.input).toMatchObject({ review: { head: 'P', findings: [finding] } })
    const run = playOn(looking, looked({ review: { bound: [finding], others: [], left: ['n.txt'] } }))
    expect(run.value).toBe('submitting')
    expect(run.children.get('submit')?.input).toEqual({
      ...{ project: 'app', issue: '1', key: 'APP-1', runId: 'run-1', reviewer: 'grace', verdict: 'approved', body: 'did it', headSha: 'P' },
      findings: [{ ...finding, blocking: false }],
    })
    const answer = output(playOn(run, submitted(true)))
    expect(answer).toMatchObject({ outcome: 'completed', failure: null, pr: null, headAfter: null })
    expect(answer.review).toEqual({ verdict: 'approved', body: 'did it', findings: [{ ...finding, blocking: false }], headSha: 'P' })
    expect(answer.summary).toBe('Approved P. did it Left in its checkout and discarded: n.txt.')
  })

  it('asks for changes by its blocking findings, whatever the verdict says, and loses no finding', () => {
    const blocking = { ...finding, blocking: true }
    const run = answering({ verdict: 'approve' }, { review: { bound: [finding], others: [], left: [] } })
    expect(run.children.get('submit')?.input).toMatchObject({ verdict: 'approved' })
    const other = { review: { bound: [finding, blocking], others: [{ ...remark, blocking: true }], left: [] } }
    expect(
      answering({ verdict: 'approve', findings: [finding, blocking, { ...remark, blocking: true }] }, other).children.get('submit')?.input,
    ).toMatchObject({
      verdict: 'changes_requested',
      body: 'did it\n\n- (blocking) ../x:1: Hm.',
      findings: [blocking, { ...finding, blocking: false }],
    })
  })

  it('whose forge has another head by now does not count', () => {
    const answer = output(playOn(answering({ verdict: 'approve' }), submitted(false)))
    expect(answer).toMatchObject({ outcome: 'superseded', review: null, reason: expect.stringContaining('does not count') })
  })

  it.each([
    ['has changed files', { verdict: 'approve' }, { dirty: ['a.ts'] }, /changed what it was to review: a\.ts/],
    ['has committed', { verdict: 'approve' }, { head: 'A' }, /its head, which is A instead of P/],
    ['gives no verdict', {}, {}, /ended without a verdict/],
    ['wants changes and names none', { verdict: 'request_changes', summary: '' }, {}, /neither in a finding nor in its summary/],
  ])('of an agent that %s is none: nothing is given to the forge', (_, result, changes, reason) => {
    const run = answering(result, changes)
    expect(output(run)).toMatchObject({ outcome: 'failed', failure: 'agent', review: null, reason: expect.stringMatching(reason) })
    expect(run.commands.some((command) => command.type === 'spawn')).toBe(false)
  })

  it('publishes nothing and is asked for no completion', () => {
    const run = play(review, ...working, finishes({ outcome: 'no_change' }), looked())
    expect(output(run)).toMatchObject({ outcome: 'failed', failure: 'agent', pr: null, completion: null })
  })

  it('whose forge cannot be reached has failed for its environment', () => {
    expect(output(answering({ verdict: 'approve' }).fail('submit', { message: 'no' }))).toMatchObject({
      failure: 'environment',
      review: null,
    })
    const refused = { code: 'github-forbidden', message: 'no permission' }
    expect(output(answering({ verdict: 'approve' }).fail('submit', refused))).toMatchObject({ failure: 'auth', reason: 'no permission' })
  })

  it('can be stopped while its verdict is on the way', () => {
    expect(output(playOn(answering({ verdict: 'approve' }), stop))).toMatchObject({ outcome: 'released', review: null })
  })
})
