// What an agent at work prints, for those who look on in its session: now and then a line that says something, and only where there is room.

import { toErrorData } from '../../../errors.ts'
import type { LinearCalls } from './client.ts'
import { uuidOf } from './ids.ts'
import type { IssueRows } from './issue-rows.ts'
import type { SessionRows } from './session-rows.ts'
import type { Content, Sessions } from './sessions.ts'

/** In one session no more often than this. */
const pause = 15_000

const longestLine = 300

/** What an agent says to itself, and what its tools print. */
const chatter =
  /^(?:let me|let's|i'?ll\b|i will\b|i'?m\b|i am\b|i need\b|i should\b|now i|okay|ok[,.]|hmm|alright|great[,.!]|perfect[,.!])/i
const output = /^(?:[{}[\]<>|+*=~#/\\@-]|\d+[:|]|at |import |export |const |let |var |function |diff --git|index [0-9a-f]+|\s)/
const commandLine = /^(?:\$|>|running:?|exec(?:uting)?:?)\s+(\S.*)$/i

/** The line as something to show; null where it says nothing to anybody. */
export function toContent(line: string): Content | null {
  // eslint-disable-next-line no-control-regex -- colours of a terminal
  const text = line.replaceAll(/\u001B\[[0-9;]*[A-Za-z]/g, '').trimEnd()
  const command = commandLine.exec(text)
  if (command !== null) return { type: 'action', action: 'Running', parameter: command[1]!.slice(0, longestLine) }
  const isSentence = /\p{L}{3,}.*\s.*\p{L}{2,}/u.test(text)
  if (!isSentence || output.test(text) || chatter.test(text)) return null
  return { type: 'thought', body: text.slice(0, longestLine) }
}

export function createProgress(options: {
  rows: IssueRows
  sessionRows: SessionRows
  sessions: Sessions
  calls: LinearCalls
  now: () => number
  log: (message: string, issue?: string) => void
}) {
  const { rows, sessionRows, sessions, calls, now, log } = options
  const lastAt = new Map<string, number>()
  const underWay = new Set<Promise<void>>()

  function progress({ project, key, runId, line }: { project: string; key: string; runId: string; line: string }): void {
    const row = rows.byKey(project, key)
    const session = row === undefined ? undefined : sessionRows.ofIssue(row.id)[0]
    if (row === undefined || session === undefined || now() - (lastAt.get(session.id) ?? 0) < pause) return
    const content = toContent(line)
    if (content === null || !calls.hasRoom(row.workspace)) return
    lastAt.set(session.id, now())
    const id = uuidOf('progress', session.id, runId, String(now()), line)
    const saying = sessions
      .mention(session, { id, content, ephemeral: true })
      .catch((error: unknown) => log(`A line of progress was left out: ${toErrorData(error).message}`, row.id))
      .finally(() => underWay.delete(saying))
    underWay.add(saying)
  }

  return { progress, ended: async (): Promise<void> => void (await Promise.allSettled(underWay)) }
}
