// What people say and decide: questions, messages, stop, taking back, closing, and what only they can undo.

import { describe, expect, it } from 'vitest'
import type { RunInput } from '../../../src/machines/run/context.ts'
import {
  agentFailed,
  approved,
  authority,
  budgetReset,
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
  input,
  interrupted,
  merged,
  open,
  paused,
  pending,
  phase,
  play,
  playOn,
  playWith,
  prClosed,
  prompted,
  published,
  pushed,
  red,
  removed,
  reopened,
  retried,
  runState,
  stopped,
  stopRequested,
  told,
  tracked,
  undelegated,
  updated,
  isUnwanted,
  isWanted,
  type Issue,
} from './facts.ts'
import { dawn, start } from '../player.ts'
import type { IssueContext } from '../../../src/machines/issue/context.ts'

const runInput = (issue: Issue): RunInput => issue.children.get(issue.context.run!.id)!.input as RunInput
const texts = (issue: Issue): string[] => runInput(issue).messages.map(({ text }) => text)
const asked = [granted, finished({ outcome: 'needs_input', question: 'Which file?' })]

describe('the conversation of an agent', () => {
  const inThread = (issue: Issue) => runInput(issue).inThread ?? null
  const asking = finished({ outcome: 'needs_input', question: 'Which file?', thread: 'thread-1' })

  it('is gone on with where a person answers it, also in a comment that names us (cases 69, 78) (edges 86, 333)', () => {
    for (const word of [prompted('The second.'), commented('Signalbox, the second')]) {
      const issue = play(granted, asking, word, granted)
      expect([inThread(issue), runInput(issue).question]).toEqual(['thread-1', 'Which file?'])
    }
  })

  it('is gone on with by one run that is given everything that was said (edges 95, 279)', () => {
    expect(inThread(play(granted))).toBeNull()
    const issue = play(granted, asking, prompted('One.'), prompted('Two.'), granted)
    expect([inThread(issue), texts(issue)]).toEqual(['thread-1', ['One.', 'Two.']])
  })

  it('is not where its work has to be mended, nor with another agent', () => {
    const mending = play(granted, finished({ headAfter: 'A', thread: 'thread-1' }), red('A'), granted)
    expect([runInput(mending).type, inThread(mending)]).toEqual(['ci_repair', null])
  })
})

describe('a question', () => {
  it('is shown, spends no attempt, and no run starts before its answer', () => {
    const issue = play(...asked)
    expect([phase(issue), runState(issue), issue.context.question?.text, issue.context.attempts.implementation]).toEqual([
      'awaiting_input',
      'idle',
      'Which file?',
      0,
    ])
    expect(
      play(granted)
        .send({
          type: 'run.finished',
          runId: 'run-1',
          ...{ outcome: 'needs_input', question: 'Which file?', usage: undefined, steered: [], dirty: [], headAfter: null },
        })
        .reports('tracker.report'),
    ).toMatchObject([{ kind: 'question', text: 'Which file?' }])
  })

  it.each([
    ['a prompt', prompted('the second')],
    ['a comment that names us', commented('Signalbox, the second')],
    ['an operator', told('the second')],
  ])('is answered by %s, and the run that follows is given both exactly once', (_who, word) => {
    const issue = play(...asked, word, granted)
    expect(runInput(issue)).toMatchObject({ type: 'implementation', question: 'Which file?' })
    expect(texts(issue)).toEqual([word['text']])
    const next = playOn(issue, published('A'), red(), granted)
    expect([runInput(next).question, texts(next)]).toEqual([null, []])
  })

  it('stays open when people talk to each other (case 77) (edge 84)', () => {
    const issue = play(...asked, commented('the second, I would think'))
    expect([phase(issue), runState(issue)]).toEqual(['awaiting_input', 'idle'])
    expect(texts(playOn(issue, prompted('yes'), granted))).toEqual(['the second, I would think', 'yes'])
  })

  it('keeps its answer when the run that was given it dies or fails', () => {
    const again = play(...asked, prompted('the second'), granted, interrupted, granted)
    expect([runInput(again).question, texts(again)]).toEqual(['Which file?', ['the second']])
    const third = playOn(again, agentFailed, paused, granted)
    expect([runInput(third).question, texts(third)]).toEqual(['Which file?', ['the second']])
  })

  it('finds its answer where the agent left off: nothing uncommitted is put away', () => {
    expect(runInput(play(...asked, prompted('the second'), granted)).keep).toBe(true)
  })

  it('about an open pull request is answered into a run for what is needed there', () => {
    const issue = play(
      ...open,
      red(),
      granted,
      finished({ outcome: 'needs_input', question: 'Why?' }),
      commented('Signalbox: because'),
      granted,
    )
    expect(runInput(issue)).toMatchObject({ type: 'ci_repair', question: 'Why?' })
    const calm = play(
      ...open,
      prompted('rename it'),
      granted,
      finished({ outcome: 'needs_input', question: 'To what?' }),
      commented('@signalbox to b'),
      granted,
    )
    expect(runInput(calm)).toMatchObject({ type: 'review_fix', question: 'To what?' })
  })
})

