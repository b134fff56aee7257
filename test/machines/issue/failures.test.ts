// What becomes of runs that do not end as they should: what they spend, when the next starts, and when a human is asked.

import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '../../../src/machines/issue/policy.ts'
import type { RunInput } from '../../../src/machines/run/context.ts'
import {
  agentFailed,
  approved,
  budgetReset,
  changesRequested,
  environmentFailed,
  finished,
  granted,
  green,
  interrupted,
  open,
  opened,
  output,
  paused,
  phase,
  play,
  playOn,
  playWith,
  policy,
  prompted,
  published,
  pushed,
  red,
  retried,
  runState,
  stopped,
  updated,
  told,
  type Happening,
  type Issue,
} from './facts.ts'

const times = (n: number, ...happenings: Happening[]): Happening[] => Array.from({ length: n }, () => happenings).flat()
const pauseOf = (issue: Issue): number => [...issue.timers.values()][0]!.due - issue.at
const runInput = (issue: Issue): RunInput => issue.children.get(issue.context.run!.id)!.input as RunInput

describe('a failure of the agent', () => {
  it('spends an attempt, and the next one starts after a pause', () => {
    const issue = play(granted, agentFailed)
    expect([phase(issue), runState(issue), issue.context.attempts.implementation]).toEqual(['implementing', { waiting: 'backoff' }, 1])
    expect(pauseOf(issue)).toBeLessThanOrEqual(defaultPolicy.delays.recovery)
    expect(runInput(playOn(issue, paused, granted))).toMatchObject({ runId: 'run-2', attempt: 2, lastFailure: 'it exited with 1' })
  })

  it('asks a human when the attempts are used up', () => {
    const issue = play(granted, agentFailed, ...times(2, paused, granted, agentFailed))
    expect([phase(issue), runState(issue), issue.context.attempts.implementation]).toEqual(['escalated', 'idle', 3])
    expect(issue.context.escalation?.reason).toContain('it exited with 1')
  })

  it('is forgotten when the run after it does its work', () => {
    const issue = play(granted, agentFailed, paused, granted, published('A'), red(), granted)
    expect(runInput(issue)).toMatchObject({ type: 'ci_repair', attempt: 1, lastFailure: null })
  })

  it('that left an operation in progress keeps it', () => {
    const left = finished({ outcome: 'failed', failure: 'dirty', reason: 'A rebase is in progress.' })
    expect(runInput(play(granted, left, retried(), granted)).keep).toBe(true)
  })

  it('keeps what was left uncommitted for the next attempt', () => {
    const issue = play(granted, finished({ outcome: 'failed', failure: 'agent', reason: 'no', dirty: ['a.ts'] }), paused, granted)
    expect(runInput(issue).keep).toBe(true)
  })
})

it('F38: an attempt is counted when its run begins, and not while it waits', () => {
  const spent = (issue: Issue) => [issue.context.attempts.implementation, issue.context.runs]
  const waiting = play()
  expect([runState(waiting), spent(waiting)]).toEqual([{ waiting: 'capacity' }, [0, 0]])
  const refused = playOn(waiting, { type: 'capacity.revoked', issue: '1', request: waiting.context.requests }, updated(), stopped)
  expect(spent(refused)).toEqual([0, 0])
  expect(spent(playOn(refused, { type: 'capacity.granted', issue: '1', request: waiting.context.requests }))).toEqual([0, 0])
  expect(spent(playOn(waiting, granted))).toEqual([1, 1])
})

