// What an agent is given of an issue besides its text.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createBench, factsOf, type Bench } from './fixture.ts'

const png = Buffer.from('89504e470d0a1a0a', 'hex')

async function upload(bench: Bench, bytes: Buffer, contentType = 'image/png'): Promise<string> {
  const url = `${bench.twin.url}/uploads/${bench.workspace.id}/${Math.random()}`
  const stored = await fetch(url, { method: 'PUT', headers: { 'content-type': contentType }, body: new Uint8Array(bytes) })
  expect(stored.status).toBe(200)
  return url
}

function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-images-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'attachments')
}

async function begin(description: string | ((bench: Bench) => Promise<string>) = 'Text') {
  const guidance = [{ body: 'Write tests.' }, { body: 'Use tabs.', team: 'ENG' }]
  const bench = await createBench({ twin: { workspaces: [{ name: 'acme', guidance }] } })
  const ann = bench.workspace.as('alice')
  const text = typeof description === 'string' ? description : await description(bench)
  const issue = ann.createIssue({ title: 'An issue', description: text, estimate: 3, dueDate: '2030-01-31' })
  ann.delegate(issue)
  await bench.told()
  return {
    bench,
    ann,
    issue,
    folder: folderOfTest(),
    context: (folder: string, fetches = true) => bench.tracker.promptContext({ issue: issue.id, folder, fetches }),
    downloads: () => bench.twin.requests.filter(({ path, operation }) => path.startsWith('/uploads/') && operation === undefined).length,
  }
}

