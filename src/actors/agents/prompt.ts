// What an agent is told: one Markdown text per turn, from facts only, so that the same facts give the same text.

import type { CheckFailure, Finding, QueueIncident, RunType } from '../ports.ts'

export interface PromptFacts {
  runType: RunType
  key: string
  title: string
  description: string
  url: string
  branch: string
  base: string
  attempt: number
  /** Texts of humans that this run is given, oldest first. */
  messages: readonly { text: string; author: string; via: string }[]
  /** The question that the messages answer, when one was open. */
  question: string | null
  review: { reviewer: string; body: string; comments: readonly Finding[]; headSha: string } | null
  checks: { headSha: string; failures: readonly CheckFailure[] } | null
  incident: QueueIncident | null
  /** Paths left uncommitted by the turn before; set when this turn is to commit them. */
  uncommitted: readonly string[] | null
  /** Why the run before this one ended without a result. */
  lastFailure: string | null
  /** The project's own instructions: the content of its workflow file, and what the configuration adds. */
  workflow: { name: string; text: string } | null
  extra: string | null
}

/** The prompt of one turn. Pure. */
export function composePrompt(facts: PromptFacts): string {
  const sections = [
    `# ${facts.key}: ${facts.title}`,
    task(facts),
    facts.description.trim() === '' ? null : section('Issue', facts.description.trim()),
    facts.question === null ? null : section('Your question', quote(facts.question)),
    facts.messages.length === 0 ? null : section(facts.question === null ? 'Messages from people' : 'The answer', messages(facts.messages)),
    facts.uncommitted === null ? null : section('Uncommitted changes', list(facts.uncommitted.map((path) => `\`${path}\``))),
    facts.review === null ? null : section('Review', review(facts.review)),
    facts.checks === null
      ? null
      : section(`Failing checks on ${short(facts.checks.headSha)}`, facts.checks.failures.map(failure).join('\n\n')),
    facts.incident === null ? null : section('Why the landing queue gave it back', incident(facts.incident)),
    facts.lastFailure === null ? null : section('The attempt before this one', facts.lastFailure),
    section('Rules', rules(facts)),
    facts.workflow === null ? null : section(`This project's instructions (${facts.workflow.name})`, facts.workflow.text.trim()),
    facts.extra === null ? null : section('Also', facts.extra.trim()),
  ]
  return `${sections.filter((text) => text !== null).join('\n\n')}\n`
}

function task(facts: PromptFacts): string {
  if (facts.uncommitted !== null) {
    return 'Your turn ended with changes that are not committed. Check them and commit what belongs to the issue; remove what does not. Start nothing new.'
  }
  switch (facts.runType) {
    case 'implementation':
      return 'Implement this issue in the worktree you are in, and commit the result.'
    case 'review_fix':
      return 'A reviewer asked for changes to the pull request of this branch. Make them, or explain in the summary why one should not be made, and commit.'
    case 'ci_repair':
      return 'The checks of this branch are red. Find the cause, mend it, and commit. Do not weaken or skip a check to make it pass.'
    case 'queue_repair':
      return `The landing queue could not land this branch on \`${facts.base}\`. Merge \`origin/${facts.base}\` into the branch, resolve what stands in the way, and commit the merge.`
    case 'branch_upkeep':
      return `Bring this branch up to date: merge \`origin/${facts.base}\` into it, resolve conflicts without changing what the branch does, and commit the merge.`
    case 'review':
      return 'Review the change of this branch against its base. Change nothing. Answer with a verdict and findings bound to files and lines.'
  }
}

function rules(facts: PromptFacts): string {
  const lines = [
    `Work only in the current directory, on the branch \`${facts.branch}\` (base \`${facts.base}\`).`,
    ...(facts.runType === 'review'
      ? ['Do not edit, commit or push anything.']
      : [
          'Commit your work with a message that says why. Leave no uncommitted changes behind.',
          'Do not push, do not rewrite commits that were there before, do not switch branches: publishing is done for you.',
        ]),
    'If you need an answer from a person, stop and ask one clear question instead of guessing.',
  ]
  return list(lines)
}

const section = (title: string, body: string): string => `## ${title}\n\n${body}`
const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n')
const quote = (text: string): string =>
  text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n')
const short = (sha: string): string => sha.slice(0, 10)
const messages = (texts: PromptFacts['messages']): string =>
  texts.map(({ text, author }) => `${author === '' ? 'Someone' : author}:\n\n${quote(text)}`).join('\n\n')

/** A fence longer than any run of backticks in the text, so that a log cannot close it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${text.trimEnd()}\n${fence}`
}

function review({ reviewer, body, comments, headSha }: NonNullable<PromptFacts['review']>): string {
  const findings = comments.map(({ path, line, body: text }) => `\`${path}${line === null ? '' : `:${line}`}\`: ${text}`)
  return [
    `${reviewer} on ${short(headSha)}:`,
    body.trim() === '' ? null : quote(body.trim()),
    findings.length === 0 ? null : list(findings),
  ]
    .filter((text) => text !== null)
    .join('\n\n')
}

function failure({ name, summary, logTail }: CheckFailure): string {
  return [`**${name}**: ${summary}`, logTail.trim() === '' ? null : fenced(logTail)].filter((text) => text !== null).join('\n\n')
}

function incident({ summary, files, failures, baseSha }: QueueIncident): string {
  return [
    `${summary} (base ${short(baseSha)})`,
    files.length === 0 ? null : list(files.map((path) => `\`${path}\``)),
    ...failures.map(failure),
  ]
    .filter((text) => text !== null)
    .join('\n\n')
}