describe('what has failed in a row', () => {
  const counted = (issue: Issue) => {
    const { interruptions, recoveries, environmentFailures, capacityFailures } = issue.context
    return { interruptions, recoveries, environmentFailures, capacityFailures }
  }
  const none = { interruptions: 0, recoveries: 0, environmentFailures: 0, capacityFailures: 0 }
  const shortage = finished({ outcome: 'failed', failure: 'capacity', reason: 'overloaded' })
  const failed = [granted, interrupted, granted, environmentFailed, paused, granted, shortage, paused, granted]

  it.each<[string, Happening]>([
    ['does its work', published('A')],
    ['asks', finished({ outcome: 'needs_input', question: '?' })],
    ['finds nothing to do', finished({ outcome: 'no_change' })],
  ])('is forgotten when a run %s', (_what, end) => {
    expect(counted(play(...failed))).toEqual({ interruptions: 1, recoveries: 0, environmentFailures: 1, capacityFailures: 1 })
    expect(counted(play(...failed, end))).toEqual(none)
  })

  it('of interruptions is forgotten when a run got somewhere', () => {
    const recovering = play(...times(6, granted, interrupted), paused, granted)
    expect(counted(recovering)).toMatchObject({ interruptions: 5, recoveries: 1 })
    expect(counted(playOn(recovering, finished({ outcome: 'interrupted', progressed: true })))).toMatchObject(none)
  })

  it('is told by its reason, or by its summary when it gives none', () => {
    const last = (changes: object) =>
      play(granted, finished({ outcome: 'failed', failure: 'agent', ...changes })).context.lastFailure?.reason
    expect([last({ reason: 'why', summary: 's' }), last({ summary: 's' })]).toEqual(['why', 's'])
    const human = (changes: object) =>
      play(granted, finished({ outcome: 'failed', failure: 'auth', ...changes })).context.escalation?.reason
    expect([human({ reason: 'why', summary: 's' }), human({ summary: 's' })]).toEqual(['why', 's'])
    const idle = (changes: object) => play(granted, finished({ outcome: 'no_change', ...changes })).context.escalation?.reason
    expect([idle({ reason: 'r' }), idle({ reason: 'r', summary: 's' })]).toEqual([
      'The agent changed nothing: r',
      'The agent changed nothing: r',
    ])
  })
})

describe('a run that was given up', () => {
  it('gives back what an operator had asked of it, unless another was asked meanwhile', () => {
    const asked = play(...open, retried('ci_repair'), granted)
    const broken = (issue: Issue) => issue.fail(issue.context.run!.id, { message: 'it broke' })
    expect(broken(asked).context.asked).toBe('ci_repair')
    expect(broken(playOn(asked, retried('review_fix'))).context.asked).toBe('review_fix')
    const question = finished({ outcome: 'needs_input', question: '?' })
    expect(playOn(asked, retried('review_fix'), question).context.asked).toBe('review_fix')
  })
})

describe('a repair that does not help', () => {
  it('is tried as often as the budget says, then a human is asked (case 197) (edge 300)', () => {
    const limited = { policy: policy({ budgets: { ...defaultPolicy.budgets, ci_repair: 2 } }) }
    const tried = playWith(limited, ...open, red(), granted, published('B'), red('B'), granted, published('C'))
    expect([phase(tried), tried.context.attempts.ci_repair]).toEqual(['pr_open', 2])
    const issue = playOn(tried, red('C'))
    expect([phase(issue), runState(issue)]).toEqual(['escalated', 'idle'])
    expect(issue.context.escalation?.reason).toBe('All attempts at ci repair are used up (2 of 2). A retry or a message gives new ones.')
    expect(phase(playOn(issue, changesRequested('C')))).toBe('changes_requested')
    expect(runState(playOn(issue, retried()))).toEqual({ waiting: 'capacity' })
  })

  it('gives way to what is needed by now, also while it waits', () => {
    const limited = { policy: policy({ budgets: { ...defaultPolicy.budgets, review_fix: 0 } }) }
    expect(phase(playWith(limited, ...open, red(), changesRequested()))).toBe('escalated')
    expect(phase(playWith(limited, ...open, red(), granted, agentFailed, changesRequested()))).toBe('escalated')
  })
})

describe('a pause', () => {
  it('is forgotten when it is over', () => {
    const issue = play(granted, agentFailed)
    expect(issue.context.notBefore).toBeGreaterThan(issue.at)
    const over = playOn(issue, paused)
    expect([runState(over), over.context.notBefore]).toEqual([{ waiting: 'capacity' }, 0])
  })

  it('ends when nothing is to be waited for any more, and gives way to a blocker', () => {
    const issue = play(granted, agentFailed)
    expect([runState(playOn(issue, stopped)), [...playOn(issue, stopped).timers]]).toEqual(['idle', []])
    // Before the pause is over by itself.
    const soon = { ...updated({ blockedBy: [{ key: 'APP-0', resolved: false }] }), at: issue.at + 1 }
    expect(runState(playOn(issue, soon))).toEqual({ waiting: 'dependency' })
  })
})

