// A real browser for the inspector's tests: Chromium, spoken to over its DevTools protocol on loopback.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocket } from 'ws'

/** The browser's command, or undefined where none is installed. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
  try {
    execFileSync('which', [name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--remote-debugging-port=0',
]

export interface Page {
  open: (url: string) => Promise<void>
  /** The value of a JavaScript expression in the page; promises are awaited. */
  read: (expression: string) => Promise<any>
  /** Waits until the expression is true. */
  until: (expression: string) => Promise<void>
  press: (key: string) => Promise<void>
  type: (text: string) => Promise<void>
  resize: (width: number, height: number) => Promise<void>
  /** What the page complained about: exceptions, console errors, refusals of the content security policy. */
  readonly complaints: string[]
}

export interface Browser {
  newPage: () => Promise<Page>
  close: () => Promise<void>
}

export async function openBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'signalbox-chromium-'))
  const child = spawn(chromium!, [...flags, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // A browser that is killed leaves what it has in the folder for temporary things.
    env: { ...process.env, TMPDIR: profile },
    detached: true,
  })
  const address = await debuggerOf(child)
  const connection = await connect(address)
  return {
    newPage: () => openPage(connection),
    async close() {
      connection.close()
      const exited = new Promise((resolve) => child.once('exit', resolve))
      process.kill(-child.pid!, 'SIGKILL')
      await exited
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    },
  }
}

function debuggerOf(child: ChildProcess): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`Chromium ended: ${text}`)))
    child.stderr!.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = /ws:\/\/\S+/.exec(text)
      if (found) resolve(found[0])
    })
  })
}

interface Connection {
  send: (method: string, params?: object, sessionId?: string) => Promise<any>
  onEvent: (listener: (event: { method: string; params: any; sessionId?: string }) => void) => void
  close: () => void
}

async function connect(address: string): Promise<Connection> {
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const waiting = new Map<number, { resolve: (value: any) => void; reject: (error: Error) => void }>()
  const listeners: ((event: any) => void)[] = []
  let last = 0
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString())
    const request = waiting.get(message.id)
    if (request === undefined) return listeners.forEach((listener) => listener(message))
    waiting.delete(message.id)
    if (message.error) request.reject(new Error(message.error.message))
    else request.resolve(message.result)
  })
  return {
    send(method, params = {}, sessionId) {
      const id = ++last
      socket.send(JSON.stringify({ id, method, params, sessionId }))
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
    },
    onEvent: (listener) => void listeners.push(listener),
    close: () => socket.close(),
  }
}

/** Each page has cookies of its own. */
async function openPage(connection: Connection): Promise<Page> {
  const { browserContextId } = await connection.send('Target.createBrowserContext')
  const { targetId } = await connection.send('Target.createTarget', { url: 'about:blank', browserContextId })
  const { sessionId } = await connection.send('Target.attachToTarget', { targetId, flatten: true })
  const send = (method: string, params?: object) => connection.send(method, params, sessionId)
  const complaints: string[] = []
  connection.onEvent((event) => {
    if (event.sessionId !== sessionId) return
    if (event.method === 'Runtime.exceptionThrown')
      complaints.push(event.params.exceptionDetails.exception?.description ?? event.params.exceptionDetails.text)
    if (event.method === 'Log.entryAdded' && event.params.entry.level === 'error') complaints.push(event.params.entry.text)
    if (event.method === 'Runtime.consoleAPICalled' && event.params.type === 'error') complaints.push(JSON.stringify(event.params.args))
  })
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`)

  const page: Page = {
    complaints,
    async open(url) {
      await send('Page.navigate', { url })
    },
    async read(expression) {
      const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      return result.value
    },
    async until(expression) {
      const deadline = performance.now() + 10_000
      for (;;) {
        // A navigation in between makes the question void: ask again.
        if ((await page.read(`Boolean(${expression})`).catch(() => false)) === true) return
        if (performance.now() > deadline)
          throw new Error(`It never came: ${expression}\n${await page.read('document.body.innerText').catch(String)}`)
        await wait(20)
      }
    },
    async press(key) {
      for (const type of ['rawKeyDown', 'keyUp'])
        await send('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode: codes[key] })
      if (key === 'Enter') await send('Input.dispatchKeyEvent', { type: 'char', text: '\r' })
    },
    async type(text) {
      await send('Input.insertText', { text })
    },
    async resize(width, height) {
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
    },
  }
  return page
}

const codes: Record<string, number> = { Tab: 9, Enter: 13, Escape: 27, '/': 191 }
