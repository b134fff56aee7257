import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { phases } from '../../src/machines/vocabulary.ts'
import type { Server } from '../../src/server/server.ts'
import { type Browser, chromium, openBrowser, type Page } from './chromium.ts'
import { ask, post, start, token, patience } from './harness.ts'
import { asks, createWorld, endless, forgeTells, oneCommit, sharedWorld, type World } from './world.ts'

const question = 'Should the export use a comma or a semicolon as separator? German spreadsheets expect a semicolon.'
const titles = [
  'Export invoices as CSV',
  'Retry webhooks with backoff',
  'Show the time zone in reports',
  'Remove the legacy parser',
  'Cache the price list for a minute',
]
const { opened, passed, approved, red, changesRequested, evicted, closed, merged } = forgeTells
const situations = [
  [],
  [opened],
  [opened, changesRequested],
  [opened, red],
  [opened, passed, approved],
  [opened, passed, approved, evicted],
  [opened, closed],
  [opened, passed, approved, merged],
]

/** Four issues that agents have worked on, and two in each phase that the forge's word alone leads to. */
const world = sharedWorld(
  { projects: ['app', 'two'], settings: { two: { budgets: { ci_repair: 0 } } }, activeRuns: 2 },
  async ({ app, file, fileMany, until }) => {
    await file({ title: titles[0] }, asks(question))
    await until('APP-1', (issue) => issue.question !== null)
    await file({ title: titles[1] }, oneCommit)
    await until('APP-2', ({ pr }) => pr?.checks === 'passed')
    for (const n of [3, 4]) {
      await file({ title: titles[n]! }, endless)
      await until(`APP-${n}`, ({ run }) => run?.phase === 'working')
    }
    const seeds = [...situations, ...situations].map((facts, n) => ({ submission: { title: titles[n % titles.length]! }, facts }))
    const unaffordable = { submission: { title: titles[0]!, project: 'two' }, facts: [opened, red] }
    await fileMany([...seeds, unaffordable, { submission: { title: 'The last' } }])
    await app.act('APP-5', { action: 'close', as: 'failed' })
  },
)

const folder = new URL('../../inspector/', import.meta.url)
const files = readdirSync(folder)

test('the page and all it loads are served, and nothing else of the disk', async () => {
  const server = await start(world().app)
  const page = await ask(server, 'GET', '/')
  expect(page).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  })
  for (const name of files.filter((file) => file !== 'index.html'))
    expect(await ask(server, 'GET', `/${name}`)).toMatchObject({ status: 200 })
  const store = await ask(server, 'GET', '/vendor/xstate-store.js')
  expect(store.headers['content-type']).toBe('text/javascript; charset=utf-8')
  for (const [, path] of store.text.matchAll(/from '\.\/([^']+)'/g)) expect((await ask(server, 'GET', `/vendor/${path}`)).status).toBe(200)
  for (const path of [
    '/package.json',
    '/vendor/xstate-store-persist.js',
    '/%2e%2e/package.json',
    '/..%2fpackage.json',
    '/inspector/main.js',
  ]) {
    expect((await ask(server, 'GET', path)).status).toBe(404)
  }
})

test('the page may run its own files alone: no inline script, no other origin, no frame', async () => {
  const server = await start(world().app)
  const { headers, text } = await ask(server, 'GET', '/')
  const policy = String(headers['content-security-policy'])
  expect(policy).toMatch(/^default-src 'none'; script-src 'self' 'sha256-[\w+/]{43}='; style-src 'self';/)
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
  expect(text.match(/<script(?! type="importmap">| type="module" src=)/g)).toBeNull()
  expect(text).not.toMatch(/ style=| on\w+=/)
})

test('a file that the browser has is not sent again', async () => {
  const server = await start(world().app)
  const { headers } = await ask(server, 'GET', '/main.js')
  expect(await ask(server, 'GET', '/main.js', { headers: { 'if-none-match': String(headers['etag']) } })).toMatchObject({
    status: 304,
    text: '',
  })
})

test('no state of the lifecycle is spelt in the page: the machine tells them', () => {
  const words = phases.filter((phase) => !['delegated', 'done', 'failed'].includes(phase))
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8')
    expect(words.filter((word) => new RegExp(`\\b${word}\\b`).test(text)).map((word) => `${file}: ${word}`)).toEqual([])
  }
})

