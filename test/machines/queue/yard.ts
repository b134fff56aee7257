// A landing queue with its entries on a base that is a list of commits: mail in the order of arrival, effects that end when and as
// the caller says, and a count of everything that was broken on the way.

import type { EntryContext } from '../../../src/machines/entry/context.ts'
import type { QueueContext } from '../../../src/machines/queue/context.ts'
import { start, type Event, type Player } from '../player.ts'

type AnyPlayer = Player<Record<string, any>>
interface Merge {
  base: string
  number: number
  headSha: string
}
/** How an effect ends: as it should, or with one of the ways in which it may not. */
export type Ending = 'well' | 'badly' | 'flaky' | 'broken' | 'gone'

export const request = (number: number, headSha: string, priority = 0): Event => ({
  ...{ type: 'landing.requested', project: 'app', issue: `i${number}`, key: `APP-${number}`, number, headSha, priority },
})
export const withdrawal = (number: number, headSha: string): Event => ({
  ...{ type: 'landing.withdrawn', number, headSha, reason: 'stopped' },
})

export function createYard(depth = 4) {
  const players = new Map<string, AnyPlayer>()
  const mail: { to: string; take: (player: AnyPlayer) => AnyPlayer }[] = []
  const history = ['base']
  const merges = new Map<string, Merge>()
  const tested = new Set<string>()
  const tests: string[] = []
  const landed: string[] = []
  const told: Event[] = []
  const ended: string[] = []
  const offences: string[] = []
  /** Heads whose withdrawal has been noted, and that nobody has asked for since. */
  const gone = new Set<string>()
  let built = 0
  let foreign = 0

  const tip = (): string => history.at(-1)!
  const nameOf = (merge: { number: number; headSha: string }): string => `${merge.number}${merge.headSha}`
  const queue = (): Player<QueueContext> => players.get('queue') as unknown as Player<QueueContext>
  const entry = (number: number): Player<EntryContext> | undefined =>
    players.get(`queue/${number}`) as unknown as Player<EntryContext> | undefined

  function put(address: string, next: AnyPlayer): void {
    players.set(address, next)
    for (const command of next.commands) {
      if (command.type === 'emit') told.push(command.event)
      if (command.type === 'spawn' && command.src === 'entry') {
        // A new life begins after the mail of the former one.
        for (let i = mail.length; i-- > 0;) if (mail[i]!.to === `queue/${command.child}`) mail.splice(i, 1)
        put(`queue/${command.child}`, start('entry', command.input as object, next.at) as unknown as AnyPlayer)
      }
      if (command.type === 'send') {
        const to = 'child' in command.to ? `queue/${command.to.child}` : 'queue'
        mail.push({ to, take: (player) => player.send({ ...command.event, at: player.at + 1 }) })
      }
    }
    if (address !== 'queue' && next.status === 'done') {
      const child = address.slice('queue/'.length)
      const { kind } = next.output as { kind: string }
      ended.push(`${kind} ${next.context['number']}${next.context['headSha']}`)
      mail.push({ to: 'queue', take: (player) => player.done(child, next.output) })
    }
  }

  /** What the world makes of an effect, and what it answers. */
  function perform(src: string, input: Record<string, any>, how: Ending): { output: unknown } | { code: string } {
    if (how === 'broken') return { code: 'git-failed' }
    if (how === 'gone') return { code: 'stale-head' }
    const isWell = how === 'well'
    switch (src) {
      case 'buildCandidate': {
        const base = (input['onto'] as string | null) ?? tip()
        const { number, headSha } = input as Merge
        const found = lineOf(base).find((commit) => merges.get(commit)?.number === number && merges.get(commit)?.headSha === headSha)
        if (found !== undefined) return { output: { kind: 'already_landed', base, commit: found } }
        if (!isWell) return { output: { kind: 'conflict', base, files: ['a.ts'] } }
        const commit = `m${++built}`
        merges.set(commit, { base, number, headSha })
        return { output: { kind: 'candidate', base, commit } }
      }
      case 'runCandidateChecks': {
        tests.push(input['commit'])
        if (isWell) tested.add(input['commit'])
        const failure = { name: 'ci', url: null, summary: 's', logTail: '', signature: 'x', ...(how === 'flaky' ? { flaky: true } : {}) }
        return { output: { state: isWell ? 'passed' : 'failed', failures: isWell ? [] : [failure] } }
      }
      case 'landCandidate':
        return { output: land(input['base'], input['commit'], isWell) }
      case 'recordLeft':
        // It may have been asked for anew in the meantime.
        if (!queue().context.entries.some((entry) => !entry.isLeaving && nameOf(entry) === nameOf(input as Merge)))
          gone.add(nameOf(input as Merge))
        return { output: undefined }
      default:
        return { output: undefined }
    }
  }

  function land(base: string, commit: string, isClear: boolean): object {
    if (history.includes(commit)) return { kind: 'landed', commit }
    if (tip() !== base) return { kind: 'base_moved' }
    if (!isClear) return { kind: 'blocked', reason: 'dirty', files: ['a.ts'] }
    const merge = merges.get(commit)!
    if (merge.base !== base) offences.push(`${commit} lands on ${base} and was built on ${merge.base}`)
    if (!tested.has(commit)) offences.push(`${commit} lands untested`)
    if (landed.includes(nameOf(merge))) offences.push(`${nameOf(merge)} lands twice`)
    if (gone.has(nameOf(merge))) offences.push(`${nameOf(merge)} lands after it has left`)
    history.push(commit)
    landed.push(nameOf(merge))
    return { kind: 'landed', commit }
  }

  /** The commits that `commit` has below it, itself included. */
  function lineOf(commit: string): string[] {
    const line = [commit]
    for (let merge = merges.get(commit); merge !== undefined; merge = merges.get(merge.base)) line.push(merge.base)
    return history.includes(line.at(-1)!) ? [...line, ...history.slice(0, history.indexOf(line.at(-1)!))] : line
  }

  /** Effects in flight, as `NUMBER/CHILD`. */
  const effects = (): string[] =>
    [...players].flatMap(([address, { status, children }]) =>
      address === 'queue' || status !== 'active' ? [] : [...children.keys()].map((child) => `${address.slice(6)}/${child}`),
    )
  const at = (effect: string): { address: string; child: string; src: string; input: Record<string, any> } => {
    const [number, child] = effect.split('/') as [string, string]
    const { src, input } = players.get(`queue/${number}`)!.children.get(child)!
    return { address: `queue/${number}`, child, src, input: input as Record<string, any> }
  }
  const timers = (): string[] =>
    [...players].flatMap(([address, { status, timers: own }]) => (status === 'active' && own.size > 0 ? [address] : []))

  const yard = {
    queue,
    entry,
    effects,
    timers,
    history,
    landed,
    tests,
    told,
    ended,
    offences,
    send(event: Event): void {
      if (event.type === 'landing.requested') gone.delete(`${String(event['number'])}${String(event['headSha'])}`)
      put('queue', players.get('queue')!.send({ ...event, at: players.get('queue')!.at + 1 }))
    },
    /** Delivers the mail of one receiver, the one that `choose` picks; false when there is none. */
    deliver(choose: (n: number) => number = () => 0): boolean {
      const receivers = [...new Set(mail.map(({ to }) => to))]
      if (receivers.length === 0) return false
      const to = receivers[choose(receivers.length)]!
      const [letter] = mail.splice(
        mail.findIndex((each) => each.to === to),
        1,
      )
      const player = players.get(to)
      if (player?.status === 'active') put(to, letter!.take(player))
      return true
    },
    settle(): void {
      for (let n = 0; yard.deliver(); n++) if (n > 1_000) throw new Error('the mail does not end')
    },
    end(effect: string, how: Ending = 'well'): void {
      const { address, child, src, input } = at(effect)
      const answer = perform(src, input, how)
      const player = players.get(address)!
      put(address, 'code' in answer ? player.fail(child, { code: answer.code, message: 'it broke' }) : player.done(child, answer.output))
    },
    /** Its actor cannot go on, and an operator gives it up: what it had in flight is ended. */
    abandon(number: number): void {
      players.delete(`queue/${number}`)
      mail.push({ to: 'queue', take: (player) => player.fail(String(number), { code: 'abandoned' }) })
    },
    /** The process dies after the effect's work and before its answer: it will be done again. */
    lose(effect: string): void {
      const { src, input } = at(effect)
      perform(src, input, 'well')
    },
    fire(address: string): void {
      const player = players.get(address)!
      const [name] = player.timers.keys()
      put(address, player.fire(name!.split('.')[2]!))
    },
    commit(): void {
      history.push(`foreign-${++foreign}`)
    },
  }
  put('queue', start('queue', { project: 'app', depth }) as unknown as AnyPlayer)
  return yard
}