describe('a message', () => {
  it('during a run is offered to it, and stays for the next one (edges 77, 285)', () => {
    const issue = play(granted, prompted('in English'))
    expect(issue.messages('run-1')).toEqual([{ type: 'run.steer', id: 'message-1', text: 'in English', author: 'ada', via: 'session' }])
    expect(texts(playOn(issue, finished({ headAfter: 'A' }), granted))).toEqual(['in English'])
    expect(play(granted, told('in French')).messages('run-1')).toMatchObject([{ type: 'run.steer', text: 'in French' }])
  })

  it('that the running agent took in is not given again', () => {
    const issue = play(granted, prompted('in English'), { type: 'run.steered', runId: 'run-1', ids: ['message-1'] })
    expect(issue.context.inbox).toMatchObject([{ givenTo: 'run-1' }])
    const ended = playOn(issue, finished({ headAfter: 'A' }))
    expect([runState(ended), ended.context.inbox]).toEqual(['idle', []])
    const late = play(granted, prompted('in English'), finished({ headAfter: 'A', steered: ['message-1'] }))
    expect(runState(late)).toBe('idle')
  })

  it('about an open pull request starts a run, and nothing lands before it is done (edge 285)', () => {
    const issue = play(...open, approved(), green(), prompted('and rename it'))
    expect([phase(issue), runState(issue)]).toEqual(['pr_open', { waiting: 'capacity' }])
    expect(issue.reports('landing.decided').filter(isUnwanted)).toHaveLength(1)
    expect(phase(granted(issue))).toBe('pr_open')
  })

  it('F19: that is only a comment is for the next run, but starts none', () => {
    const issue = play(...open, approved(), green(), commented('nice'))
    expect([phase(issue), runState(issue)]).toEqual(['awaiting_queue', 'idle'])
    expect(texts(playOn(issue, red(), granted))).toEqual(['nice'])
  })

  it('is not superseded by an approval', () => {
    const issue = play(...open, changesRequested(), prompted('and rename it'), granted, approved())
    expect(runState(issue)).toBe('active')
  })

  it('gives the attempts back', () => {
    const issue = play(granted, agentFailed, paused, granted, agentFailed, prompted('like this'))
    expect([issue.context.attempts.implementation, runState(issue)]).toEqual([0, { waiting: 'capacity' }])
  })
})