describe('the context of a prompt', () => {
  test('has guidance with its origin, what people have said, and the issue’s estimate and date', async () => {
    const { bench, ann, issue, folder, context } = await begin()
    ann.comment(issue, 'First')
    bench.workspace.as('bob').comment(issue, 'Second')
    ann.prompt(bench.workspace.sessions(issue)[0]!, 'In the session')
    await bench.tracker.comment(issue.id, 'Our own')
    const { guidance, comments, attachments, estimate, dueDate } = await context(folder)
    expect(guidance).toEqual(
      expect.arrayContaining([
        { origin: 'the workspace', body: 'Write tests.' },
        { origin: bench.workspace.team('ENG').name, body: 'Use tabs.' },
      ]),
    )
    expect(comments.map(({ author, body }) => [author, body])).toEqual([
      ['Alice', 'First'],
      ['Bob', 'Second'],
      ['Alice', 'In the session'],
    ])
    expect(comments[0]!.at).toBeLessThanOrEqual(Date.now())
    expect([attachments, estimate, dueDate]).toEqual([[], 3, '2030-01-31'])
    expect(existsSync(folder)).toBe(false)
  })

  test('has what was said in a session, though nobody has told us of it (edge 335)', async () => {
    const { bench, ann, issue, folder, context } = await begin()
    bench.twin.app.webhookUrl = undefined
    ann.prompt(bench.workspace.sessions(issue)[0]!, 'In English, please.')
    const { comments } = await context(folder)
    expect(comments.map(({ author, body }) => [author, body])).toEqual([['Alice', 'In English, please.']])
  })

  test.each([
    ['issue', 'session', ['Issue', 'AgentSessionEvent']],
    ['session', 'issue', ['AgentSessionEvent', 'Issue']],
  ])('F02: has the guidance whichever comes first, here the %s before the %s', async (_first, _second, order) => {
    const bench = await createBench({ twin: { workspaces: [{ name: 'acme', guidance: [{ body: 'Write tests.' }] }] } })
    const ann = bench.workspace.as('alice')
    const issue = ann.createIssue('An issue')
    ann.delegate(issue)
    const deliveries = await bench.deliveries()
    const sorted = order.map((event) => deliveries.findLast((delivery) => delivery.event === event)!)
    const told = []
    for (const delivery of sorted) {
      await bench.tracker.inlet.acknowledge!(delivery)
      told.push(...(await bench.tracker.inlet.read(delivery)))
      // What is said meanwhile finds the session by asking, without what is told with its opening.
      const report = { project: 'app', issue: issue.id, key: 'ENG-1', kind: 'state', phase: 'implementing', text: 'On it' } as const
      await bench.tracker.report(report, `after ${delivery.event}`)
    }
    expect(factsOf(told, 'tracker.delegated').length).toBeGreaterThan(0)
    expect(factsOf(told, 'tracker.prompted')).toEqual([])
    const { guidance } = await bench.tracker.promptContext({ issue: issue.id, folder: folderOfTest(), fetches: true })
    expect(guidance).toEqual([{ origin: 'the workspace', body: 'Write tests.' }])
  })

  test('has every comment, however many, the newest ones where there are very many', async () => {
    const { ann, issue, folder, context } = await begin()
    for (let count = 0; count < 130; count++) ann.comment(issue, `Comment ${count}`)
    const { comments, leftOut } = await context(folder)
    expect([comments.length, comments.at(0)!.body, comments.at(-1)!.body]).toEqual([100, 'Comment 30', 'Comment 129'])
    expect(leftOut).toEqual({ comments: 30, files: 0 })
  })

  test('has images of text, comments and attachments as files, fetched with our token', async () => {
    const { bench, ann, issue, folder, context } = await begin(async (made) => `See ![a picture](${await upload(made, png)})`)
    ann.comment(issue, `And ![](${await upload(bench, png, 'image/jpeg')} "title")`)
    ann.attach(issue, { url: await upload(bench, png), title: 'Attached' })
    ann.attach(issue, { url: 'https://docs.example/spec', title: 'Specification' })
    const { attachments } = await context(folder)
    expect(attachments.map(({ title, path }) => [title, path?.split('.').at(-1) ?? null])).toEqual([
      ['a picture', 'png'],
      ['image', 'jpg'],
      ['Attached', 'png'],
      ['Specification', null],
    ])
    for (const { path } of attachments.filter((one) => one.path !== null)) {
      expect(path!.startsWith(`${folder}/`)).toBe(true)
      expect(readFileSync(path!)).toEqual(png)
      expect(statSync(path!).mode & 0o777).toBe(0o600)
    }
  })

  test('gives our token to nobody but Linear, and goes without what is too large, no image, or cannot be had', async () => {
    const asked: (string | undefined)[] = []
    const stranger = createServer((request, response) => {
      asked.push(request.headers.authorization)
      response.writeHead(200, { 'content-type': 'image/png' }).end(png)
    })
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void stranger.close())
    const foreign = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/a.png`
    const { bench, ann, issue, folder, context } = await begin(`![foreign](${foreign})`)
    ann.attach(issue, { url: await upload(bench, Buffer.alloc(10 * 1024 * 1024 + 1)), title: 'Too large' })
    ann.attach(issue, { url: await upload(bench, Buffer.from('<html>'), 'text/html'), title: 'No image' })
    ann.attach(issue, { url: `${bench.twin.url}/uploads/a/b`, title: 'Missing' })
    const { attachments, leftOut } = await context(folder)
    expect(attachments.map(({ path }) => path)).toEqual([null, null, null, null])
    // The one that is too large, and the one that is missing.
    expect(leftOut.files).toBe(2)
    expect(asked).toEqual([])
    expect(bench.logged.some((line) => line.includes('An image could not be fetched'))).toBe(true)
  })

  test('has twenty images at most', async () => {
    const { folder, context } = await begin(async (bench) => {
      const urls = await Promise.all(Array.from({ length: 22 }, () => upload(bench, png)))
      return urls.map((url) => `![x](${url})`).join('\n')
    })
    const { attachments, leftOut } = await context(folder)
    expect(attachments.map(({ path }) => path !== null)).toEqual([...Array.from({ length: 20 }, () => true), false, false])
    expect(leftOut.files).toBe(2)
  })

  test('does not wait for images that nobody answers with: neither longer than for all together, nor for more than twenty', async () => {
    const { bench, issue, folder } = await begin((made) =>
      Promise.resolve(Array.from({ length: 40 }, (_, n) => `![x](${made.twin.url}/uploads/a/${n})`).join('\n')),
    )
    const isDownload = ({ path }: { path: string }) => path.startsWith('/uploads/')
    bench.twin.faults.add({ match: isDownload, times: 100, status: 'timeout' })
    // Each of them would be waited for a quarter of a minute.
    const tracker = bench.reopen({}, { patience: 400 })
    const started = performance.now()
    const { attachments, leftOut } = await tracker.promptContext({ issue: issue.id, folder, fetches: true })
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(attachments.filter(({ path }) => path !== null)).toEqual([])
    expect(leftOut.files).toBe(40)
    expect(bench.twin.requests.filter(isDownload).length).toBeLessThanOrEqual(20)
    expect(bench.logged.filter((line) => line.includes('The time for its images is over'))).toHaveLength(1)
  })

  test('has the others where one is not answered', async () => {
    const { bench, issue, folder } = await begin(async (made) => {
      const urls = await Promise.all(Array.from({ length: 8 }, () => upload(made, png)))
      return [`${made.twin.url}/uploads/a/hangs`, ...urls].map((url) => `![x](${url})`).join('\n')
    })
    bench.twin.faults.add({ match: ({ path }) => path === '/uploads/a/hangs', times: 100, status: 'timeout' })
    const tracker = bench.reopen({}, { patience: 3_000 })
    const { attachments, leftOut } = await tracker.promptContext({ issue: issue.id, folder, fetches: true })
    expect(attachments.map(({ path }) => path !== null)).toEqual([false, ...Array.from({ length: 8 }, () => true)])
    expect(leftOut.files).toBe(1)
  })

  test('fetches no image a second time, and none where none is asked for', async () => {
    const { ann, bench, issue, folder, context, downloads } = await begin(async (made) => `![x](${await upload(made, png)})`)
    const before = downloads()
    expect((await context(folder, false)).attachments[0]!.path).toBeNull()
    expect((await context(folder, false)).leftOut.files).toBe(1)
    expect(downloads()).toBe(before)
    const { path } = (await context(folder)).attachments[0]!
    expect(downloads()).toBe(before + 1)
    ann.comment(issue, `And ![](${await upload(bench, png)})`)
    const asked = downloads()
    const { attachments, leftOut } = await context(folder, false)
    expect([attachments.map((one) => one.path), leftOut.files]).toEqual([[path, null], 1])
    expect(downloads()).toBe(asked)
    expect((await context(folder)).attachments.map((one) => one.path)).toEqual([path, expect.stringContaining(folder)])
    expect(downloads()).toBe(asked + 1)
  })

  test('has an image also where the token has ended meanwhile', async () => {
    const { bench, folder, context } = await begin(async (made) => `![x](${await upload(made, png)})`)
    bench.twin.faults.add({ match: ({ path }) => path.startsWith('/uploads/'), status: 401 })
    expect((await context(folder)).attachments[0]!.path).not.toBeNull()
  })
})
