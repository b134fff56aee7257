// What has become of the work so far: the turn that was cut off, the runs before, and its pull request.

import type { Recovery } from '../../../machines/run/context.ts'
import { minutes } from '../../../machines/run/words.ts'
import type { WorkSoFar } from '../../workspace/work-so-far.ts'
import { roomFor } from '../budget.ts'
import { code, list, oneLine, paragraphs, section } from '../markdown.ts'
import type { PromptFacts, PullRequestNow } from './facts.ts'
import { entries, mostIssues, several, short, type Whole } from './fitting.ts'

export function recovered(recovery: Recovery, soFar: WorkSoFar | null, base: string): string {
  const { cause, way, quiet } = recovery
  const room = roomFor('recovery') / 4
  const found = paragraphs(
    ...lastOf(recovery, room),
    ...(soFar === null ? [] : held(soFar, base, room)),
    'What it has done is in the worktree as it left it: look at `git status` and `git log` first, and do not begin again.',
  )
  if (cause === 'stalled') {
    return paragraphs(
      `It made no progress for ${minutes(quiet)} and was ended.`,
      found,
      'Find out what held it up (a command that waits for input, a server in the foreground, a test that hangs) and go on without that: give commands a time limit and no standard input, and run servers in the background. If it cannot be done without, stop and ask.',
    )
  }
  if (way === 'resume') return 'It was cut off from outside. Go on where you were.'
  const cut = cause === 'lost' ? '' : 'It was cut off from outside. '
  const how =
    way === 'fork'
      ? 'You go on in a copy of its conversation, which may lack the end.'
      : 'Its conversation could not be gone on with: you know nothing of it but this.'
  return paragraphs(`${cut}${how}`, found)
}

/** What was seen of a turn that was cut off. */
function lastOf({ lastLine, step }: Recovery, room: number): string[] {
  const told = (words: string, text: string | null | undefined): string[] =>
    text == null ? [] : [words, several(room, [{ text, keep: 'tail' }], null)]
  return [...told('The step of its plan that it was at:', step), ...told('The last that was seen of it:', lastLine)]
}

/** What the branch and the worktree hold. */
function held({ commits, files, uncommitted }: WorkSoFar, base: string, room: number): string[] {
  const open = new Set(uncommitted)
  const own = commits.map((commit) => code(commit))
  const changed = files.map((path) => `${code(path)}${open.has(path) ? ', not committed' : ''}`)
  return [
    ...(own.length === 0
      ? [`The branch has no commit that \`origin/${base}\` has not.`]
      : ['Commits of the branch, newest first:', list(entries(room, own, mostIssues))]),
    ...(changed.length === 0 ? [] : ['Files that differ from its base:', list(entries(room, changed, mostIssues))]),
  ]
}

export const replaced = ({ number, url }: { number: number; url: string }): string =>
  `Pull request #${number} (${oneLine(url)}) is closed or has landed already. This work gets a new pull request of its own: keep what still holds, and do not reopen the old one.`

export function pullRequestNow({ url, headSha, draft, review: verdict, checks, mergeable }: PullRequestNow, base: string): string {
  const merges = { clean: `It merges into \`${base}\`.`, conflict: `It does not merge into \`${base}\`.`, unknown: null }[mergeable]
  const judged = { none: 'Nobody has judged it.', approved: 'It is approved.', changes_requested: 'Changes are requested.' }[verdict]
  const checked = { none: null, pending: 'Its checks are running.', passed: 'Its checks have passed.', failed: 'Its checks have failed.' }[
    checks
  ]
  const sentences = [judged, checked, merges].filter((sentence) => sentence !== null)
  return `As far as is known, ${oneLine(url)}${draft ? ', a draft,' : ''} is at ${short(headSha)}. ${sentences.join(' ')}`
}

/** Runs that are told of. */
const mostRuns = 5

/** What was tried before, and what came of it. */
export function earlier({ earlier: runs, earlierLeftOut: before, lastFailure }: PromptFacts, whole: Whole): string | null {
  const told = runs.map(({ id, type, outcome, failure, reason, summary, headBefore, headAfter }) => {
    const heads =
      headAfter === null ? (headBefore === null ? '' : `, from ${short(headBefore)}, nothing published`) : `, published ${short(headAfter)}`
    const text = [reason, summary].filter((words, index, all) => words.trim() !== '' && all.indexOf(words) === index).join('\n\n')
    return {
      intro: `Of ${oneLine(id, 40)}, ${type}: ${oneLine(outcome, 40)}${failure === null ? '' : ` (${oneLine(failure, 40)})`}${heads}.`,
      text,
    }
  })
  const isTold = lastFailure === null || runs.some(({ reason, summary }) => lastFailure === reason || lastFailure === summary)
  const last = isTold ? [] : [{ intro: 'The last one ended without a result:', text: lastFailure }]
  if (told.length + last.length === 0) return null
  const how = { newest: true, most: mostRuns + last.length, before }
  return section('Earlier runs of this issue', several(roomFor('runs'), [...told, ...last], whole('earlier'), how))
}