describe('stop', () => {
  it.each([
    ['an operator', stopped],
    ['the tracker', stopRequested],
  ])('by %s ends the agent, and nothing starts (case 258)', (_who, stop) => {
    const issue = play(granted, stop)
    expect([authority(issue), runState(issue)]).toEqual(['stopped', 'stopping'])
    expect(issue.messages('run-1')).toMatchObject([{ type: 'run.stop', outcome: 'released' }])
    const rested = playOn(issue, finished({ outcome: 'released' }))
    expect([authority(rested), runState(rested), rested.context.attempts.implementation]).toEqual(['stopped', 'idle', 0])
  })

  it('takes a request for a place and for a landing back', () => {
    expect(play(stopped).reports('capacity.withdrawn')).toHaveLength(1)
    expect(
      play(...open, approved(), green(), stopped)
        .reports('landing.decided')
        .filter(isUnwanted),
    ).toMatchObject([{ headSha: 'A', reason: 'stopped' }])
  })

  it('while the change is being published does not forget the head that may have been pushed', () => {
    const issue = play(...open, red(), granted, { type: 'run.publishing', runId: 'run-2', head: 'B' }, stopped)
    const told = playOn(issue, finished({ outcome: 'released' }), { ...pushed('B'), source: 'self' })
    expect([phase(told), authority(told), told.context.pr?.headSha, told.context.attempts.implementation]).toEqual([
      'pr_open',
      'stopped',
      'B',
      1,
    ])
  })

  it('keeps what the agent left uncommitted, for whoever goes on', () => {
    const again = play(granted, stopped, finished({ outcome: 'released' }), prompted('go on'), granted)
    expect(runInput(again).keep).toBe(true)
  })

  it('outlives every fact, and every fact is still taken in', () => {
    const issue = play(granted, stopped, finished({ outcome: 'released' }), updated(), commented('hm'), red(), approved(), granted, {
      type: 'policy.changed',
      policy: input().policy,
    })
    expect([authority(issue), runState(issue), issue.children.size]).toEqual(['stopped', 'idle', 0])
    expect(issue.context.heads['A']).toMatchObject({ checks: { state: 'failed' } })
  })

  it('is undone by a retry, a prompt and a new delegation, and by nothing that was said before it', () => {
    const rested = play(granted, stopped, finished({ outcome: 'released' }))
    for (const word of [retried(), prompted('go on'), told('go on'), delegated]) {
      expect([authority(playOn(rested, word)), word.type]).toEqual(['acting', word.type])
    }
    for (const word of [prompted('go on'), delegated]) expect(authority(rested.send({ ...word, observedAt: dawn + 1 }))).toBe('stopped')
  })

  it('by nobody in particular, for no reason, says so', () => {
    expect(play({ type: 'tracker.stopRequested', author: null }).context.stop).toMatchObject({
      author: 'somebody',
      reason: 'asked to stop',
    })
  })

  it('is lifted by what was said in the same moment', () => {
    const at = { observedAt: dawn + 100 }
    const stopping = play().send({ ...stopRequested, ...at })
    for (const word of [prompted('go on'), delegated]) expect(authority(stopping.send({ ...word, ...at }))).toBe('acting')
    expect(stopping.send({ ...stopRequested, author: 'bob', ...at }).context.stop?.author).toBe('ada')
  })

  it('asked for twice is stop, by whoever said it last', () => {
    expect(play(stopRequested, { ...stopped, author: 'bob' }).context.stop?.author).toBe('bob')
    const issue = play(stopped)
    expect(issue.send({ ...stopRequested, observedAt: dawn }).context.stop?.reason).toBe('not now')
  })

  it('does not hide that the change lands all the same', () => {
    expect(phase(play(...open, approved(), green(), entered(), stopped, merged()))).toBe('done')
  })
})

describe('taking the issue back', () => {
  it('ends the agent; facts are still taken in, nothing is started (case 42)', () => {
    const issue = play(...open, red(), granted, undelegated)
    expect([authority(issue), runState(issue)]).toEqual(['observing', 'stopping'])
    const rested = playOn(issue, finished({ outcome: 'released' }), pending('B'), pushed('B'), red('B'))
    expect([phase(rested), authority(rested), runState(rested)]).toEqual(['repairing_ci', 'observing', 'idle'])
  })

  it('and giving it again goes on from the facts (case 50)', () => {
    const issue = play(...open, undelegated, red(), delegated)
    expect([phase(issue), authority(issue), runState(issue)]).toEqual(['repairing_ci', 'acting', { waiting: 'capacity' }])
  })

  it('is not undone by a retry: only the tracker says whose it is', () => {
    const issue = play(undelegated, retried())
    expect([authority(issue), issue.context.delegated]).toEqual(['observing', false])
  })

  it('can be followed by a stop, which stands above it', () => {
    expect(authority(play(undelegated, stopped))).toBe('stopped')
    expect(authority(play(undelegated, stopped, prompted('go on')))).toBe('observing')
  })

  it('is not undone by an older fact', () => {
    const issue = play(undelegated)
    expect(authority(issue.send({ ...delegated, observedAt: dawn + 1 }))).toBe('observing')
  })

  it('asks nothing of the queue (case 51)', () => {
    const issue = play(...open, undelegated, approved(), green())
    expect([phase(issue), issue.reports('landing.decided').filter(isWanted)]).toEqual(['awaiting_queue', []])
    expect(playOn(issue, delegated).reports('landing.decided').filter(isWanted)).toHaveLength(1)
  })

  it('while it waits to land takes the landing back, and nothing else (edge 41)', () => {
    const issue = play(...open, approved(), green(), entered(), undelegated)
    expect([phase(issue), authority(issue), runState(issue)]).toEqual(['awaiting_queue', 'observing', 'idle'])
    expect(issue.reports('landing.decided').filter(isUnwanted)).toMatchObject([{ headSha: 'A', reason: 'taken back' }])
    expect(issue.context.pr).toMatchObject({ number: 7, state: 'open' })
  })

  it('before it was ever given keeps it quiet', () => {
    const issue = playWith({ delegated: false })
    expect([authority(issue), runState(issue)]).toEqual(['observing', 'idle'])
  })
})

