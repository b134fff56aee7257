// The human that the demo plays beside the reviewer: closes, stops, pushes, moves the base, asks for more. Each once, when its moment comes.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import type { Action, IssueDocument } from '../../app.ts'
import { git } from '../../actors/git.ts'
import type { Api } from './api.ts'
import { identity, projectId, type DemoPlaces } from './project.ts'
import type { TaskName } from './tasks.ts'

type Documents = ReadonlyMap<TaskName, IssueDocument>

interface Act {
  isDue: (document: IssueDocument, all: Documents) => boolean
  /** Answers false when it could not be done just now. */
  perform: (document: IssueDocument, key: string) => Promise<boolean>
  /** After the landing: the review is not waited with. */
  isLate?: boolean
}

export interface Person {
  /** Does what is due. */
  act: (documents: Documents) => Promise<void>
  /** Whether something is still to be done to the pull request before it may be approved. */
  isBusy: (task: TaskName) => boolean
}

const isReviewable = ({ pr, run }: IssueDocument): boolean => pr !== null && pr.state === 'open' && pr.checks === 'passed' && run === null
const hasCaughtUp = (document: IssueDocument | undefined): boolean =>
  document !== undefined && document.attempts['branch_upkeep']! > 0 && document.run === null

export function createPerson(api: Api, places: DemoPlaces): Person {
  const ask =
    (action: Action): Act['perform'] =>
    (document, key) =>
      api.act(document.key, action, key)
  /** Waited for, nothing done. */
  const nothing = async (): Promise<boolean> => true

  const plans: Partial<Record<TaskName, readonly Act[]>> = {
    closed: [{ isDue: isReviewable, perform: ask({ action: 'close_pull_request', author: 'reviewer' }) }],
    dismissed: [
      { isDue: isReviewable, perform: ask({ action: 'request_changes', body: 'Is an empty text one word?', author: 'reviewer' }) },
      {
        isDue: ({ pr }) => pr !== null && !['none', 'approved'].includes(pr.review),
        perform: ask({ action: 'dismiss_review', author: 'reviewer' }),
      },
    ],
    stopped: [
      { isDue: ({ run }) => run !== null, perform: ask({ action: 'stop', reason: 'Wait a moment.', author: 'owner' }) },
      {
        isDue: ({ authority, run }) => authority === 'stopped' && run === null,
        perform: ask({ action: 'prompt', text: 'Go on, please.', author: 'owner' }),
      },
    ],
    drifting: [
      { isDue: isReviewable, perform: () => commitToBase(places, 'src/units.ts', inches, 'Know the inch in metres') },
      { isDue: hasCaughtUp, perform: nothing },
    ],
    pushed: [
      {
        isDue: isReviewable,
        perform: async (document, key) => {
          await commitOnHead(
            places,
            document,
            'reviewers-own',
            'docs/about.md',
            '# yardstick\n\nTexts and units.\n',
            'Say it in the docs too',
          )
          return api.act(document.key, { action: 'push', branch: 'reviewers-own', author: 'reviewer' }, key)
        },
      },
    ],
    lower: [
      {
        isDue: (_document, all) => all.get('upper')?.pr?.state === 'open',
        perform: ask({ action: 'push', branch: 'feature/area-2', author: 'owner' }),
      },
      { isDue: (_document, all) => hasCaughtUp(all.get('upper')), perform: nothing },
    ],
    more: [
      {
        isDue: ({ phase, pr }) => phase === 'done' && pr?.state === 'merged',
        perform: ask({ action: 'prompt', text: 'Say goodbye too.', author: 'owner' }),
        isLate: true,
      },
    ],
  }
  const done = new Map<TaskName, number>()
  const next = (task: TaskName): Act | undefined => plans[task]?.[done.get(task) ?? 0]

  return {
    isBusy: (task) => next(task) !== undefined && next(task)!.isLate !== true,
    async act(documents) {
      for (const [task, document] of documents) {
        const act = next(task)
        if (act === undefined || !act.isDue(document, documents)) continue
        const number = done.get(task) ?? 0
        if (await act.perform(document, `demo-person-${task}-${number}`)) done.set(task, number + 1)
      }
    },
  }
}

const inches = `
export function inches(value: number): number {
  return value / metres.inch
}
`

/** A commit of a person on the checked-out base branch; false when git is busy there. */
async function commitToBase({ project }: DemoPlaces, path: string, addition: string, message: string): Promise<boolean> {
  const options = { cwd: project, env: identity, allow: [0, 1, 128] }
  const { stdout } = await git(['log', '--format=%s', `--grep=^${message}$`], options)
  if (stdout.trim() !== '') return true
  const file = join(project, path)
  const { stdout: before } = await git(['show', `HEAD:${path}`], options)
  await writeFile(file, before + addition)
  const { exitCode } = await git(['commit', '--quiet', '--message', message, '--', path], options)
  return exitCode === 0
}

/** A branch of the person's own with a commit on top of the pull request's head, made without touching the checkout. */
async function commitOnHead(
  { project, state }: DemoPlaces,
  document: IssueDocument,
  branch: string,
  path: string,
  content: string,
  message: string,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-demo-person-'))
  try {
    const source = join(state, 'repos', `${projectId}.git`)
    const head = document.pr!.headSha
    await git(['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', source, `refs/heads/${document.branch}`], { cwd: project })
    const env = { ...identity, GIT_INDEX_FILE: join(folder, 'index') }
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
    await git(['read-tree', head], { cwd: project, env })
    const { stdout: blob } = await git(['hash-object', '-w', join(folder, path)], { cwd: project })
    await git(['update-index', '--add', '--cacheinfo', `100644,${blob.trim()},${path}`], { cwd: project, env })
    const { stdout: tree } = await git(['write-tree'], { cwd: project, env })
    const { stdout: commit } = await git(['commit-tree', tree.trim(), '-p', head, '-m', message], { cwd: project, env })
    await git(['update-ref', `refs/heads/${branch}`, commit.trim()], { cwd: project })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
