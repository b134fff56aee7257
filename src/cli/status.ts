// status [KEY]: every issue in a table, or all about one.

import type { IssueDocument, Reader } from '../app.ts'
import { existsSync } from 'node:fs'
import { type Warning, warningsOf } from '../config-warnings.ts'
import { suggest } from '../errors.ts'
import { phases } from '../machines/vocabulary.ts'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { follow } from './follow.ts'
import { indent, oneLine, type Output } from './output.ts'
import { relative, spanOf, waitText } from './text.ts'
import { askDoors, putAsideOf, refusalsOf } from './webhooks.ts'

export const command: Command = {
  name: 'status',
  summary: 'Show all issues, or one: its phase, what it waits for and whom, run, pull request, budgets.',
  arguments: [{ name: 'KEY', optional: true, description: 'The key of an issue, such as APP-1, or PROJECT/KEY' }],
  flags: {
    follow: { description: 'Print it again whenever it changes; with KEY until the issue is over (exit 0) or needs a human (exit 3)' },
    project: { value: 'ID', description: 'Only issues of this project' },
    phase: { value: 'PHASE', choices: phases, description: 'Only issues in this phase' },
  },
  json: 'the issue document, or { issues, next, warnings? }; with --follow one line for each change',
  examples: ['signalbox status', 'signalbox status APP-1', 'signalbox status APP-1 --follow'],
  run: async (context) => {
    const key = context.value('KEY')
    if (key === undefined) return await showAll(context)
    const reader = await context.reader()
    if (context.has('follow')) return await followOne(reader, key, context)
    const document = reader.issue(key)
    printIssue(document, context.output)
    context.output.document(document)
    return exit.done
  },
}

async function showAll(context: Context): Promise<number> {
  const { output } = context
  if (!existsSync(context.config().store.path) && !context.has('follow')) {
    output.note('No issues yet: `signalbox start` makes the database.')
    output.document({ issues: [], next: null, ...noteWarnings(context) })
    return exit.done
  }
  const reader = await context.reader()
  const query = { ...pick(context, 'project'), ...pick(context, 'phase') }
  assertProject(context, reader)
  if (context.has('follow')) return await followAll(reader, query, output)
  const issues = allIssues(reader, query)
  if (issues.length === 0) output.note('No issues. `signalbox submit TITLE` files one.')
  else printTable(issues, output)
  for (const { provider, name, reason, remedy } of reader.troubles()) output.note(oneLine(`${provider} ${name}: ${reason} ${remedy}`))
  output.document({ issues, next: null, ...noteWarnings(context) })
  await noteWebhooks(context)
  return exit.done
}

/** The same as a part of the document, where there are any. */
function noteWarnings({ config, output }: Context): { warnings?: Warning[] } {
  const warnings = warningsOf(config())
  for (const { key, message, remedy } of warnings) output.note(`${key}: ${message}. ${remedy}`)
  return warnings.length === 0 ? {} : { warnings }
}

/** What does not arrive by webhook moves issues late, and none of them says why. */
async function noteWebhooks({ config, output }: Context): Promise<void> {
  const { webhooks, forge, tracker } = config()
  if (!webhooks || (forge.kind === 'local' && tracker.kind === 'local')) return
  for (const door of (await askDoors(config(), 2_000)) ?? [])
    for (const { message, remedy } of [...refusalsOf(door), ...putAsideOf(door)])
      output.note(`Deliveries to /webhooks/${door.provider}: ${message}\n  → ${remedy}`)
}

/** A project that is not configured any more may still have issues. */
function assertProject(context: Context, reader: Reader): void {
  const project = context.value('project')
  const known = context.config().projects.map(({ id }) => id)
  if (project === undefined || known.includes(project) || reader.issues({ project, limit: 1 }).issues.length > 0) return
  const near = suggest(project, known)
  throw wrongUse(
    'invalid-argument',
    `--project: there is no project "${project}". ${near ? `Did you mean ${near}?` : `There are: ${known.join(', ')}.`}`,
  )
}

function pick(context: Context, name: 'project' | 'phase'): { [name: string]: string } {
  const value = context.value(name)
  return value === undefined ? {} : { [name]: value }
}

/** Every page of the list. */
function allIssues(reader: Reader, query: { project?: string; phase?: string }): IssueDocument[] {
  const all: IssueDocument[] = []
  let cursor: string | null = null
  do {
    const page: ReturnType<Reader['issues']> = reader.issues({ ...query, limit: 1_000, ...(cursor === null ? {} : { cursor }) })
    all.push(...page.issues)
    cursor = page.next
  } while (cursor !== null)
  return all
}

async function followOne(reader: Reader, key: string, { output, config }: Context): Promise<number> {
  const reviewedByHuman = new Set(
    config()
      .projects.filter(({ review }) => review.by === 'human')
      .map(({ id }) => id),
  )
  let last = ''
  let before: number | undefined
  return await follow(() => {
    const document = reader.issue(key)
    const text = JSON.stringify(document)
    if (text !== last) {
      last = text
      output.lineOfJson(document)
      output.line(summaryOf(document, output))
    }
    const end = endOf(document, reviewedByHuman)
    // Between two facts of one change (a pull request, its checks) a human seems to be all that is missing: look once more.
    const isSure = end !== exit.attention || before === end
    before = end
    return isSure ? end : undefined
  })
}

async function followAll(reader: Reader, query: { project?: string; phase?: string }, output: Output): Promise<number> {
  const last = new Map<string, string>()
  return await follow(() => {
    for (const document of allIssues(reader, query)) {
      const text = JSON.stringify(document)
      if (last.get(document.id) === text) continue
      last.set(document.id, text)
      output.lineOfJson(document)
      output.line(summaryOf(document, output))
    }
    return undefined
  })
}