describe.skipIf(chromium === undefined)('in a browser (skipped where no chromium is installed)', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  }, 30_000)
  afterAll(() => browser?.close())

  const countOf = ({ app }: World): number => app.issues().issues.length

  async function signedIn(of: World = world()): Promise<{ server: Server; page: Page }> {
    const server = await start(of.app)
    const page = await browser.newPage()
    await page.resize(1280, 900)
    await page.open((await post(server, '/api/session-links', {})).body.url)
    await page.until(`document.querySelectorAll('.row').length === ${countOf(of)}`)
    return { server, page }
  }

  const isLive = `document.querySelector('#connection').textContent === 'Live'`
  const go = (page: Page, key: string) => page.read(`location.hash = ${JSON.stringify(`#/issues/${encodeURIComponent(key)}`)}, 1`)
  const keysIn = (page: Page, phase: string): Promise<string[]> =>
    page.read(
      `[...document.querySelectorAll('.group')].filter((group) => group.querySelector('h2').textContent === ${JSON.stringify(phase)}).flatMap((group) => [...group.querySelectorAll('.key')].map((key) => key.textContent))`,
    )
  const keysOf = (phase: string): string[] =>
    world()
      .app.issues({ phase })
      .issues.map(({ key }) => key)
      .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))

  test('a link signs in, the board shows every issue by phase in the order of the machine, and nothing complains', async () => {
    const { page } = await signedIn()
    expect(await page.read('location.search + location.hash')).toBe('')
    expect(await page.read(`[...document.querySelectorAll('.group:not([hidden]) h2')].map((title) => title.textContent)`)).toEqual([
      'Delegated',
      'Implementing',
      'PR open',
      'Changes requested',
      'Repairing CI',
      'Awaiting queue',
      'Repairing queue',
      'Awaiting input',
      'Escalated',
      'Failed',
      'Done',
    ])
    expect(await keysIn(page, 'Implementing')).toEqual(['APP-3', 'APP-4'])
    expect(await keysIn(page, 'Done')).toEqual(keysOf('done'))
    expect(page.complaints).toEqual([])
  })

  test('an update draws its own row again and no other, and moves it when its phase has changed', async () => {
    const { app, file } = world()
    const key = await file()
    const { id } = app.issue(key)
    const { page } = await signedIn()
    await page.until(isLive)
    await page.read(`document.querySelectorAll('.row').forEach((row) => { row.mark = true }), 1`)
    const row = `document.querySelector('[data-id="${id}"]')`
    expect(await page.read(`${row}.querySelector('.waits').innerText`)).toMatch(/^Human/)
    await app.act(key, { action: 'delegate' })
    await page.until(`/^Capacity/.test(${row}.querySelector('.waits').innerText)`)
    expect(await page.read(`[...document.querySelectorAll('.row')].filter((row) => !row.mark).map((row) => row.dataset.id)`)).toEqual([id])
    await app.act(key, { action: 'close', as: 'failed' })
    await page.until(`${row}.closest('.group').querySelector('h2').textContent === 'Failed'`)
    expect(await keysIn(page, 'Failed')).toEqual(keysOf('failed'))
    expect(await keysIn(page, 'Delegated')).toEqual(keysOf('delegated'))
  })

  test('the filter finds by text and by who is waited for', async () => {
    const { page } = await signedIn()
    await page.press('/')
    await page.type('APP-17')
    await page.until(`document.querySelectorAll('.row:not([hidden])').length === 1`)
    await page.read(
      `document.querySelector('input[type=search]').value = '', document.querySelector('input[type=search]').dispatchEvent(new Event('input')), 1`,
    )
    const waiting = world()
      .app.issues({ project: 'app' })
      .issues.filter(({ waitsFor }) => waitsFor.some(({ party }) => party === 'agent'))
    await page.read(`document.querySelector('[data-party=agent]').click()`)
    await page.until(`document.querySelectorAll('.row:not([hidden])').length === ${waiting.length}`)
    await page.until(`document.querySelector('[data-party=agent]').ariaPressed === 'true'`)
    expect(await page.read(`[...document.querySelectorAll('.group:not([hidden]) h2')].map((title) => title.textContent)`)).toEqual([
      'Implementing',
    ])
  })

  test('by keyboard alone: to an issue and back', async () => {
    const { page } = await signedIn()
    await page.read(`document.querySelector('.group:not([hidden]) summary').focus(), 1`)
    await page.press('Tab')
    const key = await page.read(`document.activeElement.textContent`)
    await page.press('Enter')
    await page.until(`document.querySelector('.issue-head')?.innerText.includes(${JSON.stringify(key)})`)
    await page.press('Escape')
    await page.until(`document.querySelectorAll('.row').length === ${countOf(world())}`)
    expect(page.complaints).toEqual([])
  })

  test('one issue: the question is answered, and the chart follows', async () => {
    const own = await createWorld()
    try {
      const { app, file, until } = own
      const key = await file({}, asks(question))
      await until(key, (issue) => issue.question !== null)
      const { page } = await signedIn(own)
      await go(page, key)
      await page.until(`document.querySelector('.asked')?.innerText.includes('comma or a semicolon')`)
      const lit = `[...document.querySelectorAll('.leaf.active')].map((leaf) => leaf.dataset.id)`
      expect(await page.read(lit)).toEqual(['issue.lifecycle.awaiting_input', 'issue.authority.acting', 'issue.run.idle'])

      // What is being typed outlives an update of the rest.
      await page.read(`document.querySelector('#answer').focus(), 1`)
      await page.type('A semi')
      await page.until(isLive)
      await app.act(key, { action: 'undelegate' })
      await page.until(`document.querySelector('.waits-for').innerText.includes('not delegated')`)
      await app.act(key, { action: 'delegate' })
      await page.until(`!document.querySelector('.waits-for').innerText.includes('not delegated')`)
      expect(await page.read(`document.activeElement.id + ': ' + document.querySelector('#answer').value`)).toBe('answer: A semi')
      await page.type('colon')
      await page.read(`document.querySelector('.question button').click()`)
      await page.until(`document.querySelector('.question').hidden`)
      const answers = app.timeline(key).filter(({ event }) => event.type === 'tracker.prompted')
      expect(answers.map(({ event }) => event)).toEqual([expect.objectContaining({ text: 'A semicolon', via: 'session' })])
      await page.until(`${lit}.slice(0, 3).join() === 'issue.lifecycle.implementing,issue.authority.acting,issue.run.active'`)
      expect(app.issue(key).question).toBeNull()
      expect(page.complaints).toEqual([])
    } finally {
      await own.close()
    }
  })

  test('only the actions that are accepted now have a button, and a refusal is told', async () => {
    const { app, database, refuse } = world()
    const { page } = await signedIn()
    const buttons = `[...document.querySelectorAll('.actions button')].map((button) => button.textContent)`
    await go(page, 'APP-2')
    await page.until(`${buttons}.length > 0`)
    expect(await page.read(buttons)).toEqual([
      'Send a message',
      'Approve',
      'Request changes',
      'Close the pull request',
      'Reset budgets',
      'Retry',
      'Take back',
      'Comment',
      'Stop',
      'Close',
    ])
    await page.until(isLive)
    await app.act('APP-2', { action: 'close' })
    await page.until(`${buttons}.join() === 'Send a message,Retry,Comment'`)
    await page.read(`document.querySelector('.actions button:nth-child(3)').click()`)
    const { mend } = refuse('tracker_comment')
    await page.read(`document.querySelector('dialog textarea').value = 'hello', document.querySelector('dialog .primary').click()`)
    await page.until(`document.querySelector('dialog .message').innerText.includes('its log has the cause')`)
    mend()
    await page.read(`document.querySelector('dialog .primary').click()`)
    await page.until(`document.querySelector('dialog') === null`)
    expect(
      database.prepare('SELECT author, text FROM tracker_comment WHERE issue = ? AND kind = ?').all(app.issue('APP-2').id, 'comment'),
    ).toEqual([{ author: 'operator', text: 'hello' }])
  })

  test('a state of the chart tells its transitions and guards', async () => {
    const { page } = await signedIn()
    await go(page, 'APP-3')
    await page.until(`document.querySelector('.leaf[data-id="issue.run.active"]')`)
    await page.read(`document.querySelector('.leaf[data-id="issue.run.active"]').click()`)
    await page.until(`document.querySelector('.transitions h3')?.innerText === 'run.active'`)
    const told: string = await page.read(`document.querySelector('.transitions').innerText`)
    const lines = told.replaceAll(/\s+/g, ' ')
    expect(lines).toContain('always when isRunUnwanted → stopping')
    expect(lines).toContain('run.finished when isCompleted → idle, as all of run')
    expect(lines).toContain('Entered on always when hasPlace from waiting.capacity')
    expect(await page.read(`document.querySelectorAll('.arc.out').length`)).toBeGreaterThan(0)
  })

  test('events arrive in the timeline', async () => {
    const { app, file, comment } = world()
    const [key, other] = [await file(), await file()]
    const { page } = await signedIn()
    await go(page, key)
    const entries = `[...document.querySelectorAll('.timeline li')].map((entry) => entry.querySelector('code').textContent)`
    const happened = () => app.timeline(key).map(({ event }) => event.type)
    await page.until(`${entries}.length === ${happened().length}`)
    await page.until(isLive)
    await comment(other)
    await comment(key)
    await page.until(`${entries}.length >= ${happened().length}`)
    expect(await page.read(entries)).toEqual(happened().toReversed())
  })

  test('an unknown or ambiguous key is told, with the ways on', async () => {
    const { file, alias } = world()
    const other = await file({ project: 'two', title: 'The other one' })
    alias(other, 'two', 'APP-6')
    const { page } = await signedIn()
    await go(page, 'NONE-1')
    await page.until(`document.querySelector('.notice')?.innerText.includes("There is no issue 'NONE-1'")`)
    await go(page, 'APP-6')
    await page.until(`document.querySelectorAll('.notice a').length === 2`)
    await page.read(`document.querySelectorAll('.notice a')[1].click()`)
    await page.until(`document.querySelector('.issue-head')?.innerText.includes('The other one')`)
  })

  test('text of others is text: no markup, no script address', async () => {
    const own = await createWorld()
    try {
      const title = '<img src=x onerror="window.broken = true"><script>window.broken = true</script>'
      const url = 'javascript:window.broken=true'
      const asker = await own.file({ title }, asks(title))
      await own.until(asker, (issue) => issue.question !== null)
      const [linked] = await own.fileMany([
        {
          submission: { title, hold: true },
          facts: (issue) => [
            { type: 'tracker.updated', ...issue, url },
            { ...opened, url },
          ],
        },
        {},
      ])
      expect(own.app.issue(linked!)).toMatchObject({ title, url, pr: { url } })
      const { page } = await signedIn(own)
      await page.until(
        `[...document.querySelectorAll('.title')].filter((one) => one.textContent === ${JSON.stringify(title)}).length === 2`,
      )
      await go(page, asker)
      await page.until(`document.querySelector('.asked')?.textContent === ${JSON.stringify(title)}`)
      const intruders = `document.querySelectorAll('main img, main script, a[href^=javascript]').length`
      expect(await page.read(intruders)).toBe(0)
      await go(page, linked!)
      await page.until(`document.querySelector('.facts')?.innerText.includes('#7')`)
      expect(await page.read(intruders)).toBe(0)
      expect(await page.read('window.broken')).toBeUndefined()
    } finally {
      await own.close()
    }
  })

  test('issues that cannot be read are told, and read again until they can', async () => {
    const own = await createWorld()
    try {
      const address = `issue/${own.app.issue(await own.file()).id}`
      const write = own.database.prepare('UPDATE actor SET snapshot = ? WHERE address = ?')
      const snapshot = own.database.prepare('SELECT snapshot FROM actor WHERE address = ?').pluck().get(address)
      write.run('{', address)
      const server = await start(own.app)
      const page = await browser.newPage()
      await page.open((await post(server, '/api/session-links', {})).body.url)
      await page.until(`document.querySelector('.board .problem').innerText.includes('its log has the cause')`)
      write.run(snapshot, address)
      await page.until(`document.querySelectorAll('.row').length === 1 && document.querySelector('.board .problem').innerText === ''`)
    } finally {
      await own.close()
    }
  })

  test('a board without issues says how to file one, and a filter that none passes says so', async () => {
    const own = await createWorld()
    try {
      const { page } = await signedIn(own)
      const empty = `document.querySelector('.issues .empty').innerText`
      await page.until(`${empty}.includes('signalbox submit TITLE')`)
      await own.file()
      await page.until(`document.querySelectorAll('.row').length === 1 && ${empty} === ''`)
      await page.press('/')
      await page.type('nothing like it')
      await page.until(`${empty} === 'No issue passes the filter.'`)
    } finally {
      await own.close()
    }
  })

  test('a faulted issue is tried again from its page', async () => {
    const own = await createWorld()
    try {
      const key = await own.file()
      await own.fault(key)
      const { page } = await signedIn(own)
      await go(page, key)
      await page.until(`document.querySelector('.fault')?.innerText.startsWith('Faulted.')`)
      const at = (own.app.actor(own.app.issue(key).faulted!.address) as { fault: { at: number } }).fault.at
      await page.read(`document.querySelector('.fault button').click()`)
      // The same nonsense faults it once more, later.
      await expect.poll(() => (own.app.actor(own.app.issue(key).faulted?.address ?? '') as any).fault?.at, patience).toBeGreaterThan(at)
    } finally {
      await own.close()
    }
  })

  test('the token signs in; a wrong one is told; signing out ends it', async () => {
    const server = await start(world().app)
    const page = await browser.newPage()
    await page.open(server.url)
    await page.until(`document.querySelector('#token')`)
    await page.until(`document.activeElement.id === 'token'`)
    await page.type('wrong')
    await page.press('Enter')
    await page.until(`document.querySelector('.login .message').textContent.includes('not the operator token')`)
    await page.type(token)
    await page.press('Enter')
    await page.until(`document.querySelectorAll('.row').length === ${countOf(world())}`)
    await page.read(`document.querySelector('#sign-out').click()`)
    await page.until(`document.querySelector('.login .message')?.textContent === 'You are signed out.'`)
    expect(await page.read(`document.querySelector('#connection').dataset.state`)).toBe('')
    await page.open(`${server.url}/#/issues/APP-1`)
    await page.until(`document.querySelector('#token')`)
  })

  test('a used link says so and offers to sign in', async () => {
    const server = await start(world().app)
    const { url } = (await post(server, '/api/session-links', {})).body
    await ask(server, 'GET', url.slice(server.url.length))
    const page = await browser.newPage()
    await page.open(url)
    await page.until(`document.querySelector('.login .message')?.textContent.includes('was used already')`)
    await page.read(`document.querySelector('#token').focus(), 1`)
    await page.type(token)
    await page.press('Enter')
    await page.until(`document.querySelectorAll('.row').length === ${countOf(world())}`)
    expect(await page.read('location.pathname + location.search')).toBe('/')
  })

  test('after a lost connection the page comes back by itself and has missed nothing', async () => {
    const { app, file } = world()
    const key = await file()
    const { server, page } = await signedIn()
    const { port } = server
    await server.close()
    await page.until(`document.querySelector('#connection').dataset.state === 'lost'`)
    await app.act(key, { action: 'close' })
    await start(app, { port })
    // Sessions do not outlive the process: the page asks to sign in again.
    await page.until(`document.querySelector('#token')`)
    await page.read(`document.querySelector('#token').focus(), 1`)
    await page.type(token)
    await page.press('Enter')
    const row = `document.querySelector('[data-id="${app.issue(key).id}"]')`
    await page.until(`${row}.closest('.group').querySelector('h2').textContent === 'Done'`)
  }, 20_000)

  test.each([1280, 390])('nothing is cut off at %i pixels', async (width) => {
    const { page } = await signedIn()
    await page.resize(width, 800)
    for (const key of [null, 'APP-1', 'APP-2', 'APP-3', 'APP-10']) {
      await page.read(`location.hash = ${JSON.stringify(key === null ? '#/' : `#/issues/${key}`)}, 1`)
      await page.until(key === null ? `document.querySelector('.row')` : `document.querySelector('.issue-body:not([hidden]) .leaf')`)
      expect(await page.read('document.documentElement.scrollWidth <= document.documentElement.clientWidth')).toBe(true)
    }
  })
})
