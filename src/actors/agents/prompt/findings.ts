// What is held against the change, or under review in it.

import type { ChangeInFlight, CheckFailure, QueueIncident } from '../../ports.ts'
import { roomFor } from '../budget.ts'
import { code, oneLine, paragraphs } from '../markdown.ts'
import type { PromptFacts } from './facts.ts'
import { paths, several, short, who, type Whole } from './fitting.ts'

export const contradiction = ({ url, branch, files }: ChangeInFlight, whole: Whole): string =>
  paragraphs(
    `What ${oneLine(url)} (branch ${code(branch)}) does and your change contradict each other in:`,
    paths(roomFor('parent'), files, whole('parent.files')),
  )

export function underReview({ from, to, files: differing }: NonNullable<PromptFacts['change']>, whole: Whole): string {
  const command = from === null ? `git show ${to}` : `git diff ${from}..${to}`
  const count = `${differing.length} ${differing.length === 1 ? 'file' : 'files'}`
  return paragraphs(`\`${command}\` shows the change of ${count}:`, paths(roomFor('change'), differing, whole('change.files')))
}

/** The paths of all findings go before the words of any. */
export function review({ reviewer, body, comments, headSha }: NonNullable<PromptFacts['review']>, whole: Whole): string {
  const findings = comments.map(({ path, line, body: text, blocking, id, author, replies = [] }) => {
    const weight = blocking === undefined ? '' : blocking ? ' (has to change)' : ' (advice)'
    const by = author === undefined ? '' : `, by ${who(author)}`
    const intro = `- ${code(`${path}${line === null ? '' : `:${line}`}`)}${weight}${by}${id === undefined ? '' : `, id ${code(id)}`}:`
    const answers = replies.map((reply) => `${who(reply.author)} answered:\n${reply.body}`)
    return { intro, text: [text, ...answers].join('\n\n') }
  })
  const room = roomFor('review')
  const forBody = findings.length === 0 ? room : room / 3
  return paragraphs(
    `From ${who(reviewer)} on ${short(headSha)}:`,
    body.trim() === '' ? null : several(forBody, [{ text: body.trim() }], whole('review.body')),
    findings.length === 0 ? null : several((room / 3) * 2, findings, whole('review.comments'), { listed: true }),
  )
}

export function failures(bytes: number, all: readonly CheckFailure[], whole: string): string {
  const pieces = all.flatMap(({ name, summary, annotations = [], logTail }) => [
    {
      intro: `**${oneLine(name)}**:`,
      text: [summary, ...annotations.filter((annotation) => !summary.endsWith(annotation)).map((text) => `- ${text}`)].join('\n'),
    },
    ...(logTail.trim() === '' ? [] : [{ intro: 'The end of its log:', text: logTail, keep: 'tail' as const, as: 'fence' as const }]),
  ])
  return several(bytes, pieces, whole)
}

/** Files that an incident names; git shows the others. */
const mostIncidentFiles = 100

export function queueIncident({ summary, files: touched, failures: failed, baseSha }: QueueIncident, whole: Whole): string {
  const room = roomFor('incident')
  return paragraphs(
    several(room / 6, [{ text: summary }], whole('incident.summary')),
    `The base was ${short(baseSha)}.`,
    touched.length === 0 ? null : paths(room / 3, touched, whole('incident.files'), mostIncidentFiles),
    failed.length === 0 ? null : failures(room / 2, failed, whole('incident.failures')),
  )
}