/** The exit code with which following ends, or undefined while something other than a human moves the issue. */
function endOf(document: IssueDocument, reviewedByHuman: ReadonlySet<string>): number | undefined {
  if (document.phase === 'done' || document.phase === 'failed') return exit.done
  const waits = document.waitsFor
  const humans = ['human', 'operator', ...(reviewedByHuman.has(document.project) ? ['reviewer'] : [])]
  const isHumans = waits.length > 0 && waits.every(({ party }) => humans.includes(party))
  return document.faulted || isHumans ? exit.attention : undefined
}

function printTable(issues: IssueDocument[], output: Output): void {
  const heading = ['KEY', 'PHASE', 'WAITS FOR', 'RUN', 'PULL REQUEST', 'UPDATED', 'TITLE'].map((cell) => output.style('dim', cell))
  output.table([
    heading,
    ...issues.map((issue) => [
      output.style('bold', issue.key),
      phaseText(issue, output),
      [...new Set(issue.waitsFor.map(({ party }) => party))].join(', ') || '-',
      issue.run ? `${issue.run.type} ${spanOf(Date.now() - Date.parse(issue.run.startedAt))}` : '-',
      issue.pr ? `#${issue.pr.number} ${pullRequestState(issue.pr)}` : '-',
      relative(issue.updatedAt),
      oneLine(issue.title),
    ]),
  ])
}

function summaryOf(issue: IssueDocument, output: Output): string {
  const waits = issue.waitsFor.map(({ party, reason }) => `${party}: ${oneLine(reason)}`).join('; ')
  return [output.style('bold', issue.key), phaseText(issue, output), waits ? `waits for ${waits}` : ''].filter(Boolean).join('  ')
}

function phaseText(issue: IssueDocument, output: Output): string {
  const authority = issue.authority === 'acting' ? '' : ` (${issue.authority})`
  if (issue.faulted) return output.style('red', `${issue.phase}${authority} FAULTED`)
  if (issue.phase === 'done') return output.style('green', issue.phase)
  const needsHuman = issue.waitsFor.some(({ party }) => party === 'human' || party === 'operator')
  return needsHuman ? output.style('yellow', issue.phase + authority) : issue.phase + authority
}

/** Nothing of what has no known cost is in the sum. */
const costText = ({ usd, unpricedTokens = 0 }: NonNullable<IssueDocument['run']>['usage']): string =>
  `${usd.toFixed(2)} USD${unpricedTokens === 0 ? '' : `, and ${unpricedTokens} tokens of unknown cost (no price for their model in \`prices\`)`}`

function pullRequestState(pr: NonNullable<IssueDocument['pr']>): string {
  if (pr.state !== 'open') return pr.state
  const parts = [
    pr.draft ? 'draft' : '',
    pr.review === 'none' ? '' : pr.review.replace('_', ' '),
    pr.checks === 'none' ? '' : `checks ${pr.checks}`,
  ]
  return parts.filter(Boolean).join(', ') || 'open'
}

function printIssue(issue: IssueDocument, output: Output): void {
  output.line(`${output.style('bold', issue.key)}  ${oneLine(issue.title)}`)
  const row = (name: string, text: string): void => output.line(`${output.style('dim', name.padEnd(14))}${text}`)
  row('phase', phaseText(issue, output))
  for (const wait of issue.waitsFor) row('waits for', waitText(wait))
  if (issue.faulted)
    row(
      'fault',
      `${issue.faulted.address}: ${oneLine(issue.faulted.message)} (\`signalbox retry ${issue.key}\`, with --skip without that event; \`signalbox stop ${issue.key}\` gives a run up)`,
    )
  if (issue.question !== null) output.line(`${output.style('dim', 'question')}\n${indent(issue.question)}`)
  if (issue.run) {
    const { id, type, phase, agent, insteadOf, startedAt, lastSignalAt, lastProgressAt, usage } = issue.run
    const instead = insteadOf === undefined ? '' : ` instead of ${insteadOf}, which has no room`
    row('run', `${id}: ${type} by ${agent}${instead}, ${phase}, started ${relative(startedAt)}`)
    row('', `last sign ${relative(lastSignalAt)}, last progress ${relative(lastProgressAt)}`)
    if (usage.inputTokens + usage.outputTokens > 0) row('', `${usage.inputTokens} tokens in, ${usage.outputTokens} out, ${costText(usage)}`)
  }
  if (issue.pr) row('pull request', `#${issue.pr.number} ${pullRequestState(issue.pr)}, ${issue.pr.headSha.slice(0, 10)}  ${issue.pr.url}`)
  if (issue.branch !== null) row('branch', issue.branch)
  if (issue.worktree !== null) row('worktree', issue.worktree)
  if (issue.blockedBy.length > 0) row('blocked by', issue.blockedBy.map(toBlocker).join(', '))
  const budgets = Object.entries(issue.budgets).filter(([, { used }]) => used > 0)
  if (budgets.length > 0) row('budgets', budgets.map(([name, { used, limit }]) => `${name} ${used}/${limit ?? '∞'}`).join(', '))
  row('project', `${issue.project}${issue.delegated ? '' : ', not delegated'}`)
  row('updated', `${relative(issue.updatedAt)} (version ${issue.version})`)
}

/** A cancelled blocker is closed too: people wonder why the issue goes on. */
function toBlocker({ key, resolved, state }: IssueDocument['blockedBy'][number]): string {
  if (resolved) return `${key} (${state === 'canceled' ? 'cancelled: it does not block any more' : 'resolved'})`
  return state === 'unknown' ? `${key} (not known here)` : key
}