describe('the end by a word', () => {
  it.each(['done', 'failed'] as const)('%s gives the worktree back at once where no agent works', (as) => {
    expect(play(closedAs(as)).reports('worktree.released')).toHaveLength(1)
    expect(play(closedAs(as), stopped, closedAs(as)).reports('worktree.released')).toEqual([])
  })

  it.each(['done', 'failed'] as const)('of an operator is %s, ends the agent, and the worktree goes back when it has ended', (as) => {
    const issue = play(granted, closedAs(as))
    expect([phase(issue), runState(issue), issue.reports('worktree.released')]).toEqual([as, 'stopping', []])
    expect(playOn(issue, finished({ outcome: 'released' })).reports('worktree.released')).toMatchObject([{ landed: null }])
  })

  it.each([
    ['cancelled', updated({ stateType: 'canceled' }), 'failed'],
    ['completed', updated({ stateType: 'completed' }), 'done'],
    ['removed', removed, 'failed'],
    ['missing in a poll', { type: 'reconcile', tracker: null }, 'failed'],
  ])('of the tracker: %s', (_word, fact, end) => {
    for (const before of [[], [granted], open, [...open, approved(), green()], asked]) {
      expect(phase(play(...before, fact))).toBe(end)
    }
  })

  it('is left by a retry or a new delegation, not by another fact', () => {
    const over = play(granted, finished({ outcome: 'no_change' }), closedAs('failed'))
    expect(phase(playOn(over, updated(), prompted('hello')))).toBe('failed')
    expect(phase(playOn(over, retried()))).toBe('implementing')
    expect(phase(playOn(over, delegated))).toBe('implementing')
    expect(phase(over.send({ ...delegated, observedAt: dawn + 1 }))).toBe('failed')
    const cancelled = play(updated({ stateType: 'canceled' }))
    expect([phase(playOn(cancelled, retried())), runState(playOn(cancelled, retried()))]).toEqual(['delegated', { waiting: 'capacity' }])
  })

  it('is final once the change has landed, whatever the tracker shows of it (case 102) (edge 51)', () => {
    const echoes = [updated({ state: 'In Review', stateType: 'started' }), updated({ state: 'Done', stateType: 'completed' })]
    const issue = play(
      ...open,
      approved(),
      green(),
      merged(),
      ...echoes,
      retried(),
      delegated,
      commented('nice'),
      red(),
      pushed('B'),
      prClosed,
    )
    expect([phase(issue), runState(issue)]).toEqual(['done', 'idle'])
  })
})

