// Drives the demo: starts the server, files the issues, plays the reviewer, kills when it is told to, and waits for the end.

import { setTimeout as wait } from 'node:timers/promises'
import type { IssueDocument } from '../../app.ts'
import { FatalError } from '../../errors.ts'
import { createApi } from './api.ts'
import type { Api } from './api.ts'
import { checkAfterwards, signalbox } from './checks.ts'
import { killAt, killMoments } from './killer.ts'
import type { Progress } from './progress.ts'
import { projectId, writeConfiguration, writeProject } from './project.ts'
import type { DemoPlaces } from './project.ts'
import type { DemoReport, EndedIssue } from './report.ts'
import { createReviewer } from './reviewer.ts'
import { createPerson } from './person.ts'
import { describeNow, hasEnded, isStranded, problemsOf } from './scenario.ts'
import { tasks, type Task, type TaskName } from './tasks.ts'
import { createServerProcess, freePort } from './server.ts'

export interface DemoOptions {
  places: DemoPlaces
  seed: number
  kills: number
  keep: boolean
  /** Milliseconds for everything. */
  limit: number
  /** For the server. */
  variables: Readonly<Record<string, string | undefined>>
  progress: Progress
  /** Aborted when the person has had enough; its reason is thrown. */
  signal: AbortSignal
}

/** How long an issue may wait for a person who is not in the story before that counts as its end. */
const strandedAfter = 15_000

/** Runs the whole demo. Issues that ended otherwise than described are in `problems`; what kept it from running is thrown. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { places, seed, progress } = options
  const startedAt = Date.now()
  const port = await freePort()
  await writeProject(places.project)
  const token = await writeConfiguration(places, { port, seed })

  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  const api = createApi({ port, token, signal })
  const server = createServerProcess({
    places,
    keep: options.keep,
    variables: options.variables,
    isReady: api.isReady,
    onGone: (error) => over.abort(error),
  })
  const journey = createJourney(options, api)
  const outOfTime = new FatalError('demo-timeout', 'The demo took too long.')
  const limit = setTimeout(() => over.abort(outOfTime), options.limit)
  let isReleased = false
  try {
    progress.note(`Everything of this demo is in ${places.folder}`)
    await server.start()
    progress.note(`The server runs at ${api.address}`)
    await journey.travel(server, signal)
    const issues = await Promise.all(
      journey.issues().map(async (issue): Promise<EndedIssue> => ({ ...issue, timeline: await api.timeline(issue.document.key) })),
    )
    const problems = await problemsAtEnd(options, issues)
    if (options.keep) {
      server.release()
      isReleased = true
    }
    const kept = options.keep ? { pid: server.pid!, address: api.address } : null
    return { places, issues, problems, kills: options.kills, seconds: (Date.now() - startedAt) / 1_000, kept }
  } catch (error) {
    // What waited was told to stop; why is in the signal, and an AbortError says less.
    const cause: unknown = signal.aborted ? signal.reason : error
    throw cause === outOfTime ? new FatalError('demo-timeout', await explainWait(places, journey), { cause: error }) : cause
  } finally {
    clearTimeout(limit)
    over.abort(new FatalError('demo-over', 'The demo is over.'))
    if (!isReleased) await server.stop()
  }
}

interface Journey {
  travel: (server: { kill: () => Promise<void>; start: () => Promise<void> }, signal: AbortSignal) => Promise<void>
  issues: () => { task: Task; document: IssueDocument }[]
  /** Whose end it still waits for; without a document: not filed yet. */
  waiting: () => { task: Task; document: IssueDocument | undefined }[]
}

/** Everything that can be reached on the way, each once: keys, runs, heads, reviews, ends. */
const milestoneCount = tasks.length * 2 + tasks.reduce((sum, task) => sum + task.heads * 2, 0) + tasks.length

