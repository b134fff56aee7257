// Several changes on their way through one landing queue at once, with real repositories and a real server. The check command is
// what gives the moment: it notes each merge that it tests and holds it until the test lets it go.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, plainWork, until, type World } from './harness.ts'

const work = `if [ "$SIGNALBOX_RUN_TYPE" = queue_repair ]; then exit 1; fi\n${plainWork}`

/** Notes the number of each merge under test, holds it, and fails where a file of the project says so. */
const check = (folder: string, id: string): string =>
  `title=$(git log -1 --format=%s)
   case "$title" in
     'Merge #'*) n=$(echo "$title" | sed 's/^Merge #\\([0-9]*\\).*/\\1/')
                 echo "$n" >> "${folder}/${id}.tests"
                 while [ -e "${folder}/${id}.hold-$n" ]; do sleep 0.05; done
                 if [ -e "${folder}/${id}.red" ] && [ -e "$(cat "${folder}/${id}.red")" ]; then exit 1; fi;;
   esac`

async function createTrains(ids: Record<string, object>): Promise<World> {
  // As many checks at once as all the trains together: each test holds its own.
  const world = createWorld({ limits: { checks: 64 }, projects: Object.keys(ids).map((id) => ({ id, budgets: { queue_repair: 1 } })) })
  const configuration = JSON.parse(readFileSync(world.config, 'utf8')) as { projects: { id: string; ci: unknown; landing: unknown }[] }
  for (const project of configuration.projects) {
    Object.assign(project, { ci: { command: check(world.folder, project.id) }, landing: ids[project.id] })
  }
  writeFileSync(world.config, JSON.stringify(configuration))
  await world.start()
  return world
}

const hold = (world: World, project: string, ...numbers: number[]): void =>
  numbers.forEach((number) => writeFileSync(join(world.folder, `${project}.hold-${number}`), ''))
const release = (world: World, project: string, ...numbers: number[]): void =>
  numbers.forEach((number) => rmSync(join(world.folder, `${project}.hold-${number}`)))
const tests = (world: World, project: string): number[] => {
  const file = join(world.folder, `${project}.tests`)
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
}
const untilTested = (world: World, project: string, ...numbers: number[]): Promise<void> =>
  until(() => JSON.stringify(tests(world, project).slice(-numbers.length)) === JSON.stringify(numbers), {
    ...{ what: `${project} to test ${numbers.join(', ')}`, saw: () => tests(world, project).join(' '), patience: 40_000 },
  })