describe('a retry', () => {
  it('gives new attempts after an escalation', () => {
    const issue = play(granted, finished({ outcome: 'failed', failure: 'auth', reason: 'log in' }), retried())
    expect([phase(issue), runState(issue)]).toEqual(['implementing', { waiting: 'capacity' }])
  })

  it('starts the run type that was named, and keeps asking for it until it has done its work', () => {
    const issue = play(...open, approved(), green(), retried('ci_repair'), granted)
    expect([phase(issue), runInput(issue).type]).toEqual(['pr_open', 'ci_repair'])
    expect(runInput(playOn(issue, interrupted, granted)).type).toBe('ci_repair')
    expect(phase(playOn(issue, published('B'), approved('B'), green('B')))).toBe('awaiting_queue')
  })

  it('during another run is for the next one, whatever becomes of that', () => {
    const during = play(...open, red(), granted, retried('review_fix'))
    expect(runInput(playOn(during, published('B'), granted)).type).toBe('review_fix')
    expect(runInput(playOn(during, agentFailed, paused, granted)).type).toBe('review_fix')
    const stopping = play(...open, red(), granted, stopped, retried('review_fix'))
    expect(runState(stopping)).toBe('stopping')
    expect(runInput(playOn(stopping, finished({ outcome: 'released' }), granted)).type).toBe('review_fix')
  })

  it('of a run type is off the table when its run is called off', () => {
    const issue = play(...open, retried('ci_repair'), granted, stopped, finished({ outcome: 'released' }), prompted('go on'), granted)
    expect(runInput(issue).type).toBe('review_fix')
  })

  it('of a run type whose run asks a question is still of that type when it is answered', () => {
    const question = finished({ outcome: 'needs_input', question: 'Which?' })
    expect(runInput(play(...open, retried('ci_repair'), granted, question, prompted('this'), granted)).type).toBe('ci_repair')
  })

  it('of a run type that does not exist is refused', () => {
    const issue = play(...open)
    expect(playOn(issue, retried('magic')).context).toEqual(issue.context)
  })

  it('leaves what the tracker says of an issue that goes on, and what was said of other heads', () => {
    expect(play(updated({ stateType: 'started' }), retried()).context.issue.stateType).toBe('started')
    const evictedFor = play(...open, red('Z'), approved(), green(), entered(), evicted('environment'), retried())
    expect(evictedFor.context.heads['Z']).toMatchObject({ checks: { state: 'failed' } })
  })

  it('of a repair without a pull request is an implementation', () => {
    expect(runInput(play(granted, agentFailed, retried('ci_repair'), granted)).type).toBe('implementation')
    expect(runInput(play(retried('ci_repair'), granted)).type).toBe('implementation')
  })

  it('asks the queue again that gave the head back for its own reasons', () => {
    const issue = play(...open, approved(), green(), entered(), evicted('environment'), retried())
    expect(phase(issue)).toBe('awaiting_queue')
    expect(issue.reports('landing.decided').filter(isWanted)).toMatchObject([{ headSha: 'A' }])
  })

  it.each([
    ['an eviction by the environment', evicted('environment')],
    ['a cancellation in the tracker', updated({ stateType: 'canceled' })],
    ['a completion in the tracker', updated({ stateType: 'completed' })],
    ['a removal in the tracker', removed],
  ])('is not undone by %s that is told again', (_what, end) => {
    const before = play(...open)
    const fact = { ...end, observedAt: before.at + 1 }
    const again = playOn(before, fact, retried())
    expect(phase(again)).toBe('pr_open')
    expect(phase(again.send(fact))).toBe('pr_open')
  })
})

describe('a closed pull request', () => {
  it('means that the work begins anew, told what it replaces, as often as there are attempts (case 111)', () => {
    const closed = play(...open, prClosed)
    expect([phase(closed), runState(closed)]).toEqual(['delegated', { waiting: 'capacity' }])
    const again = playOn(closed, granted)
    expect([phase(again), runInput(again)]).toMatchObject([
      'implementing',
      { type: 'implementation', published: 'A', replaces: { number: 7 } },
    ])
    const spent = playOn(again, published('B'), { ...prClosed, headSha: 'B' }, granted, published('C'), { ...prClosed, headSha: 'C' })
    expect(phase(spent)).toBe('escalated')
  })

  it('leaves an issue alone that a person has to look at, has stopped or has taken back (case 113)', () => {
    const evictedFor = [...open, approved(), green(), entered(), evicted('environment'), prClosed]
    const asked = [...open, red(), granted, finished({ outcome: 'needs_input', question: 'Why?' }), prClosed]
    const human = [...open, red(), granted, finished({ outcome: 'failed', failure: 'auth', reason: 'log in' }), prClosed]
    expect([asked, human].map((story) => phase(play(...story)))).toEqual(['awaiting_input', 'escalated'])
    expect([...open, stopped, prClosed].length && runState(play(...open, stopped, prClosed))).toBe('idle')
    expect(runState(play(...open, undelegated, prClosed))).toBe('idle')
    expect(phase(play(...evictedFor))).toBe('escalated')
  })

  it('that is told to be closed again changes nothing once it has been opened anew', () => {
    const closed = play(...open, prClosed)
    const end = { ...prClosed, observedAt: closed.context.pr!.observedAt }
    for (const head of ['A', 'B']) {
      const again = playOn(closed, granted, finished({ headAfter: head }))
      expect([phase(again), phase(again.send(end))]).toEqual(['pr_open', 'pr_open'])
    }
  })

  it('that is opened again goes on', () => {
    expect(phase(play(...open, prClosed, reopened))).toBe('pr_open')
  })

  it('ends the run that works on it', () => {
    expect(runState(play(...open, red(), granted, prClosed))).toBe('stopping')
  })
})

