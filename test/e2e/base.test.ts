// The user works on the base branch while a change is about to land on it (interface.md §6). The check command is what gives the
// moment: it holds the landing test until the user has done it.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { git } from '../../src/actors/git.ts'
import { createWorld, plainWork, until, type World } from './harness.ts'

let world: World

/** Holds each check of a merge for as long as the test wants, and counts them. */
const holdingCheck = (folder: string, id: string): string =>
  `case "$(git log -1 --format=%s)" in
     Merge*) printf x >> "${folder}/${id}.testing"; n=$(wc -c < "${folder}/${id}.testing")
             while [ -e "${folder}/${id}.hold-$n" ]; do sleep 0.05; done;;
   esac
   echo checked >> "${folder}/${id}.checks"`

beforeAll(async () => {
  world = createWorld({
    projects: ['moved', 'rewound', 'undone', 'dirty', 'touched', 'locked', 'held', 'unattended', 'busy', 'elsewhere', 'merged'].map(
      (id) => ({ id }),
    ),
  })
  const configuration = JSON.parse(readFileSync(world.config, 'utf8')) as { projects: { id: string; ci: unknown }[] }
  for (const project of configuration.projects) project.ci = { command: holdingCheck(world.folder, project.id) }
  writeFileSync(world.config, JSON.stringify(configuration))
  await world.start()
})

afterAll(async () => {
  await world.close()
})

/** Files an issue, and does what `interferences` say, each during one test of its merge. */
async function whileLanding(project: string, ...interferences: ((key: string) => Promise<void>)[]): Promise<string> {
  const testing = join(world.folder, `${project}.testing`)
  const hold = (test: number): string => join(world.folder, `${project}.hold-${test}`)
  interferences.forEach((_, index) => writeFileSync(hold(index + 1), ''))
  const key = await world.submit(plainWork, { project })
  for (const [index, interfere] of interferences.entries()) {
    const isTesting = (): boolean => existsSync(testing) && readFileSync(testing, 'utf8').length > index
    await until(isTesting, { what: `merge ${index + 1} of ${key} to be tested`, patience: 30_000 })
    await interfere(key)
    rmSync(hold(index + 1))
  }
  return key
}

const log = (project: string): Promise<string> => world.asUser(['log', '--format=%s', 'main'], project)

