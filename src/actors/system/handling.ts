// Owns: one event of one actor: whether it is taken, its step, and what that step's commands become in the coming commit.
// Does not own: the step itself (step.ts), order (mailbox.ts), the transaction (turn.ts).
// Invariants: a step that fails writes only its fault; what a step asks for is in the same batch as its snapshot.

import { FatalError, toErrorData } from '../../errors.ts'
import type { ActorRow } from '../../persistence/store.ts'
import type { Kind } from './definition.ts'
import type { PlainEvent } from './journal.ts'
import { parentOf, type InitBody, type Lives } from './lives.ts'
import type { Item } from './mailbox.ts'
import type { Parts } from './parts.ts'
import type { Records } from './records.ts'
import { step, StepError, type Command, type StepResult, type Target } from './step.ts'
import type { Supervision } from './supervision.ts'

/** Answers what handles the next event of a turn. It throws only when the store does. */
export function createHandling(parts: Parts, records: Records, lives: Lives, supervision: Supervision): (item: Item) => void {
  const { store, now, pending, registry, policies, routes, rows, timers, effects, inspection, announcements } = parts
  const { journal, ignore, rest, send, accept } = records

  function handle(item: Item): void {
    if (item.timer && effects.has(item.address)) return messageEffect(item, item.timer)
    const row = rows.get(item.address) ?? (item.kind === 'init' ? lives.createRoot(item.address) : undefined)
    if (!row) return drop(item)
    if (item.key !== undefined && (pending.keys.has(`${row.id} ${item.key}`) || store.hasKey(row.id, item.key))) {
      pending.owed.delete(item)
      accept(item, { seq: null, duplicate: true, ignored: null })
      return
    }
    if (item.kind === 'stop') return supervision.stop(item, row)
    if (item.timer?.cancelled) return ignore(item, row, 'it was cancelled')
    if (row.fault !== null) return rest(item, row)
    if (item.kind === 'init') {
      if (row.status === 'active' && row.snapshot !== null) return ignore(item, row, 'it exists already')
      lives.begin(row, JSON.parse(item.body) as InitBody)
    } else if (row.status !== 'active') return ignore(item, row, 'it has finished')
    const body = JSON.parse(item.body) as object
    const { since } = body as { since?: number }
    if (item.kind === 'message' && since !== undefined && since !== row.since) return ignore(item, row, 'it was for a former life')

    const kind = registry.kindOf(row)!
    try {
      if (item.kind !== 'init' && kind.version !== registry.machineOf(row).version) lives.upgrade(row, kind)
      const seq = pending.lastSeq + 1
      const time = now()
      const result = step({
        kind,
        address: row.address,
        parent: parentOf(row),
        bytes: row.snapshot,
        entry: item.kind,
        body,
        at: time,
        seq,
        inspect: inspection.active,
      })
      if ('stale' in result) return ignore(item, row, result.stale)
      take(item, row, kind, body, result, time)
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      supervision.fault(item, row, error)
    }
  }

  function drop(item: Item): void {
    pending.owed.delete(item)
    if (item.timer) timers.settle(pending.batch, item.timer)
    if (item.accept) item.accept.reject(new FatalError('unknown-actor', `There is no actor '${item.address}'. Spawn it first.`))
    else deadLetter(`An event for '${item.address}' has no receiver`, item.address)
  }

  const deadLetter = (message: string, address: string): void => announcements.problemAfterCommit({ code: 'dead-letter', message, address })

  /** A delayed message to an effect has become due. */
  function messageEffect(item: Item, timer: NonNullable<Item['timer']>): void {
    const { event, since } = JSON.parse(item.body) as { event: PlainEvent; since?: number }
    if (!timer.cancelled && since === effects.sinceOf(item.address)) effects.message(pending.batch, item.address, event)
    timers.settle(pending.batch, timer)
  }

  function take(item: Item, row: ActorRow, kind: Kind, body: object, result: StepResult, time: number): void {
    const entry = journal(item, row, null, time)
    row.snapshot = result.bytes
    row.status = result.status
    row.version++
    row.shape = registry.shapeId(row.machine, result.shape)
    for (const command of result.commands) obey(command, row, kind, entry.seq, time)
    if (result.status === 'done') timers.clear(pending.batch, row.id)
    const parent = parentOf(row)
    if (parent !== null) {
      if (row.sync && result.status === 'active') {
        const { status, value, context, output } = JSON.parse(result.bytes) as Record<string, unknown>
        send(parent, 'snapshot', { child: row.child, since: row.since, snapshot: { status, value, context, output } }, entry.seq)
      }
      if (result.status === 'done') send(parent, 'done', { child: row.child, since: row.since, output: result.output }, entry.seq)
    }
    announcements.handled(entry, row, body, result.changed || item.kind === 'init' ? result.bytes : null)
    if (inspection.active)
      inspection.step(pending.deeds, { row, entry, body, result, parent: parent === null ? undefined : rows.peek(parent) })
  }

  function obey(command: Command, row: ActorRow, kind: Kind, seq: number, time: number): void {
    const { batch } = pending
    switch (command.type) {
      case 'spawn': {
        const { child, src, input, sync } = command
        const childKind = kind.children.get(src)
        if (!childKind) return effects.create(batch, row, { child, src, input, sync, since: seq })
        const address = `${row.address}/${child}`
        if (!rows.get(address)) lives.createRow(address, childKind, row, child, seq, time)
        return send(address, 'init', { input, kind: childKind.name, since: seq, sync }, seq)
      }
      case 'stop': {
        const address = `${row.address}/${command.child}`
        if (effects.has(address)) effects.stop(batch, address)
        else if (rows.get(address)) send(address, 'stop', {}, seq)
        return
      }
      case 'send': {
        const address = addressOf(command.to, row)
        if (effects.has(address)) effects.message(batch, address, command.event)
        else if (command.event.type === 'xstate.error' && 'parent' in command.to) {
          send(address, 'error', { child: row.child, since: row.since, error: command.event['error'], escalated: true }, seq)
        } else if (rows.get(address)) send(address, 'message', { from: row.address, event: command.event }, seq)
        return
      }
      case 'timer': {
        const own = 'self' in command.to
        return timers.arm(batch, {
          actor: row.id,
          name: command.name,
          due: time + Math.max(0, Math.ceil(command.delay)),
          target: addressOf(command.to, row),
          kind: own && 'name' in (JSON.parse(command.body) as object) ? 'timer' : 'message',
          body: command.body,
        })
      }
      case 'cancel':
        return timers.cancel(batch, row.id, command.name)
      case 'emit':
        return report(command.event, row, seq)
      case 'custom':
        pending.deeds.push(command.run)
    }
  }

  const addressOf = (to: Target, row: ActorRow): string =>
    'self' in to ? row.address : 'parent' in to ? parentOf(row)! : `${row.address}/${to.child}`

  /** An emitted event: to the actor that its route names, else to the deliveries of its type; to live listeners in any case. */
  function report(event: PlainEvent, row: ActorRow, seq: number): void {
    const target = routeOf(event, row.address)
    if (target !== undefined) {
      if (rows.get(target)) send(target, 'message', { from: row.address, event }, seq)
      else deadLetter(`'${event.type}' is routed to '${target}', which does not exist`, row.address)
    } else if (!routes[event.type] && policies[event.type]) {
      for (const src of [event.type, ...(policies[event.type]!.also ?? [])])
        effects.create(pending.batch, row, { child: null, src, input: event, sync: false, since: seq })
    }
    announcements.emitted(row.address, event)
  }

  function routeOf(event: PlainEvent, from: string): string | undefined {
    try {
      const target = routes[event.type]?.(event, from)
      if (target === undefined || typeof target === 'string') return target
      throw new FatalError('bad-route', `The route of '${event.type}' answers something that is no address.`)
    } catch (error) {
      const message = `The route of '${event.type}' threw`
      announcements.problemAfterCommit({ code: 'route-failed', message, address: from, error: toErrorData(error) })
      return undefined
    }
  }

  return handle
}
