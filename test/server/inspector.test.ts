import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { IssueDocument } from '../../src/app.ts'
import { type Browser, chromium, openBrowser, type Page } from './chromium.ts'
import { createFakeApp, type FakeApp, fakeDocument } from './fake-app.ts'
import { fakePhases } from './fake-machine.ts'
import { ask, get, post, start, token } from './harness.ts'
import type { Server } from '../../src/server/server.ts'

const folder = new URL('../../inspector/', import.meta.url)
const files = readdirSync(folder)

test('the page and all it loads are served, and nothing else of the disk', async () => {
  const { server } = await start()
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
  const { server } = await start()
  const { headers, text } = await ask(server, 'GET', '/')
  const policy = String(headers['content-security-policy'])
  expect(policy).toMatch(/^default-src 'none'; script-src 'self' 'sha256-[\w+/]{43}='; style-src 'self';/)
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
  expect(text.match(/<script(?! type="importmap">| type="module" src=)/g)).toBeNull()
  expect(text).not.toMatch(/ style=| on\w+=/)
})

test('a file that the browser has is not sent again', async () => {
  const { server } = await start()
  const { headers } = await ask(server, 'GET', '/main.js')
  expect(await ask(server, 'GET', '/main.js', { headers: { 'if-none-match': String(headers['etag']) } })).toMatchObject({
    status: 304,
    text: '',
  })
})

