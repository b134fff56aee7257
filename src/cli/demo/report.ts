// What the demo says at the end: the landed history, a table of what happened, where everything is, what to type next.

import { relative } from 'node:path'
import { git } from '../../actors/git.ts'
import type { IssueDocument, TimelineEntry } from '../../app.ts'
import { oneLine } from '../output.ts'
import type { Output } from '../output.ts'
import { baseBranch, shellWord } from './project.ts'
import type { DemoPlaces } from './project.ts'
import { hasEnded, incidentsOf } from './scenario.ts'
import type { Task } from './tasks.ts'
import { signalboxProgram } from './server.ts'

/** One of the issues at the end of the demo. */
export interface EndedIssue {
  task: Task
  document: IssueDocument
  timeline: readonly TimelineEntry[]
}

export interface DemoReport {
  places: DemoPlaces
  issues: readonly EndedIssue[]
  problems: readonly string[]
  kills: number
  seconds: number
  /** The server that `--keep` left running. */
  kept: { pid: number; address: string } | null
}

export async function printReport(report: DemoReport, output: Output, cwd: string): Promise<void> {
  const { places, issues, kept } = report
  const signalbox = `${typedProgram(cwd)}`
  const config = `--config ${shellWord(places.config)}`
  output.line(output.style('bold', `What landed on ${baseBranch}`))
  output.line((await git(['log', '--graph', '--oneline', '--no-color', baseBranch], { cwd: places.project })).stdout.trimEnd())
  output.line(`\n${output.style('bold', 'What happened')}`)
  output.table([['KEY', 'TITLE', 'STORY', 'OUTCOME', 'RUNS', 'PR'], ...issues.map(toRow)])
  for (const { document } of issues) {
    if (document.question === null) continue
    output.line(`\n${document.key} asks: ${oneLine(document.question)}`)
    output.line(`  answer with  ${signalbox} prompt ${document.key} "…" ${config}${kept === null ? '  (when the server runs)' : ''}`)
  }
  const killed = report.kills === 0 ? '' : `, the server killed ${report.kills} ${report.kills === 1 ? 'time' : 'times'} on the way`
  output.line(`\n${output.style('bold', 'Where it is')} (${report.seconds.toFixed(1)} s${killed})`)
  output.table([
    ['  project', places.project],
    ['  configuration', places.config],
    ['  database', `${places.state}/signalbox.db`],
    ['  log', `${places.state}/log.jsonl, and what the server printed: ${places.serverLog}`],
    [
      '  page',
      kept === null
        ? `${signalbox} start ${config}, then ${signalbox} inspect ${config}`
        : `${kept.address} (address with a login: ${signalbox} inspect ${config})`,
    ],
    ...(kept === null ? [] : [['  server', `still running; end it with  kill ${kept.pid}`]]),
  ])
  output.line(`\n${output.style('bold', 'Next')}\n  ${signalbox} status ${config}`)
}

/** A row of the table of what happened. */
export function toRow({ task, document, timeline }: EndedIssue): string[] {
  return [
    document.key,
    task.title,
    storyOf(task, timeline),
    outcomeOf(task, document),
    runsOf(document),
    document.pr === null ? '' : `#${document.pr.number}`,
  ]
}

function storyOf(task: Task, timeline: readonly TimelineEntry[]): string {
  const surprises = incidentsOf(timeline).filter((incident) => !task.incidents.includes(incident))
  return surprises.length === 0 ? task.story : `${task.story}; also ${surprises.join(', ')}`
}

function outcomeOf(task: Task, document: IssueDocument): string {
  if (!hasEnded(task, document)) return document.phase
  return { landed: 'landed', asked: 'asks a human', covered: 'done' }[task.ends]
}

function runsOf({ attempts }: IssueDocument): string {
  return Object.entries(attempts)
    .filter(([, count]) => count > 0)
    .map(([type, count]) => (count === 1 ? type : `${count} ${type}`))
    .join(', ')
}

/** How the person who reads this starts Signalbox: from a clone by its file, installed by its name. */
export function typedProgram(cwd: string): string {
  if (!import.meta.url.endsWith('.ts')) return 'signalbox'
  const path = relative(cwd, signalboxProgram)
  return `node ${shellWord(path.startsWith('..') ? signalboxProgram : path)}`
}
