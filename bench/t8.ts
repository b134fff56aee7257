// T8: one issue through the embedded loop with an instant agent; what Signalbox adds to git, the agent and the checks.

import { tracingChannel } from 'node:diagnostics_channel'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import type { ProcessResult } from '../src/actors/process.ts'
import type { App } from '../src/app.ts'
import { openApp } from './app.ts'
import { folder } from './databases.ts'
import { figure, rounds, tell, type Figure } from './measure.ts'
import { hottest, type Profile } from './profile.ts'

const agent =
  'printf "%s\\n" "$SIGNALBOX_ISSUE" > "$SIGNALBOX_ISSUE.txt" && git add --all && git commit --quiet --message "$SIGNALBOX_ISSUE"'

// Every child process, from before its fork to its end, in whichever process it was forked.
const intervals: { from: number; to: number }[] = []
tracingChannel<unknown, { result?: ProcessResult }>('signalbox:process').subscribe({
  asyncEnd: ({ result }: { result?: ProcessResult }) => {
    const to = performance.now()
    if (result) intervals.push({ from: to - result.ms, to })
  },
} as never)

/** Milliseconds since `start` in which no child process ran. */
function ownTime(start: number, end: number): { own: number; processes: number } {
  const inside = intervals.filter(({ from }) => from >= start && from < end).sort((a, b) => a.from - b.from)
  let own = 0
  let busyUntil = start
  for (const { from, to } of inside) {
    own += Math.max(0, from - busyUntil)
    busyUntil = Math.max(busyUntil, to)
  }
  return { own: own + Math.max(0, end - busyUntil), processes: inside.length }
}

const open = (): Promise<App> =>
  openApp(join(folder(), 't8'), {
    agents: { instant: { kind: 'command', command: agent } },
    projects: [{ id: 'bench', repo: './project', baseBranch: 'main', ci: { command: 'true' }, review: { by: 'none' } }],
  })

/** Files one issue and waits for its landing. */
async function landOne(app: App, n: number): Promise<{ total: number; own: number; processes: number }> {
  const start = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let key: string | undefined
  const look = (phase: string, of: string): void => {
    if (of !== key) return
    if (phase === 'done') resolve()
    else if (['escalated', 'failed', 'awaiting_input'].includes(phase))
      reject(new Error(`The issue is ${phase}: ${JSON.stringify(app.explain(of))}`))
  }
  const end = app.live({}, (message) => {
    if (message.type === 'issue') look(message.document.phase, message.document.key)
  })
  ;({ key } = await app.submit({ title: `Add file ${n}` }))
  look(app.issue(key).phase, key)
  await promise
  const now = performance.now()
  end()
  // What ends after the landing, such as removing the worktree, is not waited for; its processes began before or after.
  await new Promise((again) => setTimeout(again, 500))
  return { total: now - start, ...ownTime(start, now) }
}

export async function measure(): Promise<Figure[]> {
  const app = await open()
  // The first ones make the clone and warm up.
  for (let n = 0; n < 3; n++) await landOne(app, n)
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  const seen = { total: [] as number[], own: [] as number[], processes: [] as number[] }
  for (let round = 0; round < rounds * 3; round++) {
    const { total, own, processes } = await landOne(app, 10 + round)
    seen.total.push(total)
    seen.own.push(own)
    seen.processes.push(processes)
  }
  await session.post('Profiler.start')
  for (let n = 0; n < 5; n++) await landOne(app, 1_000 + n)
  const { profile } = (await session.post('Profiler.stop')) as unknown as { profile: Profile }
  await app.stop()
  return [
    figure('T8', 'own time of Signalbox, submit to landed', 'ms', seen.own, { limit: { most: 150 }, note: hottest(profile, 5) }),
    figure('T8', 'submit to landed in all', 'ms', seen.total),
    figure('T8', 'child processes (git, agent, checks)', '', seen.processes),
  ]
}

if (import.meta.main) tell(await measure())
