// All machines of an issue together on a small world of plain functions: a tracker, a forge, agents and reviewers that do what a plan says.
// An actor handles its mail in the order of arrival; what arrives when, of effects, facts and mail, is the caller's choice.

import type { CapacityContext } from '../../src/machines/capacity/context.ts'
import type { IssueContext } from '../../src/machines/issue/context.ts'
import { defaultPolicy } from '../../src/machines/issue/policy.ts'
import type { PublishInput, SessionInput } from '../../src/machines/run/inputs.ts'
import { dawn, start, type Event, type MachineName, type Player } from './player.ts'

/** How one issue's work goes: what happens to its first head, or to its agent. */
export interface Plan {
  red?: boolean
  objection?: boolean
  conflict?: boolean
  question?: boolean
  dirty?: boolean
  /** How often its agent dies before it has done anything. */
  deaths?: number
  /** Its agent's first turn makes no progress; it has a thread, which is not to be had when it is resumed. */
  stalls?: boolean
  threads?: boolean
  blockedBy?: string
}

type Answer = { says: Event } | { done: unknown } | { fail: { code?: string; message?: string } }
type AnyPlayer = Player<Record<string, any>>

/** What all of it knows: agents whose provider has no room before a time, which it tells, and who stands in for whom. */
export interface Providers {
  /** Milliseconds from the dawn on, by agent. */
  shortUntil?: Record<string, number>
  failover?: Record<string, string>
}