describe('an approval that is dismissed', () => {
  it('takes the landing back', () => {
    const issue = play(...open, approved(), green(), dismissed())
    expect([phase(issue), issue.reports('landing.decided').filter(isUnwanted).length]).toEqual(['pr_open', 1])
  })
})

describe('blockers', () => {
  const blocked = { issue: { blockedBy: [{ key: 'APP-0', resolved: false }] } }
  const resolved = { type: 'blocker.changed', key: 'APP-0', resolved: true }

  it('hold the first run back, and nobody asks for a place meanwhile (case 21)', () => {
    const issue = playWith(blocked)
    expect([phase(issue), runState(issue), issue.reports('capacity.requested')]).toEqual(['delegated', { waiting: 'dependency' }, []])
    expect(playOn(issue, resolved).reports('capacity.requested')).toHaveLength(1)
  })

  it('that appear take the request back, or end the run that has published nothing', () => {
    const fact = updated(blocked.issue)
    expect([runState(play(fact)), play(fact).reports('capacity.withdrawn').length]).toEqual([{ waiting: 'dependency' }, 1])
    const running = play(granted, fact)
    expect(running.messages('run-1')).toMatchObject([{ outcome: 'superseded' }])
    expect(runState(playOn(running, finished({ outcome: 'superseded' })))).toEqual({ waiting: 'dependency' })
    expect(runState(play(...open, red(), granted, fact))).toBe('active')
  })

  it('that are resolved stay so, whatever an older look at the issue said', () => {
    const issue = playOn(playWith(blocked), resolved)
    const older = issue.send({ ...updated(blocked.issue), observedAt: dawn + 1 })
    expect(runState(older)).toEqual({ waiting: 'capacity' })
    expect(runState(playOn(older, updated(blocked.issue)))).toEqual({ waiting: 'dependency' })
  })
})

describe('places', () => {
  it('that are granted when nobody needs them any more go back (case 185)', () => {
    const issue = play(stopped).send({ type: 'capacity.granted', issue: '1', request: 1 })
    expect([runState(issue), issue.reports('capacity.released').length]).toEqual(['idle', 1])
  })

  it('that answer an older request are not taken, nor given back: the newer one stands', () => {
    const issue = play(stopped, retried())
    const late = issue.send({ type: 'capacity.granted', issue: '1', request: 1 })
    expect([runState(late), late.reports('capacity.released')]).toEqual([{ waiting: 'capacity' }, []])
    expect(runState(granted(late))).toBe('active')
  })

  it('are held once, however often they are granted (case 186)', () => {
    const issue = play(granted)
    expect(granted(issue).commands).toEqual([])
  })

  it('that are taken away before a run has started are asked for again', () => {
    const issue = play({ type: 'capacity.revoked', issue: '1', request: 1 })
    expect([issue.reports('capacity.withdrawn').length, issue.reports('capacity.requested').length]).toEqual([1, 1])
    expect(playOn(issue, { type: 'capacity.revoked', issue: '1', request: 1 }).commands).toEqual([])
  })
})

describe('budgets', () => {
  it('that are reset by an operator begin anew', () => {
    const issue = play(granted, agentFailed, budgetReset)
    expect([issue.context.spent.runs, issue.context.attempts.implementation]).toEqual([0, 0])
  })
})

describe('an issue that is over when it is first seen', () => {
  it('says so at once, and starts nothing', () => {
    const issue = start<IssueContext>('issue', { ...input(), issue: tracked({ stateType: 'completed' }) })
    expect([phase(issue), runState(issue)]).toEqual(['done', 'idle'])
    expect(issue.reports('tracker.report').map((report) => report['phase'])).toEqual(['done'])
  })
})