describe('a failure of the environment', () => {
  it('spends neither an attempt nor a run, and is tried again with growing pauses', () => {
    const first = play(granted, environmentFailed)
    const second = playOn(first, paused, granted, environmentFailed)
    expect([first.context.attempts.implementation, first.context.spent.runs]).toEqual([0, 0])
    expect([runState(second), second.context.attempts.implementation]).toEqual([{ waiting: 'backoff' }, 0])
    expect(pauseOf(second)).toBeGreaterThan(pauseOf(first))
  })

  it('before the worktree was ready leaves it as it was for the next run', () => {
    const notReady = finished({ outcome: 'failed', failure: 'environment', reason: 'no room', headBefore: null })
    const dirty = play(granted, finished({ outcome: 'failed', failure: 'agent', reason: 'no', dirty: ['a.ts'] }), paused, granted)
    expect(runInput(playOn(dirty, notReady, paused, granted)).keep).toBe(true)
    const died = play(granted, interrupted, granted, notReady, paused, granted)
    expect(runInput(died)).toMatchObject({ keep: false, restartFrom: 'base' })
    expect(runInput(play(granted, finished({ outcome: 'interrupted', headBefore: null }), granted)).restartFrom).toBeNull()
  })

  it('after the forge has the head asks a human at once: nobody else would say what could not be said', () => {
    const publishing: Happening = (issue) => issue.send({ type: 'run.publishing', runId: issue.context.run!.id, head: 'B' })
    const asked = [...open, changesRequested('A'), granted, publishing]
    const failed = finished({ outcome: 'failed', failure: 'environment', reason: 'the answers were refused', headAfter: 'B' })
    const issue = play(...asked, pushed('B'), failed)
    expect([phase(issue), runState(issue), issue.context.escalation?.reason]).toEqual([
      'escalated',
      'idle',
      'Its work is pushed, but not all that goes with it could be told there: the answers were refused',
    ])
    // The reviewer looks at the new head and is satisfied: nothing is left to be asked.
    expect(phase(playOn(issue, approved('B'), green('B')))).toBe('awaiting_queue')
    // Where the forge has not got it, the next run brings it.
    expect(runState(play(...asked, failed))).toEqual({ waiting: 'backoff' })
  })

  it('asks a human after five in a row', () => {
    const issue = play(granted, environmentFailed, ...times(4, paused, granted, environmentFailed))
    expect([phase(issue), issue.context.attempts.implementation, issue.context.escalation?.reason]).toEqual([
      'escalated',
      0,
      'no such command',
    ])
  })
})

describe('a provider without capacity', () => {
  const shortage = finished({ outcome: 'failed', failure: 'capacity', reason: 'overloaded' })

  it('F36: spends nothing and is waited for', () => {
    const issue = play(granted, ...times(5, shortage, paused, granted))
    expect([issue.context.attempts.implementation, issue.context.spent.runs]).toEqual([1, 1])
    expect([runState(issue), issue.context.environmentFailures]).toEqual(['active', 0])
  })

  it('F36: is not waited for without end', () => {
    const issue = play(granted, shortage, ...times(24, paused, granted, shortage))
    expect(phase(issue)).toBe('escalated')
  })
})

describe('a failed login', () => {
  it('asks a human at once, and spends nothing', () => {
    const issue = play(granted, finished({ outcome: 'failed', failure: 'auth', reason: 'log in first' }))
    expect([phase(issue), issue.context.escalation?.reason, issue.context.attempts.implementation]).toEqual([
      'escalated',
      'log in first',
      0,
    ])
  })
})

describe('a bug of ours', () => {
  it('asks a human at once', () => {
    expect(phase(play(granted, finished({ outcome: 'failed', failure: 'bug', reason: 'oops' })))).toBe('escalated')
  })
})