describe.concurrent('while a landing is tested, the user', () => {
  it('commits to the base: the merge is made and tested again, on top, and no attempt is spent', async () => {
    const key = await whileLanding('moved', async () => void (await world.commitAsUser('theirs.txt', 'mine\n', 'moved')))
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 0 })
    expect(await log('moved')).toMatch(/^Merge #1: /)
    expect(await world.asUser(['show', 'main:theirs.txt'], 'moved')).toBe('mine')
    expect(await world.asUser(['show', 'main^1:theirs.txt'], 'moved')).toBe('mine')
    expect(readFileSync(join(world.folder, 'moved.checks'), 'utf8').trim().split('\n').length).toBe(3)
    expect(await world.asUser(['status', '--porcelain'], 'moved')).toBe('')
  })

  it('rewinds the base behind what the change started from: nothing is merged twice, and no attempt is spent', async () => {
    await world.commitAsUser('regretted.txt', 'oh\n', 'rewound')
    const key = await whileLanding('rewound', async () => void (await world.asUser(['reset', '--hard', '--quiet', 'HEAD~1'], 'rewound')))
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 0 })
    expect(await world.asUser(['show', `main:${key}.txt`], 'rewound')).toBe(key)
    expect(await world.asUser(['log', '--first-parent', '--format=%s', 'main'], 'rewound')).toBe(
      `Merge #1: The issue ${key} (${key})\nThe start`,
    )
    expect(await world.asUser(['status', '--porcelain'], 'rewound')).toBe('')
  })

  it('takes back a commit that the change does not rest on: it is gone, and the change lands on what is there', async () => {
    const key = await whileLanding(
      'undone',
      async () => void (await world.commitAsUser('first.txt', 'first\n', 'undone')),
      async () => {
        await world.asUser(['reset', '--hard', '--quiet', 'HEAD~1'], 'undone')
        await world.commitAsUser('second.txt', 'second\n', 'undone')
      },
    )
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 0 })
    expect(await world.asUser(['ls-tree', '--name-only', 'main'], 'undone')).toBe(
      ['README.md', `${key}.txt`, 'notes.txt', 'second.txt'].join('\n'),
    )
    // The mirror follows the landing, which is told first: a kill between the two must not forget it.
    const mirror = join(world.data, 'repos', 'undone.git')
    const landed = await world.asUser(['rev-parse', 'main'], 'undone')
    const follows = async (): Promise<boolean> => (await git(['rev-parse', 'refs/heads/main'], { cwd: mirror })).stdout.trim() === landed
    await until(follows, { what: 'the mirror to have what landed', saw: world.log })
  })

  it('has an unrelated file dirty and another untracked: both stay as they are', async () => {
    const key = await whileLanding('dirty', async () => {
      writeFileSync(join(world.repo('dirty'), 'notes.txt'), 'half a thought\n')
      writeFileSync(join(world.repo('dirty'), 'scratch.txt'), 'untracked\n')
    })
    await world.untilIssue(key, 'done')
    expect(readFileSync(join(world.repo('dirty'), 'notes.txt'), 'utf8')).toBe('half a thought\n')
    expect(readFileSync(join(world.repo('dirty'), 'scratch.txt'), 'utf8')).toBe('untracked\n')
    expect(readFileSync(join(world.repo('dirty'), `${key}.txt`), 'utf8')).toBe(`${key}\n`)
    expect(await world.asUser(['status', '--porcelain'], 'dirty')).toBe('M notes.txt\n?? scratch.txt')
  })

  it.each([
    [
      'has the very file dirty that the change touches',
      'touched',
      (repo: string, key: string) => writeFileSync(join(repo, `${key}.txt`), 'in the way\n'),
      (repo: string, key: string) => rmSync(join(repo, `${key}.txt`)),
      /TOUCHED-1\.txt/,
    ],
    [
      'holds the lock of the index',
      'locked',
      (repo: string) => writeFileSync(join(repo, '.git', 'index.lock'), ''),
      (repo: string) => rmSync(join(repo, '.git', 'index.lock')),
      /index\.lock/,
    ],
    [
      'holds the lock of the branch',
      'held',
      (repo: string) => writeFileSync(join(repo, '.git', 'refs', 'heads', 'main.lock'), ''),
      (repo: string) => rmSync(join(repo, '.git', 'refs', 'heads', 'main.lock')),
      /main\.lock/,
    ],
    [
      'holds the lock of the branch, which is not checked out',
      'unattended',
      (repo: string) => {
        writeFileSync(join(repo, '.git', 'HEAD'), 'ref: refs/heads/elsewhere\n')
        writeFileSync(join(repo, '.git', 'refs', 'heads', 'main.lock'), '')
      },
      (repo: string) => rmSync(join(repo, '.git', 'refs', 'heads', 'main.lock')),
      /main\.lock/,
    ],
    [
      'is in the middle of a merge',
      'busy',
      (repo: string) => writeFileSync(join(repo, '.git', 'MERGE_HEAD'), readFileSync(join(repo, '.git', 'refs', 'heads', 'main'), 'utf8')),
      (repo: string) => rmSync(join(repo, '.git', 'MERGE_HEAD')),
      /merge/,
    ],
  ])('%s: the issue waits for a human with the reason, and lands by itself afterwards', async (_title, project, block, clear, reason) => {
    const repo = world.repo(project)
    const key = world.nextKey(project)
    const before = await world.asUser(['rev-parse', 'main'], project)
    await whileLanding(project, async () => block(repo, key))
    const waiting = await world.untilIssue(key, ({ waitsFor }) => waitsFor.some(({ party }) => party === 'human'))
    expect(waiting.phase).toBe('awaiting_queue')
    expect(waiting.waitsFor.map((each) => each.reason).join('\n')).toMatch(reason)
    expect(await world.asUser(['rev-parse', 'main'], project)).toBe(before)
    clear(repo, key)
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 0 })
  })

  it('checks out another branch: the base moves, the work tree does not', async () => {
    const key = await whileLanding('elsewhere', async () => void (await world.asUser(['checkout', '--quiet', '-b', 'topic'], 'elsewhere')))
    await world.untilIssue(key, 'done')
    expect(await log('elsewhere')).toMatch(/^Merge #1: /)
    expect(existsSync(join(world.repo('elsewhere'), `${key}.txt`))).toBe(false)
    expect(await world.asUser(['status', '--porcelain'], 'elsewhere')).toBe('')
  })
  it('merges the very change by hand: the landing is found made, and nothing is merged twice', async () => {
    const key = await whileLanding('merged', async (landing) => {
      const { pr } = await world.issue(landing)
      await world.asUser(['fetch', '--quiet', join(world.data, 'repos', 'merged.git'), pr!.headSha], 'merged')
      await world.asUser(['merge', '--quiet', '--no-ff', '--message', 'Merged by hand', pr!.headSha], 'merged')
    })
    const done = await world.untilIssue(key, 'done')
    expect(done.pr).toMatchObject({ state: 'merged' })
    expect((await log('merged')).split('\n')[0]).toBe('Merged by hand')
    expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 0 })
  })
})
