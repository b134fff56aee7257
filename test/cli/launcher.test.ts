// bin/signalbox.js under a node that is too old: it hands over to the clone's own, with signals, streams and exit codes.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bin, createHome, findOldNode } from './program.ts'

const old = findOldNode()

let root: string
let children: ChildProcess[]
beforeEach(() => {
  children = []
  // A clone in small: the launcher, a node, and a command line that shows what it is given.
  root = realpathSync(mkdtempSync(join(tmpdir(), 'signalbox-launcher-')))
  for (const folder of ['bin', 'src/cli', 'node_modules/.bin']) mkdirSync(join(root, folder), { recursive: true })
  copyFileSync(bin, join(root, 'bin/signalbox.js'))
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(root, 'src/cli/main.ts'),
    `import { readFileSync } from 'node:fs'
export async function main(args: string[]): Promise<number> {
  const hello = () => console.log(JSON.stringify({ version: process.version, args, pid: process.pid, handedOver: process.env.SIGNALBOX_HANDED_OVER ?? null }))
  if (args[0] !== 'wait') hello()
  if (args[0] === 'echo') process.stdout.write(readFileSync(0))
  if (args[0] === 'die') process.kill(process.pid, 'SIGKILL')
  if (args[0] === 'wait') {
    let signals = 0
    process.on('SIGTERM', () => { signals++; console.log('SIGTERM'); clearInterval(timer); stop() })
    const { promise, resolve: stop } = Promise.withResolvers<void>()
    const timer = setInterval(() => {}, 1000)
    hello()
    await promise
    return 40 + signals
  }
  return Number(args[1] ?? 0)
}
`,
  )
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'))
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

function start(node: string, args: string[], stdin: 'pipe' | 'ignore' = 'ignore'): ChildProcess {
  const child = spawn(node, [join(root, 'bin/signalbox.js'), ...args], {
    env: { PATH: '/usr/bin:/bin', HOME: root },
    stdio: [stdin, 'pipe', 'pipe'],
  })
  children.push(child)
  return child
}

async function run(node: string, args: string[]): Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }> {
  const child = start(node, args)
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>
  const [stdout, stderr, [code, signal]] = await Promise.all([readText(child.stdout!), readText(child.stderr!), ended])
  return { code, signal, stdout, stderr }
}

const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('a node that is new enough', () => {
  test('runs the source and gives its exit code', async () => {
    const { code, stdout } = await run(process.execPath, ['x', '3'])
    expect(JSON.parse(stdout)).toMatchObject({ version: process.version, args: ['x', '3'], handedOver: null })
    expect(code).toBe(3)
  })

  test('runs what was built where there is no source', async () => {
    mkdirSync(join(root, 'dist/cli'), { recursive: true })
    writeFileSync(join(root, 'dist/cli/main.js'), 'export const main = () => 7')
    rmSync(join(root, 'src'), { recursive: true })
    expect((await run(process.execPath, [])).code).toBe(7)
  })
})

describe.skipIf(old === undefined)('a node that is too old', () => {
  test('hands over with the same words and exit code', async () => {
    const { code, stdout } = await run(old!, ['x', '3'])
    expect(JSON.parse(stdout)).toMatchObject({ version: process.version, args: ['x', '3'], handedOver: null })
    expect(code).toBe(3)
  })

  test('hands over standard input', async () => {
    const child = start(old!, ['echo'], 'pipe')
    child.stdin!.end('from the pipe')
    expect(await readText(child.stdout!)).toContain('from the pipe')
  })

  test('hands on signals', async () => {
    const child = start(old!, ['wait'])
    const ended = once(child, 'exit')
    let output = ''
    child.stdout!.on('data', (data: Buffer) => {
      if (output === '') child.kill('SIGTERM')
      output += String(data)
    })
    expect(await ended).toEqual([41, null])
    expect(output).toContain('SIGTERM')
  })

  test('dies of the signal that the other died of', async () => {
    expect((await run(old!, ['die'])).signal).toBe('SIGKILL')
  })

  test('kill -9 of it ends the other as well', async () => {
    const child = start(old!, ['wait'])
    const [line] = (await once(child.stdout!, 'data')) as [Buffer]
    const { pid } = JSON.parse(String(line)) as { pid: number }
    expect(pid).not.toBe(child.pid)
    expect(isAlive(pid)).toBe(true)
    child.kill('SIGKILL')
    for (let tries = 0; isAlive(pid) && tries < 100; tries++) await wait(20)
    expect(isAlive(pid)).toBe(false)
  })

  test('says what to do when there is none to hand over to', async () => {
    rmSync(join(root, 'node_modules'), { recursive: true })
    const { code, stdout, stderr } = await run(old!, ['status'])
    expect(stderr).toContain('Node 24 or newer is needed; this is v')
    expect(stderr).toContain('npm ci')
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  test('does not hand over for ever', async () => {
    rmSync(join(root, 'node_modules/.bin/node'))
    symlinkSync(old!, join(root, 'node_modules/.bin/node'))
    const { code, stderr } = await run(old!, ['status'])
    expect(stderr).toContain('Node 24 or newer is needed')
    expect(code).toBe(1)
  })

  test('the whole program works through it', async () => {
    const home = createHome()
    try {
      home.writeConfig()
      const good = await home.run(['status', '--json'], { node: old! })
      expect(JSON.parse(good.stdout)).toEqual({ issues: [], next: null })
      expect(good.code).toBe(0)
      const bad = await home.run(['statsu'], { node: old! })
      expect(bad.stderr).toContain('Did you mean `signalbox status`?')
      expect(bad.code).toBe(2)
    } finally {
      home.remove()
    }
  })
})

test('the launcher is written in syntax of long ago', () => {
  const source = readFileSync(bin, 'utf8')
  for (const modern of [/\bawait\b/, /=>/, /\?\./, /\?\?/, /`[^`]*\$\{/, /\b(const|let)\s/, /from 'node:/])
    expect(source).not.toMatch(modern)
})

test('a clone is set up without a compiler: the lock tells npm that what brings its binaries is not to be built', () => {
  const clone = resolve(bin, '../..')
  const { packages } = JSON.parse(readFileSync(join(clone, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { gypfile?: boolean; hasInstallScript?: boolean }>
  }
  const folders = Object.keys(packages).filter((path) => path !== '' && existsSync(join(clone, path)))
  // `npm install` drops it from the lock again, since it reads it from the package; `npm ci` looks into the lock alone.
  const built = folders.filter((path) => existsSync(join(clone, path, 'binding.gyp')) && packages[path]!.gypfile !== false)
  expect(built, 'add "gypfile": false to these in package-lock.json').toEqual([])
  expect(folders.filter((path) => packages[path]!.hasInstallScript)).toEqual([])
})