function createJourney({ places, seed, kills, progress }: DemoOptions, api: Api): Journey {
  const keys = new Map<TaskName, string>()
  const documents = new Map<TaskName, IssueDocument>()
  const milestones = new Set<string>()
  const strandedSince = new Map<TaskName, number>()
  const person = createPerson(api, places)
  const reviewer = createReviewer(person.isBusy)

  const look = async (): Promise<void> => {
    for (const document of await api.issues()) {
      const task = tasks.find(({ name }) => keys.get(name) === document.key)
      if (task === undefined) continue
      documents.set(task.name, document)
      milestones.add(`${document.key} filed`)
      if (document.run !== null) milestones.add(`${document.key} runs`)
      if (document.pr !== null) milestones.add(`${document.key} head ${document.pr.headSha}`)
      if (hasEnded(task, document)) milestones.add(`${document.key} ended`)
      if (!isStranded(task, document)) strandedSince.delete(task.name)
      else if (!strandedSince.has(task.name)) strandedSince.set(task.name, Date.now())
    }
    progress.show(tasks.map((task) => ({ task, document: documents.get(task.name) })))
  }

  const file = async (): Promise<void> => {
    for (const { name, title, body, blockedBy, parent, filedAfter, links } of tasks) {
      const isDue = filedAfter === null || documents.get(filedAfter)?.pr?.state === 'open'
      if (keys.has(name) || !isDue) continue
      const blockers = blockedBy === null ? {} : { blockedBy: [keys.get(blockedBy)!] }
      const part = parent === null ? {} : { parent: keys.get(parent)! }
      const linked = links.length === 0 ? {} : { links: [...links] }
      keys.set(name, await api.submit({ title, body, project: projectId, ...blockers, ...part, ...linked }, `demo-submit-${name}`))
      await look()
    }
  }

  const review = async (): Promise<void> => {
    for (const due of reviewer.due(documents)) {
      if (!(await api.act(due.key, due.action, due.idempotencyKey))) continue
      reviewer.given(due)
      milestones.add(due.idempotencyKey)
    }
  }

  const isAtEnd = (task: Task): boolean => {
    const document = documents.get(task.name)
    if (document === undefined) return false
    return hasEnded(task, document) || Date.now() - (strandedSince.get(task.name) ?? Infinity) > strandedAfter
  }
  const hasEndedAll = (): boolean => tasks.every(isAtEnd)

  return {
    travel: async (server, signal) => {
      const trouble = new AbortController()
      let isKilling = kills > 0
      const killing = killAt(
        killMoments(seed, kills, milestoneCount),
        {
          milestones: () => milestones.size,
          hasEnded: hasEndedAll,
          kill: async (number) => {
            await server.kill()
            progress.note(`Killed the server (${number} of ${kills})`)
          },
          restart: () => server.start(),
        },
        AbortSignal.any([signal, trouble.signal]),
      ).finally(() => (isKilling = false))
      const broken = rejectionOf(killing)
      try {
        await Promise.race([file(), broken])
        while (isKilling || !hasEndedAll()) {
          await Promise.race([
            look()
              .then(file)
              .then(() => person.act(documents))
              .then(review),
            broken,
          ])
          await wait(40, undefined, { signal })
        }
        await killing
        // The last restart may have brought something up again.
        do await look()
        while (!hasEndedAll() && (await wait(40, true, { signal })))
      } finally {
        trouble.abort()
      }
    },
    issues: () => tasks.flatMap((task) => (documents.has(task.name) ? [{ task, document: documents.get(task.name)! }] : [])),
    waiting: () => tasks.filter((task) => !isAtEnd(task)).map((task) => ({ task, document: documents.get(task.name) })),
  }
}

/** Never resolves: for a race with something that may fail meanwhile. */
function rejectionOf(promise: Promise<unknown>): Promise<never> {
  const rejection = new Promise<never>((_, reject) => void promise.catch(reject))
  rejection.catch(() => {}) // whoever races with it hears of it; between two races nobody does
  return rejection
}

/** What a demo that took too long waited for, with the machine's own explanation of each. */
async function explainWait(places: DemoPlaces, journey: Journey): Promise<string> {
  const texts = journey.waiting().map(async ({ task, document }) => {
    if (document === undefined) return `"${task.title}" was not filed`
    const { stdout } = await signalbox(places, 'explain', document.key)
    return `${document.key} "${task.title}" (${task.story}): ${describeNow(document)}\n${stdout.trimEnd()}`
  })
  return `The demo took too long. It still waited for:\n${(await Promise.all(texts)).map((text) => `- ${text}`).join('\n')}`
}

async function problemsAtEnd({ places, kills }: DemoOptions, issues: readonly EndedIssue[]): Promise<string[]> {
  const problems: string[] = []
  for (const { task, document, timeline } of issues) {
    const own = problemsOf(task, document, timeline, kills > 0)
    if (own.length === 0) continue
    const { stdout } = await signalbox(places, 'explain', document.key)
    problems.push(`${document.key} "${task.title}" (${task.story}): ${own.join('; ')}.\n${stdout.trimEnd()}`)
  }
  return [...problems, ...(await checkAfterwards(places, issues))]
}