test('no state of the lifecycle is spelt in the page: the machine tells them', () => {
  const words = fakePhases.filter((phase) => !['delegated', 'done', 'failed'].includes(phase))
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

  async function signedIn(options: { issues?: number } = {}): Promise<{ server: Server; app: FakeApp; page: Page }> {
    const { server, app } = await start({}, createFakeApp(options))
    const page = await browser.newPage()
    await page.resize(1280, 900)
    await page.open((await post(server, '/api/session-links', {})).body.url)
    await page.until(`document.querySelectorAll('.row').length === ${options.issues ?? 3}`)
    return { server, app, page }
  }

  const keysIn = (page: Page, phase: string): Promise<string[]> =>
    page.read(
      `[...document.querySelectorAll('.group')].filter((group) => group.querySelector('h2').textContent === ${JSON.stringify(phase)}).flatMap((group) => [...group.querySelectorAll('.key')].map((key) => key.textContent))`,
    )

  test('a link signs in, the board shows every issue by phase in the order of the machine, and nothing complains', async () => {
    const { page } = await signedIn({ issues: 30 })
    expect(await page.read('location.search + location.hash')).toBe('')
    expect(await page.read(`[...document.querySelectorAll('.group:not([hidden]) h2')].map((title) => title.textContent)`)).toEqual([
      'Delegated',
      'Implementing',
      'PR open',
      'Changes requested',
      'Repairing CI',
      'Awaiting queue',
      'Repairing queue',
      'Deploying',
      'Awaiting input',
      'Escalated',
      'Failed',
      'Done',
    ])
    expect(await keysIn(page, 'Implementing')).toEqual(['APP-5', 'APP-17', 'APP-29'])
    expect(page.complaints).toEqual([])
  })

  test('an update draws its own row again and no other, and moves it when its phase has changed', async () => {
    const { app, page } = await signedIn({ issues: 30 })
    await page.until(`document.querySelector('#connection').textContent === 'Live'`)
    await page.read(`document.querySelectorAll('.row').forEach((row) => { row.mark = true }), 1`)
    app.put({ ...fakeDocument(5), title: 'A new title', version: 100 })
    await page.until(`document.body.textContent.includes('A new title')`)
    expect(await page.read(`[...document.querySelectorAll('.row')].filter((row) => !row.mark).map((row) => row.dataset.id)`)).toEqual([
      'id-5',
    ])
    app.put({ ...fakeDocument(5), phase: fakePhases[4]!, version: 101 })
    await page.until(
      `[...document.querySelectorAll('.group')].some((group) => group.querySelector('h2').textContent === 'Repairing CI' && group.innerText.includes('APP-5'))`,
    )
    expect(await keysIn(page, 'Repairing CI')).toEqual(['APP-5', 'APP-8', 'APP-20'])
    expect(await keysIn(page, 'Implementing')).toEqual(['APP-17', 'APP-29'])
    // What is older than what is shown changes nothing.
    app.put({ ...fakeDocument(5), title: 'From the past', version: 99 })
    app.put({ ...fakeDocument(6), title: 'From today', version: 99 })
    await page.until(`document.body.textContent.includes('From today')`)
    expect(await page.read(`document.body.textContent.includes('From the past')`)).toBe(false)
  })

  test('the filter finds by text and by who is waited for', async () => {
    const { page } = await signedIn({ issues: 30 })
    await page.press('/')
    await page.type('APP-17')
    await page.until(`document.querySelectorAll('.row:not([hidden])').length === 1`)
    await page.read(
      `document.querySelector('input[type=search]').value = '', document.querySelector('input[type=search]').dispatchEvent(new Event('input')), 1`,
    )
    await page.read(`document.querySelector('[data-party=human]').click()`)
    await page.until(`document.querySelectorAll('.row:not([hidden])').length === 3`)
    await page.until(`document.querySelector('[data-party=human]').ariaPressed === 'true'`)
    expect(await page.read(`[...document.querySelectorAll('.group:not([hidden]) h2')].map((title) => title.textContent)`)).toEqual([
      'Awaiting input',
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
    await page.until(`document.querySelectorAll('.row').length === 3`)
    expect(page.complaints).toEqual([])
  })

  test('one issue: the question is answered, and the chart follows', async () => {
    const { app, page, server } = await signedIn({ issues: 30 })
    await page.read(`location.hash = '#/issues/APP-4', 1`)
    await page.until(`document.querySelector('.asked')?.innerText.includes('comma or a semicolon')`)
    const lit = `[...document.querySelectorAll('.leaf.active')].map((leaf) => leaf.dataset.id)`
    expect(await page.read(lit)).toEqual(['issue.lifecycle.awaiting_input', 'issue.run.idle', 'issue.authority.acting'])

    // What is being typed outlives an update of the rest.
    await page.read(`document.querySelector('#answer').focus(), 1`)
    await page.type('A semi')
    app.put({ ...fakeDocument(4), branch: 'signalbox/APP-4-new', version: 50 })
    await page.until(`document.body.textContent.includes('signalbox/APP-4-new')`)
    expect(await page.read(`document.activeElement.id + ': ' + document.querySelector('#answer').value`)).toBe('answer: A semi')
    await page.type('colon')
    await page.read(`document.querySelector('.question button').click()`)
    await page.until(`document.querySelector('.question').hidden`)
    expect(app.calls).toEqual([['act', 'app/APP-4', { action: 'prompt', text: 'A semicolon' }, expect.stringMatching(/^[0-9a-f]{32}$/)]])
    await page.until(`${lit}.join() === 'issue.lifecycle.implementing,issue.run.active,issue.authority.acting'`)
    expect((await get(server, '/api/issues/APP-4')).body.question).toBeNull()
    expect(page.complaints).toEqual([])
  })

  test('only the actions that are accepted now have a button, and a refusal is told', async () => {
    const { app, page } = await signedIn({ issues: 30 })
    const buttons = `[...document.querySelectorAll('.actions button')].map((button) => button.textContent)`
    await page.read(`location.hash = '#/issues/APP-10', 1`)
    await page.until(`${buttons}.length > 0`)
    expect(await page.read(buttons)).toEqual(['Send a message', 'Approve', 'Request changes', 'Take back', 'Comment', 'Stop', 'Close'])
    app.put({ ...fakeDocument(10), phase: 'done', version: 50, pr: { ...fakeDocument(10).pr!, state: 'merged' } })
    await page.until(`${buttons}.join() === 'Retry,Comment'`)
    await page.read(`document.querySelector('.actions button:nth-child(2)').click()`)
    app.failWith = new Error('broken')
    await page.read(`document.querySelector('dialog textarea').value = 'hello', document.querySelector('dialog .primary').click()`)
    await page.until(`document.querySelector('dialog .message').innerText.includes('its log has the cause')`)
    await page.read(`document.querySelector('dialog .primary').click()`)
    await page.until(`document.querySelector('dialog') === null`)
    expect(app.calls).toEqual([['act', 'app/APP-10', { action: 'comment', text: 'hello' }, expect.any(String)]])
  })

  test('a state of the chart tells its transitions and guards', async () => {
    const { page } = await signedIn({ issues: 30 })
    await page.read(`location.hash = '#/issues/APP-5', 1`)
    await page.until(`document.querySelector('.leaf[data-id="issue.run.active"]')`)
    await page.read(`document.querySelector('.leaf[data-id="issue.run.active"]').click()`)
    await page.until(`document.querySelector('.transitions h3')?.innerText === 'run.active'`)
    const told: string = await page.read(`document.querySelector('.transitions').innerText`)
    const lines = told.replaceAll(/\s+/g, ' ')
    expect(lines).toContain('run.finished when isInterrupted → waiting.backoff')
    expect(lines).toContain('Entered on capacity.granted when isStillWanted from waiting.capacity')
    expect(await page.read(`document.querySelectorAll('.arc.out').length`)).toBe(3)
  })

  test('events arrive in the timeline', async () => {
    const { app, page } = await signedIn()
    await page.read(`location.hash = '#/issues/APP-1', 1`)
    await page.until(`document.querySelector('.timeline')?.innerText.includes('Nothing has happened yet')`)
    await page.until(`document.querySelector('#connection').textContent === 'Live'`)
    app.say({
      type: 'event',
      key: 'APP-1',
      entry: {
        seq: 5,
        at: '2026-07-01T12:00:00.000Z',
        address: 'issue/id-1',
        event: { type: 'pr.pushed', headSha: 'abc' },
        cause: 'external',
      },
    })
    app.say({
      type: 'event',
      key: 'APP-2',
      entry: { seq: 6, at: '2026-07-01T12:00:00.000Z', address: 'issue/id-2', event: { type: 'pr.closed' }, cause: 'external' },
    })
    await page.until(`document.querySelector('.timeline').innerText.includes('pr.pushed')`)
    expect(await page.read(`document.querySelector('.timeline').innerText.includes('pr.closed')`)).toBe(false)
  })

  test('an unknown or ambiguous key is told, with the ways on', async () => {
    const { app, page } = await signedIn()
    await page.read(`location.hash = '#/issues/NONE-1', 1`)
    await page.until(`document.querySelector('.notice')?.innerText.includes('There is no issue "NONE-1"')`)
    app.put({ ...fakeDocument(1), id: 'other', project: 'two', title: 'The other one' } satisfies IssueDocument)
    await page.read(`location.hash = '#/issues/APP-1', 1`)
    await page.until(`document.querySelectorAll('.notice a').length === 2`)
    await page.read(`document.querySelectorAll('.notice a')[1].click()`)
    await page.until(`document.querySelector('.issue-head')?.innerText.includes('The other one')`)
  })

  test('text of others is text: no markup, no script address', async () => {
    const { app, page } = await signedIn()
    const title = '<img src=x onerror="window.broken = true"><script>window.broken = true</script>'
    app.put({ ...fakeDocument(1), title, url: 'javascript:window.broken=true', question: title, version: 50 })
    await page.until(`[...document.querySelectorAll('.title')].some((one) => one.textContent === ${JSON.stringify(title)})`)
    await page.read(`location.hash = '#/issues/APP-1', 1`)
    await page.until(`document.querySelector('.asked')?.textContent === ${JSON.stringify(title)}`)
    expect(await page.read(`document.querySelectorAll('main img, main script, a[href^=javascript]').length`)).toBe(0)
    expect(await page.read('window.broken')).toBeUndefined()
  })

  test('the token signs in; a wrong one is told; signing out ends it', async () => {
    const { server } = await start()
    const page = await browser.newPage()
    await page.open(server.url)
    await page.until(`document.querySelector('#token')`)
    await page.until(`document.activeElement.id === 'token'`)
    await page.type('wrong')
    await page.press('Enter')
    await page.until(`document.querySelector('.login .message').textContent.includes('not the operator token')`)
    await page.type(token)
    await page.press('Enter')
    await page.until(`document.querySelectorAll('.row').length === 3`)
    await page.read(`document.querySelector('#sign-out').click()`)
    await page.until(`document.querySelector('.login .message')?.textContent === 'You are signed out.'`)
    await page.open(`${server.url}/#/issues/APP-1`)
    await page.until(`document.querySelector('#token')`)
  })

  test('a used link says so and offers to sign in', async () => {
    const { server } = await start()
    const { url } = (await post(server, '/api/session-links', {})).body
    await ask(server, 'GET', url.slice(server.url.length))
    const page = await browser.newPage()
    await page.open(url)
    await page.until(`document.querySelector('.login .message')?.textContent.includes('was used already')`)
    await page.read(`document.querySelector('#token').focus(), 1`)
    await page.type(token)
    await page.press('Enter')
    await page.until(`document.querySelectorAll('.row').length === 3`)
    expect(await page.read('location.pathname + location.search')).toBe('/')
  })

  test('after a lost connection the page comes back by itself and has missed nothing', async () => {
    const { server, page } = await signedIn()
    const { port } = server
    await server.close()
    await page.until(`document.querySelector('#connection').dataset.state === 'lost'`)
    const again = await start({ port })
    again.app.put({ ...fakeDocument(2), title: 'Changed meanwhile', version: 50 })
    // Sessions do not outlive the process: the page asks to sign in again.
    await page.until(`document.querySelector('#token')`)
    await page.read(`document.querySelector('#token').focus(), 1`)
    await page.type(token)
    await page.press('Enter')
    await page.until(`document.body.textContent.includes('Changed meanwhile')`)
  }, 20_000)

  test.each([1280, 390])('nothing is cut off at %i pixels', async (width) => {
    const { page } = await signedIn({ issues: 30 })
    await page.resize(width, 800)
    for (const hash of ['#/', '#/issues/APP-4', '#/issues/APP-5', '#/issues/APP-10']) {
      await page.read(`location.hash = ${JSON.stringify(hash)}, 1`)
      await page.until(hash === '#/' ? `document.querySelector('.row')` : `document.querySelector('.issue-body:not([hidden]) .leaf')`)
      expect(await page.read('document.documentElement.scrollWidth <= document.documentElement.clientWidth')).toBe(true)
    }
  })
})
