// What must have happened to each issue of the demo at the end, and where it is until then.

import type { IssueDocument, TimelineEntry } from '../../app.ts'
import { incidents, type Incident, type Task } from './tasks.ts'

/** True when the issue is where this task's story ends. */
export function hasEnded(task: Task, document: IssueDocument): boolean {
  if (document.run !== null) return false
  // The second pull request of an issue is on a branch of its own, which is numbered.
  const isLast = task.landings < 2 || document.branch?.endsWith(`-${task.landings}`) === true
  if (task.ends === 'landed') return document.phase === 'done' && document.pr?.state === 'merged' && isLast
  if (task.ends === 'covered') return document.phase === 'done' && document.pr === null
  return document.question !== null && document.waitsFor.some(({ party }) => party === 'human')
}

/** True when only a person could move the issue now, though its story does not end here. */
export function isStranded(task: Task, document: IssueDocument): boolean {
  if (hasEnded(task, document) || document.run !== null) return false
  if (document.phase === 'failed' || document.faulted !== null) return true
  if (document.phase === 'done') return task.landings < 2
  return document.waitsFor.some(({ party }) => party === 'human' || party === 'operator')
}

/** Everything that went otherwise than described for this task, one sentence each; empty when all is well. */
export function problemsOf(task: Task, document: IssueDocument, timeline: readonly TimelineEntry[], wasKilled = false): string[] {
  const problems: string[] = []
  if (document.faulted !== null) problems.push(`its actor ${document.faulted.address} is faulted: ${document.faulted.message}`)
  if (!hasEnded(task, document)) problems.push(`${describeEnd(task)} was expected, but it is ${describeNow(document)}`)
  if (task.ends !== 'landed' && document.pr !== null) problems.push(`it has pull request #${document.pr.number}, and should have none`)
  const seen = incidentsOf(timeline)
  for (const event of incidents) {
    const wanted = task.incidents.includes(event)
    if (wanted && !seen.includes(event)) problems.push(`${event} was expected and did not happen`)
    if (!wanted && seen.includes(event) && !(wasKilled && task.whenKilled.includes(event)))
      problems.push(`${event} happened and was not expected`)
  }
  if (hasEnded(task, document)) {
    for (const type of task.runs) if (!(document.attempts[type]! > 0)) problems.push(`a ${type} run was expected and is not counted`)
  }
  return problems
}

/** Which of the incidents that the demo is about are in a timeline, in their order of happening, each once. */
export function incidentsOf(timeline: readonly TimelineEntry[]): Incident[] {
  const found = new Set<Incident>()
  for (const { event, ignored } of timeline) {
    const incident = incidents.find((name) => name === event.type)
    if (incident !== undefined && ignored === undefined) found.add(incident)
  }
  return [...found]
}

function describeEnd(task: Task): string {
  return { landed: 'a landed pull request', asked: 'a question to a human', covered: 'an end without a pull request' }[task.ends]
}

/** Where an issue is, in half a sentence: its phase, its run and whom it waits for. */
export function describeNow(document: IssueDocument): string {
  const waits = document.waitsFor.map(({ party, reason }) => `${party} (${reason})`).join(', ')
  const run = document.run === null ? '' : `, ${document.run.type} run ${document.run.phase}`
  const authority = document.authority === 'acting' ? '' : `, ${document.authority}`
  return `${document.phase}${authority}${run}${waits === '' ? '' : `, waiting for ${waits}`}`
}