export function createWorld(plans: Record<string, Plan>, limit = 2, { shortUntil = {}, failover = {} }: Providers = {}) {
  const players = new Map<string, AnyPlayer>()
  const lanes = new Map<string, (() => void)[]>()
  const reports: (Event & { from: string })[] = []
  const landings: string[] = []
  /** The agents of turns that found no room. */
  const shortages: string[] = []
  const history = ['base']
  const forge = new Map<string, { number: number; head: string; state: 'open' | 'merged' }>()
  const commits = new Map<string, number>()
  const spent = new Set<string>()
  let time = dawn
  let publications = 0
  let running = 0
  let mostRunning = 0

  /** True the first time only. */
  const once = (what: string): boolean => !spent.has(what) && Boolean(spent.add(what))
  const push = (lane: string, delivery: () => void): void => void lanes.set(lane, [...(lanes.get(lane) ?? []), delivery])
  const tick = (): number => ++time

  function put(address: string, next: AnyPlayer): void {
    const before = players.get(address)
    if (next === before) return
    players.set(address, next)
    for (const command of next.commands) {
      if (command.type === 'spawn') spawn(address, command.child, command.src, command.input)
      if (command.type === 'stop') end(`${address}/${command.child}`)
      if (command.type === 'emit') report(address, command.event)
      if (command.type === 'send') {
        const to = 'child' in command.to ? `${address}/${command.to.child}` : address.slice(0, address.lastIndexOf('/'))
        send(to, command.event)
      }
    }
    if (next.status === 'done' && (address.includes('/run-') || address.startsWith('queue/app/'))) {
      if (address.includes('/run-')) running--
      const [parent, child] = [address.slice(0, address.lastIndexOf('/')), address.slice(address.lastIndexOf('/') + 1)]
      push(`>${parent}`, () => step(parent, (player) => (player.children.has(child) ? player.done(child, next.output) : player)))
    }
  }
  const step = (address: string, take: (player: AnyPlayer) => AnyPlayer): void => {
    const player = players.get(address)
    if (player && player.status === 'active') put(address, take(player))
  }
  const send = (to: string, event: Event): void => push(`>${to}`, () => step(to, (player) => player.send({ ...event, at: tick() })))
  const begin = (address: string, machine: MachineName, input: object): void => {
    if (!players.has(address)) put(address, start(machine, input, tick()))
  }

  function spawn(parent: string, child: string, src: string, input: unknown): void {
    if (src === 'run') {
      mostRunning = Math.max(mostRunning, ++running)
      return begin(`${parent}/${child}`, 'run', input as object)
    }
    if (src === 'entry') {
      // One that has ended makes room for the next life of its number.
      players.delete(`${parent}/${child}`)
      return begin(`${parent}/${child}`, 'entry', input as object)
    }
    for (const answer of effect(src, input as Record<string, any>)) {
      push(`${parent}/${child}`, () =>
        push(`>${parent}`, () =>
          step(parent, (player) => {
            if (!player.children.has(child)) return player
            if ('says' in answer) return player.says(child, { ...answer.says, at: tick() })
            return 'done' in answer ? player.done(child, answer.done) : player.fail(child, answer.fail)
          }),
        ),
      )
    }
  }
  function end(address: string): void {
    lanes.delete(address)
    lanes.delete(`>${address}`)
    if (players.get(address)?.status === 'active' && address.includes('/run-')) running--
    players.delete(address)
  }

  function report(from: string, event: Event): void {
    reports.push({ ...event, from })
    const issue = `issue/${String(event['issue'])}`
    if (event.type === 'landing.decided') send('queue/app', { ...event, type: event['wanted'] ? 'landing.requested' : 'landing.withdrawn' })
    else if (event.type === 'capacity.granted' || event.type.startsWith('queue.')) send(issue, event)
    else if (/^(capacity|agent)\./.test(event.type)) send('capacity/main', event)
    else if (event['kind'] === 'question') {
      fact(String(event['issue']), { type: 'tracker.prompted', text: 'the second', author: 'ada', via: 'session' })
    } else if (event.type === 'tracker.report' && event['phase'] === 'done') {
      for (const [other, plan] of Object.entries(plans)) {
        if (plan.blockedBy === event['issue']) fact(other, { type: 'blocker.changed', key: String(event['key']), resolved: true })
      }
    }
  }
  const fact = (issue: string, event: Event): void => {
    const observedAt = tick()
    push(`facts of ${issue}`, () => send(`issue/${issue}`, { ...event, observedAt }))
  }
  const about = (issue: string) => {
    const { number, head } = forge.get(issue)!
    return { number, url: `pr/${number}`, headSha: head, headRef: issue, baseRef: 'main', draft: false, author: 'us' }
  }
  const issueOf = (number: number): string => [...forge].find(([, pr]) => pr.number === number)![0]

  // --- the effects -------------------------------------------------------------------------------

  function effect(src: string, input: Record<string, any>): Answer[] {
    switch (src) {
      case 'prepareWorktree':
        return [{ done: { path: `/${input['key']}`, head: 'base', baseHead: 'base', dirty: [] } }]
      case 'agentSession':
        return turn(input as unknown as SessionInput)
      case 'probeWork':
        return [{ done: { changedAt: null } }]
      case 'verifyWork':
        return [{ done: inspect(input['key'] as string) }]
      case 'publishChange':
        return [{ done: publish(input as unknown as PublishInput) }]
      case 'runChecks':
      case 'runCandidateChecks': {
        const isRed = src === 'runChecks' && plans[input['issue'] as string]!.red && once(`red ${input['issue']}`)
        const failures = isRed ? [{ name: 'ci', url: null, summary: 'red', logTail: '', signature: 's' }] : []
        return [{ done: { state: isRed ? 'failed' : 'passed', names: ['ci'], failures } }]
      }
      case 'recordChecks': {
        const { issue, headSha, result } = input
        if (forge.get(issue)!.head === headSha)
          fact(issue, { type: `checks.${result.state}`, headSha, names: ['ci'], failures: result.failures })
        return [{ done: undefined }]
      }
      case 'buildCandidate': {
        const issue = issueOf(input['number'])
        if (forge.get(issue)!.head !== input['headSha']) return [{ fail: { code: 'stale-head' } }]
        const base = (input['onto'] as string | null) ?? history.at(-1)!
        if (plans[issue]!.conflict && once(`conflict ${issue}`)) return [{ done: { kind: 'conflict', base, files: ['a.ts'] } }]
        return [{ done: { kind: 'candidate', base, commit: `merge ${issue} into ${base}` } }]
      }
      case 'landCandidate': {
        const issue = issueOf(input['number'])
        if (input['base'] !== history.at(-1)) return [{ done: { kind: 'base_moved' } }]
        history.push(input['commit'])
        forge.get(issue)!.state = 'merged'
        landings.push(issue)
        fact(issue, { type: 'pr.merged', ...about(issue), mergedSha: input['commit'] })
        return [{ done: { kind: 'landed', commit: input['commit'] } }]
      }
      case 'recordEntered':
      case 'recordEviction':
      case 'recordLeft': {
        const type = { recordEntered: 'queue.entered', recordEviction: 'queue.evicted', recordLeft: 'queue.left' }[src]
        fact(issueOf(input['number']), { type, headSha: input['headSha'], incident: input['incident'] ?? null })
        return [{ done: undefined }]
      }
      default:
        return [{ done: undefined }]
    }
  }

  function turn({ issue, key, agent, turn: n, type, question, recovery }: SessionInput): Answer[] {
    const able = plans[issue]!.threads ? { thread: `thread of ${issue}`, abilities: { steer: true, fork: true } } : {}
    const started: Answer = { says: { type: 'session.started', process: { pid: 1, group: 1, startTime: '1' }, ...able } }
    const finished = (result: object): Answer => ({ says: { type: 'session.finished', result: { summary: 'did it', ...result } } })
    const plan = plans[issue]!
    const retryAt = dawn + (shortUntil[agent] ?? 0)
    if (time < retryAt) {
      shortages.push(agent)
      return [started, finished({ outcome: 'failed', failure: 'capacity', reason: 'usage limit', retryAt })]
    }
    if (plan.stalls && once(`stall of ${issue}`)) return [started]
    if (recovery?.way === 'resume' && once(`loss of ${issue}`)) {
      return [finished({ outcome: 'failed', failure: 'environment', lost: true })]
    }
    for (let i = 1; i <= (plan.deaths ?? 0); i++) if (once(`death ${i} of ${issue}`)) return [started, { fail: { code: 'interrupted' } }]
    if (plan.question && question === null && type === 'implementation' && once(`question ${issue}`)) {
      return [started, finished({ outcome: 'needs_input', question: 'Which?' })]
    }
    const isDirty = plan.dirty && n === 1 && once(`dirty ${issue}`)
    if (isDirty) spent.add(`uncommitted ${key}`)
    else {
      spent.delete(`uncommitted ${key}`)
      commits.set(key, (commits.get(key) ?? 0) + 1)
    }
    return [started, { says: { type: 'session.progressed', line: 'hm' } }, finished({ outcome: 'completed' })]
  }

  const inspect = (key: string) => ({
    ...{ head: `${key}-${commits.get(key) ?? 0}`, branch: key, operation: null, descendsFromSince: true, patchId: 'p', tree: 't' },
    ...{ dirty: spent.has(`uncommitted ${key}`) ? ['a.ts'] : [], commitsAhead: commits.get(key) ?? 0, files: ['a.ts'] },
  })

  function publish({ issue, head }: PublishInput) {
    const known = forge.get(issue)
    forge.set(issue, { number: known?.number ?? ++publications, head, state: 'open' })
    fact(issue, { type: known ? 'pr.pushed' : 'pr.opened', source: 'self', ...about(issue) })
    fact(issue, { type: 'checks.pending', headSha: head, names: ['ci'], failures: [] })
    begin(`check/${issue}.${head}`, 'check', { project: 'app', issue, number: about(issue).number, headSha: head })
    const objects = plans[issue]!.objection && once(`objection ${issue}`)
    const review = { headSha: head, reviewer: 'grace', body: 'please', comments: [] }
    fact(issue, { type: objects ? 'review.changesRequested' : 'review.approved', ...review })
    return { ...about(issue), state: 'open', title: 'T', adopted: false }
  }

  // --- time --------------------------------------------------------------------------------------

  /** Fires the timer that is due first; false when none is pending. */
  function wait(): boolean {
    const due = [...players].flatMap(([address, player]) =>
      player.status === 'active' ? [...player.timers].map(([name, timer]) => ({ address, name, due: timer.due })) : [],
    )
    const [first] = due.sort((a, b) => a.due - b.due)
    if (!first) return false
    time = Math.max(time, first.due)
    step(first.address, (player) => player.fire(first.name.split('.')[2]!))
    return true
  }

  begin('capacity/main', 'capacity', { limit })
  begin('queue/app', 'queue', { project: 'app' })
  for (const [id, { blockedBy }] of Object.entries(plans)) {
    const issue = {
      ...{
        key: id,
        title: id,
        description: '',
        url: '',
        state: '',
        stateType: 'unstarted',
        priority: 0,
        labels: [],
        parent: null,
        children: [],
      },
      blockedBy: blockedBy === undefined ? [] : [{ key: blockedBy, resolved: false }],
    }
    begin(`issue/${id}`, 'issue', {
      id,
      project: 'app',
      policy: { ...defaultPolicy, failover },
      branch: id,
      base: 'main',
      issue,
      delegated: true,
      observedAt: tick(),
    })
  }

  return {
    /** Delivers until nothing is left to deliver; `choose` picks among `n` lanes. */
    run(choose: (n: number) => number): void {
      for (let steps = 0; steps < 5_000; steps++) {
        const waiting = [...lanes].filter(([, deliveries]) => deliveries.length > 0)
        if (waiting.length === 0) {
          if (Object.keys(plans).every((id) => players.get(`issue/${id}`)!.context['phase'] === 'done') || !wait()) return
          continue
        }
        const [lane, [delivery, ...rest]] = waiting[choose(waiting.length)]!
        lanes.set(lane, rest)
        delivery!()
      }
      throw new Error('the world does not come to rest')
    },
    issue: (id: string) => players.get(`issue/${id}`) as unknown as Player<IssueContext>,
    capacity: () => players.get('capacity/main')!.context as unknown as CapacityContext,
    phasesOf: (id: string): unknown[] =>
      reports.flatMap(({ type, issue, phase }) => (type === 'tracker.report' && issue === id ? [phase] : [])),
    addresses: (): string[] => [...players].filter(([, player]) => player.status === 'active').map(([address]) => address),
    landings,
    shortages,
    reports,
    mostRunning: () => mostRunning,
  }
}