/** Files an issue, and waits until its merge is under test. */
async function submitUnderTest(world: World, project: string, number: number): Promise<string> {
  hold(world, project, number)
  const key = await world.submit(work, { project })
  await untilTested(world, project, number)
  return key
}
/** The merges on the base, oldest first, along first parents. */
async function landed(world: World, project: string): Promise<number[]> {
  const titles = await world.asUser(['log', '--first-parent', '--reverse', '--format=%s', 'main'], project)
  return [...titles.matchAll(/^Merge #(\d+): /gm)].map(([, number]) => Number(number))
}

describe.concurrent('changes in one landing queue', () => {
  let world: World
  beforeAll(async () => {
    world = await createTrains({ row: {}, red: {}, urgent: { depth: 2 }, gone: {}, moved: {}, single: { depth: 1 } })
  })
  afterAll(async () => {
    await world.close()
  })

  it('are tested at once and land in order, each as the commit that was tested', { timeout: 90_000 }, async () => {
    const keys: string[] = []
    for (const number of [1, 2, 3]) keys.push(await submitUnderTest(world, 'row', number))
    release(world, 'row', 3, 2)
    expect(await landed(world, 'row')).toEqual([])
    release(world, 'row', 1)
    for (const key of keys) expect((await world.untilIssue(key, 'done')).attempts).toMatchObject({ queue_repair: 0 })
    expect(await landed(world, 'row')).toEqual([1, 2, 3])
    expect(tests(world, 'row')).toEqual([1, 2, 3])
    expect(
      (await world.asUser(['log', '--first-parent', '-3', '--format=%P', 'main'], 'row')).split('\n').map((line) => line.split(' ').length),
    ).toEqual([2, 2, 2])
    expect(await world.asUser(['status', '--porcelain'], 'row')).toBe('')
  })

  it('land without the one whose checks fail, and what stood on it is rebuilt', { timeout: 90_000 }, async () => {
    const first = await submitUnderTest(world, 'red', 1)
    const second = await submitUnderTest(world, 'red', 2)
    const third = await submitUnderTest(world, 'red', 3)
    writeFileSync(join(world.folder, 'red.red'), `${second}.txt`)
    release(world, 'red', 2)
    await untilTested(world, 'red', 1, 2, 3, 3)
    release(world, 'red', 3, 1)
    for (const key of [first, third]) await world.untilIssue(key, 'done')
    const given = await world.untilIssue(second, 'escalated')
    expect(given.attempts).toMatchObject({ queue_repair: 1 })
    expect(await landed(world, 'red')).toEqual([1, 3])
    expect(await world.asUser(['ls-tree', '--name-only', 'main'], 'red')).not.toContain(`${second}.txt`)
    expect(tests(world, 'red')).toEqual([1, 2, 3, 3])
  })

  it('go in front of those that are not begun when they are urgent, and of nobody else', { timeout: 90_000 }, async () => {
    const keys = [await submitUnderTest(world, 'urgent', 1), await submitUnderTest(world, 'urgent', 2)]
    keys.push(await world.submit(work, { project: 'urgent' }))
    await world.untilIssue(keys[2]!, 'awaiting_queue')
    keys.push(await world.submit(work, { project: 'urgent', priority: 1 }))
    await world.untilIssue(keys[3]!, 'awaiting_queue')
    release(world, 'urgent', 1, 2)
    for (const key of keys) await world.untilIssue(key, 'done')
    // Each is tested once; checks that start together may note it in either order.
    expect([await landed(world, 'urgent'), tests(world, 'urgent').toSorted()]).toEqual([
      [1, 2, 4, 3],
      [1, 2, 3, 4],
    ])
  })

  it('are rebuilt without the first when that is stopped, and land', { timeout: 90_000 }, async () => {
    const first = await submitUnderTest(world, 'gone', 1)
    const others = [await submitUnderTest(world, 'gone', 2), await submitUnderTest(world, 'gone', 3)]
    release(world, 'gone', 3)
    await world.act(first, { action: 'stop' })
    await until(() => tests(world, 'gone').length === 5, { what: 'both to be tested again', saw: () => tests(world, 'gone').join(' ') })
    release(world, 'gone', 2)
    for (const key of others) await world.untilIssue(key, 'done')
    expect(await landed(world, 'gone')).toEqual([2, 3])
    release(world, 'gone', 1)
  })

  it('are all rebuilt when somebody else moves the base, and no attempt is spent', { timeout: 90_000 }, async () => {
    const keys = [await submitUnderTest(world, 'moved', 1), await submitUnderTest(world, 'moved', 2)]
    await world.commitAsUser('theirs.txt', 'mine\n', 'moved')
    release(world, 'moved', 1, 2)
    for (const key of keys) expect((await world.untilIssue(key, 'done')).attempts).toMatchObject({ implementation: 1, queue_repair: 0 })
    // Two checks that start together may note it in either order.
    expect([await landed(world, 'moved'), tests(world, 'moved').toSorted()]).toEqual([
      [1, 2],
      [1, 1, 2, 2],
    ])
  })

  it('are tested one after the other with a depth of 1', { timeout: 90_000 }, async () => {
    const first = await submitUnderTest(world, 'single', 1)
    const second = await world.submit(work, { project: 'single' })
    await world.untilIssue(second, 'awaiting_queue')
    expect(tests(world, 'single')).toEqual([1])
    release(world, 'single', 1)
    for (const key of [first, second]) await world.untilIssue(key, 'done')
    expect(await landed(world, 'single')).toEqual([1, 2])
  })
})

describe('a kill in the middle', () => {
  it('has the three under test tested again where they stand, and landed in order', { timeout: 120_000 }, async () => {
    const world = await createTrains({ app: {} })
    try {
      const keys: string[] = []
      for (const number of [1, 2, 3]) keys.push(await submitUnderTest(world, 'app', number))
      await world.stop('SIGKILL')
      release(world, 'app', 1, 2, 3)
      await world.start()
      for (const key of keys) await world.untilIssue(key, 'done')
      expect(await landed(world, 'app')).toEqual([1, 2, 3])
      expect(tests(world, 'app').toSorted()).toEqual([1, 1, 2, 2, 3, 3])
    } finally {
      await world.close()
    }
  })

  it('between landings neither loses one nor lands one twice', { timeout: 120_000 }, async () => {
    const world = await createTrains({ app: {} })
    try {
      const keys: string[] = []
      for (const number of [1, 2, 3]) keys.push(await submitUnderTest(world, 'app', number))
      release(world, 'app', 3, 2, 1)
      await until(async () => (await landed(world, 'app')).length > 0, { what: 'the first landing', patience: 20_000 })
      await world.stop('SIGKILL')
      await world.start()
      for (const key of keys) await world.untilIssue(key, 'done')
      expect(await landed(world, 'app')).toEqual([1, 2, 3])
    } finally {
      await world.close()
    }
  })
})
