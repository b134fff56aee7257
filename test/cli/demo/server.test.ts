import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApi } from '../../../src/cli/demo/api.ts'
import { processesMarked } from '../../../src/cli/demo/marked.ts'
import { placesIn } from '../../../src/cli/demo/project.ts'
import type { DemoPlaces } from '../../../src/cli/demo/project.ts'
import { createServerProcess, freePort } from '../../../src/cli/demo/server.ts'
import type { ServerProcess } from '../../../src/cli/demo/server.ts'

/** Stands for the server: it counts its starts, leaves an "agent" behind, and answers what the demo asks. */
const program = `
import { spawn } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
const folder = process.cwd()
appendFileSync('starts', 'x')
const starts = readFileSync('starts', 'utf8').length
console.error('start ' + starts)
if (process.env.FAIL === '1') process.exit(7)
spawn('sleep', ['60'], { detached: true, stdio: 'ignore', env: { SIGNALBOX_RUN_DIR: folder + '/state/runs' } })
if (process.env.STUBBORN === '1') process.on('SIGTERM', () => {})
createServer((request, response) => {
  if (request.url === '/die') process.exit(9)
  if (request.url === '/api/issues' && request.method === 'POST') {
    const key = request.headers['idempotency-key']
    if (starts === 1) return request.socket.destroy()
    if (starts === 2) return response.writeHead(503).end('{}')
    return response.writeHead(201).end(JSON.stringify({ key }))
  }
  if (request.url.endsWith('/actions')) return response.writeHead(request.url.includes('LATER') ? 409 : request.url.includes('BAD') ? 404 : 202).end('{"error":{"code":"no","message":"Never heard of it."}}')
  response.end(JSON.stringify({ key: 'K', entries: [{ seq: 1 }], issues: [] }))
}).listen(Number(readFileSync('port', 'utf8')), '127.0.0.1')
`

let places: DemoPlaces
let port: number
let server: ServerProcess | undefined
let stop: AbortController
const gone: Error[] = []

beforeEach(async () => {
  places = placesIn(await realpath(await mkdtemp(join(tmpdir(), 'signalbox-server-'))))
  await mkdir(places.state)
  port = await freePort()
  await writeFile(join(places.folder, 'port'), String(port))
  await writeFile(join(places.folder, 'server.mjs'), program)
  stop = new AbortController()
  gone.length = 0
})

afterEach(async () => {
  stop.abort()
  await server?.stop()
  for (const pid of processesMarked(places.state)) process.kill(pid, 'SIGKILL')
  await rm(places.folder, { recursive: true, force: true })
})

const createTestApi = () => createApi({ port, token: 't', signal: stop.signal })

function create(variables: Record<string, string> = {}): ServerProcess {
  const { isReady } = createTestApi()
  const onGone = (error: Error): void => void gone.push(error)
  server = createServerProcess({ places, keep: false, variables, isReady, onGone, program: join(places.folder, 'server.mjs') })
  return server
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe("the demo's server", () => {
  it('is killed alone, its agents stay behind, and it starts again', async () => {
    const process = create()
    await process.start()
    const first = process.pid!
    await expect.poll(() => processesMarked(places.state).length).toBe(1)
    await process.kill()
    expect(isAlive(first)).toBe(false)
    expect(processesMarked(places.state)).toHaveLength(1)
    await process.start()
    expect(process.pid).not.toBe(first)
    expect(await readFile(places.serverLog, 'utf8')).toBe('start 1\nstart 2\n')
    expect(gone).toEqual([])
  })

  it('is ended politely, and by force when it does not listen', async () => {
    const cases: Record<string, string>[] = [{}, { STUBBORN: '1' }]
    for (const variables of cases) {
      const process = create(variables)
      await process.start()
      const pid = process.pid!
      await process.stop(300)
      expect(isAlive(pid)).toBe(false)
    }
    expect(gone).toEqual([])
  })

  it('that does not start says so with the end of its log', async () => {
    await expect(create({ FAIL: '1' }).start()).rejects.toThrow(/did not start \(exit code 7\).*\nstart 1/)
  })

  it('that ends by itself is noticed', async () => {
    await create().start()
    await fetch(`http://127.0.0.1:${port}/die`).catch(() => {})
    await expect.poll(() => gone.map(({ message }) => message)).toEqual([expect.stringContaining('ended by itself (exit code 9)')])
  })
})

describe("the demo's requests", () => {
  it('are repeated under the same key until they are answered, across kills and refusals', async () => {
    const process = create()
    await process.start()
    const submitted = createTestApi().submit({ title: 'A title' }, 'key-1')
    for (let start = 1; start < 3; start++) {
      await wait(60)
      await process.kill()
      await wait(60)
      await process.start()
    }
    expect(await submitted).toBe('key-1')
  })

  it('tell an action that is not accepted now from one that never will be', async () => {
    await create().start()
    const api = createTestApi()
    expect(await api.act('NOW', { action: 'approve' }, 'k')).toBe(true)
    expect(await api.act('LATER', { action: 'approve' }, 'k')).toBe(false)
    await expect(api.act('BAD', { action: 'approve' }, 'k')).rejects.toThrow('answered with 404: Never heard of it.')
    expect(await api.timeline('K')).toEqual([{ seq: 1 }])
  })

  it('end when there is no hope', async () => {
    const waiting = createTestApi().issues()
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})