describe('an interruption', () => {
  it('spends nothing, and the next run starts at once from where the interrupted one began (edge 227)', () => {
    const issue = play(granted, interrupted)
    expect([runState(issue), issue.context.attempts.implementation, issue.context.spent.runs]).toEqual([{ waiting: 'capacity' }, 0, 0])
    expect(runInput(granted(issue))).toMatchObject({ runId: 'run-2', type: 'implementation', attempt: 1, restartFrom: 'base' })
  })

  it('costs the time and the tokens that were used', () => {
    const usage = { inputTokens: 10, cachedTokens: 0, outputTokens: 5, usd: 0.5 }
    const issue = play(granted, finished({ outcome: 'interrupted', usage }))
    expect(issue.context.spent).toMatchObject({ usage, ms: 60_000 })
  })

  it('costs no time in which the server was down', () => {
    const issue = play(granted, finished({ outcome: 'interrupted', idle: 40_000 }))
    expect(issue.context.spent.ms).toBe(20_000)
  })

  it('of a run that does not know how long the server was down costs no more than a run may take', () => {
    const issue = play(granted)
    const answer = { type: 'run.finished', runId: 'run-1', ...output({ outcome: 'interrupted' }), at: issue.at + 33 * 3_600_000 }
    expect(issue.send(answer).context.spent.ms).toBe(defaultPolicy.limits.run)
  })

  it('is followed by pauses only after five in a row without progress', () => {
    const five = play(granted, ...times(5, interrupted, granted))
    expect(runState(five)).toBe('active')
    const sixth = playOn(five, interrupted)
    expect([runState(sixth), pauseOf(sixth)]).toEqual([{ waiting: 'backoff' }, 15_000 - 1_000])
  })

  it('with progress begins the count anew', () => {
    const issue = play(granted, ...times(5, interrupted, granted), finished({ outcome: 'interrupted', progressed: true }))
    expect([runState(issue), issue.context.interruptions]).toEqual([{ waiting: 'capacity' }, 0])
  })

  it('asks a human after five pauses', () => {
    const issue = play(granted, ...times(5, interrupted, granted), ...times(5, interrupted, paused, granted), interrupted)
    expect([phase(issue), issue.context.attempts.implementation]).toEqual(['escalated', 0])
  })
})

describe('a run without a change', () => {
  it('asks a human, with what the agent said', () => {
    const issue = play(granted, finished({ outcome: 'no_change', summary: 'it is there already' }))
    expect([phase(issue), issue.context.escalation?.reason]).toEqual(['escalated', 'The agent changed nothing: it is there already'])
  })
})

describe('a run that leaves its work uncommitted', () => {
  it('asks a human with the names of the files, and keeps them', () => {
    const issue = play(
      granted,
      finished({ outcome: 'failed', failure: 'dirty', reason: 'Uncommitted after its second turn: a.ts', dirty: ['a.ts'] }),
    )
    expect([phase(issue), issue.context.escalation?.reason, issue.context.keep]).toEqual([
      'escalated',
      'Uncommitted after its second turn: a.ts',
      true,
    ])
    expect(runInput(playOn(issue, retried(), granted)).keep).toBe(true)
  })
})

describe('a run whose actor is given up', () => {
  it('asks a human, gives the place back and the messages to the next run', () => {
    const issue = play(prompted('and quickly'), granted).fail('run-1', { message: 'abandoned' })
    expect([phase(issue), runState(issue), issue.context.run]).toEqual(['escalated', 'idle', null])
    expect(issue.reports('capacity.released')).toHaveLength(1)
    expect(issue.context.inbox).toMatchObject([{ text: 'and quickly', givenTo: null }])
  })

  it('is seen also when it ends without having answered', () => {
    expect(phase(play(granted).done('run-1', {}))).toBe('escalated')
  })
})

describe('an answer of a run that is not the active one', () => {
  it('changes nothing (case 207)', () => {
    const issue = play(granted)
    for (const type of ['run.finished', 'run.started', 'run.progressed', 'run.publishing', 'run.steered']) {
      const late = issue.send({ type, runId: 'run-0', outcome: 'completed', phase: 'verifying', head: 'Z', ids: [] })
      expect([type, { ...late.context, now: 0, pushed: [] }]).toEqual([type, { ...issue.context, now: 0 }])
    }
  })

  it('that was released, and says afterwards that it is done, changes nothing (edge 221)', () => {
    const released = play(granted, stopped, finished({ outcome: 'released' }))
    const late = released.send({ type: 'run.finished', runId: 'run-1', ...output({ headAfter: 'A', progressed: true }) })
    expect([late.context, late.value, late.commands]).toEqual([{ ...released.context, now: late.context.now }, released.value, []])
  })

  it('that breaks after it has answered changes nothing either', () => {
    const answered = play(granted).send({ type: 'run.finished', runId: 'run-1', ...output({ headAfter: 'A' }) })
    const broken = playOn(answered, opened()).fail('run-1')
    expect([phase(broken), runState(broken), broken.children.size]).toEqual(['pr_open', 'idle', 0])
  })
})

