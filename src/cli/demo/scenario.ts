// The six issues of the demo: what is filed, how the reviewer behaves, and what must have happened to each at the end.

import type { IssueDocument, TimelineEntry } from '../../app.ts'

export type TaskName = 'plain' | 'blocked' | 'red' | 'reviewed' | 'conflicting' | 'impossible'

export interface Task {
  name: TaskName
  title: string
  body: string
  blockedBy: TaskName | null
  /** What this issue is in the demo for, in a few words. */
  story: string
  /** `landed`: its change is on the base branch. `asked`: it waits for a human with a question. */
  ends: 'landed' | 'asked'
  /** The incident that this issue exists for: an event that must be in its timeline, and the run type that mends it. */
  incident: { event: Incident; repair: string } | null
  /** The review of its first head, when that is not an approval. */
  objection: { body: string; comments: { path: string; line: number; body: string }[] } | null
  /** The other half of a pair that is approved together, the half that is to land first named by `landsAfter`. */
  landsAfter: TaskName | null
}

const incidents = ['checks.failed', 'review.changesRequested', 'queue.evicted'] as const
export type Incident = (typeof incidents)[number]

export const tasks: readonly Task[] = [
  {
    name: 'plain',
    title: 'Add slugify to the text module',
    body: 'Headings become file names in three places, each in its own way.\n\nAdd `slugify(text)` to `src/text.ts`: lower case, words joined by hyphens, nothing else kept. With tests.',
    blockedBy: null,
    story: 'plain',
    ends: 'landed',
    incident: null,
    objection: null,
    landsAfter: null,
  },
  {
    name: 'blocked',
    title: 'Build heading anchors with slugify',
    body: 'Add `src/anchor.ts` with `anchor(level, title)`, which gives `<h2 id="a-title">A title</h2>`. It uses `slugify`, so it can only start when that is there.',
    blockedBy: 'plain',
    story: 'blocked by the first',
    ends: 'landed',
    incident: null,
    objection: null,
    landsAfter: null,
  },
  {
    name: 'red',
    title: 'Convert temperatures',
    body: 'Add `src/temperature.ts` with `toFahrenheit` and `toCelsius`. With tests for the freezing and the boiling point of water.',
    blockedBy: null,
    story: 'tests fail, repaired',
    ends: 'landed',
    incident: { event: 'checks.failed', repair: 'ci_repair' },
    objection: null,
    landsAfter: null,
  },
  {
    name: 'reviewed',
    title: 'Format numbers with thousands separators',
    body: 'Add `grouped(value)` to `src/format.ts`: `grouped(1234567)` is `"1,234,567"`. With tests.',
    blockedBy: null,
    story: 'reviewer objects, addressed',
    ends: 'landed',
    incident: { event: 'review.changesRequested', repair: 'review_fix' },
    objection: {
      body: 'grouped(-123456) gives "-,123,456". Please keep the sign out of the grouping, and add a test for it.',
      comments: [{ path: 'src/format.ts', line: 9, body: 'The sign is counted as a digit here.' }],
    },
    landsAfter: null,
  },
  {
    name: 'conflicting',
    title: 'Add truncate to the text module',
    body: 'Add `truncate(text, length)` to `src/text.ts`: longer texts are cut and end in "…". With tests.',
    blockedBy: null,
    story: 'conflicts in the landing queue, repaired',
    ends: 'landed',
    incident: { event: 'queue.evicted', repair: 'queue_repair' },
    objection: null,
    landsAfter: 'plain',
  },
  {
    name: 'impossible',
    title: 'Publish the library',
    body: 'Publish version 1.0.0 so that the other teams can use it.',
    blockedBy: null,
    story: 'needs an answer',
    ends: 'asked',
    incident: null,
    objection: null,
    landsAfter: null,
  },
]

/** The demo's task with this title; undefined for an issue that somebody else filed. */
export function taskTitled(title: string): Task | undefined {
  return tasks.find((task) => task.title === title)
}

/** True when the issue is where this task's story ends. */
export function hasEnded(task: Task, document: IssueDocument): boolean {
  if (document.run !== null) return false
  if (task.ends === 'landed') return document.phase === 'done' && document.pr?.state === 'merged'
  return document.question !== null && document.waitsFor.some(({ party }) => party === 'human')
}

/** True when only a person could move the issue now, though its story does not end here. */
export function isStranded(task: Task, document: IssueDocument): boolean {
  if (hasEnded(task, document) || document.run !== null) return false
  if (document.phase === 'done' || document.phase === 'failed' || document.faulted !== null) return true
  return document.waitsFor.some(({ party }) => party === 'human' || party === 'operator')
}

/** Everything that went otherwise than described for this task, one sentence each; empty when all is well. */
export function problemsOf(task: Task, document: IssueDocument, timeline: readonly TimelineEntry[]): string[] {
  const problems: string[] = []
  if (document.faulted !== null) problems.push(`its actor ${document.faulted.address} is faulted: ${document.faulted.message}`)
  if (!hasEnded(task, document)) problems.push(`${describeEnd(task)} was expected, but it is ${describeNow(document)}`)
  if (task.ends === 'asked' && document.pr !== null) problems.push(`it has pull request #${document.pr.number}, and should have none`)
  const seen = incidentsOf(timeline)
  for (const event of incidents) {
    const wanted = task.incident?.event === event
    if (wanted && !seen.includes(event)) problems.push(`${event} was expected and did not happen`)
    if (!wanted && seen.includes(event)) problems.push(`${event} happened and was not expected`)
  }
  if (task.incident !== null && hasEnded(task, document) && !(document.attempts[task.incident.repair]! > 0)) {
    problems.push(`a ${task.incident.repair} run was expected and is not counted`)
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
  return task.ends === 'landed' ? 'a landed pull request' : 'a question to a human'
}

/** Where an issue is, in half a sentence: its phase, its run and whom it waits for. */
export function describeNow(document: IssueDocument): string {
  const waits = document.waitsFor.map(({ party, reason }) => `${party} (${reason})`).join(', ')
  const run = document.run === null ? '' : `, ${document.run.type} run ${document.run.phase}`
  const authority = document.authority === 'acting' ? '' : `, ${document.authority}`
  return `${document.phase}${authority}${run}${waits === '' ? '' : `, waiting for ${waits}`}`
}
