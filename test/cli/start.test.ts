// start on the real program: what stops it before anything is touched, how it ends, and who owns the database.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { takeOwnership } from '../../src/persistence/ownership.ts'
import { bin, createHome, type Home } from './program.ts'

let home: Home
let children: ChildProcess[]
beforeEach(() => {
  home = createHome()
  children = []
})
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  home.remove()
})

async function occupy(): Promise<{ socket: Server; port: number }> {
  const socket = createServer()
  socket.listen(0, '127.0.0.1')
  await once(socket, 'listening')
  return { socket, port: (socket.address() as AddressInfo).port }
}

const tokenFile = (): string => `file:${join(home.data, 'operator-token')}`

describe('what stops it before anything is touched', () => {
  afterEach(() => {
    if (existsSync(join(home.data, 'signalbox.db'))) throw new Error('A database was made')
  })

  test('no operator token', async () => {
    home.writeConfig({ server: { port: 0 } })
    const { code, stderr } = await home.run(['start'])
    expect(stderr).toContain('server.operatorToken is missing')
    expect(code).toBe(2)
  })

  test('a secret that cannot be read', async () => {
    home.writeConfig({ server: { port: 0, operatorToken: tokenFile() }, notify: { url: '$NOPE' } })
    const { code, stderr } = await home.run(['start'])
    expect(stderr).toContain('notify.url: cannot read "$NOPE": the environment variable NOPE is not set')
    expect(code).toBe(2)
  })

  test('a port in use', async () => {
    const { socket, port } = await occupy()
    try {
      home.writeConfig({ server: { port, operatorToken: tokenFile() } })
      const { code, stdout, stderr } = await home.run(['start', '--json'])
      expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use by another program`)
      expect(stderr).toContain('server.port')
      expect(stdout).toBe('')
      expect(code).toBe(1)
    } finally {
      socket.close()
    }
  })

  test('a port in use by the owner of the database: the owner is what matters', async () => {
    const { socket, port } = await occupy()
    home.writeConfig({ server: { port, operatorToken: tokenFile() } })
    const ownership = takeOwnership(join(home.data, 'signalbox.db'))
    try {
      const { code, stderr } = await home.run(['start'])
      expect(stderr).toContain('in use by another live process')
      expect(code).toBe(4)
    } finally {
      ownership.release()
      socket.close()
    }
  })

  test('an address of another machine', async () => {
    home.writeConfig({ server: { host: '192.0.2.1', port: 0, operatorToken: tokenFile() } })
    const { code, stderr } = await home.run(['start'])
    expect(stderr).toContain('192.0.2.1 is not an address of this machine')
    expect(code).toBe(1)
  })

  test('a data folder that cannot be made', async () => {
    writeFileSync(join(home.folder, 'file'), '')
    home.writeConfig({ server: { port: 0, operatorToken: tokenFile() }, store: { path: 'file/data/signalbox.db' } })
    const { code, stderr } = await home.run(['start'])
    expect(stderr).toContain('Cannot write to the data folder')
    expect(code).toBe(1)
  })
})

describe('a server', () => {
  async function start(args: string[] = []): Promise<{ child: ChildProcess; url: string; errors: () => string }> {
    const child = spawn(process.execPath, [bin, 'start', '--json', ...args], {
      cwd: home.folder,
      env: home.variables,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    let errors = ''
    child.stderr!.on('data', (data: Buffer) => (errors += String(data)))
    const line = await Promise.race([
      once(child.stdout!, 'data').then(([data]) => String(data)),
      once(child, 'exit').then(() => Promise.reject(new Error(errors))),
    ])
    return { child, url: (JSON.parse(line) as { url: string }).url, errors: () => errors }
  }
  const setUp = (port = 0): void => {
    execFileSync('git', ['init', '--quiet', '--initial-branch=main'], { cwd: home.folder, env: home.variables })
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '--quiet', '--allow-empty', '-m', 'x'], {
      cwd: home.folder,
      env: home.variables,
    })
    home.writeConfig({ server: { port, operatorToken: tokenFile() } })
  }

  test('says where it is, answers, and ends at SIGTERM with 0', async () => {
    setUp()
    const { child, url, errors } = await start()
    expect(errors()).toContain(url)
    expect((await fetch(`${url}/health`)).status).toBe(200)
    // With port 0 the other commands find it all the same.
    expect((await home.run(['pause'])).code).toBe(0)
    expect((await home.run(['stop', 'APP-99'])).stderr).toContain('APP-99')
    const began = performance.now()
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(existsSync(join(home.data, 'server.json'))).toBe(false)
  })

  test('ends with 0 also when it cannot take its announcement back', async () => {
    setUp()
    const { child, errors } = await start()
    // A folder in its place cannot be removed as a file, as on a disk that has become read-only.
    rmSync(join(home.data, 'server.json'))
    mkdirSync(join(home.data, 'server.json'))
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(errors()).toMatch(/^signalbox: .*server\.json.*out of date/m)
  })

  test('ends with 1 and the real reason when its database cannot commit', async () => {
    setUp()
    const { child, errors } = await start()
    // Somebody looks into the file with a tool that locks it for longer than is waited.
    const other = new Database(join(home.data, 'signalbox.db'))
    other.exec('BEGIN IMMEDIATE')
    try {
      const ended = once(child, 'exit')
      await home.run(['pause'])
      expect(await ended).toEqual([1, null])
    } finally {
      other.close()
    }
    expect(errors()).toContain('its database could not commit: database is locked. See `signalbox doctor`')
    expect(errors()).not.toContain('Free disk space')
  })

  /** A request that never ends holds the server back from ending for a while. */
  async function hold(url: string): Promise<void> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) })
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.write('POST /session HTTP/1.1\r\nHost: x\r\n')
    await wait(100)
  }

  test('SIGINT that arrives twice at once is one, as from a terminal through npm', async () => {
    setUp()
    const { child, url } = await start()
    await hold(url)
    child.kill('SIGINT')
    await wait(200)
    expect(child.exitCode).toBeNull()
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('a second one, later, ends it at once', async () => {
    setUp()
    const { child, url } = await start()
    await hold(url)
    child.kill('SIGINT')
    await wait(800)
    expect(child.exitCode).toBeNull()
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([130, null])
  })

  test.each(['a free', 'the same'])(
    'a second one on the same database and %s port exits 4, names the first and harms nothing',
    async (which) => {
      const { socket, port } = await occupy()
      socket.close()
      await once(socket, 'close')
      setUp(which === 'a free' ? 0 : port)
      const { child, url } = await start()
      const { code, stderr } = await home.run(['start'])
      expect(stderr).toContain('in use by another live process')
      expect(stderr).toContain(String(child.pid))
      expect(code).toBe(4)
      expect((await fetch(`${url}/health`)).status).toBe(200)
    },
  )

  test('a second one on the same database by way of a link exits 4', async () => {
    setUp()
    await start()
    mkdirSync(join(home.folder, 'elsewhere'))
    symlinkSync(join(home.data, 'signalbox.db'), join(home.folder, 'elsewhere', 'link.db'))
    const linked = { server: { port: 0, operatorToken: tokenFile() }, store: { path: join(home.folder, 'elsewhere', 'link.db') } }
    home.writeConfig(linked)
    const { code, stderr } = await home.run(['start'])
    expect(stderr).toContain('in use by another live process')
    expect(code).toBe(4)
  })

  test('kill -9 frees the database for the next', async () => {
    setUp()
    const first = await start()
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    const second = await start()
    expect((await fetch(`${second.url}/health`)).status).toBe(200)
  })

  test('commands of a configuration with another database refuse it, and doctor says that it is another', async () => {
    const { socket, port } = await occupy()
    socket.close()
    await once(socket, 'close')
    setUp(port)
    const own = home.writeConfig({ server: { port, operatorToken: tokenFile() } })
    copyFileSync(own, join(home.folder, 'own.json'))
    const { url } = await start()
    expect((await home.run(['submit', 'Mine', '--hold'])).code).toBe(0)
    const store = { path: join(home.folder, 'elsewhere', 'signalbox.db') }
    home.writeConfig({ server: { port, operatorToken: tokenFile() }, store })
    for (const command of [['submit', 'Not mine'], ['pause'], ['inspect']]) {
      const { code, stdout, stderr } = await home.run(command)
      expect(stderr).toContain(`The server at ${url} works on another data folder than ${join(home.folder, 'elsewhere')}`)
      expect(stderr).toContain('--config')
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    }
    const doctor = await home.run(['doctor'])
    expect(doctor.stdout).toMatch(/^FAIL {2}server: .*works on another data folder/m)
    expect(doctor.stdout).not.toContain('Ready')
    // One that was killed has left its announcement behind: it is not the one that answers.
    writeFileSync(join(home.folder, 'elsewhere', 'server.json'), JSON.stringify({ url, pid: 1, instance: 'gone' }))
    expect((await home.run(['submit', 'Not mine'])).stderr).toContain('works on another data folder')
    home.writeConfig({ server: { port, operatorToken: 'b'.repeat(43) }, store })
    expect((await home.run(['doctor'])).stdout).toMatch(/^FAIL {2}server: .*refuses the operator token/m)
    const mine = ['--config', join(home.folder, 'own.json')]
    expect((await home.run(['doctor', ...mine])).stdout).toMatch(/^PASS {2}server: a server answers/m)
    const { issues } = JSON.parse((await home.run(['status', '--json', ...mine])).stdout) as { issues: object[] }
    expect(issues).toHaveLength(1)
  })

  test('the log is written, without the token', async () => {
    setUp()
    const { child } = await start()
    child.kill('SIGTERM')
    await once(child, 'exit')
    for (const name of readdirSync(home.data)) {
      if (name === 'operator-token' || !name.includes('.')) continue
      expect(readFileSync(join(home.data, name), 'latin1')).not.toContain('a'.repeat(43))
    }
    expect((await home.run(['logs', '--json'])).code).toBe(0)
  })

  test('what it leaves is readable without it', async () => {
    setUp()
    mkdirSync(join(home.folder, 'deep'))
    const { child } = await start()
    child.kill('SIGTERM')
    await once(child, 'exit')
    const status = await home.run(['status', '--json'], { cwd: join(home.folder, 'deep') })
    expect(JSON.parse(status.stdout)).toEqual({ issues: [], next: null })
    expect((await home.run(['verify'])).code).toBe(0)
    const unknown = await home.run(['status', 'APP-9'])
    expect(unknown.stderr).toContain('APP-9')
    expect(unknown.code).toBe(1)
  })
})