describe('an escalation', () => {
  const escalated = [...open, changesRequested(), granted, finished({ outcome: 'failed', failure: 'auth', reason: 'log in' })]

  it('is about its facts: an approval of the same head is over it', () => {
    expect(phase(playOn(play(...escalated), approved(), green()))).toBe('awaiting_queue')
  })

  it('is over when somebody else pushes, and the attempts are given back', () => {
    const issue = play(...open, red(), granted, agentFailed, paused, granted, finished({ outcome: 'no_change' }), pushed('B'))
    expect([phase(issue), issue.context.attempts.ci_repair, issue.context.escalation]).toEqual(['pr_open', 0, null])
  })

  it('stays when the same facts are told again', () => {
    expect(phase(playOn(play(...escalated), changesRequested(), opened(), green()))).toBe('changes_requested')
    expect(phase(playOn(play(...escalated), opened(), green()))).toBe('escalated')
  })

  it('is over by a retry, a message or a new delegation of what was taken back', () => {
    for (const word of [retried(), prompted('try the other way'), told('go on')]) {
      expect([phase(playOn(play(...escalated), word)), word.type]).toEqual(['changes_requested', word.type])
    }
  })
})

describe('a budget for the whole life', () => {
  it('holds the next run, says whose word lifts it, and spends nothing meanwhile', () => {
    const issue = playWith({ policy: policy({ budgets: { ...defaultPolicy.budgets, runs: 1 } }) }, ...open, red())
    expect([phase(issue), runState(issue)]).toEqual(['repairing_ci', { waiting: 'budget' }])
    expect(issue.reports('feed.posted').map(({ kind }) => kind)).toContain('budget')
    expect(runState(playOn(issue, retried()))).toEqual({ waiting: 'budget' })
    expect(runState(playOn(issue, prompted('go on')))).toEqual({ waiting: 'budget' })
    expect(runState(playOn(issue, budgetReset))).toEqual({ waiting: 'capacity' })
    const none = playWith({ policy: policy({ budgets: { ...defaultPolicy.budgets, runs: 0 } }) })
    expect(runState(playOn(none, updated({ blockedBy: [{ key: 'APP-0', resolved: false }] })))).toEqual({ waiting: 'dependency' })
    expect(runState(playOn(issue, { type: 'policy.changed', policy: policy() }))).toEqual({ waiting: 'capacity' })
  })

  it('counts hours, tokens and money too', () => {
    const spent = (budgets: object, usage: object = {}) =>
      runState(
        playWith(
          { policy: policy({ budgets: { ...defaultPolicy.budgets, ...budgets } }) },
          granted,
          finished({ outcome: 'failed', failure: 'agent', usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: 0, ...usage } }),
        ),
      )
    expect(spent({ hours: 1 / 60 })).toEqual({ waiting: 'budget' })
    expect(spent({ tokens: 10 }, { inputTokens: 6, outputTokens: 4 })).toEqual({ waiting: 'budget' })
    expect(spent({ usd: 1 }, { usd: 1 })).toEqual({ waiting: 'budget' })
    expect(spent({ tokens: 11, usd: 2 }, { inputTokens: 6, outputTokens: 4, usd: 1 })).toEqual({ waiting: 'backoff' })
  })
})

describe('between a publication and the forge', () => {
  const completed = finished({ headAfter: 'B' })

  it('the pull request is known at once, also before the forge tells of it', () => {
    const issue = play(granted, finished({ headAfter: 'A' }))
    expect([phase(issue), runState(issue), issue.context.pr?.headSha]).toEqual(['pr_open', 'idle', 'A'])
  })

  it('no second run starts, also when an older fact comes in between', () => {
    const issue = play(...open, red(), granted, completed)
    expect([phase(issue), runState(issue)]).toEqual(['pr_open', 'idle'])
    const older = issue.send({ ...opened('A'), observedAt: issue.context.pr!.observedAt + 1 })
    expect([phase(older), runState(older)]).toEqual(['repairing_ci', 'idle'])
    const caughtUp = playOn(older, pushed('B'))
    expect([phase(caughtUp), runState(caughtUp), caughtUp.context.published]).toEqual(['pr_open', 'idle', null])
  })

  it('our own push gives no attempts back', () => {
    expect(play(...open, red(), granted, completed, pushed('B')).context.attempts.ci_repair).toBe(1)
    expect(play(...open, red(), granted, published('B')).context.attempts.ci_repair).toBe(1)
  })
})
